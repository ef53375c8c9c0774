//! Logon, unlock, re-authentication, `sudo`: a named user and the methods that are offered.

use signet_authn::{DeviceChange, DeviceEvent, DeviceKind};
use signet_policy::{FactorRequirement, MethodChoice};
use signet_types::{DeviceId, Factor, Method};

use crate::{
    Conclusion, Denial, Input, Origin, Timer,
    testing::{Stage, Token, Trouble, credential, device, id, named, rules, user, without},
};

fn with_card() -> Stage {
    Stage::new(vec![credential(Method::Smartcard, 1)])
}

fn whole(timer: Timer) -> bool {
    timer == Timer::Whole
}

fn presence(timer: Timer) -> bool {
    matches!(timer, Timer::Presence(_))
}

#[test]
fn a_conversation_can_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<crate::Conversation>();
}

/// Proves: AUT-07
#[test]
fn a_password_alone_is_asked_at_once_and_the_grant_says_what_happened() {
    for service in ["login", "sudo", "polkit-1", "signet-unlock", "gdm-password"] {
        let mut stage = Stage::new(vec![]);
        stage.begin(crate::Request { service: service.parse().unwrap(), ..named("alice") });
        assert_eq!(stage.log, ["?password"]);
        stage.answer("right");
        assert_eq!(stage.ended(), ("granted", "welcome"));
        let Some(Conclusion::Granted(grant, facts)) = &stage.end else { panic!("granted") };
        assert_eq!((grant.user(), grant.service().as_str()), (&user("alice"), service));
        assert_eq!((grant.method(), grant.credential()), (Method::Password, None));
        assert_eq!((facts.charged, facts.mismatches), (1, 0));
        // Stored before it was told: the method used last, and the counter is cleared.
        assert_eq!(stage.alice().last_method, Some(Method::Password));
        assert!(stage.alice().failures.is_empty());
    }
}

/// Proves: AUT-04
#[test]
fn a_wrong_password_may_be_tried_three_times_each_counted_and_the_counter_stays() {
    let mut stage = Stage::new(vec![]);
    stage.begin(named("alice"));
    for _ in 0..3 {
        stage.answer("wrong");
    }
    assert_eq!(
        stage.log,
        ["?password", "wrong-password", "?password", "wrong-password", "?password", "wrong-password"]
    );
    assert_eq!(stage.ended(), ("denied", "not-authenticated"));
    assert_eq!(stage.alice().failures(Method::Password).count, 3);
    assert_eq!(stage.end.as_ref().unwrap().facts().mismatches, 3);
}

/// Proves: AUT-04
#[test]
fn a_wrong_pin_can_be_tried_again_with_the_same_card() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(named("alice"));
    stage.answer("0000");
    assert_eq!(stage.log, ["?card-pin", "wrong-pin", "?card-pin"]);
    stage.answer("1234");
    assert_eq!(stage.ended(), ("granted", "welcome"));
    let Some(Conclusion::Granted(grant, _)) = &stage.end else { panic!("granted") };
    assert_eq!((grant.credential(), grant.device()), (Some(id(1)), Some(&device("pcsc:a"))));
}

/// Proves: AUT-04, AUT-06
#[test]
fn after_a_wrong_pin_the_person_may_cancel_and_choose_another_method() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(named("alice"));
    stage.answer("0000");
    stage.cancel();
    assert_eq!(stage.log.last().unwrap(), "?method[smartcard,password]");
    stage.answer("password");
    stage.answer("right");
    assert_eq!(stage.ended().0, "granted");
    // The wrong try stays counted: the success was another method's.
    assert_eq!(stage.alice().failures(Method::Smartcard).count, 1);
}

/// Proves: AUT-01
#[test]
fn the_choice_has_the_last_method_first_and_its_token_needs_no_choice() {
    let mut stage = with_card();
    stage.begin(named("alice"));
    assert_eq!(stage.log, ["?method[smartcard,password]"]);
    stage.answer("password");
    stage.answer("right");
    stage.begin(named("alice"));
    assert_eq!(stage.log, ["?method[password,smartcard]"]);
    // A card that is there is not taken instead of the method used last.
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(named("alice"));
    assert_eq!(stage.log, ["?method[password,smartcard]"]);
    stage.answer("smartcard");
    stage.answer("1234");
    stage.begin(named("alice"));
    assert_eq!(stage.log, ["?card-pin"]);
}

