use std::{
    env,
    ffi::{CString, OsStr},
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::{Command, ExitCode, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::{
    mount::{MountFlags, mount},
    process::{WaitOptions, geteuid, wait},
};

use crate::{
    RigError,
    process::{run, shown},
};

/// Says how deep in the sandbox this process is: unset outside, then `first`, then `inside`.
const STAGE: &str = "SIGNET_RIG_STAGE";
/// How long everything in a sandbox may take, in seconds; the default is 300.
const LIMIT: &str = "SIGNET_RIG_LIMIT";

/// Where [`enter`] has brought the program.
#[must_use]
#[derive(Debug)]
pub enum Entered {
    /// Inside: go on.
    Inside,
    /// Outside, and all is done: end with this code.
    Done(ExitCode),
}

/// Runs the body of the test `name` in a sandbox.
///
/// `name` is the test's full path in its test program (`module::name`, or just the name in `tests/`).
/// Outside the test program is started again for this one test. What stands behind the call in the
/// test runs outside only, what stands before it on both sides.
///
/// # Panics
/// When the body panics, when it takes longer than `SIGNET_RIG_LIMIT` seconds, when the sandbox cannot
/// be made, when the caller is not root, or when `name` is not the test's path.
#[expect(clippy::panic, reason = "it is the assertion of a test")]
pub fn in_sandbox(name: &str, body: impl FnOnce()) {
    match stage() {
        Stage::Outside => {
            let arguments = ["--exact", name, "--nocapture", "--test-threads=1"];
            let output = outer(arguments.iter().map(OsStr::new)).and_then(|mut command| {
                command.stdin(Stdio::null()).output().map_err(|source| RigError::Start {
                    program: shown(&command),
                    package: "util-linux",
                    source,
                })
            });
            let output = output.unwrap_or_else(|error| panic!("no sandbox for {name}: {}", causes(&error)));
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            print!("{out}{err}");
            // A name that is not the test's runs no test and would look like success.
            let ran = out.contains(&finished(name));
            assert!(ran || !output.status.success(), "`{name}` is not the path of this test: nothing ran");
            assert!(output.status.success() && ran, "{name} failed in its sandbox: {}", output.status);
        }
        Stage::First => {
            let arguments = ["--exact", name, "--nocapture", "--test-threads=1"];
            let code = first(arguments.iter().map(OsStr::new));
            std::process::exit(
                code.unwrap_or_else(|error| panic!("no sandbox for {name}: {}", causes(&error))),
            );
        }
        Stage::Inside => {
            // Ending here keeps what stands behind the call for the outside. The panic hook has
            // shown a panic's message already.
            let code = match catch_unwind(AssertUnwindSafe(body)) {
                Ok(()) => 0,
                Err(_) => 101,
            };
            println!("{}", finished(name));
            std::process::exit(code);
        }
    }
}

/// Brings a whole program into a sandbox; the first thing `main` does.
///
/// Outside the program is started again inside with the same arguments, and the caller ends with
/// its exit code.
pub fn enter() -> Result<Entered, RigError> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let arguments = arguments.iter().map(std::ffi::OsString::as_os_str);
    match stage() {
        Stage::Outside => {
            let mut command = outer(arguments)?;
            let status = command.status().map_err(|source| RigError::Start {
                program: shown(&command),
                package: "util-linux",
                source,
            })?;
            let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255);
            Ok(Entered::Done(ExitCode::from(code)))
        }
        Stage::First => std::process::exit(first(arguments)?),
        Stage::Inside => Ok(Entered::Inside),
    }
}

enum Stage {
    Outside,
    First,
    Inside,
}

fn stage() -> Stage {
    match env::var(STAGE).as_deref() {
        Ok("first") => Stage::First,
        Ok("inside") => Stage::Inside,
        _ => Stage::Outside,
    }
}

fn finished(name: &str) -> String {
    format!("signet-rig: {name} came to its end")
}

fn causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", causes(source)),
        None => error.to_string(),
    }
}

/// The command that starts this program again in new namespaces. If this process dies, `unshare` is
/// killed, with it the first process inside, and with that all others.
fn outer<'a>(arguments: impl Iterator<Item = &'a OsStr>) -> Result<Command, RigError> {
    if !geteuid().is_root() {
        return Err(RigError::NotRoot);
    }
    let own = env::current_exe().map_err(RigError::system("find the running program"))?;
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"])
        .args(["--mount-proc", "--propagation", "private"])
        .arg(own)
        .args(arguments)
        .env(STAGE, "first");
    Ok(command)
}

/// The first process inside: makes the mounts, starts the real work and reaps what it leaves behind.
fn first<'a>(arguments: impl Iterator<Item = &'a OsStr>) -> Result<i32, RigError> {
    furnish()?;
    let own = env::current_exe().map_err(RigError::system("find the running program"))?;
    let mut command = Command::new(own);
    command.args(arguments).env(STAGE, "inside");
    let worker = command.spawn().map_err(|source| RigError::Start {
        program: shown(&command),
        package: "none",
        source,
    })?;
    let limit = env::var(LIMIT).ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let (_alive, ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        if ended.recv_timeout(Duration::from_secs(limit)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("signet-rig: stopped after {limit} s; {LIMIT} sets another limit");
            // The first process's end is the end of all others.
            std::process::exit(124);
        }
    });
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if u32::try_from(pid.as_raw_nonzero().get()) == Ok(worker.id()) => {
                return Ok(status
                    .exit_status()
                    .or(status.terminating_signal().map(|signal| 128 + signal))
                    .unwrap_or(255));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(RigError::system("wait for the work inside")(error)),
        }
    }
}

/// Private mounts: writable layers over what programs change, an empty `/run`; and `lo` comes up.
fn furnish() -> Result<(), RigError> {
    // The layers are on a tmpfs of this mount namespace, so nothing is left behind.
    let layers = Path::new("/run");
    mount_tmpfs(layers)?;
    let layers = layers.join("signet-rig");
    make(&layers)?;
    for directory in ["etc", "var", "home"] {
        let (upper, work) = (layers.join(directory).join("upper"), layers.join(directory).join("work"));
        make(&upper)?;
        make(&work)?;
        let lower = Path::new("/").join(directory);
        let options =
            format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
        let options = CString::new(options).map_err(RigError::system("write mount options"))?;
        mount("overlay", &lower, "overlay", MountFlags::empty(), Some(options.as_c_str()))
            .map_err(RigError::system(format!("put a writable layer over {}", lower.display())))?;
    }
    for directory in ["/run/pcscd", "/run/dbus", "/run/lock", "/run/user", "/var/lib/signet", "/run/signet"] {
        make(Path::new(directory))?;
    }
    run(Command::new("ip").args(["link", "set", "lo", "up"]), "iproute2")?;
    Ok(())
}

fn mount_tmpfs(path: &Path) -> Result<(), RigError> {
    mount("tmpfs", path, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(c"mode=0755"))
        .map_err(RigError::system(format!("mount an empty {}", path.display())))
}

fn make(path: &Path) -> Result<(), RigError> {
    fs::create_dir_all(path).map_err(RigError::system(format!("make {}", path.display())))
}
