use std::io;

use signet_protocol::{CallError, Refusal, ServerFault, codec::FrameError, wire::authentication::Error};
use signet_types::UserMessage;

use super::*;

const STEPS: [Step; 6] =
    [Step::Authenticate, Step::Account, Step::OpenSession, Step::CloseSession, Step::Check, Step::Change];

fn outcome(result: Verdict, message: &UserMessage) -> Ending {
    Ending::Outcome(Outcome::new(result, message))
}

fn refused(refusal: impl Into<Refusal>) -> Ending {
    CallError::Refused(Box::new(refusal.into())).into()
}

/// The endings of a row of the documented table, by the row's first words. Authentication and
/// the other steps have different endings for a grant, see [`Ending::Granted`].
fn endings(row: &str, step: Step) -> Vec<Ending> {
    let io = || io::Error::other("x");
    let denied = |message: &UserMessage| vec![outcome(Verdict::Denied, message)];
    match row {
        "granted to the right user" if step == Step::Authenticate => vec![Ending::Granted],
        "granted to the right user" => vec![outcome(Verdict::Granted, &UserMessage::Welcome)],
        "granted to another user, or an authentication without a grant" => vec![Ending::Misfit],
        "done" => vec![outcome(Verdict::Done, &UserMessage::SecretChanged)],
        "denied, `try-later`" => denied(&UserMessage::TryLater { seconds: 1 }),
        "denied, `password-expired`" => denied(&UserMessage::PasswordExpired),
        "denied, cancelled" => vec![
            outcome(Verdict::Denied, &UserMessage::NotAuthenticated),
            outcome(Verdict::Denied, &UserMessage::BadUserName),
            outcome(Verdict::Cancelled, &UserMessage::Cancelled),
            // What the code says counts with a denial only.
            outcome(Verdict::Cancelled, &UserMessage::PasswordExpired),
        ],
        "unavailable" => vec![outcome(Verdict::Unavailable, &UserMessage::NoMethodLeft)],
        "the program gave no answer" => vec![Ending::NoAnswer],
        "a name or an item that Signet does not take" => vec![Ending::BadItem],
        "no daemon, busy, silent, dead" => vec![
            CallError::Unreachable(io()).into(),
            CallError::TimedOut.into(),
            CallError::Closed.into(),
            CallError::Connection(io()).into(),
            refused(Error::Busy { seconds: 1 }),
            refused(enrollment::Error::Busy { seconds: 1 }),
        ],
        "this caller may not ask" => vec![refused(service::Error::PermissionDenied {})],
        "the wrong server, an answer out of protocol" => vec![
            CallError::Untrusted(String::new()).into(),
            CallError::Fault(ServerFault::Frame(FrameError::Empty)).into(),
            CallError::TooLong.into(),
            refused(service::Error::ExpectedMore {}),
            refused(Error::NoPromptOpen {}),
            refused(enrollment::Error::UnknownUser { user: String::new() }),
            refused(signet_protocol::wire::admin::Error::BadPath { reason: String::new() }),
            refused(signet_protocol::wire::policy::Error::UnknownUser { user: String::new() }),
            refused(signet_protocol::wire::session::Error::SessionControl { reason: String::new() }),
            refused(Refusal::Other { error: String::new() }),
        ],
        other => panic!("no ending is known for the row '{other}'"),
    }
}

fn name(code: Code) -> &'static str {
    match code {
        Code::Success => "SUCCESS",
        Code::Service => "SERVICE_ERR",
        Code::System => "SYSTEM_ERR",
        Code::PermissionDenied => "PERM_DENIED",
        Code::Authentication => "AUTH_ERR",
        Code::Unavailable => "AUTHINFO_UNAVAIL",
        Code::MaxTries => "MAXTRIES",
        Code::NewPasswordRequired => "NEW_AUTHTOK_REQD",
        Code::Session => "SESSION_ERR",
        Code::Conversation => "CONV_ERR",
        Code::PasswordChange => "AUTHTOK_ERR",
        Code::TryAgain => "TRY_AGAIN",
        Code::Abort => "ABORT",
    }
}

fn rows() -> Vec<Vec<&'static str>> {
    let table = include_str!("../table.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    table.skip(1).map(|line| line.trim_end_matches(" |").split(" | ").collect()).collect()
}

/// Proves: PAM-01
#[test]
fn the_documented_table_is_the_one_that_runs() {
    let rows = rows();
    assert_eq!(rows.len(), 12);
    for row in rows {
        assert_eq!(row.len(), 1 + STEPS.len(), "{row:?}");
        for (step, want) in STEPS.into_iter().zip(&row[1..]) {
            // What cannot happen at a step is no success of it either.
            for ending in endings(row[0], step) {
                let got = code(step, &ending);
                if *want == "\u{2013}" {
                    assert_ne!(got, Code::Success, "{step:?} {ending:?}");
                } else {
                    assert_eq!(format!("`{}`", name(got)), *want, "{step:?} {ending:?}");
                }
            }
        }
    }
}

/// Proves: PAM-01
#[test]
fn success_has_exactly_its_six_ways() {
    let rows = rows();
    let all = || {
        rows.iter()
            .flat_map(|row| STEPS.map(|step| endings(row[0], step)))
            .flatten()
            .chain([Ending::Granted, Ending::Recorded])
    };
    let mut ways = Vec::new();
    for step in STEPS {
        for ending in all().filter(|ending| code(step, ending) == Code::Success) {
            let way = match ending {
                Ending::Outcome(outcome) => format!("{step:?} {:?}", outcome.result),
                other => format!("{step:?} {other:?}"),
            };
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
    }
    assert_eq!(
        ways,
        [
            "Authenticate Granted",
            "Account Granted",
            "OpenSession Recorded",
            "CloseSession Recorded",
            "Check Recorded",
            "Change Done"
        ]
    );
    // "Authenticate Granted" is Ending::Granted and not the daemon's word alone.
    assert_ne!(code(Step::Authenticate, &outcome(Verdict::Granted, &UserMessage::Welcome)), Code::Success);
}

#[test]
fn no_code_is_ignore() {
    // PAM_IGNORE is 25.
    let codes = rows().into_iter().flat_map(|row| {
        STEPS
            .into_iter()
            .flat_map(move |step| endings(row[0], step).into_iter().map(move |e| code(step, &e) as i32))
    });
    assert!(codes.into_iter().all(|code| code != 25));
}
