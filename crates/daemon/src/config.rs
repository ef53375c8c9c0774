//! `/etc/signet/signet.toml`: how the daemon runs on this machine. What it decides is policy.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use signet_store::EngineKind;

/// The file could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// It could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It has a fault; the text names line and column and what is allowed.
    #[error("{path}: {problem}")]
    Fault {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// How the daemon runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The store's engine: `sled` or `sqlite`.
    engine: String,
    /// Program that owns the hardware.
    pub(crate) device_host: PathBuf,
    /// The user that the device host runs as; empty: the daemon's own.
    pub(crate) device_user: String,
    /// Program that asks the PAM service `signet-password`.
    pub(crate) password_check: PathBuf,
    /// Bounds on what clients may take.
    pub(crate) limits: Limits,
}

/// Bounds on what clients may take (security.md, R29).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Connections at once of one uid other than root.
    pub(crate) connections_per_uid: u32,
    /// Connections at once in all.
    pub(crate) connections: u32,
    /// Seconds in which a connection's first call must be complete.
    pub(crate) header_seconds: u64,
    /// Seconds after which a connection without a call under way is closed.
    pub(crate) idle_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections_per_uid: 64, connections: 4096, header_seconds: 2, idle_seconds: 120 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: EngineKind::Sled.to_string(),
            device_host: "/usr/libexec/signet/signet-device-host".into(),
            device_user: "signet-device".into(),
            password_check: "/usr/libexec/signet/signet-password-check".into(),
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Reads the file; one that does not exist is the default configuration.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(ConfigError::Read { path: path.into(), source }),
        };
        Self::parse(&text).map_err(|problem| ConfigError::Fault { path: path.into(), problem })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        config.engine.parse::<EngineKind>().map_err(|error| format!("engine: {error}"))?;
        let limits = &config.limits;
        let zero = [
            ("connections_per_uid", u64::from(limits.connections_per_uid)),
            ("connections", u64::from(limits.connections)),
            ("header_seconds", limits.header_seconds),
            ("idle_seconds", limits.idle_seconds),
        ]
        .into_iter()
        .find(|(_, value)| *value == 0);
        match zero {
            Some((key, _)) => Err(format!("limits.{key}: must be at least 1")),
            None => Ok(config),
        }
    }

    /// The store's engine.
    pub(crate) fn engine(&self) -> EngineKind {
        // `parse` has checked the word; the default is the documented one.
        self.engine.parse().unwrap_or(EngineKind::Sled)
    }
}

/// Where everything lies. With `--root DIR` all of it lies under one private directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Everything under `root`; `/` for a real installation.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Whether this is a real installation.
    pub(crate) fn is_system(&self) -> bool {
        self.root == Path::new("/")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The daemon's configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.at("etc/signet/signet.toml")
    }

    /// The directory of policy files: `policy.toml`, `groups/`, `users/`.
    pub(crate) fn policy(&self) -> PathBuf {
        self.at("etc/signet")
    }

    /// The directory of the socket.
    pub(crate) fn run(&self) -> PathBuf {
        self.at("run/signet")
    }

    /// The Varlink socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.at("run/signet/io.signet")
    }

    /// The directory of the store, its key, its mark and the audit record.
    pub(crate) fn state(&self) -> PathBuf {
        self.at("var/lib/signet")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_the_place_and_what_is_allowed() {
        for (text, part) in [
            ("engine = \"postgres\"", "sled"),
            ("enigne = \"sled\"", "engine"),
            ("engine = 3", "line 1"),
            ("[limits]\nconnections = 0", "at least 1"),
            ("[limits]\nheader_seconds = -1", "line 2"),
        ] {
            let problem = Config::parse(text).unwrap_err();
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }

    #[test]
    fn the_engine_is_one_word() {
        assert_eq!(Config::parse("engine = \"sqlite\"").unwrap().engine(), EngineKind::Sqlite);
        assert_eq!(Config::parse("").unwrap().engine(), EngineKind::Sled);
    }
}
