//! What the person is asked and told, and what becomes of the answers, through the real libpam.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use proptest::{collection::vec, prelude::*};
use signet_protocol::{
    Invocation,
    wire::{Kind, Verdict},
};
use signet_types::UserMessage;
use support::{
    Services,
    application::{
        AUTH_ERR, Answer, Application, CONV_ERR, ERROR_TEXT, INFO_TEXT, Item, PROMPT_HIDDEN, PROMPT_SHOWN,
        SILENT, SUCCESS,
    },
    daemon::{Act, CONVERSATION, Daemon, choice, grant, notice, outcome, prompt},
};

fn services(daemon: &Daemon, more: &str) -> Services {
    let services = Services::new();
    services.write("login", &format!("auth required @ {} {more}", daemon.arguments()));
    services
}

fn login(services: &Services, answers: Vec<Answer>) -> Application {
    Application::start(services, "login", Some("anna"), answers)
}

/// What was answered to each prompt; `None` is a cancelled prompt.
fn answers(daemon: &Daemon) -> Vec<Option<String>> {
    let calls = daemon.calls().into_iter();
    calls
        .filter_map(|call| match call {
            Invocation::Respond(respond) => Some(respond.answer.map(|answer| answer.expose().to_owned())),
            _ => None,
        })
        .collect()
}

fn pin() -> Act {
    prompt(Kind::Secret, "card-pin", "Smart card PIN: ")
}

fn methods() -> Act {
    choice("How do you want to authenticate? ", &[("smartcard", "Smart card"), ("password", "Password")])
}

fn every_prompt() -> [Act; 5] {
    [
        pin(),
        prompt(Kind::Secret, "password", "Your password: "),
        prompt(Kind::Text, "user-name", "User name: "),
        prompt(Kind::Confirm, "spend-last-tries", "Spend one? "),
        methods(),
    ]
}

fn faults() -> Vec<Answer> {
    vec![
        Answer::NoArray,
        Answer::NoText,
        Answer::Fails(CONV_ERR),
        // PAM_BUF_ERR, PAM_ABORT, PAM_CONV_AGAIN, a number that is no code.
        Answer::Fails(5),
        Answer::Fails(26),
        Answer::Fails(30),
        Answer::Fails(-1),
        Answer::FailsWithText(CONV_ERR, "123456"),
        Answer::Bytes(b"\xff\xfe123456".to_vec()),
        Answer::Bytes(vec![b'x'; 1025]),
    ]
}

/// Proves: PAM-01
#[test]
fn an_answer_that_is_none_cancels_and_nothing_goes_on() {
    for asked in every_prompt() {
        for fault in faults() {
            // This daemon would grant whatever comes next.
            let daemon = Daemon::once(vec![
                Act::Read,
                asked.clone(),
                Act::Read,
                Act::Cancelled,
                Act::Read,
                grant("anna"),
            ]);
            let application = login(&services(&daemon, ""), vec![fault.clone(), Answer::Text("123456")]);
            let code = application.authenticate(0);
            // A confirmation or a choice that cannot be read is asked again; the rest is final.
            let unreadable = matches!(&fault, Answer::Bytes(bytes) if bytes.len() > 1024)
                && matches!(asked, Act::Event(signet_protocol::wire::Event::Prompt(ref p))
                    if matches!(p.kind, Kind::Confirm | Kind::Choice));
            assert_eq!(code, CONV_ERR, "{asked:?} {fault:?}");
            let calls = daemon.calls();
            assert!(
                matches!(calls.as_slice(), [Invocation::Start(_), Invocation::Cancel(cancel)]
                if cancel.conversation == CONVERSATION),
                "{asked:?} {fault:?}: {calls:?}"
            );
            assert_eq!(application.answers_left(), usize::from(!unreadable), "{asked:?} {fault:?}");
        }
    }
}

#[test]
fn nothing_typed_is_no_try_and_agrees_to_nothing() {
    for (asked, want) in every_prompt().into_iter().zip([None, None, Some(""), Some("no"), Some("smartcard")])
    {
        let denied = outcome(Verdict::Denied, &UserMessage::NotAuthenticated);
        let daemon = Daemon::once(vec![Act::Read, asked.clone(), Act::Read, denied]);
        let application = login(&services(&daemon, ""), vec![Answer::Text("")]);
        assert_eq!(application.authenticate(0), AUTH_ERR);
        assert_eq!(answers(&daemon), [want.map(str::to_owned)], "{asked:?}");
    }
}

