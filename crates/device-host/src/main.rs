//! `signet-device-host`: started by `signetd`, one end of a socket pair as standard input.

use std::{
    alloc::System,
    env, panic,
    process::{self, ExitCode},
};

use signet_device_host::{Options, run};
use zeroizing_alloc::ZeroAlloc;

/// Frames carry PINs through libraries that do not wipe: what is freed is wiped here.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Exit code after a panic in any thread.
const EXIT_PANIC: i32 = 70;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("SIGNET_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .init();
    // The message of a panic may hold bytes of a frame, so only its place is told. All threads end
    // with the one that panicked: a host with a part missing would hang a logon.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a thread panicked; ending");
        process::exit(EXIT_PANIC);
    }));
    let options = match Options::parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            tracing::error!(%error);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = std::iter::successors(std::error::Error::source(&error), |error| error.source());
            let causes: Vec<String> = causes.map(ToString::to_string).collect();
            tracing::error!(causes = causes.join(": "), "ending: {error}");
            ExitCode::FAILURE
        }
    }
}
