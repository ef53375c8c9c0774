//! `signetctl`: what a person or a program asks of signetd.
//!
//! [`Cli`] is the command line; [`run`] carries it out and gives the [`Exit`] code. Each command is a
//! function in `commands/`, which asks the daemon through the blocking client and prints the reply as
//! lines for people or, with `--json`, as one JSON document; conversations print one JSON document
//! for each event.

mod answers;
mod cli;
mod commands;
mod daemon;
mod dialog;
mod exit;
mod fault;
mod output;
mod plain;
mod table;
mod terminal;

pub use cli::Cli;
pub use commands::run;
pub use exit::Exit;

#[cfg(test)]
mod tests;
