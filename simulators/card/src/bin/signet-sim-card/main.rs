//! `signet-sim-card`: simulated smart cards behind vpcd, so that pcscd sees them in a reader.

mod bench;
mod control;
mod vpcd;

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use signet_sim_card::{CardDescription, CardMaker, Slot};

use crate::bench::Bench;

/// Simulated smart cards behind vpcd. One line to the socket is one command, `help` lists them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where vpcd listens, for example 127.0.0.1:35905.
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    vpcd: SocketAddr,
    /// The unix socket to take commands on. A file in its place is replaced.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// A card: NAME=piv[,alg=rsa2048|p256|p384][,9e=ALG][,pin=123456][,tries=3][,cn=NAME][,gzip]
    /// [,not-before=DATE][,not-after=DATE][,atr=HEX] or NAME=identifier[,uid=HEX][,atr=HEX].
    #[arg(long = "card", value_name = "CARD", required = true)]
    cards: Vec<CardDescription>,
    /// The card that is in the reader from the start; without it the reader is empty.
    #[arg(long, value_name = "NAME")]
    insert: Option<String>,
    /// Where keys, certificates and try counters are kept between runs.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let mut addresses = text.to_socket_addrs().map_err(|error| error.to_string())?;
    addresses.next().ok_or_else(|| "the name has no address".to_owned())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("signet-sim-card: {}", with_causes(&*error));
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let maker = match &arguments.state {
        Some(directory) => CardMaker::in_directory(directory)?,
        None => CardMaker::new()?,
    };
    let mut slot = Slot::new();
    for description in &arguments.cards {
        if slot.card(&description.name).is_ok() {
            return Err(format!("two cards are called `{}`", description.name).into());
        }
        slot.add(&description.name, maker.make(description)?);
    }
    if let Some(name) = &arguments.insert {
        slot.insert(name)?;
    }
    let bench = Arc::new(Bench::new(slot, maker));
    let listener = control::listen(&arguments.socket)?;
    let served = Arc::clone(&bench);
    std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || control::serve(&listener, &served))?;
    // The line tells who started the program that commands are taken.
    println!("ready {}", arguments.socket.display());
    vpcd::serve(arguments.vpcd, &bench)?;
    Ok(())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
