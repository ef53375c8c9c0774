//! Reads the policy files: `policy.toml` for the machine, `groups/NAME.toml`, `users/NAME.toml`.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags};
use signet_policy::{Finding, Layer, Policy, Source};

/// A policy file that could not be used at all; faults in its text are [`Finding`]s.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyFileError {
    /// It could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody other than its owner may write it, or its owner is neither root nor the daemon's user.
    #[error("{path}: must belong to root and be writable by its owner only")]
    Unsafe {
        /// The file.
        path: PathBuf,
    },
    /// Its name names no group or user.
    #[error("{path}: the file's name must be NAME.toml, NAME being a user's or group's name")]
    Name {
        /// The file.
        path: PathBuf,
    },
}

/// Why a policy is not put in force.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyLoadError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] PolicyFileError),
    /// The texts have faults.
    #[error("the policy has {} fault(s), the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Findings(Vec<Finding>),
}

/// A policy file's text.
#[derive(Debug)]
pub(crate) struct PolicyFile {
    layer: Layer,
    name: String,
    pub(crate) text: String,
}

/// Reads all files under `directory`; none at all means the built-in policy.
pub(crate) fn read(directory: &Path) -> Result<Vec<PolicyFile>, PolicyFileError> {
    let mut files = Vec::new();
    let machine = directory.join("policy.toml");
    files.extend(read_file(&machine)?.map(|text| PolicyFile {
        layer: Layer::Machine,
        name: name(&machine),
        text,
    }));
    for path in listing(&directory.join("groups"))? {
        let layer = stem(&path).and_then(|stem| stem.parse().ok()).map(Layer::Group);
        files.extend(read_named(&path, layer)?);
    }
    for path in listing(&directory.join("users"))? {
        let layer = stem(&path).and_then(|stem| stem.parse().ok()).map(Layer::User);
        files.extend(read_named(&path, layer)?);
    }
    Ok(files)
}

/// Reads and parses all files under `directory`.
pub(crate) fn load(directory: &Path) -> Result<Policy, PolicyLoadError> {
    parse(&read(directory)?).map_err(PolicyLoadError::Findings)
}

/// Parses files that were read.
pub(crate) fn parse(files: &[PolicyFile]) -> Result<Policy, Vec<Finding>> {
    Policy::load(files.iter().map(|file| Source {
        layer: file.layer.clone(),
        file: &file.name,
        text: &file.text,
    }))
}

/// The files with the machine layer's text replaced: what a new `policy.toml` would make of them.
pub(crate) fn with_machine(mut files: Vec<PolicyFile>, name: String, text: String) -> Vec<PolicyFile> {
    files.retain(|file| file.layer != Layer::Machine);
    files.push(PolicyFile { layer: Layer::Machine, name, text });
    files
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn stem(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.strip_suffix(".toml")
}

fn read_named(path: &Path, layer: Option<Layer>) -> Result<Option<PolicyFile>, PolicyFileError> {
    let layer = layer.ok_or_else(|| PolicyFileError::Name { path: path.into() })?;
    Ok(read_file(path)?.map(|text| PolicyFile { layer, name: name(path), text }))
}

/// The files of a directory in the order of their names; editors' backups are not policy.
fn listing(directory: &Path) -> Result<Vec<PathBuf>, PolicyFileError> {
    let failed = |source| PolicyFileError::Read { path: directory.into(), source };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Reads a file that is no link and that only its owner, root or this process's user, may write.
fn read_file(path: &Path) -> Result<Option<String>, PolicyFileError> {
    let failed = |source: io::Error| PolicyFileError::Read { path: path.into(), source };
    // NONBLOCK: a FIFO in the file's place must not block the daemon (Linux-PAM CVE-2024-22365).
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => fs::File::from(fd),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(failed(error.into())),
    };
    let metadata = file.metadata().map_err(failed)?;
    let owned = metadata.uid() == 0 || metadata.uid() == rustix::process::geteuid().as_raw();
    if !metadata.is_file() || !owned || metadata.mode() & 0o022 != 0 {
        return Err(PolicyFileError::Unsafe { path: path.into() });
    }
    let mut text = String::new();
    // One byte more than is allowed, so that the parser reports a longer file as too long.
    file.take(Source::MAX_BYTES as u64 + 1).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        }
        dir
    }

    #[test]
    fn layers_come_from_their_places_and_none_is_the_built_in_policy() {
        assert!(load(directory(&[]).path()).is_ok());
        let dir = directory(&[
            ("policy.toml", "[method.smartcard]\nenabled = false\n"),
            ("users/alice.toml", "[method.smartcard]\nenabled = true\n"),
            ("users/alice.toml~", "not policy"),
        ]);
        let policy = load(dir.path()).unwrap();
        let enabled = |user: &str| {
            policy.effective(&user.parse().unwrap(), &[]).method(signet_types::Method::Smartcard).enabled
        };
        assert!(enabled("alice") && !enabled("bob"));
    }

    /// Proves: POL-10
    #[test]
    fn a_file_that_others_may_write_a_link_a_fifo_or_a_bad_name_is_refused() {
        let dir = directory(&[("policy.toml", "")]);
        let path = dir.path().join("policy.toml");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(load(dir.path()), Err(PolicyLoadError::File(PolicyFileError::Unsafe { .. }))));
        fs::remove_file(&path).unwrap();
        symlink("/etc/passwd", &path).unwrap();
        assert!(matches!(load(dir.path()), Err(PolicyLoadError::File(PolicyFileError::Read { .. }))));
        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(matches!(load(dir.path()), Err(PolicyLoadError::File(PolicyFileError::Unsafe { .. }))));
        let dir = directory(&[("users/a b.toml", "")]);
        assert!(matches!(load(dir.path()), Err(PolicyLoadError::File(PolicyFileError::Name { .. }))));
    }

    /// Proves: POL-10
    #[test]
    fn a_fault_names_its_file() {
        let dir = directory(&[("groups/staff.toml", "[method.smartcard]\nenabled = 3\n")]);
        let Err(PolicyLoadError::Findings(findings)) = load(dir.path()) else {
            panic!("a wrong type was taken")
        };
        assert!(findings[0].to_string().contains("groups/staff.toml:2:"), "{}", findings[0]);
    }
}
