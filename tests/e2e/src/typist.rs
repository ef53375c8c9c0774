use std::{
    io::{Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use crate::{E2eError, io};

/// How long a program may be silent before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a program and types at its prompts, each answer only after its prompt was shown: PAM's
/// conversation throws away what is typed too early.
pub struct Typist {
    program: String,
    child: Child,
    output: Receiver<Vec<u8>>,
    said: String,
    /// How much of `said` earlier waits have used up.
    read: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Typed {
    /// How it ended.
    pub status: ExitStatus,
    /// All that it wrote, both streams as they came.
    pub said: String,
    /// From the start to the end.
    pub took: Duration,
}

impl Typed {
    /// Whether the program says yes.
    #[must_use]
    pub fn granted(&self) -> bool {
        self.status.success()
    }
}

impl Typist {
    /// Starts the program with its streams in our hands.
    pub fn start(command: &mut Command) -> Result<Self, E2eError> {
        let program = format!("{command:?}");
        // One pipe for both streams, so that prompts and messages keep their order.
        let (reader, writer) = std::io::pipe().map_err(io("cannot make a pipe"))?;
        let second = writer.try_clone().map_err(io("cannot share a pipe"))?;
        let streams = command.stdin(Stdio::piped()).stdout(writer).stderr(second);
        let child = streams.spawn().map_err(io(format!("cannot start {program}")))?;
        // The command holds the pipe's writing ends; they must go for the end to be seen.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let (sender, output) = channel();
        pass_on(reader, sender);
        Ok(Self { program, child, output, said: String::new(), read: 0 })
    }

    /// Waits until the program has said this (after what was waited for before).
    pub fn wait_for(&mut self, wanted: &str) -> Result<(), E2eError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let fresh = self.said.get(self.read..).unwrap_or_default();
            if let Some(at) = fresh.find(wanted) {
                self.read += at + wanted.len();
                return Ok(());
            }
            if !self.listen(deadline) {
                let (program, said) = (self.program.clone(), self.said.clone());
                return Err(E2eError::Silent { program, wanted: wanted.to_owned(), said });
            }
        }
    }

    /// Waits for a prompt and answers it.
    pub fn answer(&mut self, prompt: &str, answer: &str) -> Result<(), E2eError> {
        self.wait_for(prompt)?;
        // Nothing that is typed here is echoed: the reader of what was said sees where it was typed.
        self.said.push_str("(typed)\n");
        self.read = self.said.len();
        let typed = format!("{answer}\n");
        let stdin = self.child.stdin.as_mut();
        let written =
            stdin.map_or(Ok(()), |stdin| stdin.write_all(typed.as_bytes()).and_then(|()| stdin.flush()));
        // A program that has ended meanwhile is judged by how it ended.
        written
            .or_else(|error| if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
            .map_err(io("cannot type"))
    }

    /// Ends the input and waits for the end.
    pub fn finish(mut self, started: Instant) -> Result<Typed, E2eError> {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while self.listen(deadline) {}
        if Instant::now() >= deadline {
            let (program, said) = (self.program.clone(), self.said.clone());
            return Err(E2eError::Silent { program, wanted: "its end".into(), said });
        }
        let status = self.child.wait().map_err(io("cannot wait for a program"))?;
        Ok(Typed { status, said: std::mem::take(&mut self.said), took: started.elapsed() })
    }

    /// Runs a program to its end, answering each prompt in turn.
    pub fn run(command: &mut Command, answers: &[(&str, &str)]) -> Result<Typed, E2eError> {
        let started = Instant::now();
        let mut typist = Self::start(command)?;
        for (prompt, answer) in answers {
            typist.answer(prompt, answer)?;
        }
        typist.finish(started)
    }

    /// The program's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Takes what the program says next; false at its end or after the deadline.
    fn listen(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.output.recv_timeout(left) {
            Ok(bytes) => {
                self.said.push_str(&String::from_utf8_lossy(&bytes));
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pass_on(mut stream: impl Read + Send + 'static, sender: std::sync::mpsc::Sender<Vec<u8>>) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            if sender.send(buffer.get(..length).unwrap_or_default().to_vec()).is_err() {
                return;
            }
        }
    });
}
