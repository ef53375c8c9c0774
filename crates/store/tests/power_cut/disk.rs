//! A disk that knows what was flushed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    rc::Rc,
};

use crate::trace::{Event, Kind};

const SECTOR: usize = 512;
const PAGE: usize = 4096;

/// What a power cut takes of what was not flushed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    Everything,
    Part,
    Nothing,
}

/// A small generator of random numbers (xorshift64*), so that a failure can be had again.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap();
        bits % bound
    }
}

#[derive(Clone)]
enum Change {
    Write { offset: usize, data: Rc<[u8]> },
    Truncate(usize),
    Grow(usize),
}

#[derive(Default)]
struct Inode {
    durable: Vec<u8>,
    /// Changes that were not flushed, with the line at which each ended.
    pending: Vec<(usize, Change)>,
}

#[derive(Clone)]
enum Name {
    Create(PathBuf, usize),
    Directory(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// A name leads to a file, or is a directory.
type Names = BTreeMap<PathBuf, Option<usize>>;

#[derive(Default)]
pub(crate) struct Disk {
    inodes: Vec<Inode>,
    names: Names,
    /// All changes of names; a journal keeps their order.
    journal: Vec<(usize, Name)>,
    synced_names: usize,
}

impl Disk {
    /// Applies an event that has ended. Flushes of a file named `ignored` do nothing.
    pub(crate) fn apply(&mut self, event: &Event, ignored: Option<&str>) {
        match &event.kind {
            Kind::Report(_) => {}
            Kind::Create { path, truncate } => match self.names.get(path).copied() {
                Some(Some(inode)) if *truncate => self.change(inode, event.end, Change::Truncate(0)),
                Some(_) => {}
                None => {
                    self.inodes.push(Inode::default());
                    self.rename(event.end, Name::Create(path.clone(), self.inodes.len() - 1));
                }
            },
            Kind::Directory(path) => self.rename(event.end, Name::Directory(path.clone())),
            Kind::Rename { from, to } => self.rename(event.end, Name::Rename(from.clone(), to.clone())),
            Kind::Remove(path) => self.rename(event.end, Name::Remove(path.clone())),
            Kind::Write { path, offset, data } => {
                self.change_at(path, event.end, Change::Write { offset: *offset, data: Rc::clone(data) });
            }
            Kind::Truncate { path, length } => self.change_at(path, event.end, Change::Truncate(*length)),
            Kind::Grow { path, length } => self.change_at(path, event.end, Change::Grow(*length)),
            Kind::Flush(path) if ignored.is_some_and(|i| path.ends_with(i)) => {}
            Kind::Flush(path) => self.flush(path, event.start),
        }
    }

    fn change_at(&mut self, path: &Path, end: usize, change: Change) {
        // A file without a name was removed: nobody will find it.
        if let Some(Some(inode)) = self.names.get(path).copied() {
            self.change(inode, end, change);
        }
    }

    fn change(&mut self, inode: usize, end: usize, change: Change) {
        self.inodes[inode].pending.push((end, change));
    }

    fn rename(&mut self, end: usize, name: Name) {
        apply_name(&mut self.names, &name);
        self.journal.push((end, name));
    }

    /// Makes durable what had ended when the flush began.
    fn flush(&mut self, path: &Path, start: usize) {
        if let Some(Some(inode)) = self.names.get(path).copied() {
            let Inode { durable, pending } = &mut self.inodes[inode];
            let (covered, later): (Vec<_>, _) =
                std::mem::take(pending).into_iter().partition(|(end, _)| *end < start);
            *pending = later;
            for (_, change) in &covered {
                apply_change(durable, change);
            }
        } else {
            // A directory, or the root itself. The journal is written up to the last name in it.
            let touches = |(end, name): &(usize, Name)| *end < start && parents(name).contains(&path);
            let last = self.journal.iter().rposition(touches).map_or(0, |n| n + 1);
            self.synced_names = self.synced_names.max(last);
        }
    }

    /// Writes what the power cut leaves to a directory.
    pub(crate) fn cut(mut self, loss: Loss, chance: &mut Chance, root: &Path) {
        let unsynced = self.journal.len() - self.synced_names;
        let kept = self.synced_names
            + match loss {
                Loss::Everything => 0,
                Loss::Part => chance.below(unsynced + 1),
                Loss::Nothing => unsynced,
            };
        let mut names = Names::new();
        for (_, name) in &self.journal[..kept] {
            apply_name(&mut names, name);
        }
        for inode in &mut self.inodes {
            for (_, change) in std::mem::take(&mut inode.pending) {
                match loss {
                    Loss::Everything => {}
                    Loss::Nothing => apply_change(&mut inode.durable, &change),
                    Loss::Part => tear(&mut inode.durable, &change, chance),
                }
            }
        }
        for (path, inode) in names {
            match inode {
                None => fs::create_dir(root.join(path)).unwrap(),
                Some(inode) => write_private(&root.join(path), &self.inodes[inode].durable),
            }
        }
    }
}

/// The key's file must be its owner's alone.
fn write_private(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn parents(name: &Name) -> Vec<&Path> {
    let paths = match name {
        Name::Create(path, _) | Name::Directory(path) | Name::Remove(path) => vec![path],
        Name::Rename(from, to) => vec![from, to],
    };
    paths.into_iter().filter_map(|p| p.parent()).collect()
}

fn apply_name(names: &mut Names, name: &Name) {
    match name {
        Name::Create(path, inode) => {
            names.insert(path.clone(), Some(*inode));
        }
        Name::Directory(path) => {
            names.insert(path.clone(), None);
        }
        Name::Remove(path) => {
            names.remove(path);
        }
        Name::Rename(from, to) => {
            let moved: Vec<PathBuf> = names.keys().filter(|p| p.starts_with(from)).cloned().collect();
            for old in moved {
                let inode = names.remove(&old).unwrap();
                let rest = old.strip_prefix(from).unwrap();
                let new = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                names.insert(new, inode);
            }
        }
    }
}

fn apply_change(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, data } => write(bytes, *offset, data),
        Change::Truncate(length) => bytes.resize(*length, 0),
        Change::Grow(length) => bytes.resize(bytes.len().max(*length), 0),
    }
}

fn write(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

/// Applies a change wholly, in part, or not at all.
fn tear(bytes: &mut Vec<u8>, change: &Change, dice: &mut Chance) {
    match (change, dice.below(4)) {
        (_, 0) => {}
        (_, 1 | 2) => apply_change(bytes, change),
        (Change::Write { offset, data }, _) => {
            let unit = if dice.below(2) == 0 { SECTOR } else { PAGE };
            // Units of the disk, not of the write.
            let mut at = 0;
            while at < data.len() {
                let next = (((offset + at) / unit + 1) * unit - offset).min(data.len());
                if dice.below(2) == 0 {
                    write(bytes, offset + at, &data[at..next]);
                }
                at = next;
            }
        }
        (_, _) => {}
    }
}
