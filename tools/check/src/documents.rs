//! Whether what the documents point to exists.
//!
//! Checked are, in Markdown: links to files (`[text](docs/x.md)`), paths in backticks that start in one of
//! the project's directories (`crates/pam/src/ffi.rs`), and tests in backticks
//! (`crates/pam/src/table.rs::name`).

/// The directories whose paths are checked.
const DIRECTORIES: &[&str] = &[
    "crates/",
    "drivers/",
    "simulators/",
    "tests/",
    "tools/",
    "policies/",
    "packaging/",
    "docs/",
    "benches/",
    "fuzz/",
];

/// Something that a document points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The line, from 1.
    pub line: usize,
    /// The file or directory, below the workspace.
    pub path: String,
    /// The function in it, where one is named.
    pub function: Option<String>,
}

/// Everything that the document points to.
#[must_use]
pub fn pointers(markdown: &str) -> Vec<Pointer> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (at, line) in markdown.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        let quoted = line.split('`').skip(1).step_by(2).filter(|word| is_path(word));
        let links =
            line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| is_file(link));
        found.extend(quoted.chain(links).map(|word| pointer(at + 1, word)));
    }
    found
}

fn is_path(word: &str) -> bool {
    let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-:".contains(&b));
    plain && DIRECTORIES.iter().any(|d| word.starts_with(d))
}

fn is_file(link: &str) -> bool {
    !link.contains("://") && !link.starts_with('#') && !link.starts_with("mailto:")
}

fn pointer(line: usize, word: &str) -> Pointer {
    let word = word.split('#').next().unwrap_or(word);
    let (path, function) = match word.split_once("::") {
        Some((path, function)) => (path, Some(function.to_owned())),
        None => (word, None),
    };
    Pointer { line, path: path.to_owned(), function }
}

/// Whether the source defines the function; `mod::name` counts by its last part.
#[must_use]
pub fn defines(source: &str, function: &str) -> bool {
    let name = function.rsplit("::").next().unwrap_or(function);
    source.match_indices(&format!("fn {name}")).any(|(at, found)| {
        let next = source.get(at + found.len()..).and_then(|rest| rest.chars().next());
        next.is_some_and(|c| !c.is_alphanumeric() && c != '_')
    })
}

#[cfg(test)]
mod tests;
