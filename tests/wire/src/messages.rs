//! One message of every kind. The matches are exhaustive, so a new method, event or error does
//! not compile without its golden message.

use serde::{Serialize, de::DeserializeOwned};
use signet_protocol::{
    Call, Invocation, Method, Refusal, ReplyLine, SecretText, encode_call, encode_error, encode_reply,
    wire::{
        Begun, Choice, Event, Kind, Notice, Outcome, Prompt, Verdict, admin, authentication, enrollment,
        policy, service, session,
    },
};
use signet_types::{ConversationId, CredentialId, GrantId, RemovalAction, UserMessage};

/// A message, and how it is read back and written again.
pub(crate) struct Golden {
    /// The file's name without `.json`.
    pub(crate) name: String,
    /// Without the NUL.
    pub(crate) bytes: Vec<u8>,
    /// Reads and writes; what does not come back the same is no round trip.
    pub(crate) again: fn(&[u8]) -> Vec<u8>,
}

fn trimmed(frame: &[u8]) -> Vec<u8> {
    frame.strip_suffix(&[0]).unwrap().to_vec()
}

fn parse<T: FromText>(text: &str) -> T {
    T::from_text(text)
}

trait FromText {
    fn from_text(text: &str) -> Self;
}

impl<T: std::str::FromStr<Err: std::fmt::Debug>> FromText for T {
    fn from_text(text: &str) -> Self {
        text.parse().unwrap()
    }
}

fn conversation() -> ConversationId {
    ConversationId::from_bytes([0xc0; 16])
}

fn credential_id() -> CredentialId {
    CredentialId::from_bytes([0xcd; 16])
}

fn grant() -> GrantId {
    GrantId::from_bytes([0x6a; 16])
}

fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned()).unwrap()
}

/// A call of the method, with every optional parameter set.
fn invocation(method: Method) -> Invocation {
    let user = || Some(parse("anna"));
    match method {
        Method::Status => Invocation::Status(admin::Status {}),
        Method::Doctor => Invocation::Doctor(admin::Doctor {}),
        Method::Export => Invocation::Export(admin::Export {
            path: "/root/signet.export".to_owned(),
            passphrase: secret("correct horse"),
        }),
        Method::Audit => Invocation::Audit(admin::Audit { count: 20 }),
        Method::Start => Invocation::Start(authentication::Start {
            service: parse("login"),
            user: user(),
            requester: Some(parse("berta")),
            terminal: Some(parse("/dev/tty1")),
            remote_host: Some(parse("192.0.2.7")),
            method: Some(parse("smartcard")),
        }),
        Method::Respond => Invocation::Respond(authentication::Respond {
            conversation: conversation(),
            answer: Some(secret("p\u{e4}ss\"w\\rd\u{1}")),
        }),
        Method::Cancel => Invocation::Cancel(authentication::Cancel { conversation: conversation() }),
        Method::CheckAccount => Invocation::CheckAccount(authentication::CheckAccount {
            user: parse("anna"),
            service: parse("sshd"),
            grant: Some(grant()),
        }),
        Method::Enroll => {
            Invocation::Enroll(enrollment::Enroll { user: user(), method: "smartcard".to_owned() })
        }
        Method::ChangeSecret => Invocation::ChangeSecret(enrollment::ChangeSecret {
            user: user(),
            method: "smartcard".to_owned(),
        }),
        Method::Delete => Invocation::Delete(enrollment::Delete { credential: credential_id() }),
        Method::Describe => Invocation::Describe(enrollment::Describe {
            credential: credential_id(),
            description: "blue card".to_owned(),
        }),
        Method::ListCredentials => Invocation::ListCredentials(enrollment::List { user: user() }),
        Method::ShowCredential => {
            Invocation::ShowCredential(enrollment::Show { credential: credential_id() })
        }
        Method::Methods => Invocation::Methods(enrollment::Methods { user: user() }),
        Method::Explain => Invocation::Explain(policy::Explain {
            user: user(),
            method: Some("smartcard".to_owned()),
            service: Some(parse("sudo")),
        }),
        Method::Reload => Invocation::Reload(policy::Reload {}),
        Method::CheckPolicy => Invocation::CheckPolicy(policy::Check {
            name: "new.toml".to_owned(),
            text: "[smartcard]\npin_type = \"card\"\n".to_owned(),
        }),
        Method::ShowPolicy => Invocation::ShowPolicy(policy::Show {}),
        Method::Opened => Invocation::Opened(session::Opened {
            session: parse("c7"),
            grant: Some(grant()),
            user: parse("anna"),
            service: parse("login"),
        }),
        Method::Closed => Invocation::Closed(session::Closed { session: parse("c7") }),
        Method::ListSessions => Invocation::ListSessions(session::List {}),
        Method::Lock => Invocation::Lock(session::Lock { session: parse("c7") }),
        Method::Unlock => Invocation::Unlock(session::Unlock { session: parse("c7") }),
        Method::GetInfo => Invocation::GetInfo(service::GetInfo {}),
        Method::GetInterfaceDescription => {
            Invocation::GetInterfaceDescription(service::GetInterfaceDescription {
                interface: "io.signet.Session".to_owned(),
            })
        }
    }
}

