//! A directory on a real disk: the sandbox's own writable layers are memory, where a durable write
//! costs nothing.

use std::{path::Path, process::Command};

use tempfile::TempDir;

use crate::Fault;

/// The directory; it is removed when this is dropped.
pub(crate) struct Disk(TempDir);

impl Disk {
    /// Makes it beside the programs, which are on a disk.
    pub(crate) fn new() -> Result<Self, Fault> {
        let program = std::env::current_exe()?;
        Ok(Self(TempDir::with_prefix_in("signet-bench-", program.parent().unwrap_or(Path::new("/tmp")))?))
    }

    /// Puts a part of it in the place of a directory; undone at the end of the sandbox.
    pub(crate) fn hold(&self, directory: &str) -> Result<(), Fault> {
        let part = self.0.path().join("held");
        std::fs::create_dir(&part)?;
        let status = Command::new("mount").arg("--bind").arg(&part).arg(directory).status()?;
        if status.success() { Ok(()) } else { Err(format!("mount --bind over {directory}: {status}").into()) }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}
