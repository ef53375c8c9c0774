//! A daemon that follows a script, on a real socket, and the real program that talks to it.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The conversation of every script.
pub(crate) const CONVERSATION: &str = "0123456789abcdef0123456789abcdef";

/// A credential.
pub(crate) const CARD: &str = "aaaabbbbccccddddeeeeffff00001111";

/// A call that is expected and what it is answered with.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) method: &'static str,
    pub(crate) parameters: Value,
    pub(crate) replies: Vec<Value>,
}

/// One reply with these parameters.
pub(crate) fn reply(method: &'static str, parameters: Value, reply: Value) -> Step {
    Step { method, parameters, replies: vec![Value::from_iter([("parameters", reply)])] }
}

/// An error reply.
pub(crate) fn refusal(method: &'static str, parameters: Value, error: &str, details: Value) -> Step {
    Step {
        method,
        parameters,
        replies: vec![Value::from_iter([("error", Value::from(error)), ("parameters", details)])],
    }
}

/// A stream of events.
pub(crate) fn events(method: &'static str, parameters: Value, events: &[Value]) -> Step {
    let last = events.len() - 1;
    let line = |(at, event): (usize, &Value)| json!({"parameters": {"conversation": CONVERSATION, "event": event}, "continues": at < last});
    Step { method, parameters, replies: events.iter().enumerate().map(line).collect() }
}

pub(crate) fn notice(text: &str) -> Value {
    json!({"notice": {"code": "present-token", "text": text}})
}

pub(crate) fn prompt(kind: &str, text: &str) -> Value {
    json!({"prompt": {"kind": kind, "code": "pin", "text": text, "choices": []}})
}

pub(crate) fn outcome(result: &str, text: &str) -> Value {
    json!({"outcome": {"result": result, "code": result, "text": text}})
}

/// What `Respond` is called with.
pub(crate) fn answered(answer: &str) -> Value {
    json!({"conversation": CONVERSATION, "answer": answer})
}

/// The daemon with its script.
pub(crate) struct Scripted {
    directory: TempDir,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Scripted {
    /// Listens; the script is followed over one connection after the other.
    pub(crate) fn new(script: Vec<Step>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("io.signet")).unwrap();
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = std::thread::spawn(move || {
            let mut script = script.into_iter();
            while let Ok((stream, _)) = listener.accept() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                serve(stream, &mut script);
            }
            let left: Vec<_> = script.map(|s| s.method).collect();
            assert!(left.is_empty(), "never called: {left:?}");
        });
        Self { directory, stopping, thread }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("io.signet")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The command line up to the words of the command.
    pub(crate) fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signetctl"));
        let uid = rustix::process::getuid().as_raw().to_string();
        command.arg("--socket").arg(self.socket()).args(["--server-uid", &uid]).env_remove("XDG_SESSION_ID");
        command
    }

    /// Runs a command with lines on standard input.
    pub(crate) fn run(&self, words: &[&str], input: &str) -> Ran {
        let mut child = self
            .program()
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that asks nothing closes its input early.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ran::from(child.wait_with_output().unwrap())
    }

    /// Ends the daemon; the whole script must have been followed.
    pub(crate) fn finish(self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(UnixStream::connect(self.socket()));
        self.thread.join().unwrap();
    }
}

fn serve(mut stream: UnixStream, script: &mut std::vec::IntoIter<Step>) {
    while let Some(call) = receive(&mut stream) {
        let step = script.next().unwrap_or_else(|| panic!("an unexpected call: {call}"));
        let call: Value = serde_json::from_str(&call).unwrap();
        assert_eq!(call.get("method"), Some(&json!(step.method)));
        let parameters = call.get("parameters").cloned().unwrap_or_else(|| json!({}));
        assert_eq!(parameters, step.parameters, "{}", step.method);
        for reply in step.replies {
            let mut bytes = reply.to_string().into_bytes();
            bytes.push(0);
            // The program may have gone, as after a Ctrl-C.
            let _ = stream.write_all(&bytes);
        }
    }
}

fn receive(stream: &mut UnixStream) -> Option<String> {
    let mut message = Vec::new();
    let mut byte = [0];
    loop {
        match stream.read(&mut byte) {
            Ok(1) if byte == [0] => return Some(String::from_utf8(message).unwrap()),
            Ok(1) => message.extend(byte),
            _ => return None,
        }
    }
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
