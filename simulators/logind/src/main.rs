//! `signet-sim-logind`: a stand-in for systemd-logind (`org.freedesktop.login1`) on a private bus.
//!
//! Sessions are made by commands over a unix socket. A session's screen locker is part of the model:
//! it sets `LockedHint` after the `Lock` signal, at once, after a delay, or never. Who may call is
//! not checked: the real logind asks polkit, here the private bus is the boundary.

mod control;
mod manager;
mod seat;
mod session;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use tokio::net::UnixListener;

use crate::{manager::Manager, seat::Seat};

/// A stand-in for systemd-logind. One line to the socket is one command, `help` lists them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The address of the bus; without it the system bus.
    #[arg(long, value_name = "ADDRESS")]
    bus: Option<String>,
    /// The unix socket to take commands on. A file in its place is replaced.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// How long the screen lockers take to lock and to unlock.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=3_600_000))]
    locker_delay: u64,
    /// The screen lockers never lock: the signal goes out, `LockedHint` stays.
    #[arg(long, conflicts_with = "locker_delay")]
    locker_never: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("signet-sim-logind: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let locker = (!arguments.locker_never).then(|| Duration::from_millis(arguments.locker_delay));
    let builder = match &arguments.bus {
        Some(address) => zbus::connection::Builder::address(address.as_str()),
        None => zbus::connection::Builder::system(),
    };
    let connection = builder.build().await?;
    let seat = Arc::new(Seat::new(connection.clone(), locker));
    connection.object_server().at(manager::PATH, Manager::new(Arc::clone(&seat))).await?;
    connection.request_name("org.freedesktop.login1").await?;
    match std::fs::remove_file(&arguments.socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listener = UnixListener::bind(&arguments.socket)?;
    // The line tells who started the program that calls and commands are taken.
    println!("ready {}", arguments.socket.display());
    control::serve(&listener, &seat).await?;
    Ok(())
}