/// Proves: AUT-06
#[test]
fn a_cancelled_try_is_no_failed_try_and_leads_back_to_the_choice() {
    let mut stage = with_card();
    stage.begin(named("alice"));
    stage.answer("password");
    stage.cancel();
    assert_eq!(stage.log, ["?method[smartcard,password]", "?password", "?method[smartcard,password]"]);
    stage.cancel();
    assert_eq!(stage.ended(), ("cancelled", "cancelled"));
    assert!(stage.charges.is_empty());
    // With one method there is no choice to go back to.
    let mut stage = Stage::new(vec![]);
    stage.begin(named("alice"));
    stage.cancel();
    assert_eq!((stage.ended().0, stage.log.len()), ("cancelled", 1));
}

/// Proves: AUT-06
#[test]
fn a_try_that_is_interrupted_after_its_secret_was_given_counts() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(named("alice"));
    // The card is pulled while the PIN is on its way.
    stage.readers.get_mut(&device("pcsc:a")).unwrap().1 = None;
    stage.answer("1234");
    assert_eq!(stage.log, ["?card-pin", "token-removed", "?method[smartcard,password]"]);
    assert_eq!(stage.alice().failures(Method::Smartcard).count, 1);
    // With no other method the card is waited for; the empty reader is not asked again.
    let mut stage = with_card();
    stage.alice().rules = without(&[Method::Password]);
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(named("alice"));
    stage.ghosts.insert(device("pcsc:a"));
    stage.answer("1234");
    assert_eq!(stage.log, ["?card-pin", "token-removed", "present-token"]);
}

#[test]
fn a_card_pulled_while_the_pin_is_asked_withdraws_the_prompt_and_counts_nothing() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(named("alice"));
    let (withdrawn, _) = stage.prompt.clone().unwrap();
    stage.remove("pcsc:a");
    assert_eq!(stage.log, ["?card-pin", "token-removed", "?method[smartcard,password]"]);
    // The answer to the withdrawn prompt comes too late and answers nothing.
    let secret = signet_types::Secret::try_from("1234".to_owned()).unwrap();
    stage.feed(Input::Answer(withdrawn, Some(signet_authn::Answer::Secret(secret))));
    assert_eq!(stage.asked(), Some("method"));
    assert!(stage.charges.is_empty());
    // Nor does it answer another method's prompt.
    stage.answer("password");
    let secret = signet_types::Secret::try_from("right".to_owned()).unwrap();
    stage.feed(Input::Answer(withdrawn, Some(signet_authn::Answer::Secret(secret))));
    assert_eq!((stage.asked(), stage.charges.len()), (Some("password"), 0));
    stage.cancel();
    // Put back while the choice is open, it starts at once.
    stage.insert("pcsc:a", Token::new(1));
    assert_eq!(stage.asked(), Some("card-pin"));
    stage.answer("1234");
    assert_eq!(stage.ended().0, "granted");
}

#[test]
fn a_card_that_is_exchanged_while_the_pin_is_asked_is_not_shown_that_pin() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(named("alice"));
    stage.insert("pcsc:a", Token::new(20));
    assert_eq!(stage.log, ["?card-pin", "token-removed", "?method[smartcard,password]"]);
    assert!(stage.charges.is_empty());
}

/// Proves: RAU-01, AUT-03
#[test]
fn presenting_a_token_while_the_choice_is_open_starts_at_once() {
    let mut stage = with_card();
    stage.begin(named("alice"));
    stage.insert("hid:h", Token::new(5));
    assert_eq!(stage.asked(), Some("method"), "no key is enrolled");
    stage.insert("pcsc:b", Token::new(1));
    assert_eq!(stage.log, ["?method[smartcard,password]", "?card-pin"]);
}

