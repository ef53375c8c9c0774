use proptest::prelude::*;
use serde_json::{Map, json};
use signet_types::{ConversationId, GrantId, Secret, UserMessage};

use crate::{
    Incoming, Invocation, Label, Method, Refusal, ReplyLine, Request, SecretText, encode_call, encode_error,
    encode_reply, interfaces,
    wire::{
        Begun, Event, Notice, Outcome, Verdict,
        authentication::{self, Respond, Start},
        service,
        session::Opened,
    },
};

fn start() -> Start {
    Start {
        service: "login".parse().unwrap(),
        user: Some("anna".parse().unwrap()),
        requester: None,
        terminal: Some("/dev/tty1".parse().unwrap()),
        remote_host: None,
        method: None,
    }
}

fn body(frame: &[u8]) -> &[u8] {
    frame.strip_suffix(&[0]).expect("a message ends with NUL")
}

#[test]
fn a_call_is_read_as_it_was_written() {
    let frame = encode_call(&start()).unwrap();
    let request = Request::parse(body(&frame)).unwrap();
    assert_eq!(request, Request { invocation: Ok(Invocation::Start(start())), more: true, oneway: false });
}

#[test]
fn members_in_any_order_and_unknown_members_beside_are_read_alike() {
    let text = r#"{"more":true,"x":[1],"parameters":{"conversation":"00000000000000000000000000000001"},
                   "method":"io.signet.Authentication.Cancel"}"#;
    let conversation = "00000000000000000000000000000001".parse().unwrap();
    let want = Invocation::Cancel(authentication::Cancel { conversation });
    assert_eq!(Request::parse(text.as_bytes()).unwrap().invocation, Ok(want));
}

#[test]
fn parameters_that_are_missing_null_or_empty_are_the_same_for_a_method_without_any() {
    for text in [
        r#"{"method":"io.signet.Session.List"}"#,
        r#"{"method":"io.signet.Session.List","parameters":null}"#,
        r#"{"method":"io.signet.Session.List","parameters":{}}"#,
    ] {
        let Incoming(got) = serde_json::from_str(text).unwrap();
        assert_eq!(got.unwrap().method(), Method::ListSessions, "{text}");
    }
}

