//! The command socket: one line is one command, one line is its reply, `ok ...` or `error ...`.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::Arc,
};

use signet_sim_card::{Fault, Slot};

use crate::bench::Bench;

/// The longest command, in bytes.
const LONGEST_LINE: u64 = 1024;

const HELP: &str = "insert [NAME], remove, swap NAME, swap-at-apdu N NAME, yank-mid-apdu [N] [partial], garble [N], \
    stall MS [N], status SW [N], oversize [BYTES] [N], endless-61 [N], truncate [BYTES] [N], wrong-tag [N], heal, \
    tries [NAME], reset-tries [NAME], apdus, cards, present, quit";

pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

/// Takes connections until the process ends; each has a thread.
pub(crate) fn serve(listener: &UnixListener, bench: &Arc<Bench>) {
    for stream in listener.incoming().flatten() {
        let bench = Arc::clone(bench);
        let started = std::thread::Builder::new().spawn(move || {
            // A client that goes away before its reply needs none.
            let _ = converse(&stream, &bench);
        });
        if let Err(error) = started {
            eprintln!("signet-sim-card: no thread for a connection: {error}");
        }
    }
}

fn converse(stream: &UnixStream, bench: &Bench) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if (&mut lines).take(LONGEST_LINE).read_line(&mut line)? == 0 {
            return Ok(());
        }
        if !line.ends_with('\n') {
            return writer.write_all(b"error a command is a line of at most 1024 bytes\n");
        }
        let reply = match command(line.trim_end(), bench) {
            Ok(text) if text.is_empty() => "ok\n".to_owned(),
            Ok(text) => format!("ok {text}\n"),
            Err(error) => format!("error {}\n", crate::with_causes(&*error)),
        };
        writer.write_all(reply.as_bytes())?;
    }
}

fn command(line: &str, bench: &Bench) -> Result<String, Box<dyn std::error::Error>> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    match *words {
        ["insert"] => Ok(bench.insert(None)?),
        ["insert", name] => Ok(bench.insert(Some(name))?),
        ["remove"] => {
            bench.remove();
            Ok(String::new())
        }
        ["swap", name] => {
            let swapped = bench.with_slot(|slot| match slot.present() {
                Some(_) => slot.swap(name).map_err(Into::into),
                None => Err("no card is in the reader, so none can be swapped".into()),
            });
            swapped.map(|()| name.to_owned())
        }
        ["heal"] => {
            bench.with_slot(Slot::heal);
            Ok(String::new())
        }
        ["tries"] => tries(bench, None),
        ["tries", name] => tries(bench, Some(name)),
        ["reset-tries"] => bench.reset_tries(&present(bench)?).map(|()| String::new()),
        ["reset-tries", name] => bench.reset_tries(name).map(|()| String::new()),
        ["apdus"] => {
            let (seen, log) = bench.with_slot(|slot| slot.seen());
            Ok(log.iter().fold(seen.to_string(), |text, ins| format!("{text} {ins:02X}")))
        }
        ["cards"] => Ok(bench.with_slot(|slot| slot.names().collect::<Vec<_>>().join(" "))),
        ["present"] => Ok(bench.with_slot(|slot| slot.present().unwrap_or("-").to_owned())),
        ["help"] => Ok(HELP.to_owned()),
        ["quit"] => {
            bench.quit();
            Ok(String::new())
        }
        _ => {
            let (fault, at) = Fault::parse(line).map_err(|error| format!("{error}; all commands: {HELP}"))?;
            bench.inject(fault, at)?;
            Ok(String::new())
        }
    }
}

fn present(bench: &Bench) -> Result<String, Box<dyn std::error::Error>> {
    bench
        .with_slot(|slot| slot.present().map(str::to_owned))
        .ok_or_else(|| "no card is in the reader: name one".into())
}

fn tries(bench: &Bench, name: Option<&str>) -> Result<String, Box<dyn std::error::Error>> {
    let name = name.map_or_else(|| present(bench), |name| Ok(name.to_owned()))?;
    let tries = bench.with_slot(|slot| slot.card(&name).map(signet_sim_card::Card::tries_left))?;
    tries.map(|tries| tries.to_string()).ok_or_else(|| format!("the card `{name}` has no PIN").into())
}
