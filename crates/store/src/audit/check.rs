use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::{
    AuditError, AuditKey, AuditPlace,
    entry::{MAC_FIELD, MAX_LINE, TRAILER, hex},
    numbered,
};
use crate::mark::{Level, Mark};

/// Where the chain of the audit log breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// A line was changed, or is none of this log.
    #[error("{file}, line {line}: the entry was changed or is damaged")]
    Changed {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
    },
    /// Entries were removed, added or moved before this line.
    #[error("{file}, line {line}: entry {found} follows entry {after}; entries were removed, added or moved")]
    Order {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The number of the entry before.
        after: u64,
        /// The number of the entry found.
        found: u64,
    },
    /// The oldest entry is not the first, though no older file was turned over.
    #[error("{file} begins with entry {found}; the entries before it were removed")]
    Start {
        /// The file.
        file: String,
        /// The number of the entry found.
        found: u64,
    },
    /// The log ends before its mark.
    #[error("the audit log ends at entry {found}, but its mark is at {expected}: entries were cut off")]
    Cut {
        /// The last entry's number.
        found: u64,
        /// The mark's.
        expected: u64,
    },
    /// The entry that the mark names is another one.
    #[error("entry {sequence} of the audit log is not the one that its mark names: the log was replaced")]
    Replaced {
        /// The entry's number.
        sequence: u64,
    },
}

/// What [`verify`] found in an unbroken log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Number of the oldest entry that is kept; 0 where there is none.
    pub first: u64,
    /// Number of the newest entry; 0 where there is none.
    pub last: u64,
    /// The mark: entries up to here cannot be cut off unseen.
    pub checkpoint: u64,
}

/// Checks the whole log: every entry of every file, their order, and the mark.
pub fn verify(place: &AuditPlace, key: &AuditKey) -> Result<Summary, AuditError> {
    let (_, reading) = Mark::open(&place.mark, key.mark.clone())?;
    let mut chain = Chain { at: reading.level, met: false, last: None, first: 0 };
    let oldest = (1..=place.keep).rev().find(|n| place.file(*n).exists()).unwrap_or(0);
    for n in (0..=oldest).rev() {
        let path = place.file(n);
        let file = path.display().to_string();
        let mut number = 0;
        each_line(&path, |line| {
            number += 1;
            let changed = || Break::Changed { file: file.clone(), line: number };
            let parsed = parse(line, key).ok_or_else(changed)?;
            chain.follow(&parsed, &file, number)
        })?;
    }
    // Only where as many older files are kept as may be, entries have gone in good order.
    if chain.first > 1 && oldest < place.keep {
        return Err(
            Break::Start { file: place.file(oldest).display().to_string(), found: chain.first }.into()
        );
    }
    let last = chain.last.map_or(0, |(sequence, _)| sequence);
    if last < reading.level.sequence {
        return Err(Break::Cut { found: last, expected: reading.level.sequence }.into());
    }
    if last > 0 && !chain.met && reading.level.sequence >= chain.first {
        return Err(Break::Replaced { sequence: reading.level.sequence }.into());
    }
    Ok(Summary { first: chain.first, last, checkpoint: reading.level.sequence })
}

struct Chain {
    at: Level,
    met: bool,
    first: u64,
    last: Option<(u64, [u8; 32])>,
}

impl Chain {
    fn follow(&mut self, line: &Parsed, file: &str, number: u64) -> Result<(), Break> {
        if let Some((sequence, mac)) = self.last {
            if line.sequence != sequence + 1 || line.previous != hex(&mac) {
                let file = file.to_owned();
                return Err(Break::Order { file, line: number, after: sequence, found: line.sequence });
            }
        } else {
            self.first = line.sequence;
        }
        self.met |= line.sequence == self.at.sequence && line.mac == self.at.digest;
        self.last = Some((line.sequence, line.mac));
        Ok(())
    }
}

/// The end of a log.
pub(super) struct Found {
    pub(super) sequence: u64,
    pub(super) mac: [u8; 32],
    /// Length of what is whole in the newest file.
    pub(super) bytes: u64,
    /// The entries of the file that holds the end.
    macs: Vec<(u64, [u8; 32])>,
}

impl Found {
    /// Whether this end is the mark's or lies behind it.
    pub(super) fn compare(&self, mark: &Level) -> Result<(), Break> {
        if self.sequence < mark.sequence {
            return Err(Break::Cut { found: self.sequence, expected: mark.sequence });
        }
        match self.macs.iter().find(|(sequence, _)| *sequence == mark.sequence) {
            Some((sequence, mac)) if *mac != mark.digest => Err(Break::Replaced { sequence: *sequence }),
            _ => Ok(()),
        }
    }
}

/// Finds the end of the log: in the newest file, or, where that was just begun, in the one before.
pub(super) fn tail(place: &AuditPlace, key: &AuditKey) -> Result<Found, AuditError> {
    let newest = whole_lines(&place.path, key)?;
    if newest.sequence > 0 {
        return Ok(newest);
    }
    let before = whole_lines(&numbered(&place.path, 1), key)?;
    Ok(Found { bytes: newest.bytes, ..before })
}

/// Reads a file's whole lines. What follows the last of them is torn: nobody was told that it is
/// written. A bad line with a good one after it is no torn end but a break.
fn whole_lines(path: &Path, key: &AuditKey) -> Result<Found, AuditError> {
    let name = path.display().to_string();
    let mut found = Found { sequence: 0, mac: [0; 32], bytes: 0, macs: Vec::new() };
    let mut chain = Chain {
        at: Level { generation: [0; 16], sequence: 0, digest: [0; 32] },
        met: false,
        first: 0,
        last: None,
    };
    let (mut number, mut bad) = (0, None);
    each_line(path, |line| {
        number += 1;
        match (parse(line, key), bad) {
            (None, None) => bad = Some(number),
            (None, Some(_)) => {}
            (Some(_), Some(line)) => return Err(Break::Changed { file: name.clone(), line }),
            (Some(parsed), None) => {
                chain.follow(&parsed, &name, number)?;
                (found.sequence, found.mac) = (parsed.sequence, parsed.mac);
                found.macs.push((parsed.sequence, parsed.mac));
                found.bytes += line.len() as u64;
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// Calls `take` for each line with its end, also for a last one without. A missing file has none.
fn each_line(path: &Path, mut take: impl FnMut(&[u8]) -> Result<(), Break>) -> Result<(), AuditError> {
    let failed = |source| AuditError::Io { what: "read", path: path.display().to_string(), source };
    let mut reader = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => BufReader::new(opened.map_err(failed)?),
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        // One byte more than allowed shows that a line is too long without reading it all.
        let limit = MAX_LINE as u64 + 1;
        if reader.by_ref().take(limit).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        take(&line)?;
    }
}

struct Parsed {
    sequence: u64,
    previous: String,
    mac: [u8; 32],
}

#[derive(Deserialize)]
struct Fields {
    seq: u64,
    prev: String,
}

/// A line, if it is whole and authentic.
fn parse(line: &[u8], key: &AuditKey) -> Option<Parsed> {
    let (body, trailer) = line.split_at_checked(line.len().checked_sub(TRAILER)?)?;
    let mac = trailer.strip_prefix(MAC_FIELD)?.strip_suffix(b"\"}\n")?;
    let expected = key.mac(body);
    if !bool::from(hex(&expected).as_bytes().ct_eq(mac)) {
        return None;
    }
    let fields: Fields = serde_json::from_slice(line).ok()?;
    Some(Parsed { sequence: fields.seq, previous: fields.prev, mac: expected })
}