#[test]
fn each_kind_of_prompt_is_asked_in_its_style() {
    let mut script = vec![Act::Read];
    for asked in every_prompt() {
        script.extend([asked, Act::Read]);
    }
    script.push(grant("anna"));
    let daemon = Daemon::once(script);
    let typed = ["123456", "correct horse", "anna", "Y", "2"];
    let application = login(&services(&daemon, ""), typed.map(Answer::Text).to_vec());
    assert_eq!(application.authenticate(0), SUCCESS);
    let list = "How do you want to authenticate?\n  1) Smart card\n  2) Password\nChoice [1]: ";
    let want = [
        (PROMPT_HIDDEN, "Smart card PIN: "),
        (PROMPT_HIDDEN, "Your password: "),
        (PROMPT_SHOWN, "User name: "),
        (PROMPT_SHOWN, "Spend one? [yes/no] "),
        (PROMPT_SHOWN, list),
    ];
    assert_eq!(application.seen(), want.map(|(style, text)| (style, text.to_owned())));
    assert_eq!(
        answers(&daemon),
        ["123456", "correct horse", "anna", "yes", "password"].map(|a| Some(a.to_owned()))
    );
}

#[test]
fn a_choice_is_made_by_number_or_id_and_asked_three_times_at_most() {
    for (typed, want) in
        [(vec!["1"], "smartcard"), (vec!["password"], "password"), (vec!["3", "0", "2"], "password")]
    {
        let daemon = Daemon::once(vec![Act::Read, methods(), Act::Read, grant("anna")]);
        let application = login(&services(&daemon, ""), typed.into_iter().map(Answer::Text).collect());
        assert_eq!(application.authenticate(0), SUCCESS);
        assert_eq!(answers(&daemon), [Some(want.to_owned())]);
    }
    let daemon = Daemon::once(vec![Act::Read, methods(), Act::Read, Act::Cancelled, grant("anna")]);
    let application = login(&services(&daemon, ""), ["9", "-1", "x", "1"].map(Answer::Text).to_vec());
    assert_eq!(application.authenticate(0), CONV_ERR);
    assert_eq!(application.answers_left(), 1);
}

#[test]
fn a_daemon_that_asks_for_ever_is_stopped() {
    let mut script = vec![Act::Read];
    for _ in 0..40 {
        script.extend([pin(), Act::Read]);
    }
    script.push(grant("anna"));
    let daemon = Daemon::once(script);
    let application = login(&services(&daemon, ""), vec![Answer::Text("1"); 50]);
    assert_eq!(application.authenticate(0), CONV_ERR);
    assert!(matches!(daemon.calls().last(), Some(Invocation::Cancel(_))));
    assert_eq!(application.answers_left(), 26);
}

#[test]
fn texts_are_told_unless_the_program_or_the_line_wants_silence() {
    let script = || {
        let denied = outcome(Verdict::Denied, &UserMessage::TokenRemoved);
        vec![Act::Read, notice("Present your smart card.\u{1b}[2J"), pin(), Act::Read, denied]
    };
    let want = |told: bool| {
        let removed = UserMessage::TokenRemoved.to_string();
        let mut texts = vec![(PROMPT_HIDDEN, "Smart card PIN: ".to_owned())];
        if told {
            // Nothing that moves the cursor reaches the terminal.
            texts.insert(0, (INFO_TEXT, "Present your smart card.\u{fffd}[2J".to_owned()));
            texts.push((ERROR_TEXT, removed));
        }
        texts
    };
    for (more, flags, told) in
        [("", 0, true), ("quiet", 0, false), ("no_info", 0, false), ("", SILENT, false)]
    {
        let daemon = Daemon::once(script());
        let application = login(&services(&daemon, more), vec![Answer::Text("123456")]);
        assert_eq!(application.authenticate(flags), AUTH_ERR);
        assert_eq!(application.seen(), want(told), "{more} {flags}");
    }
}

