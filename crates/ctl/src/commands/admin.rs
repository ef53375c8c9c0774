use std::path::{Path, absolute};

use serde::Serialize;
use serde_json::Value;
use signet_protocol::{
    SecretText,
    wire::admin::{Audit, Check, DaemonStatus, Doctor, Export, Health, Status},
};
use signet_types::Timestamp;

use super::Task;
use crate::{Exit, fault::Fault, plain::plain, table::Table};

pub(super) fn status(task: &Task) -> Result<Exit, Fault> {
    let status = task.daemon()?.call(&Status {})?;
    task.output.give(&status, || described(&status))?;
    Ok(Exit::Yes)
}

fn described(status: &DaemonStatus) -> String {
    let mut facts = Table::default();
    facts.row(["signetd", &format!("{}, running since {}", status.version, status.started_at)]);
    facts.row(["store", &format!("{}, key from {}", status.engine, status.key_source)]);
    facts.row(["enrolled", &format!("{} credentials of {} users", status.credentials, status.users)]);
    facts.row(["policy", &format!("in force since {}", status.policy_in_force_since)]);
    facts.row(["conversations", &status.conversations.to_string()]);
    if status.devices.is_empty() {
        return format!("{facts}\n\nNo reader is connected. 'signetctl doctor' says what is missing.");
    }
    let mut devices = Table::new(["DEVICE", "KIND", "TOKEN"]);
    for device in &status.devices {
        let token = if device.token_present { "present" } else { "none" };
        devices.row([device.device.as_str(), &device.kind, token]);
    }
    format!("{facts}\n\n{devices}")
}

pub(super) fn doctor(task: &Task) -> Result<Exit, Fault> {
    let diagnosis = task.daemon()?.call(&Doctor {})?;
    task.output.give(&diagnosis, || findings(&diagnosis.checks))?;
    Ok(Exit::of(!diagnosis.checks.iter().any(|check| check.state == Health::Bad)))
}

fn findings(checks: &[Check]) -> String {
    let mut table = Table::default();
    for check in checks {
        let state = match check.state {
            Health::Good => "good",
            Health::Warning => "WARNING",
            Health::Bad => "BAD",
        };
        table.row([state, &check.part, &check.text]);
        if !check.advice.is_empty() {
            table.row([" ", " ", &format!("-> {}", check.advice)]);
        }
    }
    let count = |state| checks.iter().filter(|c| c.state == state).count();
    let summary = match (count(Health::Bad), count(Health::Warning)) {
        (0, 0) => "All parts are well.".to_owned(),
        (bad, warnings) => format!("{bad} bad, {warnings} warnings; '->' says what to do."),
    };
    format!("{table}\n\n{summary}")
}

pub(super) fn export(task: &mut Task, file: &Path) -> Result<Exit, Fault> {
    let shown = absolute(file).map_err(Fault::file(file))?;
    let path = shown
        .to_str()
        .ok_or_else(|| Fault::request("the file's name is not UTF-8", "Choose another name."))?
        .to_owned();
    // The daemon is asked for first, so that nobody types a passphrase for nothing.
    let mut daemon = task.daemon()?;
    let Some(passphrase) = passphrase(task)? else { return Ok(Exit::No) };
    let exported = daemon.call(&Export { path: path.clone(), passphrase })?;
    task.output.give(&exported, || {
        format!(
            "{} records are in {}, encrypted. Without the passphrase nobody can read them; keep both apart.",
            exported.records,
            plain(&path)
        )
    })?;
    Ok(Exit::Yes)
}

fn passphrase(task: &mut Task) -> Result<Option<SecretText>, Fault> {
    let Some(first) = task.answers.secret("Passphrase for the export:", task.output)? else {
        return Ok(None);
    };
    if first.expose().is_empty() {
        return Err(Fault::request("an empty passphrase protects nothing", "Choose a long one."));
    }
    if task.answers.are_typed() {
        let Some(second) = task.answers.secret("The same again:", task.output)? else { return Ok(None) };
        if first != second {
            return Err(Fault::request("the two passphrases differ", "Nothing was written; try again."));
        }
    }
    Ok(Some(first))
}

/// The entries as JSON values; one that is none stays text.
#[derive(Serialize)]
struct Entries {
    entries: Vec<Value>,
}

pub(super) fn audit(task: &Task, count: u32) -> Result<Exit, Fault> {
    let entries = task.daemon()?.call(&Audit { count })?.entries;
    let parsed = |line: &String| serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.clone()));
    let document = Entries { entries: entries.iter().map(parsed).collect() };
    task.output.give(&document, || {
        if document.entries.is_empty() {
            return "No entries.".to_owned();
        }
        document.entries.iter().map(entry).collect::<Vec<_>>().join("\n")
    })?;
    Ok(Exit::Yes)
}

/// What holds the entries' chain together; for `signetctl audit --json`, not for reading.
const CHAIN: [&str; 3] = ["seq", "prev", "mac"];
/// The members that stand first, without their names.
const FIRST: [&str; 3] = ["time", "event", "outcome"];

/// An entry in one line: when, what, how it ended, then the other members as `name=value`.
fn entry(value: &Value) -> String {
    let Value::Object(members) = value else { return plain(&value.to_string()) };
    let first = FIRST.iter().filter_map(|name| Some(shown(name, members.get(*name)?)));
    let details = members.get("detail").and_then(Value::as_object).into_iter().flatten();
    let rest = members
        .iter()
        .filter(|(name, _)| *name != "detail")
        .chain(details)
        .filter(|(name, value)| !value.is_null() && ![CHAIN, FIRST].concat().contains(&name.as_str()))
        .map(|(name, value)| format!("{}={}", plain(name), shown(name, value)));
    first.chain(rest).collect::<Vec<_>>().join(" ")
}

/// A member's value; times are seconds since the epoch.
fn shown(name: &str, value: &Value) -> String {
    match value {
        Value::Number(seconds) if name == "time" && seconds.is_u64() => {
            Timestamp::from_secs(seconds.as_u64().unwrap_or_default()).to_string()
        }
        Value::String(text) if !text.is_empty() && !text.contains(' ') => plain(text),
        other => plain(&other.to_string()),
    }
}