#[test]
fn a_chosen_token_is_waited_for_and_a_wrong_one_does_not_end_the_wait() {
    let mut stage = with_card();
    stage.begin(named("alice"));
    stage.answer("smartcard");
    stage.insert("pcsc:a", Token::new(20));
    stage.insert("pcsc:b", Token::new(1));
    assert_eq!(
        stage.log,
        ["?method[smartcard,password]", "present-token", "wrong-token", "present-token", "?card-pin"]
    );
    assert!(stage.charges.is_empty(), "a wrong card is no try");
    stage.answer("1234");
    assert_eq!(stage.ended().0, "granted");
}

#[test]
fn a_wrong_card_that_lies_there_from_the_start_leaves_the_choice() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(20));
    stage.begin(named("alice"));
    assert_eq!(stage.log, ["wrong-token", "?method[smartcard,password]"]);
    stage.answer("smartcard");
    assert_eq!(stage.log.last().unwrap(), "present-token", "the same card is not asked again");
    stage.insert("pcsc:a", Token::new(1));
    assert_eq!(stage.asked(), Some("card-pin"));
    // Another conversation owned the event of the right one: it is there when it is chosen.
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(20));
    stage.begin(named("alice"));
    stage.insert_quietly("pcsc:a", Token::new(1));
    let (at, kind, change) = (device("pcsc:a"), DeviceKind::Pcsc, DeviceChange::Inserted);
    stage.feed(Input::Noticed(DeviceEvent { device: at, kind, change }));
    stage.answer("smartcard");
    assert_eq!(stage.asked(), Some("card-pin"));
}

#[test]
fn wrong_cards_without_end_come_to_an_end() {
    let mut stage = with_card();
    stage.alice().rules = without(&[Method::Password]);
    stage.begin(named("alice"));
    for _ in 0..16 {
        stage.insert("pcsc:a", Token::new(20));
        assert_eq!(stage.log.last().unwrap(), "present-token");
    }
    stage.insert("pcsc:a", Token::new(20));
    assert_eq!((stage.ended(), stage.charges.len()), (("denied", "wrong-token"), 0));
}

#[test]
fn the_timer_of_an_earlier_wait_ends_no_later_one() {
    let mut stage = with_card();
    stage.begin(named("alice"));
    stage.answer("smartcard");
    let first = stage.timers.iter().copied().find(|t| presence(*t)).unwrap();
    stage.insert("pcsc:a", Token::new(20));
    stage.feed(Input::Timer(first));
    assert_eq!(stage.log.last().unwrap(), "present-token", "it is still waited for");
    stage.time_out(presence);
    assert_eq!(stage.asked(), Some("method"));
}

/// Proves: AUT-04
#[test]
fn no_card_means_that_nothing_happens_until_the_time_is_over() {
    let mut stage = with_card();
    stage.begin(named("alice"));
    stage.answer("smartcard");
    assert_eq!((stage.asked(), stage.end.is_none()), (None, true));
    stage.time_out(presence);
    assert_eq!(stage.log[1..], ["present-token", "timed-out", "?method[smartcard,password]"]);
    stage.time_out(presence);
    assert_eq!(stage.asked(), Some("method"), "a timer that was replaced says nothing");
    stage.time_out(whole);
    assert_eq!(stage.ended(), ("denied", "timed-out"));
}

/// Proves: ENA-02
#[test]
fn a_disabled_password_opens_while_nothing_else_is_enrolled_and_not_after() {
    let mut stage = Stage::new(vec![]);
    stage.alice().rules = without(&[Method::Password]);
    stage.begin(named("alice"));
    stage.answer("right");
    assert_eq!(stage.ended().0, "granted");
    stage.alice().credentials = vec![credential(Method::Smartcard, 1)];
    stage.begin(named("alice"));
    assert_eq!(stage.log, ["present-token"], "the card is the only method");
}

/// Proves: ENA-03
#[test]
fn with_every_method_disabled_the_user_is_locked_out_until_policy_changes() {
    let mut stage = with_card();
    stage.alice().rules = without(&Method::ALL);
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(named("alice"));
    assert_eq!((stage.ended(), stage.log.len()), (("denied", "no-method-left"), 0));
    stage.alice().rules = rules();
    stage.begin(named("alice"));
    stage.answer("1234");
    assert_eq!(stage.ended().0, "granted");
}

