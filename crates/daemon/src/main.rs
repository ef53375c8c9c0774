//! `signetd`: hosts the authenticators of a Linux workstation and decides who may log on, unlock,
//! re-authenticate or run `sudo`. See ARCHITECTURE.md for a walk through a logon.

mod access;
mod accounts;
mod arbiter;
mod config;
mod daemon;
mod devices;
mod dispatch;
mod lanes;
mod logind;
mod peer;
mod policy_files;
mod profiles;
mod server;
mod sessions;
mod start;
mod talk;
mod work;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use zeroizing_alloc::ZeroAlloc;

/// Memory is wiped when it is freed: JSON and key derivations leave secrets in buffers that no
/// type of ours owns.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);

/// Universal authentication daemon.
#[derive(Debug, Parser)]
#[command(name = "signetd", version)]
pub(crate) struct Arguments {
    /// Keep everything (configuration, policy, store, socket) under this directory instead of /.
    #[arg(long, default_value = "/")]
    root: PathBuf,
    /// Read this configuration instead of ROOT/etc/signet/signet.toml.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Make the store, its key and its mark, then end. Refused where any of them exists.
    #[arg(long)]
    init: bool,
    /// Make a new store from an export (its passphrase is read from standard input), then end.
    #[arg(long, conflicts_with = "init")]
    import: Option<PathBuf>,
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .init();
    match start::run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            tracing::error!("{text}");
            ExitCode::FAILURE
        }
    }
}
