//! `signet-check`: checks of the project itself; see the library's documentation.

use std::{
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use signet_check::{
    directions::{unsafe_violation, violations, workspace_lint_violation},
    documents::{Pointer, defines, pointers},
    metadata::Workspace,
    requirements::{Claim, Promises, Report, claims, contract},
};

const USAGE: &str = "usage: signet-check directions | requirements [--table] | documents";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["directions"] => directions(),
        ["requirements"] => requirements(false),
        ["requirements", "--table"] => requirements(true),
        ["documents"] => documents(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("signet-check: {error}");
            ExitCode::from(2)
        }
    }
}

fn directions() -> Result<bool, Box<dyn Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(["metadata", "--format-version", "1"]).output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let workspace = Workspace::parse(&String::from_utf8(output.stdout)?)?;
    let mut found = violations(&workspace);
    found.extend(workspace_lint_violation(&fs::read_to_string(workspace.root.join("Cargo.toml"))?));
    for member in &workspace.members {
        found.extend(unsafe_violation(&member.place, &fs::read_to_string(&member.manifest)?));
    }
    for violation in &found {
        eprintln!("direction: {violation}");
    }
    println!("directions: {} crates, {} violations", workspace.members.len(), found.len());
    Ok(found.is_empty())
}

fn requirements(table: bool) -> Result<bool, Box<dyn Error>> {
    let root = root()?;
    let contract = contract(&fs::read_to_string(root.join("docs/behaviour.md"))?);
    let promises: Promises = toml::from_str(&fs::read_to_string(root.join("tests/requirements.toml"))?)?;
    let mut found = Vec::new();
    scan(&root, &root, &mut found)?;
    let report = Report::new(contract, &found, &promises);
    if table {
        println!("{report}");
    } else {
        let unproven: Vec<String> = report.unproven().map(ToString::to_string).collect();
        println!("requirements: {} of {} proven by tests", report.proofs.len(), report.contract.len());
        println!("requirements: named by no test: {}", unproven.join(" "));
    }
    if !report.open.is_empty() {
        let open: Vec<String> = report.open.iter().map(ToString::to_string).collect();
        println!("requirements: promised and still open: {}", open.join(" "));
    }
    for fault in &report.faults {
        eprintln!("requirement: {fault}");
    }
    Ok(report.faults.is_empty())
}

fn documents() -> Result<bool, Box<dyn Error>> {
    let root = root()?;
    let mut files = Vec::new();
    for directory in [root.clone(), root.join("docs")] {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut broken = 0;
    for file in &files {
        for pointer in pointers(&fs::read_to_string(file)?) {
            if let Some(fault) = fault(&root, file, &pointer) {
                broken += 1;
                let shown = file.strip_prefix(&root).unwrap_or(file).display();
                eprintln!("document: {shown}:{}: {fault}", pointer.line);
            }
        }
    }
    println!("documents: {} files, {broken} pointers to nothing", files.len());
    Ok(broken == 0)
}

/// What is wrong with a pointer: links may be meant from the document's own directory.
fn fault(root: &Path, document: &Path, pointer: &Pointer) -> Option<String> {
    let beside = document.parent().map(|dir| dir.join(&pointer.path)).filter(|path| path.exists());
    let target = beside.unwrap_or_else(|| root.join(&pointer.path));
    if !target.exists() {
        return Some(format!("there is no {}", pointer.path));
    }
    let function = pointer.function.as_deref()?;
    let source = fs::read_to_string(&target).unwrap_or_default();
    (!defines(&source, function)).then(|| format!("{} has no function {function}", pointer.path))
}

/// The workspace's directory: the nearest one upwards that holds `docs/behaviour.md`.
fn root() -> io::Result<PathBuf> {
    let here = env::current_dir()?;
    here.ancestors().find(|dir| dir.join("docs/behaviour.md").is_file()).map(Path::to_owned).ok_or_else(
        || {
            io::Error::new(
                io::ErrorKind::NotFound,
                "docs/behaviour.md not found: run this inside of the project",
            )
        },
    )
}

/// Collects the claims of every Rust file below `dir`, build output left out.
fn scan(root: &Path, dir: &Path, found: &mut Vec<Claim>) -> io::Result<()> {
    let mut entries = fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if kind.is_dir() && name != "target" && name != ".git" {
            scan(root, &path, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "rs") {
            let shown = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
            found.extend(claims(&shown, &fs::read_to_string(&path)?));
        }
    }
    Ok(())
}