/// Proves: ENA-06
#[test]
fn a_method_that_is_asked_for_by_name_says_why_it_cannot_be_had() {
    let mut stage = with_card();
    let only = |method| crate::Request { method: Some(method), ..named("alice") };
    stage.alice().rules = without(&[Method::Smartcard, Method::Fido2]);
    stage.begin(only(Method::Smartcard));
    assert_eq!(stage.ended(), ("denied", "method-disabled"));
    stage.begin(only(Method::Proximity));
    assert_eq!(stage.ended(), ("denied", "method-not-enrolled"));
    stage.begin(only(Method::Totp));
    assert_eq!(stage.ended(), ("unavailable", "method-unavailable"));
    stage.alice().rules.service_methods = MethodChoice::Only([Method::Smartcard].into());
    stage.begin(only(Method::Password));
    assert_eq!(stage.ended(), ("denied", "method-disabled"));
    stage.alice().rules = rules();
    stage.begin(crate::Request { origin: Origin::Remote, ..only(Method::Smartcard) });
    assert_eq!(stage.ended(), ("denied", "method-unavailable"));
    stage.begin(only(Method::Password));
    assert_eq!(stage.log, ["?password"]);
    stage.cancel();
    assert_eq!(stage.ended().0, "cancelled");
}

/// Proves: AUT-09
#[test]
fn a_remote_session_is_offered_no_local_method_and_waits_for_no_device() {
    let mut stage = Stage::new(vec![credential(Method::Smartcard, 1), credential(Method::Fingerprint, 2)]);
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(crate::Request { origin: Origin::Remote, ..named("alice") });
    assert_eq!(stage.log, ["?password"]);
    stage.remove("pcsc:a");
    stage.insert("pcsc:a", Token::new(1));
    assert_eq!(stage.asked(), Some("password"));
    stage.begin(crate::Request { origin: Origin::Remote, user: None, ..named("alice") });
    assert_eq!(stage.log, ["?user-name"], "the card that is here is not asked");
    stage.insert("pcsc:b", Token::new(1));
    assert_eq!(stage.asked(), Some("user-name"));
}

/// Proves: ENA-01
#[test]
fn a_method_that_policy_disables_in_the_middle_is_not_granted() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(named("alice"));
    stage.alice().rules = without(&[Method::Smartcard]);
    stage.answer("1234");
    assert_eq!(stage.ended(), ("denied", "method-disabled"));
    let denial = stage.end.as_ref().unwrap().facts().denial;
    assert_eq!(denial, Some(Denial::MethodNotAllowed(Method::Smartcard)));
    assert_eq!(stage.changes, 0);
}

#[test]
fn a_credential_that_is_deleted_in_the_middle_is_not_granted() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.begin(named("alice"));
    stage.proven_after_deletion();
    assert_eq!(stage.ended(), ("denied", "not-authenticated"));
}

/// Proves: POL-09
#[test]
fn a_service_that_asks_for_two_factors_goes_on_until_they_are_proven() {
    let mut stage = Stage::new(vec![credential(Method::Fido2, 5)]);
    stage.alice().rules.requirement = FactorRequirement::TwoFactor;
    stage.begin(named("alice"));
    stage.answer("password");
    stage.answer("right");
    assert_eq!(stage.log, ["?method[fido2,password]", "?password", "present-token"]);
    stage.insert("hid:h", Token::new(5));
    let Some(Conclusion::Granted(grant, _)) = &stage.end else { panic!("{:?}", stage.log) };
    assert_eq!(grant.factors(), Factor::Knowledge | Factor::Possession);
    assert_eq!(grant.method(), Method::Fido2);
    assert!(stage.alice().failures.is_empty());
    // With nothing that could prove the second factor it ends.
    let mut stage = Stage::new(vec![]);
    stage.alice().rules.requirement = FactorRequirement::TwoFactor;
    stage.begin(named("alice"));
    stage.answer("right");
    assert_eq!(stage.ended(), ("denied", "not-authenticated"));
    assert_eq!(stage.end.as_ref().unwrap().facts().denial, Some(Denial::NotEnough));
    assert_eq!(stage.alice().failures(Method::Password).count, 1, "nothing was granted, nothing is cleared");
}

