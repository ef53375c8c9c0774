//! What each entry point does, from top to bottom.

use signet_protocol::{
    Bounds, CallError, Client, Conversation, Label,
    wire::{
        Outcome, Verdict,
        authentication::{CheckAccount, Start},
        enrollment::ChangeSecret,
        service::GetInfo,
        session::{Closed, Opened},
    },
};
use signet_types::{GrantId, Method, ServiceName, SessionId, UserName};

use crate::{
    arguments::Arguments,
    dialogue::Dialogue,
    host::{Host, Item, KeptGrant, Level, Told, Variable},
    table::{Code, Ending, Failure, Step, code},
};

/// Who asks and for whom, from the items of the transaction.
struct Subject {
    service: ServiceName,
    /// None where the program has not asked for a name yet.
    user: Option<UserName>,
}

/// The flags of the call that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// `PAM_SILENT`.
    pub(crate) silent: bool,
    /// `PAM_PRELIM_CHECK`.
    pub(crate) preliminary: bool,
}

/// `pam_sm_authenticate`.
pub(crate) fn authenticate<H: Host>(host: &mut H, arguments: &Arguments, flags: Flags) -> Code {
    finish(host, arguments, Step::Authenticate, |host| {
        let subject = subject(host)?;
        let user = subject.user.clone();
        let mut client = connect(arguments)?;
        let start = Start {
            service: subject.service,
            user: subject.user,
            requester: host.item(Item::Requester).as_deref().and_then(Label::lossy),
            terminal: host.item(Item::Terminal).as_deref().and_then(Label::lossy),
            remote_host: host.item(Item::RemoteHost).as_deref().and_then(Label::lossy),
            method: arguments.method,
        };
        let conversation = Conversation::start(&mut client, &start)?;
        match Dialogue::new(host, arguments, flags.silent).run(conversation) {
            Ending::Outcome(outcome) if outcome.result == Verdict::Granted => {
                take_grant(host, user.as_ref(), outcome)
            }
            other => Err(other),
        }
    })
}

/// A grant counts where it names the user whom the program wants, and nobody else has set another
/// one meanwhile (authd CVE-2024-9313).
fn take_grant<H: Host>(host: &mut H, wanted: Option<&UserName>, outcome: Outcome) -> Result<Ending, Ending> {
    let now = host.item(Item::User);
    let (Some(user), Some(grant)) = (outcome.user, outcome.grant) else {
        return Err(Ending::Misfit);
    };
    if wanted.is_some_and(|wanted| *wanted != user) || now.as_deref() != wanted.map(UserName::as_str) {
        return Err(Ending::Misfit);
    }
    if wanted.is_none() && host.set_user(user.as_str()).is_err() {
        return Err(Ending::Misfit);
    }
    if host.keep_grant(KeptGrant { grant, user: user.as_str().to_owned() }).is_err() {
        return Err(Ending::Misfit);
    }
    host.export_grant(Some(grant));
    Ok(Ending::Granted)
}

/// `pam_sm_setcred`: Signet has no credentials to establish, and this step gives no right.
pub(crate) fn set_credentials<H: Host>(_: &mut H, _: &Arguments, _: Flags) -> Code {
    Code::Success
}

/// `pam_sm_acct_mgmt`.
pub(crate) fn account<H: Host>(host: &mut H, arguments: &Arguments, flags: Flags) -> Code {
    finish(host, arguments, Step::Account, |host| {
        let Subject { service, user: Some(user) } = subject(host)? else { return Err(Ending::BadItem) };
        let grant = grant_of(host, &user);
        let call = CheckAccount { user, service, grant };
        let outcome = connect(arguments)?.call(&call)?.outcome;
        if outcome.user.as_ref().is_some_and(|user| *user != call.user) {
            return Err(Ending::Misfit);
        }
        if outcome.result != Verdict::Granted && !flags.silent && !arguments.quiet && !outcome.text.is_empty()
        {
            host.tell(Told::Error, &outcome.text);
        }
        Ok(Ending::Outcome(outcome))
    })
}

