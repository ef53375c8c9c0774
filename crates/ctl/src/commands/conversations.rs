use signet_protocol::{
    Call,
    wire::{
        Begun, Outcome, Verdict,
        authentication::Start,
        enrollment::{ChangeSecret, Delete, Enroll, Methods},
    },
};
use signet_types::{Method, ServiceName};

use super::{Task, credentials, person};
use crate::{
    Exit,
    cli::{CredentialArgument, Who},
    daemon::Daemon,
    fault::Fault,
    plain::plain,
};

pub(super) fn enroll(task: &mut Task, method: Method, who: Who) -> Result<Exit, Fault> {
    let daemon = task.daemon()?;
    let call = Enroll { user: who.user, method: method.to_string() };
    hold(task, daemon, &call, &format!("Try it with 'signetctl verify {method}'."))
}

pub(super) fn verify(
    task: &mut Task,
    method: Option<Method>,
    service: ServiceName,
    who: Who,
) -> Result<Exit, Fault> {
    // Root may ask who it is that holds a card; everybody else asks about himself.
    let user = match who.user {
        None if !person::is_root() => Some(person::own_name().ok_or_else(|| {
            Fault::request("your user name could not be found out", "Give it with --user NAME.")
        })?),
        named => named,
    };
    let daemon = task.daemon()?;
    let call = Start { service, user, requester: None, terminal: None, remote_host: None, method };
    hold(task, daemon, &call, "")
}

pub(super) fn delete(task: &mut Task, which: CredentialArgument) -> Result<Exit, Fault> {
    let mut daemon = task.daemon()?;
    let credential = credentials::find(&mut daemon, which)?;
    hold(task, daemon, &Delete { credential }, "")
}

pub(super) fn pin(task: &mut Task, method: Option<Method>, who: Who) -> Result<Exit, Fault> {
    let mut daemon = task.daemon()?;
    let method = match method {
        Some(method) => method,
        None => only_enrolled(&mut daemon, &who)?,
    };
    hold(task, daemon, &ChangeSecret { user: who.user, method: method.to_string() }, "")
}

/// The one method that is enrolled.
fn only_enrolled(daemon: &mut Daemon, who: &Who) -> Result<Method, Fault> {
    let list = daemon.call(&Methods { user: who.user.clone() })?;
    let enrolled: Vec<Method> = list.methods.iter().filter(|m| m.credentials > 0).map(|m| m.method).collect();
    match enrolled.as_slice() {
        [one] => Ok(*one),
        [] => Err(Fault::request(
            "nothing is enrolled whose PIN or password Signet keeps",
            "'signetctl methods' shows what can be enrolled.",
        )),
        several => {
            let names: Vec<_> = several.iter().map(Method::to_string).collect();
            Err(Fault::request(
                "several methods are enrolled",
                format!("Name one: 'signetctl pin METHOD' with METHOD one of {}.", names.join(", ")),
            ))
        }
    }
}

/// Holds a conversation and says how it ended; `next` is what to do after a success.
pub(super) fn hold<C: Call<Reply = Begun>>(
    task: &mut Task,
    daemon: Daemon,
    call: &C,
    next: &str,
) -> Result<Exit, Fault> {
    let outcome = daemon.converse(call, &mut task.answers, task.output)?;
    let (exit, next) = match outcome.result {
        Verdict::Granted | Verdict::Done => (Exit::Yes, next),
        Verdict::Denied | Verdict::Cancelled => (Exit::No, ""),
        Verdict::Unavailable => (Exit::Error, "'signetctl doctor' says what is missing."),
    };
    task.output.human(&ending(&outcome, next))?;
    Ok(exit)
}

fn ending(outcome: &Outcome, next: &str) -> String {
    let mut text = plain(&outcome.text);
    if outcome.result == Verdict::Granted {
        let user = outcome.user.as_ref().map(|user| format!(" {user}")).unwrap_or_default();
        let method = outcome.method.map(|method| format!(" by {method}")).unwrap_or_default();
        text = format!("Granted:{user}{method}.");
    }
    if next.is_empty() { text } else { format!("{text}\n{next}") }
}
