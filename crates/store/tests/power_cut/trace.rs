//! Reads what `strace -f -y -xx` wrote.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    rc::Rc,
};

/// One finished system call that matters to the disk.
pub(crate) struct Event {
    /// Line at which the call began, counted over all traces.
    pub(crate) start: usize,
    /// Line at which it ended.
    pub(crate) end: usize,
    pub(crate) kind: Kind,
}

/// Paths are relative to the root.
pub(crate) enum Kind {
    /// The program reported a line on its standard output.
    Report(String),
    Create {
        path: PathBuf,
        truncate: bool,
    },
    Directory(PathBuf),
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove(PathBuf),
    Write {
        path: PathBuf,
        offset: usize,
        data: Rc<[u8]>,
    },
    Truncate {
        path: PathBuf,
        length: usize,
    },
    Grow {
        path: PathBuf,
        length: usize,
    },
    /// `fsync` or `fdatasync` of a file or a directory.
    Flush(PathBuf),
}

/// Appends the events of a trace. Panics on a call that could change the disk and is not known.
pub(crate) fn parse(text: &str, root: &Path, events: &mut Vec<Event>) {
    let base = events.iter().map(|e| e.end + 1).max().unwrap_or(0);
    let mut begun: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        let (process, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        let (start, call) = if let Some(resumed) = rest.strip_prefix("<... ") {
            let (start, head) = begun.remove(process).unwrap();
            let (_, tail) = resumed.split_once(" resumed>").unwrap();
            (start, format!("{head}{tail}"))
        } else if let Some(head) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(process, (base + number, head));
            continue;
        } else if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        } else {
            (base + number, rest.to_owned())
        };
        if let Some(kind) = kind(&call, root, &mut positions) {
            events.push(Event { start, end: base + number, kind });
        }
    }
}

fn kind(call: &str, root: &Path, positions: &mut HashMap<String, usize>) -> Option<Kind> {
    let (name, rest) = call.split_once('(').unwrap();
    let (arguments, result) = rest.rsplit_once(") ").unwrap_or((rest, "= ?"));
    let result = result.trim_start().strip_prefix("= ")?;
    if result.starts_with('-') || result.starts_with('?') {
        return None;
    }
    let arguments: Vec<&str> = arguments.split(", ").collect();
    let named = |n: usize| inside(&text(arguments[n]), root);
    let opened = |n: usize| inside(&text(arguments[n].split_once('<')?.1), root);
    let number = |n: usize| arguments[n].parse::<usize>().unwrap();
    match name {
        "openat" => {
            let path = named(1)?;
            let descriptor = result.split('<').next().unwrap().to_owned();
            positions.insert(descriptor, 0);
            let truncate = arguments[2].contains("O_TRUNC");
            arguments[2].contains("O_CREAT").then_some(Kind::Create { path, truncate })
        }
        "mkdir" => named(0).map(Kind::Directory),
        "rename" => Some(Kind::Rename { from: named(0)?, to: named(1)? }),
        "unlink" | "rmdir" => named(0).map(Kind::Remove),
        "unlinkat" => panic!("a call that this test does not model: {call}"),
        "write" if arguments[0].starts_with("1<") => {
            Some(Kind::Report(String::from_utf8(bytes(arguments[1])).unwrap()))
        }
        "write" => {
            let path = opened(0)?;
            let descriptor = arguments[0].split('<').next().unwrap();
            let offset = positions.get_mut(descriptor).unwrap();
            let data: Rc<[u8]> = bytes(arguments[1]).into();
            let at = *offset;
            *offset += data.len();
            Some(Kind::Write { path, offset: at, data })
        }
        "pwrite64" => {
            Some(Kind::Write { path: opened(0)?, offset: number(3), data: bytes(arguments[1]).into() })
        }
        "ftruncate" => Some(Kind::Truncate { path: opened(0)?, length: number(1) }),
        "fallocate" => Some(Kind::Grow { path: opened(0)?, length: number(2) + number(3) }),
        "fsync" | "fdatasync" => opened(0).map(Kind::Flush),
        "sync_file_range" => None,
        "mmap" => {
            let shared = call.contains("MAP_SHARED") && call.contains("PROT_WRITE");
            let ours = arguments.get(4).and_then(|a| inside(&text(a.split_once('<')?.1), root));
            assert!(!shared || ours.is_none(), "a file is written through memory: {call}");
            None
        }
        _ => {
            let ours = arguments
                .iter()
                .any(|a| inside(&text(a.split_once('<').map_or(a, |(_, p)| p)), root).is_some());
            assert!(!ours, "a call that this test does not model: {call}");
            None
        }
    }
}

/// The path below the root, if it is there.
fn inside(path: &str, root: &Path) -> Option<PathBuf> {
    Path::new(path).strip_prefix(root).ok().map(Path::to_path_buf)
}

fn text(argument: &str) -> String {
    String::from_utf8_lossy(&bytes(argument)).into_owned()
}

/// The bytes of a string in `strace`'s hexadecimal form, with or without quotes.
fn bytes(argument: &str) -> Vec<u8> {
    assert!(!argument.ends_with("..."), "strace cut a string short");
    argument.split("\\x").skip(1).map(|hex| u8::from_str_radix(hex.get(..2).unwrap(), 16).unwrap()).collect()
}
