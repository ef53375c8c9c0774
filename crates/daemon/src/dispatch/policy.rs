//! `io.signet.Policy`: what is in force, where it comes from, and putting a new one in force.

use std::{collections::BTreeSet, rc::Rc};

use signet_policy::{Explained, KeyPath, Policy, Standing, UserEnrolments, check_lockouts};
use signet_protocol::{
    Method as Call, Refusal,
    wire::{policy as wire, service},
};
use signet_store::{
    Records, StoreError,
    audit::{Detail, Entry},
};
use signet_types::{Method, UserName};

use crate::{
    access::{self, Subject},
    accounts,
    daemon::{self, Daemon, now},
    peer::Peer,
    policy_files::{self, PolicyLoadError},
};

pub(super) async fn explain(
    daemon: &Daemon,
    peer: Peer,
    call: wire::Explain,
) -> Result<wire::Explained, Refusal> {
    let user = access::user_or_caller(peer, call.user, Call::Explain).await?;
    let method = call.method.as_deref().map(str::parse::<Method>).transpose();
    let method = method.map_err(|_| {
        let method =
            call.method.unwrap_or_default().chars().filter(char::is_ascii_graphic).take(32).collect();
        wire::Error::UnknownMethod { method, allowed: Method::ALL.map(Method::as_str).join(", ") }
    })?;
    let policy = daemon.policy();
    let explained = tokio::task::spawn_blocking(move || {
        let account = accounts::by_name(&user).ok().flatten();
        let groups = account.and_then(|account| daemon::groups(&policy, &account).ok()).unwrap_or_default();
        match method {
            Some(method) => policy.explain(&user, &groups, method, call.service.as_ref()),
            None => policy.explain_everything(Some(&user), &groups),
        }
    });
    let explained = explained.await.map_err(|_| Refusal::from(service::Error::PermissionDenied {}))?;
    Ok(wire::Explained { values: values(explained) })
}

/// One line for each key: the value in force, with those that it covers.
fn values(explained: Vec<Explained>) -> Vec<wire::Value> {
    let mut values: Vec<wire::Value> = Vec::new();
    for given in explained {
        if let (Standing::Covered { .. }, Some(value)) = (&given.standing, values.last_mut()) {
            value.shadowed.push(given.to_string());
            continue;
        }
        let (file, line) = given.place.clone().unzip();
        values.push(wire::Value {
            documentation: documentation(&given.key),
            key: given.key,
            value: given.value,
            layer: given.layer.to_string(),
            file,
            line,
            shadowed: Vec::new(),
        });
    }
    values
}

/// What the policy reference says of a key.
fn documentation(key: &str) -> String {
    key.parse::<KeyPath>().map(|path| path.info().doc.to_owned()).unwrap_or_default()
}

/// Reads the files again. The last good policy stays in force where they have a fault (POL-10).
pub(crate) async fn reload(daemon: &Rc<Daemon>) -> wire::Reloaded {
    let directory = daemon.layout.policy();
    let loaded = tokio::task::spawn_blocking(move || policy_files::load(&directory)).await;
    let (findings, lockouts) = match loaded {
        Ok(Ok(policy)) => {
            let lockouts = lockouts(daemon, &policy).await;
            // The findings of an earlier load are gone with this good one.
            let _ = daemon.policy.borrow_mut().replace(Ok(policy));
            daemon.policy_since.set(now());
            (Vec::new(), lockouts)
        }
        Ok(Err(PolicyLoadError::Findings(findings))) => {
            let told = findings.iter().map(finding).collect();
            let _ = daemon.policy.borrow_mut().replace(Err(findings));
            (told, Vec::new())
        }
        Ok(Err(PolicyLoadError::File(error))) => (vec![file_fault(error.to_string())], Vec::new()),
        Err(panic) => (vec![file_fault(panic.to_string())], Vec::new()),
    };
    let outcome = if findings.is_empty() { "in-force" } else { "refused" };
    tracing::info!(outcome, findings = findings.len(), "policy reloaded");
    let mut entry = Entry::new(now(), "policy-reload", outcome);
    entry.detail.insert("findings", Detail::Number(findings.len() as u64));
    let _ = daemon.record(entry).await;
    wire::Reloaded { in_force: findings.is_empty(), findings, lockouts }
}

pub(super) async fn check(
    daemon: &Rc<Daemon>,
    peer: Peer,
    call: wire::Check,
) -> Result<wire::Checked, Refusal> {
    access::check(peer, &Subject::Nobody, Call::CheckPolicy)?;
    let directory = daemon.layout.policy();
    let checked = tokio::task::spawn_blocking(move || {
        let files = policy_files::read(&directory)?;
        let files = policy_files::with_machine(files, call.name, call.text);
        policy_files::parse(&files).map_err(PolicyLoadError::Findings)
    });
    Ok(match checked.await {
        Ok(Ok(policy)) => wire::Checked { findings: Vec::new(), lockouts: lockouts(daemon, &policy).await },
        Ok(Err(PolicyLoadError::Findings(findings))) => {
            wire::Checked { findings: findings.iter().map(finding).collect(), lockouts: Vec::new() }
        }
        Ok(Err(PolicyLoadError::File(error))) => {
            wire::Checked { findings: vec![file_fault(error.to_string())], lockouts: Vec::new() }
        }
        Err(panic) => wire::Checked { findings: vec![file_fault(panic.to_string())], lockouts: Vec::new() },
    })
}

pub(super) async fn show(daemon: &Daemon, peer: Peer) -> Result<wire::Shown, Refusal> {
    access::check(peer, &Subject::Nobody, Call::ShowPolicy)?;
    let path = daemon.layout.policy().join("policy.toml");
    let text = tokio::fs::read_to_string(path).await.unwrap_or_default();
    let findings = daemon.policy.borrow().last_error().iter().map(finding).collect();
    Ok(wire::Shown { text, findings })
}

/// The users whom a policy would keep out (ENA-03).
async fn lockouts(daemon: &Rc<Daemon>, policy: &Policy) -> Vec<wire::Lockout> {
    // The directory may be slow: it is asked where the store is, away from everybody else.
    let asked = policy.clone();
    let users = daemon.stored(move |records| {
        records.users()?.into_iter().map(|user| enrolments(records, &asked, user)).collect()
    });
    match users.await {
        Ok(users) => {
            let users: Vec<UserEnrolments> = users;
            let found = check_lockouts(policy, users).into_iter();
            found.map(|lockout| wire::Lockout { reason: lockout.to_string(), user: lockout.user }).collect()
        }
        Err(error) => {
            tracing::error!(%error, "who would be locked out cannot be told");
            Vec::new()
        }
    }
}

fn enrolments(records: &Records, policy: &Policy, user: UserName) -> Result<UserEnrolments, StoreError> {
    let enrolled = records.credentials(&user)?.iter().map(|credential| credential.method).collect();
    let account = accounts::by_name(&user).ok().flatten();
    let groups = account.and_then(|account| daemon::groups(policy, &account).ok()).unwrap_or_default();
    Ok(UserEnrolments { user, groups, enrolled, identifier_only: BTreeSet::new() })
}

fn finding(finding: &signet_policy::Finding) -> wire::Finding {
    wire::Finding {
        file: finding.file.clone(),
        line: finding.at.line,
        column: finding.at.column,
        problem: finding.problem.to_string(),
        allowed: finding.problem.allowed(),
    }
}

/// A fault of a file as a whole, at its beginning.
fn file_fault(problem: String) -> wire::Finding {
    wire::Finding { file: String::new(), line: 1, column: 1, problem, allowed: String::new() }
}
