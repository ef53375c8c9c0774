use clap::{CommandFactory, Parser};

use crate::{
    Cli,
    plain::{plain, plain_lines},
    table::Table,
};

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn wrong_arguments_are_refused_with_what_is_allowed() {
    for (line, allowed) in [
        ("signetctl enroll smartcrad", "smartcard"),
        ("signetctl show 12", "4 to 32 lower-case hex digits"),
        ("signetctl show ABCDEF", "4 to 32 lower-case hex digits"),
        ("signetctl verify --service a/b", "--service"),
        ("signetctl list --user ../root", "--user"),
        ("signetctl status --server-uid root", "--server-uid"),
    ] {
        let error = Cli::try_parse_from(line.split(' ')).expect_err(line).to_string();
        assert!(error.contains(allowed), "{line}: {error}");
    }
}

#[test]
fn options_may_stand_before_and_after_the_command() {
    for line in
        ["signetctl --json policy show", "signetctl policy show --json", "signetctl policy --json show"]
    {
        assert!(Cli::try_parse_from(line.split(' ')).expect(line).options.json);
    }
}

#[test]
fn text_from_elsewhere_steers_no_terminal() {
    assert_eq!(plain("a\u{1b}[2Jb\r\n\0\u{202e}é"), "a\\u{1b}[2Jb\\u{d}\\u{a}\\u{0}\\u{202e}é");
    assert_eq!(plain_lines("a\n\tb\u{9b}c"), "a\n\tb\\u{9b}c");
}

#[test]
fn columns_are_aligned_by_what_is_seen() {
    let mut table = Table::new(["A", "B"]);
    table.row(["日本", "x"]);
    table.row(["", "\u{7}"]);
    assert_eq!(table.to_string(), "A     B\n日本  x\n-     \\u{7}");
}

/// Every `'signetctl WORDS'` that a message or a document tells people to run.
fn advised(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let quoted = |rest: &'_ str| rest.find(['\'', '`', '\n', '{', '"', ';', ')']);
    text.match_indices("signetctl ").filter_map(move |(at, start)| {
        let before = text.get(..at)?.chars().next_back()?;
        let rest = text.get(at + start.len()..)?;
        (before == '\'' || before == '`')
            .then(|| rest.get(..quoted(rest)?))
            .flatten()
            .map(|w| w.split(' ').collect())
    })
}

/// The first word that is no command and no option where it stands; what follows a command's name as its
/// value is not looked at.
fn unknown<'w>(words: &[&'w str]) -> Option<&'w str> {
    let root = Cli::command();
    let mut command = &root;
    for word in words {
        if let Some(option) = word.strip_prefix("--") {
            let known = |c: &clap::Command| c.get_arguments().any(|a| a.get_long() == Some(option));
            if !known(command) && !known(&root) && option != "version" {
                return Some(word);
            }
        } else if let Some(child) = command.find_subcommand(word) {
            command = child;
        } else if command.has_subcommands() {
            return Some(word);
        }
    }
    None
}

#[test]
fn every_command_that_people_are_told_to_run_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut open: Vec<_> =
        ["crates", "drivers", "docs", "README.md", "SECURITY.md"].map(|d| root.join(d)).into();
    let mut seen = 0;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs" || e == "md")
            && !path.ends_with("ctl/src/tests.rs")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            for words in advised(&text) {
                seen += 1;
                let what = path.display();
                // `lockout` and `audit verify` belong to requirements of later parts.
                let later = words.starts_with(&["lockout"]) || words.starts_with(&["audit", "verify"]);
                assert!(later || unknown(&words).is_none(), "{what}: signetctl {}", words.join(" "));
            }
        }
    }
    assert!(seen > 20, "only {seen} found: the search is broken");
}
