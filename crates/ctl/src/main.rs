//! `signetctl`; see the library's documentation.

use std::process::ExitCode;

use clap::Parser;
use signet_ctl::{Cli, run};

fn main() -> ExitCode {
    run(Cli::parse()).into()
}