/// `pam_sm_open_session`: binds the logind session to the grant, so that the daemon knows whose
/// token holds it open.
///
/// A login that Signet granted is refused where it cannot be bound, because its removal action
/// would silently not exist. A login that another module let in, with the daemon dead, is not
/// ours: there is nothing to bind, and the way in for emergencies stays open.
pub(crate) fn open_session<H: Host>(host: &mut H, arguments: &Arguments, _: Flags) -> Code {
    let session = session(host);
    let Ok(Subject { service, user: Some(user) }) = subject(host) else {
        return finish(host, arguments, Step::OpenSession, |_| Err(Ending::BadItem));
    };
    let grant = grant_of(host, &user);
    // The variable has done its work; the person's programs need not see it.
    host.export_grant(None);
    match (session, grant) {
        (None, None) => Code::Success,
        (None, Some(_)) => {
            host.log(
                Level::Warning,
                "no XDG_SESSION_ID: is pam_systemd before pam_signet? the session has no removal action",
            );
            Code::Success
        }
        (Some(session), None) => {
            let told = connect(arguments)
                .and_then(|mut client| client.call(&Opened { session, grant, user, service }));
            if let Err(error) = told {
                host.log(
                    Level::Warning,
                    &format!("the daemon was not told of a session that it did not grant: {error}"),
                );
            }
            Code::Success
        }
        (Some(session), Some(_)) => finish(host, arguments, Step::OpenSession, |_| {
            connect(arguments)?.call(&Opened { session, grant, user, service })?;
            Ok(Ending::Recorded)
        }),
    }
}

/// `pam_sm_close_session`.
pub(crate) fn close_session<H: Host>(host: &mut H, arguments: &Arguments, _: Flags) -> Code {
    let Some(session) = session(host) else { return Code::Success };
    finish(host, arguments, Step::CloseSession, |_| {
        connect(arguments)?.call(&Closed { session })?;
        Ok(Ending::Recorded)
    })
}

/// `pam_sm_chauthtok`: first asked whether it could, then to do it.
pub(crate) fn change_password<H: Host>(host: &mut H, arguments: &Arguments, flags: Flags) -> Code {
    if flags.preliminary {
        return finish(host, arguments, Step::Check, |_| {
            connect(arguments)?.call(&GetInfo {})?;
            Ok(Ending::Recorded)
        });
    }
    finish(host, arguments, Step::Change, |host| {
        let Subject { user: Some(user), .. } = subject(host)? else { return Err(Ending::BadItem) };
        let mut client = connect(arguments)?;
        let method = arguments.method.unwrap_or(Method::Password);
        let change = ChangeSecret { user: Some(user), method: method.as_str().to_owned() };
        let conversation = Conversation::start(&mut client, &change)?;
        Ok(Dialogue::new(host, arguments, flags.silent).run(conversation))
    })
}

/// Runs a step, logs how it ended, and gives its code. `?` leaves a step early with an ending, as
/// a success leaves it at its end; the table alone decides what both mean.
fn finish<H: Host>(
    host: &mut H,
    arguments: &Arguments,
    step: Step,
    run: impl FnOnce(&mut H) -> Result<Ending, Ending>,
) -> Code {
    let ending = run(host).unwrap_or_else(|early| early);
    let code = code(step, &ending);
    match &ending {
        Ending::Failed(error) => {
            let level = if Failure::of(error) == Failure::Broken { Level::Error } else { Level::Warning };
            host.log(level, &describe(error));
        }
        Ending::Misfit => {
            host.log(Level::Error, "the daemon granted something else than what was asked for; refused");
        }
        Ending::BadItem => {
            host.log(Level::Warning, "the user, service or session name is none that Signet takes");
        }
        Ending::Outcome(outcome) if arguments.debug => {
            host.log(Level::Debug, &format!("{step:?}: {:?}, code {:?}", outcome.result, code));
        }
        _ if arguments.debug => host.log(Level::Debug, &format!("{step:?}: code {code:?}")),
        _ => {}
    }
    code
}

/// The error with its sources, for the log.
fn describe(error: &CallError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn connect(arguments: &Arguments) -> Result<Client, CallError> {
    Client::connect(&arguments.socket, arguments.server, Bounds::LOGIN)
}

fn subject<H: Host>(host: &H) -> Result<Subject, Ending> {
    let service = host.item(Item::Service).and_then(|service| service.parse().ok());
    let user = host.item(Item::User).map(|user| user.parse()).transpose();
    match (service, user) {
        (Some(service), Ok(user)) => Ok(Subject { service, user }),
        _ => Err(Ending::BadItem),
    }
}

/// The grant of this transaction: from this process, or from the process that authenticated.
fn grant_of<H: Host>(host: &H, user: &UserName) -> Option<GrantId> {
    match host.kept_grant() {
        Some(kept) => (kept.user == user.as_str()).then_some(kept.grant),
        None => host.variable(Variable::Grant).and_then(|grant| grant.parse().ok()),
    }
}

fn session<H: Host>(host: &H) -> Option<SessionId> {
    host.variable(Variable::Session).and_then(|session| session.parse().ok())
}