#[test]
fn a_copyable_identifier_alone_is_granted_only_where_policy_takes_that_risk() {
    for (risk, requirement, granted) in [
        (true, FactorRequirement::Any, true),
        (true, FactorRequirement::TwoFactor, false),
        (true, FactorRequirement::All(Factor::Possession.into()), false),
    ] {
        let mut stage = Stage::new(vec![credential(Method::Proximity, 1)]);
        let rules = &mut stage.alice().rules;
        rules.requirement = requirement;
        rules.service_methods = MethodChoice::Only([Method::Proximity].into());
        rules.methods.get_mut(&Method::Proximity).unwrap().settings.allow_identifier_only = risk;
        stage.insert_quietly("nfc:n", Token::new(1));
        stage.begin(named("alice"));
        assert_eq!(stage.ended().0 == "granted", granted, "{requirement:?}");
    }
}

/// Proves: LCK-02
#[test]
fn a_user_who_is_locked_out_of_one_method_is_told_when_and_may_use_another() {
    let mut stage = with_card();
    stage.fail_a_try(Method::Password, 5);
    stage.begin(named("alice"));
    stage.answer("password");
    assert_eq!(stage.log, ["?method[smartcard,password]", "try-later", "present-token"]);
    let mut stage = Stage::new(vec![]);
    stage.fail_a_try(Method::Password, 5);
    stage.begin(named("alice"));
    assert_eq!((stage.ended(), stage.log.len()), (("denied", "try-later"), 0));
    stage.now = stage.now.plus(std::time::Duration::from_secs(300));
    stage.begin(named("alice"));
    stage.answer("right");
    assert_eq!(stage.ended().0, "granted");
}

#[test]
fn a_try_of_another_conversation_counts_for_this_one_at_the_moment_of_its_charge() {
    let mut stage = Stage::new(vec![]);
    stage.begin(named("alice"));
    stage.fail_a_try(Method::Password, 9);
    stage.answer("right");
    assert_eq!(stage.ended(), ("denied", "try-later"));
    assert_eq!((stage.tries, stage.charges.len()), (0, 0), "the right password was not even looked at");
}

#[test]
fn what_cannot_be_stored_is_not_looked_at_and_not_granted() {
    let mut stage = Stage::new(vec![]);
    stage.trouble = Some(Trouble::Store);
    stage.begin(named("alice"));
    stage.answer("right");
    assert_eq!((stage.ended().0, stage.tries), ("unavailable", 0));
    // Fails between the charge and the grant.
    let mut stage = Stage::new(vec![credential(Method::Fido2, 5)]);
    stage.insert_quietly("hid:h", Token::new(5));
    stage.trouble = Some(Trouble::Store);
    stage.begin(named("alice"));
    assert_eq!(stage.ended().0, "unavailable");
}

/// Proves: LCK-02
#[test]
fn a_copied_key_without_a_pin_is_a_failed_try_and_counted_before_it_is_told() {
    let mut stage = Stage::new(vec![credential(Method::Fido2, 5)]);
    stage.insert_quietly("hid:h", Token { copy: true, ..Token::new(5) });
    stage.begin(named("alice"));
    assert_eq!(stage.ended(), ("denied", "not-authenticated"));
    assert_eq!(stage.log, ["wrong-token", "wrong-token", "wrong-token"]);
    assert_eq!(stage.alice().failures(Method::Fido2).count, 3);
}

#[test]
fn a_blocked_card_is_not_offered_again_and_the_password_is_left() {
    let mut stage = with_card();
    stage.insert_quietly("pcsc:a", Token { blocked: true, ..Token::new(1) });
    stage.begin(named("alice"));
    stage.answer("1234");
    assert_eq!(stage.log, ["?card-pin", "pin-blocked", "?password"]);
    stage.cancel();
    assert_eq!(stage.ended().0, "cancelled");
    stage.alice().rules = without(&[Method::Password]);
    stage.begin(named("alice"));
    stage.answer("1234");
    assert_eq!(stage.ended(), ("denied", "pin-blocked"));
}