/// Writes a call that was read.
fn write(invocation: &Invocation) -> Vec<u8> {
    fn call<C: Call>(call: &C) -> Vec<u8> {
        trimmed(&encode_call(call).unwrap())
    }
    match invocation {
        Invocation::Status(c) => call(c),
        Invocation::Doctor(c) => call(c),
        Invocation::Export(c) => call(c),
        Invocation::Audit(c) => call(c),
        Invocation::Start(c) => call(c),
        Invocation::Respond(c) => call(c),
        Invocation::Cancel(c) => call(c),
        Invocation::CheckAccount(c) => call(c),
        Invocation::Enroll(c) => call(c),
        Invocation::ChangeSecret(c) => call(c),
        Invocation::Delete(c) => call(c),
        Invocation::Describe(c) => call(c),
        Invocation::ListCredentials(c) => call(c),
        Invocation::ShowCredential(c) => call(c),
        Invocation::Methods(c) => call(c),
        Invocation::Explain(c) => call(c),
        Invocation::Reload(c) => call(c),
        Invocation::CheckPolicy(c) => call(c),
        Invocation::ShowPolicy(c) => call(c),
        Invocation::Opened(c) => call(c),
        Invocation::Closed(c) => call(c),
        Invocation::ListSessions(c) => call(c),
        Invocation::Lock(c) => call(c),
        Invocation::Unlock(c) => call(c),
        Invocation::GetInfo(c) => call(c),
        Invocation::GetInterfaceDescription(c) => call(c),
    }
}

/// Every call.
pub(crate) fn calls() -> Vec<Golden> {
    let golden = |method: &Method| Golden {
        name: format!("{method}.call"),
        bytes: write(&invocation(*method)),
        again: |bytes| write(&signet_protocol::Request::parse(bytes).unwrap().invocation.unwrap()),
    };
    Method::ALL.iter().map(golden).collect()
}

fn reply<R: Serialize + DeserializeOwned>(method: Method, kind: &str, reply: &R, continues: bool) -> Golden {
    Golden {
        name: format!("{method}.reply{kind}"),
        bytes: trimmed(&encode_reply(reply, continues).unwrap()),
        again: |bytes| {
            let line = ReplyLine::parse(bytes).unwrap();
            let reply: R = serde_json::from_value(line.result.unwrap().into()).unwrap();
            trimmed(&encode_reply(&reply, line.continues).unwrap())
        },
    }
}

/// Every event that a stream can carry: each kind, each kind of prompt, each verdict.
fn events() -> Vec<(&'static str, Event)> {
    let prompt = |kind, code: &str, text: &str, choices| {
        Event::Prompt(Prompt { kind, code: code.to_owned(), text: text.to_owned(), choices })
    };
    let choices = [("smartcard", "Smart card"), ("password", "Password")]
        .map(|(id, label)| Choice { id: id.to_owned(), label: label.to_owned() });
    let granted = Outcome {
        user: Some(parse("anna")),
        method: Some(parse("smartcard")),
        credential: Some(credential_id()),
        grant: Some(grant()),
        ..Outcome::new(Verdict::Granted, &UserMessage::Welcome)
    };
    let outcome = |verdict, message: &UserMessage| Event::Outcome(Outcome::new(verdict, message));
    vec![
        ("-notice", Event::Notice(Notice::from(&UserMessage::TokenRemoved))),
        ("-prompt-secret", prompt(Kind::Secret, "card-pin", "Smart card PIN: ", vec![])),
        ("-prompt-text", prompt(Kind::Text, "user-name", "User name: ", vec![])),
        ("-prompt-confirm", prompt(Kind::Confirm, "delete", "Delete this credential? ", vec![])),
        ("-prompt-choice", prompt(Kind::Choice, "method", "Which method? ", choices.to_vec())),
        ("-granted", Event::Outcome(granted)),
        ("-done", outcome(Verdict::Done, &UserMessage::SecretChanged)),
        ("-denied", outcome(Verdict::Denied, &UserMessage::NotAuthenticated)),
        ("-cancelled", outcome(Verdict::Cancelled, &UserMessage::Cancelled)),
        ("-unavailable", outcome(Verdict::Unavailable, &UserMessage::DeviceFault)),
    ]
}

