//! `signet-password-check`: one request from standard input, one byte to standard output.
//!
//! Started by `signetd` for each check. The exit code is 0 where a byte was written.

use std::{
    alloc::System,
    env, io,
    io::{Read, Write},
    panic,
    process::ExitCode,
};

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getegid, geteuid, getgid, getuid, set_dumpable_behavior, setrlimit,
};
use signet_device_link::password::{MAX_REQUEST, Reply, decode};
use signet_port_pam::{SERVICE, answer, clear_environment};
use zeroize::Zeroizing;
use zeroizing_alloc::ZeroAlloc;

/// The password passes through libraries that do not wipe: what Rust frees is wiped here.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    clear_environment();
    // A panic's message may hold what was being handled.
    panic::set_hook(Box::new(|_| {}));
    let Ok(service) = service() else { return refuse("usage: signet-password-check [--service NAME]") };
    if harden().is_err() {
        return refuse("the kernel did not switch core files off");
    }
    match tell(answer_from_stdin(&service)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn refuse(why: &str) -> ExitCode {
    // Where standard error is closed, the exit code has to do.
    let _ = writeln!(io::stderr(), "signet-password-check: {why}");
    ExitCode::from(2)
}

/// The PAM service: fixed, but for tests.
fn service() -> Result<String, ()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => Ok(SERVICE.to_owned()),
        // Installed setuid by mistake, the option would let anybody choose how passwords are checked.
        [option, name] if option == "--service" && !is_setuid() => Ok(name.clone()),
        _ => Err(()),
    }
}

fn is_setuid() -> bool {
    getuid() != geteuid() || getgid() != getegid()
}

/// No core file and no debugger sees the password.
fn harden() -> Result<(), rustix::io::Errno> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

fn answer_from_stdin(service: &str) -> Reply {
    // All room at once, one byte more than allowed: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; MAX_REQUEST + 1]);
    let mut length = 0;
    let mut stdin = io::stdin().lock();
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match stdin.read(rest) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Reply::Failed,
        }
    }
    match decode(bytes.get(..length).unwrap_or_default()) {
        Ok(request) => answer(service, &request),
        Err(_) => Reply::Failed,
    }
}

fn tell(reply: Reply) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(&[reply.to_byte()])?;
    stdout.flush()
}
