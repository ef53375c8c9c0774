use serde::Serialize;
use signet_protocol::wire::session::{List, Lock, Session, Unlock};
use signet_types::SessionId;

use super::{Task, conversations};
use crate::{Exit, cli::SessionCommand, fault::Fault, table::Table};

pub(super) fn carry_out(task: &mut Task, command: SessionCommand) -> Result<Exit, Fault> {
    match command {
        SessionCommand::List => list(task),
        SessionCommand::Status { session } => status(task, &session.session),
        SessionCommand::Lock { session } => lock(task, &session.session),
        SessionCommand::Unlock { session } => {
            let daemon = task.daemon()?;
            conversations::hold(task, daemon, &Unlock { session: session.session }, "")
        }
    }
}

fn list(task: &Task) -> Result<Exit, Fault> {
    let reply = task.daemon()?.call(&List {})?;
    task.output.give(&reply, || {
        if reply.sessions.is_empty() {
            return "No session that you may see was opened through Signet.".to_owned();
        }
        let mut table =
            Table::new(["SESSION", "USER", "SERVICE", "OPENED BY", "ON REMOVAL", "LOCKED", "SINCE"]);
        for s in &reply.sessions {
            table.row([
                s.session.as_str(),
                s.user.as_str(),
                s.service.as_str(),
                opened_by(s),
                s.removal_action.as_str(),
                yes_no(s.locked),
                &s.since,
            ]);
        }
        table.to_string()
    })?;
    Ok(Exit::Yes)
}

fn opened_by(session: &Session) -> &str {
    session.method.map_or("another way", |method| method.as_str())
}

const fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// One session as a JSON document; `null` where there is none.
#[derive(Serialize)]
struct Found<'s> {
    session: Option<&'s Session>,
}

fn status(task: &Task, wanted: &SessionId) -> Result<Exit, Fault> {
    let sessions = task.daemon()?.call(&List {})?.sessions;
    let found = sessions.iter().find(|s| s.session == *wanted);
    task.output.give(&Found { session: found }, || match found {
        None => format!("Signet knows no session {wanted}, or you may not see it."),
        Some(s) => described(s),
    })?;
    Ok(Exit::of(found.is_some()))
}

fn described(session: &Session) -> String {
    let mut facts = Table::default();
    facts.row(["session", session.session.as_str()]);
    facts.row(["user", session.user.as_str()]);
    facts.row(["service", session.service.as_str()]);
    facts.row(["opened by", opened_by(session)]);
    if let Some(credential) = session.credential {
        facts.row(["credential", &credential.to_string()]);
    }
    facts.row(["on removal", session.removal_action.as_str()]);
    facts.row(["locked", yes_no(session.locked)]);
    facts.row(["since", &session.since]);
    facts.to_string()
}

fn lock(task: &Task, session: &SessionId) -> Result<Exit, Fault> {
    let reply = task.daemon()?.call(&Lock { session: session.clone() })?;
    task.output.give(&reply, || {
        if reply.locked {
            format!("Session {session} is locked. 'signetctl session unlock {session}' unlocks it.")
        } else {
            format!(
                "Session {session} was told to lock, and did not report that it is locked. Does a screen locker \
                 run in it that listens to logind?"
            )
        }
    })?;
    Ok(Exit::of(reply.locked))
}