fn stream(method: Method) -> Vec<Golden> {
    let golden = |(kind, event)| {
        let continues = matches!(event, Event::Notice(_));
        reply(method, kind, &Begun { conversation: conversation(), event }, continues)
    };
    events().into_iter().map(golden).collect()
}

/// Every reply of a method.
fn replies_of(method: Method) -> Vec<Golden> {
    let one = |golden| vec![golden];
    match method {
        Method::Start
        | Method::Respond
        | Method::Enroll
        | Method::ChangeSecret
        | Method::Delete
        | Method::Unlock => stream(method),
        Method::Status => one(reply(method, "", &daemon_status(), false)),
        Method::Doctor => {
            let check = |state, advice: &str| admin::Check {
                part: "store".to_owned(),
                state,
                text: "sled, 3 records".to_owned(),
                advice: advice.to_owned(),
            };
            let checks = vec![
                check(admin::Health::Good, ""),
                check(admin::Health::Warning, "Make a backup."),
                check(admin::Health::Bad, "Restore the backup."),
            ];
            one(reply(method, "", &admin::Diagnosis { checks }, false))
        }
        Method::Export => one(reply(method, "", &admin::Exported { records: 3 }, false)),
        Method::Audit => {
            one(reply(method, "", &admin::AuditEntries { entries: vec!["{\"n\":1}".to_owned()] }, false))
        }
        Method::Cancel => one(reply(method, "", &authentication::Cancelled {}, false)),
        Method::CheckAccount => {
            let outcome = Outcome::new(Verdict::Denied, &UserMessage::PasswordExpired);
            one(reply(method, "", &authentication::AccountChecked { outcome }, false))
        }
        Method::Describe | Method::ShowCredential => {
            one(reply(method, "", &enrollment::CredentialReply { credential: credential() }, false))
        }
        Method::ListCredentials => {
            let unused = enrollment::Credential { last_used: None, ..credential() };
            one(reply(
                method,
                "",
                &enrollment::Credentials { credentials: vec![credential(), unused] },
                false,
            ))
        }
        Method::Methods => one(reply(method, "", &method_list(), false)),
        Method::Explain => one(reply(method, "", &explained(), false)),
        Method::Reload => {
            let reloaded =
                policy::Reloaded { in_force: false, findings: vec![finding()], lockouts: vec![lockout()] };
            one(reply(method, "", &reloaded, false))
        }
        Method::CheckPolicy => one(reply(
            method,
            "",
            &policy::Checked { findings: vec![finding()], lockouts: vec![lockout()] },
            false,
        )),
        Method::ShowPolicy => one(reply(
            method,
            "",
            &policy::Shown { text: "# policy\n".to_owned(), findings: vec![finding()] },
            false,
        )),
        Method::Opened | Method::Closed => one(reply(method, "", &session::Recorded {}, false)),
        Method::ListSessions => {
            one(reply(method, "", &session::Sessions { sessions: vec![session()] }, false))
        }
        Method::Lock => one(reply(method, "", &session::Locked { locked: true }, false)),
        Method::GetInfo => one(reply(method, "", &service::Info::of_daemon(), false)),
        Method::GetInterfaceDescription => {
            let description = "interface a.b\n".to_owned();
            one(reply(method, "", &service::Description { description }, false))
        }
    }
}

/// Every reply.
pub(crate) fn replies() -> Vec<Golden> {
    Method::ALL.iter().flat_map(|method| replies_of(*method)).collect()
}

fn daemon_status() -> admin::DaemonStatus {
    let device = admin::Device {
        device: parse("pcsc:ACME Reader 00 00"),
        kind: "smartcard".to_owned(),
        token_present: true,
    };
    admin::DaemonStatus {
        version: "0.1.0".to_owned(),
        started_at: "2026-11-23T18:00:00Z".to_owned(),
        engine: "sled".to_owned(),
        key_source: "key file".to_owned(),
        users: 2,
        credentials: 3,
        conversations: 1,
        policy_in_force_since: "2026-11-23T18:00:01Z".to_owned(),
        devices: vec![device],
    }
}

