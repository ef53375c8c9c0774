use std::{
    env,
    io::{self, BufRead, BufReader},
    path::PathBuf,
    process::{self, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::RigError;

/// How long a program has to say that it is ready.
const READY: Duration = Duration::from_secs(60);

/// A program that the rig started; it is killed and reaped when this is dropped.
pub struct Child {
    child: process::Child,
}

impl Child {
    /// Starts a program with the given command. `package` names where it comes from if it is missing.
    pub fn start(command: &mut Command, package: &'static str) -> Result<Self, RigError> {
        match command.spawn() {
            Ok(child) => Ok(Self { child }),
            Err(source) => Err(RigError::Start { program: shown(command), package, source }),
        }
    }

    /// Starts a program and waits for its first line on standard output, which says that it is ready.
    pub fn start_ready(command: &mut Command, package: &'static str) -> Result<(Self, String), RigError> {
        let mut started = Self::start(command.stdout(Stdio::piped()), package)?;
        let not_ready = |reason: String| RigError::NotReady { program: shown(command), reason };
        let stdout = started.child.stdout.take();
        let stdout = stdout.ok_or_else(|| not_ready("it has no standard output".to_owned()))?;
        let (sender, receiver) = mpsc::channel();
        // The thread goes on reading, so that the program never waits for room in the pipe.
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            let first = lines.next();
            if sender.send(first).is_ok() {
                lines.map_while(Result::ok).for_each(|line| eprintln!("{line}"));
            }
        });
        match receiver.recv_timeout(READY) {
            Ok(Some(Ok(line))) => Ok((started, line)),
            Ok(Some(Err(error))) => Err(not_ready(error.to_string())),
            Ok(None) => Err(not_ready("it ended; what it said is above".to_owned())),
            Err(_) => Err(not_ready(format!("nothing was said within {} s", READY.as_secs()))),
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the program and waits for its end.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// Waits until the program ends by itself.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // A program that has ended already cannot be killed.
        let _ = self.kill();
    }
}

/// The path of one of the project's own programs, built by `cargo build -p PACKAGE` into the same
/// profile's directory as the running program.
pub fn program(name: &str, package: &str) -> Result<PathBuf, RigError> {
    let own = env::current_exe().map_err(RigError::system("find the running program"))?;
    let mut directories = own.ancestors().skip(1);
    let beside = directories.next().unwrap_or(&own);
    // Tests, benches and examples are one directory below the programs.
    let below = ["deps", "examples"].iter().any(|name| beside.ends_with(name));
    let directory = if below { directories.next().unwrap_or(beside) } else { beside };
    let path = directory.join(name);
    let build = format!("cargo build -p {package}");
    if path.is_file() { Ok(path) } else { Err(RigError::NotBuilt { path, build }) }
}

/// Runs a program to its end; an error with what it wrote if it fails.
pub(crate) fn run(command: &mut Command, package: &'static str) -> Result<String, RigError> {
    let program = shown(command);
    let start = |source| RigError::Start { program: program.clone(), package, source };
    let output = command.stdin(Stdio::null()).output().map_err(start)?;
    checked(&program, &output)
}

pub(crate) fn checked(program: &str, output: &process::Output) -> Result<String, RigError> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(RigError::Failed {
        program: program.to_owned(),
        status: output.status.to_string(),
        output: format!("{text}{}", String::from_utf8_lossy(&output.stderr)),
    })
}

pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
