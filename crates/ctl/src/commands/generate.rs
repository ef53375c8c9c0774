use std::{fs, path::Path};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Task;
use crate::{Cli, Exit, fault::Fault, output::print};

pub(super) fn completion(shell: Shell) -> Result<Exit, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "signetctl", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Yes)
}

/// Writes `signetctl.1`, `signetctl-status.1`, `signetctl-policy-check.1`, ...
pub(super) fn manual(task: &Task, directory: &Path) -> Result<Exit, Fault> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let written = pages(&root, directory)?;
    task.output.give(&serde_json::json!({ "pages": written }), || {
        format!("{written} manual pages are in {}.", directory.display())
    })?;
    Ok(Exit::Yes)
}

fn pages(command: &Command, directory: &Path) -> Result<usize, Fault> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).manual("Signet").section("1");
    let file = directory.join(man.get_filename());
    man.render(&mut page)?;
    fs::write(&file, page).map_err(Fault::file(&file))?;
    let mut written = 1;
    for child in command.get_subcommands().filter(|c| c.get_name() != "help") {
        written += pages(child, directory)?;
    }
    Ok(written)
}