fn credential() -> enrollment::Credential {
    enrollment::Credential {
        id: credential_id(),
        user: parse("anna"),
        method: parse("smartcard"),
        kind: "PIV".to_owned(),
        description: "blue card".to_owned(),
        enrolled_at: "2026-11-23T18:00:00Z".to_owned(),
        last_used: Some("2026-11-24T07:30:00Z".to_owned()),
    }
}

fn method_list() -> enrollment::MethodList {
    use enrollment::Status::{Disabled, Enrolled, Optional, Required, Unavailable};
    let status = |status| enrollment::MethodStatus {
        method: parse("smartcard"),
        status,
        enabled: status != Disabled,
        credentials: u32::from(status == Enrolled),
        detail: "pcscd is not running".to_owned(),
    };
    enrollment::MethodList {
        methods: [Enrolled, Optional, Required, Disabled, Unavailable].map(status).to_vec(),
    }
}

fn explained() -> policy::Explained {
    let value = policy::Value {
        key: "smartcard.pin_type".to_owned(),
        value: "signet".to_owned(),
        layer: "machine".to_owned(),
        file: Some("/etc/signet/policy.toml".to_owned()),
        line: Some(12),
        documentation: "Whose PIN a smart card asks for.".to_owned(),
        shadowed: vec!["card (built-in)".to_owned()],
    };
    policy::Explained { values: vec![value] }
}

fn finding() -> policy::Finding {
    policy::Finding {
        file: "/etc/signet/policy.toml".to_owned(),
        line: 3,
        column: 9,
        problem: "'crad' is no PIN type".to_owned(),
        allowed: "card, signet".to_owned(),
    }
}

fn lockout() -> policy::Lockout {
    policy::Lockout { user: parse("anna"), reason: "every enrolled method is disabled".to_owned() }
}

fn session() -> session::Session {
    session::Session {
        session: parse("c7"),
        user: parse("anna"),
        service: parse("login"),
        method: Some(parse("smartcard")),
        credential: Some(credential_id()),
        removal_action: RemovalAction::Lock,
        locked: false,
        since: "2026-11-23T18:00:00Z".to_owned(),
    }
}

/// Every error. That none is missing is seen from the interface files.
pub(crate) fn errors() -> Vec<Golden> {
    let text = |text: &str| text.to_owned();
    let refusals: Vec<Refusal> = vec![
        admin::Error::BadPath { reason: text("it exists") }.into(),
        admin::Error::StoreFault { reason: text("the disk is full") }.into(),
        authentication::Error::UnknownConversation { conversation: conversation() }.into(),
        authentication::Error::NoPromptOpen {}.into(),
        authentication::Error::BadAnswer { allowed: text("'yes' or 'no'") }.into(),
        authentication::Error::Busy { seconds: 3 }.into(),
        enrollment::Error::UnknownCredential { credential: credential_id() }.into(),
        enrollment::Error::UnknownUser { user: text("anna") }.into(),
        enrollment::Error::UnknownMethod { method: text("magic"), allowed: text("smartcard, password") }
            .into(),
        enrollment::Error::BadDescription { allowed: text("at most 128 characters") }.into(),
        enrollment::Error::Busy { seconds: 3 }.into(),
        policy::Error::UnknownUser { user: text("anna") }.into(),
        policy::Error::UnknownMethod { method: text("magic"), allowed: text("smartcard, password") }.into(),
        session::Error::UnknownSession { session: parse("c7") }.into(),
        session::Error::SessionControl { reason: text("no reply from logind") }.into(),
        service::Error::InterfaceNotFound { interface: text("io.signet.None") }.into(),
        service::Error::MethodNotFound { method: text("io.signet.Admin.None") }.into(),
        service::Error::MethodNotImplemented { method: text("io.signet.Admin.Audit") }.into(),
        service::Error::InvalidParameter { parameter: text("user") }.into(),
        service::Error::PermissionDenied {}.into(),
        service::Error::ExpectedMore {}.into(),
    ];
    let golden = |refusal: Refusal| {
        let bytes = trimmed(&encode_error(&refusal).unwrap());
        let object: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        Golden {
            name: format!("{}.error", object["error"].as_str().unwrap()),
            bytes,
            again: |bytes| {
                trimmed(&encode_error(&ReplyLine::parse(bytes).unwrap().result.unwrap_err()).unwrap())
            },
        }
    };
    refusals.into_iter().map(golden).collect()
}
