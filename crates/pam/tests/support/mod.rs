//! What the tests share: a program that uses libpam, and a daemon that plays a part.
//!
//! Each test file uses its own share of it.
#![allow(dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

pub mod application;
pub mod daemon;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The module that this very build made.
pub fn module() -> PathBuf {
    let deps = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let module = deps.join("libpam_signet.so");
    assert!(module.is_file(), "{} was not built", module.display());
    module
}

/// A directory of PAM services.
pub struct Services {
    dir: TempDir,
}

impl Services {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a service; `@` stands for the module.
    pub fn write(&self, name: &str, lines: &str) {
        std::fs::write(self.dir.path().join(name), lines.replace('@', module().to_str().unwrap())).unwrap();
    }
}

/// The uid that the tests, and so their daemons, run as.
pub fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

/// How many of this process's descriptors a program that it starts would inherit.
pub fn inheritable() -> usize {
    let infos = std::fs::read_dir("/proc/self/fdinfo").unwrap();
    infos
        .filter_map(|info| std::fs::read_to_string(info.unwrap().path()).ok())
        .filter(|info| {
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
            u32::from_str_radix(flags.trim(), 8).unwrap() & 0o2_000_000 == 0
        })
        .count()
}
