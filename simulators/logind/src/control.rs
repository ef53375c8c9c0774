//! The command socket: one line is one command, one line is its reply, `ok ...` or `error ...`.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

use crate::seat::{Description, Seat};

/// The longest command, in bytes.
const LONGEST_LINE: u64 = 1024;

const HELP: &str = "session ID USER UID SEAT|- TTY|- [remote] [inactive] [leader=PID] [type=TYPE] [class=CLASS] [service=NAME], \
    end ID, list, locked ID, set-locked ID yes|no, locker MS|never, sleep, wake, calls";

/// Takes connections until the process ends.
pub(crate) async fn serve(listener: &UnixListener, seat: &Arc<Seat>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let seat = Arc::clone(seat);
        tokio::spawn(async move {
            // A client that goes away before its reply needs none.
            let _ = converse(stream, &seat).await;
        });
    }
}

async fn converse(stream: UnixStream, seat: &Arc<Seat>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = String::new();
        if (&mut reader).take(LONGEST_LINE).read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if !line.ends_with('\n') {
            return writer.write_all(b"error a command is a line of at most 1024 bytes\n").await;
        }
        let reply = match command(line.trim_end(), seat).await {
            Ok(text) if text.is_empty() => "ok\n".to_owned(),
            Ok(text) => format!("ok {text}\n"),
            Err(error) => format!("error {error}\n"),
        };
        writer.write_all(reply.as_bytes()).await?;
    }
}

async fn command(line: &str, seat: &Arc<Seat>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    match *words {
        ["session", id, user, uid, place, tty, ref options @ ..] => {
            if seat.is_locked(id).is_some() {
                return Err(format!("there is a session {id}").into());
            }
            seat.add(describe(id, user, uid, place, tty, options)?).await?;
        }
        ["end", id] if seat.remove(id).await? => {}
        ["list"] => {
            let ids: Vec<String> = seat.sessions().into_iter().map(|session| session.id).collect();
            return Ok(ids.join(" "));
        }
        ["locked", id] => {
            let locked = seat.is_locked(id).ok_or_else(|| format!("there is no session {id}"))?;
            return Ok(if locked { "yes" } else { "no" }.to_owned());
        }
        ["set-locked", id, value @ ("yes" | "no")] if seat.is_locked(id).is_some() => {
            seat.set_locked(id, value == "yes").await?;
        }
        ["end" | "set-locked", id, ..] => return Err(format!("there is no session {id}, or: {HELP}").into()),
        ["locker", "never"] => seat.set_locker(None),
        ["locker", ms] => {
            seat.set_locker(Some(Duration::from_millis(number(ms, "time in milliseconds")?.into())));
        }
        ["sleep"] => seat.prepare_for_sleep(true).await?,
        ["wake"] => seat.prepare_for_sleep(false).await?,
        ["calls"] => return Ok(seat.calls().join("; ")),
        ["help"] => return Ok(HELP.to_owned()),
        _ => return Err(format!("unknown command; all commands: {HELP}").into()),
    }
    Ok(String::new())
}

fn describe(
    id: &str,
    user: &str,
    uid: &str,
    place: &str,
    tty: &str,
    options: &[&str],
) -> Result<Description, String> {
    if id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a session's id has at most 64 printable ASCII characters".to_owned());
    }
    let some = |text: &str| (text != "-").then(|| text.to_owned());
    let mut session = Description {
        id: id.to_owned(),
        user: user.to_owned(),
        uid: number(uid, "user id")?,
        seat: some(place),
        tty: some(tty),
        remote: false,
        active: true,
        leader: 0,
        kind: if tty == "-" { "x11" } else { "tty" }.to_owned(),
        class: "user".to_owned(),
        service: "login".to_owned(),
    };
    for option in options {
        match option.split_once('=').unwrap_or((option, "")) {
            ("remote", "") => session.remote = true,
            ("inactive", "") => session.active = false,
            ("leader", pid) => session.leader = number(pid, "process id")?,
            ("type", kind) => kind.clone_into(&mut session.kind),
            ("class", class) => class.clone_into(&mut session.class),
            ("service", service) => service.clone_into(&mut session.service),
            _ => return Err(format!("unknown option `{option}`: {HELP}")),
        }
    }
    Ok(session)
}

fn number(text: &str, what: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{text}` is no {what}: a whole number of at most 4294967295 is"))
}
