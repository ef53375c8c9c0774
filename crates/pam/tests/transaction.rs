//! Passwords between modules, account, session and password change, through the real libpam.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use signet_protocol::{
    Invocation,
    wire::{Kind, Outcome, Verdict, authentication::Error, session},
};
use signet_types::{SessionId, UserMessage};
use support::{
    Services,
    application::{
        AUTHINFO_UNAVAIL, AUTHTOK_ERR, Answer, Application, CONV_ERR, INFO_TEXT, NEW_AUTHTOK_REQD,
        PERM_DENIED, PROMPT_HIDDEN, SESSION_ERR, SUCCESS, SYSTEM_ERR, TRY_AGAIN,
    },
    daemon::{Act, Daemon, GRANT, grant, granted, outcome, prompt},
};

const GRANT_VARIABLE: &std::ffi::CStr = c"SIGNET_GRANT";

fn services(daemon: &Daemon) -> Services {
    let services = Services::new();
    let arguments = daemon.arguments();
    services.write(
        "login",
        &["auth", "account", "password", "session"]
            .map(|kind| format!("{kind} required @ {arguments}\n"))
            .concat(),
    );
    services
}

fn authenticated(daemon: &Daemon) -> Application {
    let application = Application::start(&services(daemon), "login", Some("anna"), vec![]);
    assert_eq!(application.authenticate(0), SUCCESS);
    application
}

fn granting() -> Vec<Act> {
    vec![Act::Read, grant("anna")]
}

/// A module after (or before) ours that asks for `PAM_AUTHTOK` where there is none, and writes
/// down what it got.
fn recorder(services: &Services) -> (String, std::path::PathBuf) {
    let (script, record) = (services.path().join("record.sh"), services.path().join("record"));
    let text = format!("#!/bin/sh\ntr -d '\\000' > {}\n", record.display());
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    (format!("auth required pam_exec.so expose_authtok {}", script.display()), record)
}

