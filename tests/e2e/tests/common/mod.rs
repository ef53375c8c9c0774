//! A connection to signetd that says anything: what the typed client would not send, and what it would.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests; each of them uses a part"
)]

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use serde_json::{Value, json};

/// The daemon's socket inside a sandbox.
pub(crate) const SOCKET: &str = "/run/signet/io.signet";
/// How long an answer may take. A stalled card takes the longest.
const PATIENCE: Duration = Duration::from_secs(40);

/// A connection.
pub(crate) struct Line {
    pub(crate) stream: UnixStream,
    buffer: Vec<u8>,
    conversation: String,
}

/// How a stream of events paused or ended.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The codes of the notices.
    pub(crate) notices: Vec<String>,
    /// All texts.
    pub(crate) text: String,
    /// The code of the prompt that is open now.
    pub(crate) prompt: Option<String>,
    /// The verdict: `granted`, `denied`, ...
    pub(crate) outcome: Option<String>,
    /// The error's name, or `closed`.
    pub(crate) error: Option<String>,
}

impl Told {
    pub(crate) fn granted(&self) -> bool {
        self.outcome.as_deref() == Some("granted")
    }

    pub(crate) fn asks(&self, code: &str) -> bool {
        self.prompt.as_deref() == Some(code)
    }
}

impl Line {
    pub(crate) fn open() -> Self {
        let stream = UnixStream::connect(SOCKET).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, buffer: Vec::new(), conversation: String::new() }
    }

    /// Sends these bytes; a peer that has closed already is seen at the answer.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub(crate) fn call(&mut self, method: &str, parameters: &Value, more: bool) {
        let mut message =
            serde_json::to_vec(&json!({"method": method, "parameters": parameters, "more": more})).unwrap();
        message.push(0);
        self.raw(&message);
    }

    /// The next answer; `None` when the daemon has closed the connection.
    pub(crate) fn reply(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == 0) {
                let message: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&message[..end]).unwrap());
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(length) => self.buffer.extend_from_slice(&bytes[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no answer: {error}"),
            }
        }
    }

    /// A call that has one answer: its error's name, or nothing.
    pub(crate) fn error_of(&mut self, method: &str, parameters: &Value, more: bool) -> Option<String> {
        self.call(method, parameters, more);
        let reply = self.reply().unwrap_or(json!({"error": "closed"}));
        reply.get("error").and_then(Value::as_str).map(str::to_owned)
    }

    /// Starts a logon of the user by his smart card only.
    pub(crate) fn start_card(&mut self, user: &str) -> Told {
        self.start(&json!({"service": "signet-try", "user": user, "method": "smartcard"}))
    }

    pub(crate) fn start(&mut self, parameters: &Value) -> Told {
        self.call("io.signet.Authentication.Start", parameters, true);
        self.listen()
    }

    /// Answers the open prompt.
    pub(crate) fn respond(&mut self, answer: &str) -> Told {
        let parameters = json!({"conversation": self.conversation, "answer": answer});
        self.call("io.signet.Authentication.Respond", &parameters, true);
        self.listen()
    }

    /// The open conversation.
    pub(crate) fn conversation(&self) -> &str {
        &self.conversation
    }

    /// Listens until the daemon waits for something that is ours to do.
    fn listen(&mut self) -> Told {
        let mut told = Told::default();
        loop {
            let Some(reply) = self.reply() else {
                told.error = Some("closed".into());
                return told;
            };
            if let Some(error) = reply.get("error").and_then(Value::as_str) {
                told.error = Some(error.to_owned());
                return told;
            }
            let parameters = &reply["parameters"];
            parameters["conversation"].as_str().unwrap().clone_into(&mut self.conversation);
            let event = &parameters["event"];
            let code = |part: &str| event[part]["code"].as_str().map(str::to_owned);
            for part in ["notice", "prompt", "outcome"] {
                told.text.push_str(event[part]["text"].as_str().unwrap_or_default());
            }
            if let Some(code) = code("notice") {
                // The card is gone: nothing comes before the next one.
                let waits = code == "token-removed" || code == "present-token";
                told.notices.push(code);
                if waits {
                    return told;
                }
            }
            told.prompt = code("prompt");
            told.outcome = event["outcome"]["result"].as_str().map(str::to_owned);
            if told.prompt.is_some() || told.outcome.is_some() {
                return told;
            }
        }
    }
}

/// Logs a user on with the card that is in the reader.
pub(crate) fn card_logon(user: &str, pin: &str) -> Told {
    let mut line = Line::open();
    let told = line.start_card(user);
    if told.asks("card-pin") || told.asks("signet-pin") { line.respond(pin) } else { told }
}

/// Whether the daemon answers at all.
pub(crate) fn alive() -> bool {
    Line::open().error_of("io.signet.Admin.Status", &json!({}), false).is_none()
}
