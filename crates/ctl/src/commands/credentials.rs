use serde::Serialize;
use signet_protocol::wire::enrollment::{
    Credential, CredentialReply, Describe, List, MethodList, Methods, Show, Status,
};
use signet_types::CredentialId;

use super::Task;
use crate::{
    Exit,
    cli::{CredentialArgument, Who},
    daemon::Daemon,
    fault::Fault,
    plain::plain,
    table::Table,
};

pub(super) fn methods(task: &Task, who: Who) -> Result<Exit, Fault> {
    let list = task.daemon()?.call(&Methods { user: who.user })?;
    task.output.give(&list, || described(&list))?;
    Ok(Exit::Yes)
}

fn described(list: &MethodList) -> String {
    let mut table = Table::new(["METHOD", "STATUS", "CREDENTIALS", "DETAIL"]);
    for method in &list.methods {
        table.row([
            method.method.as_str(),
            word(method.status),
            &method.credentials.to_string(),
            &method.detail,
        ]);
    }
    let can = |wanted| list.methods.iter().find(|m| m.status == wanted).map(|m| m.method);
    let hint = match (can(Status::Required), can(Status::Optional)) {
        (Some(method), _) => format!("\n\nRequired: enrol it with 'signetctl enroll {method}'."),
        (None, Some(method)) => {
            format!("\n\nEnrol one with 'signetctl enroll METHOD', for example {method}.")
        }
        (None, None) => String::new(),
    };
    format!("{table}{hint}")
}

/// The status as people read it (ENR-07).
const fn word(status: Status) -> &'static str {
    match status {
        Status::Enrolled => "ENROLLED",
        Status::Optional => "OPTIONAL",
        Status::Required => "REQUIRED",
        Status::Disabled => "DISABLED",
        Status::Unavailable => "NOT AVAILABLE",
    }
}

pub(super) fn list(task: &Task, who: Who) -> Result<Exit, Fault> {
    let reply = task.daemon()?.call(&List { user: who.user })?;
    task.output.give(&reply, || listed(&reply.credentials))?;
    Ok(Exit::Yes)
}

fn listed(credentials: &[Credential]) -> String {
    if credentials.is_empty() {
        return "Nothing is enrolled. 'signetctl methods' shows what can be; 'signetctl enroll METHOD' enrols it."
            .to_owned();
    }
    let digits = distinct(credentials);
    let mut table = Table::new(["ID", "USER", "METHOD", "KIND", "ENROLLED", "LAST USED", "DESCRIPTION"]);
    for credential in credentials {
        let id: String = credential.id.to_string().chars().take(digits).collect();
        let used = credential.last_used.as_deref().unwrap_or("never");
        table.row([
            &id,
            credential.user.as_str(),
            credential.method.as_str(),
            &credential.kind,
            &credential.enrolled_at,
            used,
            &credential.description,
        ]);
    }
    format!("{table}\n\n'signetctl show ID' shows one; the first digits of its id are enough.")
}

/// How many digits, at least eight, tell the ids apart.
fn distinct(credentials: &[Credential]) -> usize {
    let ids: Vec<String> = credentials.iter().map(|c| c.id.to_string()).collect();
    let apart = |digits: &usize| {
        let mut starts: Vec<&str> = ids.iter().filter_map(|id| id.get(..*digits)).collect();
        starts.sort_unstable();
        starts.dedup();
        starts.len() == ids.len()
    };
    (8..32).find(apart).unwrap_or(32)
}

/// One credential as a JSON document.
#[derive(Serialize)]
struct One<'c> {
    credential: &'c Credential,
}

pub(super) fn show(task: &Task, which: CredentialArgument) -> Result<Exit, Fault> {
    let mut daemon = task.daemon()?;
    let credential = find(&mut daemon, which)?;
    let CredentialReply { credential } = daemon.call(&Show { credential })?;
    give(task, &credential, "")
}

pub(super) fn modify(task: &Task, which: CredentialArgument, description: String) -> Result<Exit, Fault> {
    let mut daemon = task.daemon()?;
    let credential = find(&mut daemon, which)?;
    let CredentialReply { credential } = daemon.call(&Describe { credential, description })?;
    give(task, &credential, "Changed.\n")
}

fn give(task: &Task, credential: &Credential, before: &str) -> Result<Exit, Fault> {
    task.output.give(&One { credential }, || {
        let mut facts = Table::default();
        facts.row(["id", &credential.id.to_string()]);
        facts.row(["user", credential.user.as_str()]);
        facts.row(["method", credential.method.as_str()]);
        facts.row(["kind", &credential.kind]);
        facts.row(["enrolled", &credential.enrolled_at]);
        facts.row(["last used", credential.last_used.as_deref().unwrap_or("never")]);
        facts.row(["description", &credential.description]);
        format!("{before}{facts}")
    })?;
    Ok(Exit::Yes)
}

/// The credential whose id starts with the digits that were given.
pub(super) fn find(daemon: &mut Daemon, which: CredentialArgument) -> Result<CredentialId, Fault> {
    if let Ok(id) = which.id.parse() {
        return Ok(id);
    }
    let credentials = daemon.call(&List { user: which.who.user })?.credentials;
    let mut fitting = credentials.iter().map(|c| c.id).filter(|id| id.to_string().starts_with(&which.id));
    match (fitting.next(), fitting.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(Fault::request(
            format!("no credential's id starts with {}", plain(&which.id)),
            "'signetctl list' shows yours; name another user with --user, or give the whole id.",
        )),
        (Some(_), Some(_)) => Err(Fault::request(
            format!("several credentials' ids start with {}", plain(&which.id)),
            "Give more digits; 'signetctl list' shows the ids.",
        )),
    }
}