fn recorded(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn password() -> Act {
    prompt(Kind::Secret, "password", "Your password: ")
}

fn given(daemon: &Daemon) -> Vec<String> {
    let calls = daemon.calls().into_iter();
    calls
        .filter_map(|call| match call {
            Invocation::Respond(respond) => Some(respond.answer?.expose().to_owned()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_typed_password_reaches_later_modules_and_a_pin_never_does() {
    for (code, want) in [("password", "hunter2"), ("card-pin", "asked again"), ("signet-pin", "asked again")]
    {
        let daemon =
            Daemon::once(vec![Act::Read, prompt(Kind::Secret, code, "? "), Act::Read, grant("anna")]);
        let services = Services::new();
        let (recorder, record) = recorder(&services);
        services.write("login", &format!("auth required @ {}\n{recorder}", daemon.arguments()));
        let typed = vec![Answer::Text("hunter2"), Answer::Text("asked again")];
        let application = Application::start(&services, "login", Some("anna"), typed);
        assert_eq!(application.authenticate(0), SUCCESS);
        assert_eq!(recorded(&record), want, "{code}");
    }
}

#[test]
fn an_earlier_password_answers_the_first_question_for_one_where_the_line_says_so() {
    let run = |argument: &str, asked: Vec<Act>, typed: Vec<Answer>| {
        let mut script = vec![Act::Read];
        script.extend(asked.into_iter().flat_map(|asked| [asked, Act::Read]));
        script.push(grant("anna"));
        let daemon = Daemon::once(script);
        let services = Services::new();
        let (recorder, _) = recorder(&services);
        services.write("login", &format!("{recorder}\nauth required @ {} {argument}", daemon.arguments()));
        let typed = [vec![Answer::Text("earlier")], typed].concat();
        let application = Application::start(&services, "login", Some("anna"), typed);
        (application.authenticate(0), given(&daemon))
    };
    let pin = || prompt(Kind::Secret, "card-pin", "PIN: ");
    let typed = || vec![Answer::Text("typed")];
    assert_eq!(run("try_first_pass", vec![password()], typed()), (SUCCESS, vec!["earlier".to_owned()]));
    assert_eq!(run("use_first_pass", vec![password()], typed()), (SUCCESS, vec!["earlier".to_owned()]));
    assert_eq!(run("", vec![password()], typed()), (SUCCESS, vec!["typed".to_owned()]));
    // A card's tries are never spent on a password.
    assert_eq!(run("try_first_pass", vec![pin()], typed()), (SUCCESS, vec!["typed".to_owned()]));
    // Once only: the second question means that it was wrong.
    let twice = || vec![password(), password()];
    let both = vec!["earlier".to_owned(), "typed".to_owned()];
    assert_eq!(run("try_first_pass", twice(), typed()), (SUCCESS, both));
    assert_eq!(run("use_first_pass", twice(), typed()).0, CONV_ERR);
}

#[test]
fn use_first_pass_without_an_earlier_password_asks_nobody() {
    let daemon = Daemon::once(vec![Act::Read, password(), Act::Read, Act::Cancelled]);
    let services = Services::new();
    services.write("login", &format!("auth required @ {} use_first_pass", daemon.arguments()));
    let application = Application::start(&services, "login", Some("anna"), vec![Answer::Text("typed")]);
    assert_eq!(application.authenticate(0), CONV_ERR);
    assert_eq!(application.seen(), []);
}

#[test]
fn credentials_are_established_whatever_the_daemon_does() {
    // PAM_ESTABLISH_CRED, PAM_DELETE_CRED, PAM_REINITIALIZE_CRED, PAM_REFRESH_CRED.
    for flag in [0x2, 0x4, 0x8, 0x10] {
        let daemon = Daemon::absent();
        let application = Application::start(&services(&daemon), "login", Some("anna"), vec![]);
        assert_eq!(application.set_credentials(flag), SUCCESS);
    }
}

#[test]
fn the_account_step_carries_the_grant_and_follows_the_table() {
    let other = granted("berta");
    let verdicts: Vec<(Act, i32)> = vec![
        (Act::Account(Outcome::new(Verdict::Granted, &UserMessage::Welcome)), SUCCESS),
        (Act::Account(granted("anna")), SUCCESS),
        (Act::Account(other), SYSTEM_ERR),
        (Act::Account(Outcome::new(Verdict::Done, &UserMessage::SecretChanged)), SYSTEM_ERR),
        (Act::Account(Outcome::new(Verdict::Denied, &UserMessage::NotPermitted)), PERM_DENIED),
        (Act::Account(Outcome::new(Verdict::Denied, &UserMessage::PasswordExpired)), NEW_AUTHTOK_REQD),
        (Act::Account(Outcome::new(Verdict::Cancelled, &UserMessage::Cancelled)), PERM_DENIED),
        (Act::Account(Outcome::new(Verdict::Unavailable, &UserMessage::DeviceFault)), AUTHINFO_UNAVAIL),
        (Act::Refuse(Error::Busy { seconds: 1 }.into()), AUTHINFO_UNAVAIL),
        (Act::Hang, AUTHINFO_UNAVAIL),
        (Act::Raw(b"yes\0"), SYSTEM_ERR),
    ];
    for (verdict, want) in verdicts {
        let daemon = Daemon::playing(vec![granting(), vec![Act::Read, verdict.clone()]]);
        let application = authenticated(&daemon);
        let begun = Instant::now();
        assert_eq!(application.account(), want, "{verdict:?}");
        assert!(begun.elapsed() < Duration::from_secs(1));
        let calls = daemon.calls();
        assert!(
            matches!(&calls[1], Invocation::CheckAccount(check)
            if check.grant == Some(GRANT) && check.user.as_str() == "anna"),
            "{calls:?}"
        );
    }
    let application = Application::start(&services(&Daemon::absent()), "login", Some("anna"), vec![]);
    assert_eq!(application.account(), AUTHINFO_UNAVAIL);
}

#[test]
fn a_grant_is_for_its_user_alone() {
    let account = vec![Act::Read, Act::Account(Outcome::new(Verdict::Granted, &UserMessage::Welcome))];
    let daemon = Daemon::playing(vec![granting(), account]);
    let application = authenticated(&daemon);
    application.set(support::application::Item::User, c"berta");
    assert_eq!(application.account(), SUCCESS);
    assert!(matches!(&daemon.calls()[1], Invocation::CheckAccount(check) if check.grant.is_none()));
}

#[test]
fn a_session_is_bound_to_the_grant_that_opened_it() {
    let daemon =
        Daemon::playing(vec![granting(), vec![Act::Read, Act::Recorded], vec![Act::Read, Act::Recorded]]);
    let application = authenticated(&daemon);
    assert_eq!(application.variable(GRANT_VARIABLE), Some(GRANT.to_string()));
    application.put_variable("XDG_SESSION_ID=c7");
    assert_eq!(application.open_session(), SUCCESS);
    assert_eq!(application.variable(GRANT_VARIABLE), None, "the person's programs need not see it");
    assert_eq!(application.close_session(), SUCCESS);
    let calls = daemon.calls();
    let session: SessionId = "c7".parse().unwrap();
    let [_, Invocation::Opened(opened), Invocation::Closed(closed)] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    assert_eq!((&opened.session, opened.grant, opened.user.as_str()), (&session, Some(GRANT), "anna"));
    assert_eq!(closed.session, session);
}

#[test]
fn a_grant_of_an_authenticating_child_process_reaches_the_process_that_opens_the_session() {
    let daemon = Daemon::once(vec![Act::Read, Act::Recorded]);
    let application = Application::start(&services(&daemon), "login", Some("anna"), vec![]);
    application.put_variable(&format!("SIGNET_GRANT={GRANT}"));
    application.put_variable("XDG_SESSION_ID=5");
    assert_eq!(application.open_session(), SUCCESS);
    assert!(matches!(daemon.calls().as_slice(), [Invocation::Opened(opened)] if opened.grant == Some(GRANT)));
}

#[test]
fn a_session_without_a_logind_session_or_a_grant_is_not_ours() {
    // No logind session: nothing to bind, nothing to ask.
    let daemon = Daemon::once(granting());
    let application = authenticated(&daemon);
    assert_eq!(application.open_session(), SUCCESS);
    assert_eq!(application.close_session(), SUCCESS);
    assert_eq!(daemon.calls().len(), 1);
    // No grant: the way in for emergencies, with the daemon dead.
    let application = Application::start(&services(&Daemon::absent()), "login", Some("root"), vec![]);
    application.put_variable("XDG_SESSION_ID=1");
    assert_eq!(application.open_session(), SUCCESS);
    // What is no grant counts as none.
    let application = Application::start(&services(&Daemon::absent()), "login", Some("root"), vec![]);
    application.put_variable("XDG_SESSION_ID=1");
    application.put_variable("SIGNET_GRANT=../../x");
    assert_eq!(application.open_session(), SUCCESS);
}

#[test]
fn a_granted_session_that_cannot_be_bound_is_refused() {
    let unknown = session::Error::UnknownSession { session: "c7".parse().unwrap() };
    for script in [
        vec![],
        vec![Act::Hang],
        vec![Act::Read, Act::Refuse(unknown.into())],
        vec![Act::Read, Act::Raw(b"\0")],
    ] {
        let daemon = Daemon::playing(vec![granting(), script.clone()]);
        let application = authenticated(&daemon);
        application.put_variable("XDG_SESSION_ID=c7");
        let begun = Instant::now();
        assert_eq!(application.open_session(), SESSION_ERR, "{script:?}");
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
    let application = Application::start(&services(&Daemon::absent()), "login", Some("anna"), vec![]);
    application.put_variable("XDG_SESSION_ID=c7");
    assert_eq!(application.close_session(), SESSION_ERR);
}

#[test]
fn a_password_is_changed_after_a_preliminary_check() {
    let mut change = vec![Act::Read];
    for code in ["password", "new-password", "new-password-again"] {
        change.extend([prompt(Kind::Secret, code, &format!("{code}: ")), Act::Read]);
    }
    change.push(outcome(Verdict::Done, &UserMessage::SecretChanged));
    let daemon = Daemon::playing(vec![vec![Act::Read, Act::Info], change]);
    let typed = ["old", "new", "new"].map(Answer::Text).to_vec();
    let application = Application::start(&services(&daemon), "login", Some("anna"), typed);
    assert_eq!(application.change_password(), SUCCESS);
    let styles: Vec<i32> = application.seen().into_iter().map(|(style, _)| style).collect();
    assert_eq!(styles, [PROMPT_HIDDEN, PROMPT_HIDDEN, PROMPT_HIDDEN, INFO_TEXT]);
    let calls = daemon.calls();
    assert!(matches!(&calls[0], Invocation::GetInfo(_)));
    assert!(matches!(&calls[1], Invocation::ChangeSecret(change)
        if change.method == "password" && change.user.as_ref().unwrap().as_str() == "anna"));
}

#[test]
fn a_password_change_without_a_daemon_or_a_success_fails() {
    let application = Application::start(&services(&Daemon::absent()), "login", Some("anna"), vec![]);
    assert_eq!(application.change_password(), TRY_AGAIN);
    for (end, want) in [
        (outcome(Verdict::Denied, &UserMessage::NotAuthenticated), AUTHTOK_ERR),
        (outcome(Verdict::Cancelled, &UserMessage::Cancelled), AUTHTOK_ERR),
        (outcome(Verdict::Unavailable, &UserMessage::NoMethodLeft), AUTHINFO_UNAVAIL),
        (grant("anna"), SYSTEM_ERR),
    ] {
        let daemon = Daemon::playing(vec![vec![Act::Read, Act::Info], vec![Act::Read, end.clone()]]);
        let application = Application::start(&services(&daemon), "login", Some("anna"), vec![]);
        assert_eq!(application.change_password(), want, "{end:?}");
    }
}
