//! `signet-sim-third-party-piv`: a PIV card that others wrote, behind vpcd.
//!
//! The applet is Nitrokey's `piv-authenticator`. It shows that Signet works with more than the card
//! of its own simulator. Before the card is inserted, this program does what an issuer does: it logs
//! in with the default management key, lets the card make a key in 9A, signs a certificate for it
//! and stores that. The PIN is the default, 123456.
//!
//! The applet's random numbers have a fixed seed: two fresh cards of one algorithm have the same key.

mod applet;
mod dispatch;
mod issuance;

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use piv_authenticator::{Authenticator, Options};
use rustix::net::sockopt;
use signet_sim_card::{Issuer, KeyAlgorithm};
use trussed::virt::{self, StoreConfig};

use crate::applet::Applet;

/// A PIV card that others wrote, behind vpcd. It is in the reader until the program ends.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where vpcd listens.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:40001")]
    vpcd: SocketAddr,
    /// The algorithm of the key in 9A: rsa2048, p256 or p384.
    #[arg(long, default_value = "p256")]
    alg: KeyAlgorithm,
    /// The certificate's common name.
    #[arg(long, default_value = "Third Party")]
    cn: String,
    /// Where the authority's certificate goes, in PEM.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("signet-sim-third-party-piv: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let issuer = Issuer::generate("Signet simulated CA")?;
    if let Some(path) = &arguments.ca {
        fs::write(path, issuer.root_pem()?)?;
    }
    virt::with_platform(StoreConfig::ram(), |platform| {
        platform.run_client_with_backends("piv", dispatch::Backends::new(), dispatch::ORDER, |client| {
            let mut applet = Applet::new(Authenticator::new(client, Options::default()));
            issuance::issue(&mut applet, arguments.alg, &arguments.cn, &issuer)?;
            println!("ready");
            serve(arguments.vpcd, &mut applet)
        })
    })
}

fn serve(vpcd: SocketAddr, applet: &mut impl vpicc::VSmartCard) -> Result<(), Box<dyn std::error::Error>> {
    let stream = TcpStream::connect(vpcd)?;
    let watched = stream.try_clone()?;
    let mut connection = vpicc::Connection::from(stream);
    loop {
        // vpcd writes length and bytes separately under Nagle's algorithm: without an acknowledgement
        // at once each APDU takes 43 ms. The kernel drops the option again, so it is set every time.
        sockopt::set_tcp_quickack(&watched, true)?;
        connection.poll(applet)?;
    }
}