#[test]
fn what_broke_is_no_denial() {
    let mut stage = with_card();
    stage.alice().rules = without(&[Method::Password]);
    stage.insert_quietly("pcsc:a", Token::new(1));
    stage.trouble = Some(Trouble::Devices);
    stage.begin(named("alice"));
    assert_eq!(stage.ended(), ("unavailable", "device-fault"));
    assert_eq!(stage.end.as_ref().unwrap().facts().faults.len(), 1);
    // After a try it is one: a fault must not make a failed try look like none.
    stage.trouble = None;
    stage.begin(named("alice"));
    stage.trouble = Some(Trouble::Devices);
    stage.answer("0000");
    assert_eq!(stage.ended(), ("denied", "device-fault"));
}

/// The same prompts, tellings and end for a name that nobody has and for one that has a password.
#[test]
fn an_unknown_user_cannot_be_told_from_one_with_a_password() {
    for user_name in ["alice", "nobody"] {
        let mut stage = Stage::new(vec![]);
        stage.begin(named(user_name));
        for _ in 0..3 {
            stage.answer("wrong");
        }
        assert_eq!(
            stage.log,
            ["?password", "wrong-password", "?password", "wrong-password", "?password", "wrong-password"]
        );
        assert_eq!(stage.ended(), ("denied", "not-authenticated"));
        assert_eq!(stage.charges.len(), 3);
    }
}

#[test]
fn the_end_from_outside_ends_it_wherever_it_stands_and_nothing_is_granted_after_it() {
    let ends = [|| Input::Cancel, || Input::ClientGone, || Input::Timer(Timer::Whole)];
    let expected = [("cancelled", "cancelled"), ("cancelled", "cancelled"), ("denied", "timed-out")];
    for (end, expected) in ends.into_iter().zip(expected) {
        for depth in 0..4 {
            let mut stage = with_card();
            stage.begin(named("alice"));
            let steps: [fn(&mut Stage); 3] =
                [|s| s.answer("smartcard"), |s| s.insert("pcsc:a", Token::new(1)), |s| s.answer("0000")];
            for step in &steps[..depth] {
                step(&mut stage);
            }
            stage.feed(end());
            assert_eq!(stage.ended(), expected, "{depth}");
            stage.feed(Input::Begin);
            stage.insert("pcsc:b", Token::new(1));
            assert!(stage.talk.as_ref().unwrap().is_over());
        }
    }
}

#[test]
fn records_that_cannot_be_read_or_are_somebody_elses_decide_nothing() {
    let bob = Stage::new(vec![]).people.remove(&user("bob")).unwrap();
    for answer in [None, Some(Box::new(bob))] {
        let mut talk = crate::Conversation::new(named("alice"), Box::new(|| [0; 32]));
        let now = signet_types::Timestamp::from_secs(1);
        let _ = talk.handle(now, Input::Begin);
        let out = talk.handle(now, Input::Profile(answer));
        let [crate::Output::Finish(end)] = out.as_slice() else { panic!("{out:?}") };
        assert!(matches!(**end, Conclusion::Unavailable(..)));
    }
}

#[test]
fn an_event_is_claimed_only_by_a_conversation_that_waits_for_it() {
    let event = |name: &str, kind| signet_authn::DeviceEvent {
        device: name.parse::<DeviceId>().unwrap(),
        kind,
        change: signet_authn::DeviceChange::Inserted,
    };
    let card = event("pcsc:a", signet_authn::DeviceKind::Pcsc);
    let key = event("hid:h", signet_authn::DeviceKind::Hid);
    let mut stage = with_card();
    let claims =
        |stage: &Stage, event: &signet_authn::DeviceEvent| stage.talk.as_ref().unwrap().claims(event);
    stage.begin(named("alice"));
    assert!(claims(&stage, &card) && !claims(&stage, &key), "the choice");
    stage.answer("password");
    assert!(!claims(&stage, &card), "a password is asked for");
    stage.cancel();
    stage.answer("smartcard");
    assert!(claims(&stage, &card) && !claims(&stage, &key), "the card is waited for");
    // It went to another conversation: here it is only noticed.
    stage.feed(Input::Noticed(card.clone()));
    assert_eq!((stage.asked(), stage.log.last().unwrap().as_str()), (None, "present-token"));
    let gone = signet_authn::DeviceEvent { change: signet_authn::DeviceChange::Removed, ..card.clone() };
    assert!(!claims(&stage, &gone));
}