#[test]
fn a_plain_denial_says_no_more_than_the_program_does() {
    let daemon = Daemon::once(vec![Act::Read, outcome(Verdict::Denied, &UserMessage::NotAuthenticated)]);
    let application = login(&services(&daemon, ""), vec![]);
    assert_eq!(application.authenticate(0), AUTH_ERR);
    assert_eq!(application.seen(), []);
}

#[test]
fn what_the_program_knows_reaches_the_daemon() {
    let daemon = Daemon::once(vec![Act::Read, grant("anna")]);
    let application = login(&services(&daemon, "method=smartcard"), vec![]);
    application.set(Item::Terminal, c"/dev/tty3");
    // A control character must not turn a remote login into a local one.
    application.set(Item::RemoteHost, c"192.0.2.7\x1b");
    application.set(Item::Requester, c"berta");
    assert_eq!(application.authenticate(0), SUCCESS);
    let calls = daemon.calls();
    let [Invocation::Start(start)] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(start.service.as_str(), "login");
    assert_eq!(start.user.as_ref().unwrap().as_str(), "anna");
    assert_eq!(start.terminal.as_ref().unwrap().as_str(), "/dev/tty3");
    assert_eq!(start.remote_host.as_ref().unwrap().as_str(), "192.0.2.7\u{fffd}");
    assert_eq!(start.requester.as_ref().unwrap().as_str(), "berta");
    assert_eq!(start.method, Some(signet_types::Method::Smartcard));
}

#[test]
fn without_a_name_the_daemon_identifies_the_user() {
    let daemon = Daemon::once(vec![Act::Read, pin(), Act::Read, grant("berta")]);
    let services = services(&daemon, "");
    let application = Application::start(&services, "login", None, vec![Answer::Text("123456")]);
    // login gives an empty remote host for a local terminal.
    application.set(Item::RemoteHost, c"");
    assert_eq!(application.authenticate(0), SUCCESS);
    assert_eq!(application.get(Item::User).as_deref(), Some("berta"));
    let calls = daemon.calls();
    assert!(
        matches!(&calls[0], Invocation::Start(start) if start.user.is_none() && start.remote_host.is_none())
    );
}

#[test]
fn a_name_that_signet_does_not_take_is_a_denial_without_a_call() {
    for name in ["../../etc", "anna:0", "Anna", "anna\nroot", "-rf", "\u{e4}nne"] {
        let daemon = Daemon::once(vec![Act::Read, grant("anna")]);
        let services = services(&daemon, "");
        let application = Application::start(&services, "login", Some(name), vec![]);
        assert_eq!(application.authenticate(0), AUTH_ERR, "{name}");
        assert!(daemon.calls().is_empty());
    }
}

#[derive(Clone, Debug)]
enum Move {
    Tells,
    Asks(usize, bool),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let ask =
        (0..5_usize, prop::bool::weighted(0.85)).prop_map(|(which, answered)| Move::Asks(which, answered));
    vec(prop_oneof![Just(Move::Tells), ask], 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Proves: PAM-01
    #[test]
    fn success_needs_every_prompt_answered_and_the_grant(
        moves in moves(), fault in 0..10_usize, ends in 0..4_usize,
    ) {
        let mut script = vec![Act::Read];
        let mut typed = Vec::new();
        for step in &moves {
            match step {
                Move::Tells => script.push(notice("Present your smart card.")),
                Move::Asks(which, answered) => {
                    script.extend([every_prompt()[*which].clone(), Act::Read]);
                    typed.push(if *answered { Answer::Text("1") } else { faults()[fault].clone() });
                    if *which == 3 && *answered {
                        *typed.last_mut().unwrap() = Answer::Text("yes");
                    }
                }
            }
        }
        let end = [
            grant("anna"),
            outcome(Verdict::Denied, &UserMessage::NotAuthenticated),
            grant("berta"),
            Act::Raw(b"{"),
        ];
        script.push(end[ends].clone());
        let daemon = Daemon::once(script);
        let application = login(&services(&daemon, ""), typed);
        let all_answered = moves.iter().all(|step| !matches!(step, Move::Asks(_, false)));
        prop_assert_eq!(application.authenticate(0) == SUCCESS, all_answered && ends == 0);
    }
}
