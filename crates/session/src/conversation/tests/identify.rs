//! Who it is: tokens that tell a name, and names that are typed.

use signet_types::Method;

use crate::{
    Timer,
    testing::{Stage, Token, Trouble, credential, unnamed, user, without},
};

fn with_card() -> Stage {
    Stage::new(vec![credential(Method::Smartcard, 1)])
}

fn presence(timer: Timer) -> bool {
    matches!(timer, Timer::Presence(_))
}

/// Proves: AUT-03
#[test]
fn a_card_that_is_there_tells_the_user_and_only_its_pin_is_asked() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(unnamed());
    assert_eq!(stage.log, ["?card-pin"]);
    assert_eq!(stage.talk.as_ref().unwrap().user(), Some(&user("alice")));
    stage.answer("1234");
    assert_eq!(stage.ended().0, "granted");
    assert_eq!(stage.end.as_ref().unwrap().facts().user, Some(user("alice")));
}

/// Proves: AUT-03
#[test]
fn a_card_presented_while_the_name_is_asked_takes_the_prompts_place() {
    let mut stage = with_card();
    stage.begin(unnamed());
    assert_eq!(stage.log, ["?user-name"]);
    stage.insert("pcsc:b", Token::new(20));
    assert_eq!(stage.log, ["?user-name", "?card-pin"]);
    stage.answer("1234");
    assert_eq!((stage.ended().0, stage.proven.clone()), ("granted", vec![(user("bob"), Method::Smartcard)]));
}

/// Proves: AUT-03
#[test]
fn an_empty_name_means_the_card_that_is_there_or_the_next_one() {
    let mut stage = with_card();
    stage.begin(unnamed());
    stage.answer("");
    assert_eq!(stage.log, ["?user-name", "present-token"]);
    stage.insert("pcsc:a", Token::new(1));
    assert_eq!(stage.asked(), Some("card-pin"));
    let mut stage = with_card();
    stage.begin(unnamed());
    stage.answer("");
    stage.time_out(presence);
    assert_eq!(stage.log, ["?user-name", "present-token", "timed-out", "?user-name"]);
    // A card that nobody has claimed for this conversation was noticed meanwhile.
    stage.insert_quietly("pcsc:a", Token::new(1));
    let present = signet_authn::DeviceEvent {
        device: crate::testing::device("pcsc:a"),
        kind: signet_authn::DeviceKind::Pcsc,
        change: signet_authn::DeviceChange::Inserted,
    };
    stage.feed(crate::Input::Noticed(present));
    assert_eq!(stage.asked(), Some("user-name"));
    stage.answer("");
    assert_eq!(stage.asked(), Some("card-pin"));
}

/// Proves: AUT-03
#[test]
fn several_cards_are_a_choice_with_the_name_as_the_way_out() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(20));
    stage.insert_quietly("pcsc:b", Token::new(1));
    stage.begin(unnamed());
    assert_eq!(stage.log, ["?device[pcsc:a,pcsc:b,user-name]"]);
    stage.answer("pcsc:b");
    stage.answer("1234");
    assert_eq!(stage.proven, [(user("alice"), Method::Smartcard)]);
    assert_eq!(stage.ended().0, "granted");
    stage.begin(unnamed());
    stage.answer("user-name");
    stage.answer("alice");
    // Both cards are there: the first one is bob's and is not taken for alice's.
    assert_eq!(stage.log[2], "wrong-token");
    // One that is pulled before it is chosen is not there any more.
    stage.begin(unnamed());
    stage.readers.get_mut(&crate::testing::device("pcsc:a")).unwrap().1 = None;
    stage.remove("pcsc:a");
    stage.answer("pcsc:a");
    assert_eq!(stage.log[1..], ["token-removed", "?card-pin"]);
}

#[test]
fn an_answer_that_the_prompt_does_not_take_leaves_it_open() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(20));
    stage.insert_quietly("pcsc:b", Token::new(1));
    stage.begin(unnamed());
    stage.answer("pcsc:c");
    assert_eq!((stage.asked(), stage.log.len()), (Some("device"), 1));
    stage.answer("pcsc:a");
    assert_eq!(stage.asked(), Some("card-pin"));
}

/// Proves: AUT-04
#[test]
fn a_card_that_is_not_enrolled_is_an_error_and_the_name_is_asked() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(77));
    stage.begin(unnamed());
    assert_eq!(stage.log, ["unknown-token", "?user-name"]);
    stage.insert("pcsc:b", Token::new(78));
    assert_eq!(stage.log[2..], ["unknown-token", "?user-name"]);
    stage.answer("alice");
    assert_eq!(stage.log[4..], ["wrong-token", "?method[smartcard,password]"]);
    assert!(stage.charges.is_empty());
}

/// Proves: ENA-06
#[test]
fn a_card_of_a_disabled_method_is_told_so() {
    let mut stage = with_card();
    stage.alice().rules = without(&[Method::Smartcard]);
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(unnamed());
    assert_eq!(stage.log, ["method-disabled", "?user-name"]);
    assert_eq!(stage.talk.as_ref().unwrap().user(), None);
}

/// Proves: AUT-03
#[test]
fn a_proximity_card_without_a_required_pin_logs_in_where_policy_takes_the_risk() {
    let mut stage = Stage::new(vec![credential(Method::Proximity, 1)]);
    let rule = stage.alice().rules.methods.get_mut(&Method::Proximity).unwrap();
    rule.settings.allow_identifier_only = true;
    stage.begin(unnamed());
    stage.insert("nfc:n", Token::new(1));
    assert_eq!((stage.ended(), stage.log.clone()), (("granted", "welcome"), vec!["?user-name".to_owned()]));
}

#[test]
fn names_that_are_none_are_refused_three_times() {
    let mut stage = with_card();
    stage.begin(unnamed());
    for name in ["Ünknown", "a b", "../x"] {
        stage.answer(name);
    }
    assert_eq!(stage.log, ["?user-name", "bad-user-name", "?user-name", "bad-user-name", "?user-name"]);
    assert_eq!(stage.ended(), ("denied", "bad-user-name"));
    stage.begin(unnamed());
    stage.cancel();
    assert_eq!(stage.ended().0, "cancelled");
}

#[test]
fn a_card_that_breaks_or_goes_while_it_is_read_leads_to_the_name() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.trouble = Some(Trouble::Devices);
    stage.begin(unnamed());
    assert_eq!(stage.log, ["device-fault", "?user-name"]);
    stage.trouble = None;
    stage.answer("alice");
    assert_eq!(stage.asked(), Some("card-pin"));
    // It is gone before it could be opened, and no event has told so yet.
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(1));
    let mut request = unnamed();
    request.drivers = std::sync::Arc::new(crate::testing::drivers(&[Method::Smartcard, Method::Password]));
    stage.ghosts.insert(crate::testing::device("pcsc:a"));
    stage.begin(request);
    assert_eq!(stage.log, ["token-removed", "?user-name"]);
}
