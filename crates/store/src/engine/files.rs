use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use super::EngineError;

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), EngineError> {
    File::open(directory)
        .and_then(|d| d.sync_all())
        .map_err(|e| EngineError::io("sync the store's directory", e))
}

/// Makes the name of `path` itself durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), EngineError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => sync_directory(Path::new(".")),
    }
}

/// Makes a directory that only its owner may enter. One that exists is left as it is.
pub(crate) fn make_directory(directory: &Path) -> Result<(), EngineError> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done.map_err(|e| EngineError::io("create the store's directory", e)),
    }
}

/// Syncs every file in `directory`, the directory, and its name in its parent.
pub(super) fn sync_all(directory: &Path) -> Result<(), EngineError> {
    let failed = |e| EngineError::io("sync the store's files", e);
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_file() {
            File::open(entry.path()).and_then(|f| f.sync_all()).map_err(failed)?;
        } else if kind.is_dir() {
            sync_directory(&entry.path())?;
        }
    }
    sync_directory(directory)?;
    sync_parent(directory)
}
