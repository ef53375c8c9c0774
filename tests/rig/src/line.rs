use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use crate::RigError;

/// A simulator's command socket: a line goes in, a line `ok ...` or `error ...` comes back.
#[derive(Clone, Debug)]
pub struct CommandSocket {
    path: PathBuf,
}

impl CommandSocket {
    /// The socket at this path; a connection is made for each command.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the socket is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sends one command; gives what stands behind `ok`.
    pub fn send(&self, command: &str) -> Result<String, RigError> {
        let mut reply = String::new();
        UnixStream::connect(&self.path)
            .and_then(|mut stream| {
                stream.write_all(format!("{command}\n").as_bytes())?;
                BufReader::new(stream).read_line(&mut reply)
            })
            .map_err(RigError::system(format!("send `{command}` to {}", self.path.display())))?;
        let reply = reply.trim_end();
        match reply.strip_prefix("ok") {
            Some(text) => Ok(text.trim_start().to_owned()),
            None => Err(RigError::Refused { command: command.to_owned(), reply: reply.to_owned() }),
        }
    }
}
