use std::{fs, io, net::UdpSocket, os::unix::process::CommandExt, panic, process::Command, thread};

/// Something that the sandbox forbids, to be tried from inside it: the tests' way to see it hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Read `/etc/shadow`.
    Shadow,
    /// Make an internet socket.
    Internet,
    /// Start a program.
    Program,
    /// Look into another process.
    Trace,
    /// Write a file into a directory that everybody may write to.
    File,
    /// Panic in a thread, with a message that must not be logged.
    Panic,
    /// Start a thread, which it may.
    Work,
}

impl Probe {
    /// The names that [`Probe::named`] knows.
    pub const NAMES: &'static str = "one of shadow, internet, program, trace, file, panic, work";

    /// The probe of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "shadow" => Self::Shadow,
            "internet" => Self::Internet,
            "program" => Self::Program,
            "trace" => Self::Trace,
            "file" => Self::File,
            "panic" => Self::Panic,
            "work" => Self::Work,
            _ => return None,
        })
    }
}

#[expect(clippy::panic, reason = "what a panic does is what this probe is for")]
fn panic_with_a_secret() {
    panic::panic_any("a PIN");
}

/// Tries it and prints `allowed` or `denied` with the reason, where the kernel lets the process live.
pub(crate) fn run(probe: Probe) {
    let result: io::Result<()> = match probe {
        Probe::Shadow => fs::read("/etc/shadow").map(drop),
        Probe::Internet => UdpSocket::bind("127.0.0.1:0").map(drop),
        Probe::Program => Err(Command::new("/bin/true").exec()),
        Probe::Trace => nix::sys::ptrace::traceme().map_err(Into::into),
        Probe::File => {
            let path = format!("/tmp/signet-device-host-probe-{}", std::process::id());
            fs::File::create_new(&path).and_then(|_| fs::remove_file(&path))
        }
        Probe::Panic => {
            let worker = thread::Builder::new().spawn(panic_with_a_secret);
            worker.and_then(|worker| worker.join().map_err(|_| io::Error::other("the thread alone ended")))
        }
        Probe::Work => thread::Builder::new()
            .spawn(|| ())
            .and_then(|worker| worker.join().map_err(|_| io::Error::other("the thread did not end well"))),
    };
    match result {
        Ok(()) => println!("allowed"),
        Err(error) => println!("denied: {error}"),
    }
}