#[test]
fn a_second_member_of_the_same_name_is_refused() {
    for text in [
        r#"{"method":"io.signet.Session.List","method":"io.signet.Policy.Reload"}"#,
        r#"{"method":"io.signet.Policy.Reload","parameters":{},"parameters":{}}"#,
        r#"{"method":"io.signet.Session.Lock","parameters":{"session":"c1","session":"c2"}}"#,
    ] {
        assert!(Request::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_wrong_parameter_is_named() {
    let call = |parameters: serde_json::Value| {
        let text = json!({"method": "io.signet.Authentication.Start", "parameters": parameters}).to_string();
        Request::parse(text.as_bytes()).unwrap().invocation
    };
    let wrong = |name: &str| Err(service::Error::InvalidParameter { parameter: name.to_owned() });
    assert_eq!(call(json!({})), wrong("service"));
    assert_eq!(call(json!({"service": "login", "usr": "anna"})), wrong("usr"));
    assert_eq!(call(json!({"service": "login", "user": "../root"})), wrong("user"));
    assert_eq!(call(json!({"service": "login", "user": "anna\nroot"})), wrong("user"));
    assert_eq!(call(json!({"service": 1})), wrong("service"));
    assert_eq!(call(json!({"service": "login", "remote_host": "a\u{1b}[2J"})), wrong("remote_host"));
    assert_eq!(call(json!({"service": "login", "method": "magic"})), wrong("method"));
    assert!(call(json!({"service": "login", "user": null})).is_ok());
}

#[test]
fn an_unknown_method_is_answered_and_not_a_fault() {
    let request = Request::parse(br#"{"method":"io.signet.Admin.Shutdown"}"#).unwrap();
    let method = "io.signet.Admin.Shutdown".to_owned();
    assert_eq!(request.invocation, Err(service::Error::MethodNotFound { method }));
    let request = Request::parse(br#"{"method":"io.signet.None.Shutdown"}"#).unwrap();
    let interface = "io.signet.None".to_owned();
    assert_eq!(request.invocation, Err(service::Error::InterfaceNotFound { interface }));
}

#[test]
fn what_is_no_call_is_a_fault() {
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "\"x\"",
        r#"{"method":1}"#,
        r#"{"method":"a.b","more":"yes"}"#,
        "{\"method\"",
    ] {
        assert!(Request::parse(text.as_bytes()).is_err(), "{text}");
    }
}

/// Proves: AUD-02
#[test]
fn a_secret_shows_in_no_debug_text() {
    let answer = || Some(SecretText::new("hunter2".to_owned()).unwrap());
    let respond = Respond { conversation: ConversationId::from_bytes([1; 16]), answer: answer() };
    assert!(!format!("{respond:?}").contains("hunter2"));
    let frame = encode_call(&respond).unwrap();
    let request = Request::parse(body(&frame)).unwrap();
    assert!(!format!("{request:?}").contains("hunter2"));
    let Ok(Invocation::Respond(read)) = request.invocation else { panic!("another call") };
    assert_eq!(read.answer, answer());
    assert!(read.answer.unwrap().into_secret().unwrap().matches(&Secret::new(b"hunter2".to_vec()).unwrap()));
    // A refused parameter is named, its value is not repeated.
    let long = "hunter2".repeat(200);
    let text = json!({"method": "io.signet.Authentication.Respond",
        "parameters": {"conversation": "00000000000000000000000000000001", "answer": long}});
    let refused = Request::parse(text.to_string().as_bytes()).unwrap();
    assert!(!format!("{refused:?}").contains("hunter2"));
    assert!(refused.invocation.is_err());
}

#[test]
fn events_have_exactly_one_member() {
    let notice = Event::Notice(Notice::from(&UserMessage::TokenRemoved));
    let text = serde_json::to_value(&notice).unwrap();
    assert_eq!(text["notice"]["code"], "token-removed");
    assert_eq!(text.as_object().unwrap().len(), 1);
    let both = json!({"notice": {"code": "a", "text": "b"},
        "outcome": {"result": "granted", "code": "welcome", "text": "."}});
    assert!(serde_json::from_value::<Event>(both).is_err());
    assert!(serde_json::from_value::<Event>(json!({})).is_err());
}

#[test]
fn error_replies_are_typed_and_unknown_ones_are_kept() {
    let busy: Refusal = authentication::Error::Busy { seconds: 3 }.into();
    let frame = encode_error(&busy).unwrap();
    assert_eq!(body(&frame), br#"{"error":"io.signet.Authentication.Busy","parameters":{"seconds":3}}"#);
    assert_eq!(ReplyLine::parse(body(&frame)).unwrap().result, Err(busy));
    let denied = ReplyLine::parse(br#"{"error":"org.varlink.service.PermissionDenied"}"#).unwrap();
    assert_eq!(denied.result, Err(Refusal::Service(service::Error::PermissionDenied {})));
    let other = ReplyLine::parse(b"{\"error\":\"io.signet.Later.New\\n\",\"parameters\":{\"a\":1}}").unwrap();
    assert_eq!(other.result, Err(Refusal::Other { error: "io.signet.Later.New".to_owned() }));
}

#[test]
fn replies_are_read_as_they_were_written() {
    let outcome = Outcome::new(Verdict::Denied, &UserMessage::NotAuthenticated);
    let begun = Begun { conversation: ConversationId::from_bytes([7; 16]), event: Event::Outcome(outcome) };
    for continues in [false, true] {
        let frame = encode_reply(&begun, continues).unwrap();
        let line = ReplyLine::parse(body(&frame)).unwrap();
        assert_eq!(line.continues, continues);
        let read: Begun = serde_json::from_value(line.result.unwrap().into()).unwrap();
        assert_eq!(read, begun);
    }
}

#[test]
fn a_message_that_would_be_too_long_is_not_sent() {
    let text = "x".repeat(70_000);
    let call = crate::wire::policy::Check { name: "a".to_owned(), text };
    assert!(encode_call(&call).is_err());
}

#[test]
fn every_interface_is_found_by_its_name_and_holds_its_methods() {
    for method in Method::ALL {
        assert_eq!(Method::find(method.name()), Some(*method));
        let (interface, name) = method.name().rsplit_once('.').unwrap();
        let description = interfaces::find(interface).unwrap().description;
        assert!(description.contains(&format!("method {name}(")), "{method}");
    }
    assert!(service::GetInterfaceDescription { interface: "io.signet.None".to_owned() }.answer().is_err());
    assert_eq!(service::Info::of_daemon().interfaces.len(), interfaces::ALL.len());
}

proptest! {
    #[test]
    fn reading_a_message_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Request::parse(&bytes);
        let _ = ReplyLine::parse(&bytes);
    }

    #[test]
    fn reading_parameters_never_panics(name in "[a-z_]{1,12}", value in ".{0,40}", which in 0..Method::ALL.len()) {
        let mut parameters = Map::new();
        parameters.insert(name, value.into());
        let _ = Invocation::parse(Method::ALL[which].name(), parameters);
    }

    #[test]
    fn a_label_of_any_text_is_a_label_and_only_empty_text_gives_none(text in any::<String>()) {
        match Label::lossy(&text) {
            None => prop_assert!(text.is_empty()),
            Some(label) => prop_assert_eq!(label.as_str().parse::<Label>(), Ok(label)),
        }
    }

    #[test]
    fn answers_survive_the_wire(answer in ".{0,300}", grant in any::<[u8; 16]>()) {
        if let Ok(secret) = SecretText::new(answer.clone()) {
            let call = Respond { conversation: ConversationId::from_bytes(grant), answer: Some(secret) };
            let frame = encode_call(&call).unwrap();
            let Ok(Invocation::Respond(read)) = Request::parse(body(&frame)).unwrap().invocation else {
                panic!("another call")
            };
            prop_assert_eq!(read.answer.as_ref().map(SecretText::expose), Some(answer.as_str()));
        }
        let call = Opened {
            session: "c1".parse().unwrap(),
            grant: Some(GrantId::from_bytes(grant)),
            user: "anna".parse().unwrap(),
            service: "login".parse().unwrap(),
        };
        let frame = encode_call(&call).unwrap();
        prop_assert_eq!(Request::parse(body(&frame)).unwrap().invocation, Ok(Invocation::Opened(call)));
    }
}
