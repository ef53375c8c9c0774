use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use super::{AuditError, AuditLog};

/// How much of the newest file's end is looked at, in bytes.
const REACH: u64 = 256 * 1024;

impl AuditLog {
    /// The newest entries, at most `count`, the oldest of them first; each as its line. Only the newest
    /// file is looked at, and of it the last 256 KiB.
    pub fn newest(&self, count: usize) -> Result<Vec<String>, AuditError> {
        let path = &self.place.path;
        let failed =
            |source: io::Error| AuditError::Io { what: "read", path: path.display().to_string(), source };
        let mut file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let start = length.saturating_sub(REACH);
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(REACH).read_to_end(&mut bytes).map_err(failed)?;
        let text = String::from_utf8_lossy(&bytes);
        // The first line may be the end of one, the last may still be being written.
        let whole: Vec<_> = text.split_inclusive('\n').skip(usize::from(start > 0)).collect();
        let whole: Vec<_> = whole.into_iter().filter_map(|line| line.strip_suffix('\n')).collect();
        let first = whole.len().saturating_sub(count);
        Ok(whole.into_iter().skip(first).map(str::to_owned).collect())
    }
}
