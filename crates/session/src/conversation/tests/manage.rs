//! Enrolling, changing a secret, deleting: each after an authentication.

use signet_policy::EnrollmentDemand;
use signet_types::Method;

use crate::{
    Conclusion, Credential, Input, Origin, Purpose, Request,
    testing::{Stage, Token, Trouble, about, credential, id, user, without},
};

const ENROLL: Purpose = Purpose::Enroll(Method::Smartcard);

fn start(stage: &mut Stage, purpose: Purpose) {
    stage.begin(about(Some("alice"), purpose));
}

fn demand(stage: &mut Stage, method: Method, demand: EnrollmentDemand) {
    stage.alice().rules.methods.get_mut(&method).unwrap().demand = demand;
}

/// Alice's credentials of a method.
fn owned(stage: &mut Stage, method: Method) -> Vec<u8> {
    let of_method = stage.alice().credentials.iter().filter(|c| c.method == method);
    of_method.flat_map(|c| c.data.clone()).collect()
}

/// Proves: ENR-04
#[test]
fn enrolling_asks_for_the_password_first_where_nothing_is_enrolled() {
    let mut stage = Stage::new(vec![]);
    start(&mut stage, ENROLL);
    assert_eq!(stage.log, ["?password"]);
    stage.answer("right");
    assert_eq!(stage.log, ["?password", "present-token"]);
    stage.insert("pcsc:a", Token::new(1));
    stage.answer("1234");
    assert_eq!(stage.ended(), ("done", "enrolled"));
    assert_eq!(owned(&mut stage, Method::Smartcard), [1]);
    let new = stage.alice().credentials[0].id;
    let Some(Conclusion::Done(_, facts)) = &stage.end else { panic!("done") };
    assert_eq!(facts.credential, Some(new));
    assert!(stage.alice().failures.is_empty());
}

/// Proves: ENR-04
#[test]
fn enrolling_takes_any_enrolled_method_and_nothing_less() {
    let mut stage = Stage::new(vec![credential(Method::Fido2, 5)]);
    start(&mut stage, ENROLL);
    stage.answer("fido2");
    stage.insert("hid:h", Token::new(5));
    assert_eq!(stage.log, ["?method[fido2,password]", "present-token", "present-token"]);
    stage.insert("pcsc:a", Token::new(1));
    stage.answer("1234");
    assert_eq!(stage.ended().0, "done");
    // Without the proof there is no enrolment, whatever is inserted.
    let mut stage = Stage::new(vec![]);
    start(&mut stage, ENROLL);
    stage.insert("pcsc:a", Token::new(1));
    for _ in 0..3 {
        stage.answer("wrong");
    }
    assert_eq!((stage.ended(), stage.changes), (("denied", "not-authenticated"), 0));
}

/// Proves: ENR-08
#[test]
fn a_token_of_another_user_is_refused_without_saying_whose() {
    let mut stage = Stage::new(vec![]);
    stage.insert_quietly("pcsc:a", Token::new(20));
    start(&mut stage, ENROLL);
    stage.answer("right");
    stage.answer("1234");
    assert_eq!(stage.ended(), ("denied", "token-of-another-user"));
    let told = format!("{}", stage.end.as_ref().unwrap().message());
    assert!(!told.contains("bob"), "{told}");
    assert_eq!(owned(&mut stage, Method::Smartcard), [] as [u8; 0]);
    // The owner came between the look-up and the store: the store's own refusal says the same.
    let mut stage = Stage::new(vec![]);
    stage.insert_quietly("pcsc:a", Token::new(20));
    stage.trouble = Some(Trouble::Blind);
    start(&mut stage, ENROLL);
    stage.answer("right");
    stage.answer("1234");
    assert_eq!(stage.ended(), ("denied", "token-of-another-user"));
}

/// Proves: ENR-09
#[test]
fn a_second_card_needs_a_confirmation_and_the_same_card_is_no_second_one() {
    let mut stage = Stage::new(vec![credential(Method::Smartcard, 1)]);
    stage.insert_quietly("pcsc:a", Token::new(1));
    start(&mut stage, ENROLL);
    stage.answer("1234");
    assert_eq!(stage.log, ["?card-pin", "?add-another"]);
    stage.answer("no");
    assert_eq!(stage.ended().0, "cancelled");
    start(&mut stage, ENROLL);
    stage.answer("1234");
    stage.answer("yes");
    stage.answer("1234");
    assert_eq!(stage.ended(), ("denied", "already-enrolled"));
    start(&mut stage, ENROLL);
    stage.answer("1234");
    stage.remove("pcsc:a");
    stage.answer("yes");
    stage.insert("pcsc:a", Token::new(2));
    stage.answer("1234");
    assert_eq!(stage.ended(), ("done", "enrolled"));
    assert_eq!(owned(&mut stage, Method::Smartcard), [1, 2]);
}

fn finger(pin: &str) -> Credential {
    Credential { data: pin.into(), ..credential(Method::Fingerprint, 3) }
}

/// Proves: ENR-09, ENR-10
#[test]
fn a_single_enrolment_is_replaced_as_a_whole_and_only_when_the_new_one_is_complete() {
    let enroll = Purpose::Enroll(Method::Fingerprint);
    for depth in 0..3 {
        let mut stage = Stage::new(vec![finger("old")]);
        start(&mut stage, enroll);
        stage.answer("password");
        let answers = ["right", "new!", "new!"];
        for answer in &answers[..depth] {
            stage.answer(answer);
        }
        stage.feed(Input::Cancel);
        assert_eq!(stage.ended().0, "cancelled");
        assert_eq!(owned(&mut stage, Method::Fingerprint), b"old", "{depth}");
    }
    let mut stage = Stage::new(vec![finger("old")]);
    start(&mut stage, enroll);
    for answer in ["password", "right", "new!", "nwe!", "new!", "new!"] {
        assert_eq!(owned(&mut stage, Method::Fingerprint), b"old");
        stage.answer(answer);
    }
    assert_eq!(
        stage.log[2..],
        ["?new-pin", "?new-pin-again", "confirmation-differs", "?new-pin", "?new-pin-again"]
    );
    assert_eq!(stage.ended(), ("done", "enrolled"));
    assert_eq!(owned(&mut stage, Method::Fingerprint), b"new!");
    assert_eq!(stage.alice().credentials.len(), 1);
}

/// Proves: ENR-10
#[test]
fn an_enrolment_that_is_cancelled_fails_or_cannot_be_stored_leaves_what_was() {
    let ends: [fn(&mut Stage); 6] = [
        |s| s.cancel(),
        |s| s.feed(Input::ClientGone),
        |s| {
            for _ in 0..3 {
                s.answer("0000");
            }
        },
        |s| {
            s.readers.get_mut(&crate::testing::device("pcsc:a")).unwrap().1.as_mut().unwrap().blocked = true;
            s.answer("1234");
        },
        |s| {
            s.trouble = Some(Trouble::Store);
            s.answer("1234");
        },
        |s| {
            s.trouble = Some(Trouble::Devices);
            s.answer("1234");
        },
    ];
    let expected = ["cancelled", "cancelled", "denied", "denied", "unavailable", "unavailable"];
    for (end, expected) in ends.into_iter().zip(expected) {
        let mut stage = Stage::new(vec![finger("old")]);
        stage.insert_quietly("pcsc:a", Token::new(1));
        start(&mut stage, ENROLL);
        stage.answer("password");
        stage.answer("right");
        assert_eq!(stage.asked(), Some("card-pin"));
        end(&mut stage);
        assert_eq!(stage.ended().0, expected);
        assert_eq!(owned(&mut stage, Method::Smartcard), [] as [u8; 0]);
        assert_eq!(owned(&mut stage, Method::Fingerprint), b"old");
    }
}

#[test]
fn a_card_pulled_while_it_is_enrolled_is_waited_for_again() {
    let mut stage = Stage::new(vec![]);
    stage.insert_quietly("pcsc:a", Token::new(1));
    start(&mut stage, ENROLL);
    stage.answer("right");
    stage.remove("pcsc:a");
    assert_eq!(stage.log, ["?password", "?card-pin", "token-removed", "present-token"]);
    stage.insert("pcsc:b", Token::new(1));
    stage.answer("1234");
    assert_eq!(stage.ended().0, "done");
}

/// What is on its way to the store cannot be taken back, so the person is told what came of it.
#[test]
fn a_cancel_while_the_store_writes_waits_for_the_stores_answer() {
    let mut stage = Stage::new(vec![]);
    stage.insert_quietly("pcsc:a", Token::new(1));
    start(&mut stage, ENROLL);
    stage.answer("right");
    stage.trouble = Some(Trouble::CancelInStore);
    stage.answer("1234");
    assert_eq!(stage.ended(), ("done", "enrolled"));
    // A grant that nobody waits for any more is none.
    let mut stage = Stage::new(vec![]);
    stage.trouble = Some(Trouble::CancelInStore);
    start(&mut stage, Purpose::Authenticate);
    stage.answer("right");
    assert_eq!(stage.ended(), ("cancelled", "cancelled"));
}

/// Proves: ENA-04
#[test]
fn a_disabled_method_is_neither_enrolled_nor_changed_but_it_can_be_deleted() {
    let mut stage = Stage::new(vec![finger("old"), credential(Method::Smartcard, 1)]);
    stage.alice().rules = without(&[Method::Fingerprint, Method::Smartcard]);
    for purpose in [ENROLL, Purpose::Enroll(Method::Fingerprint), Purpose::ChangeSecret(Method::Fingerprint)]
    {
        start(&mut stage, purpose);
        assert_eq!((stage.ended(), stage.log.len()), (("denied", "method-disabled"), 0));
    }
    demand(&mut stage, Method::Fingerprint, EnrollmentDemand::Required);
    start(&mut stage, Purpose::Delete(id(3)));
    stage.answer("right");
    stage.answer("yes");
    assert_eq!(stage.ended(), ("done", "deleted"));
    assert_eq!(owned(&mut stage, Method::Fingerprint), b"");
}

/// Proves: ENA-04
#[test]
fn a_method_that_policy_disables_while_it_is_enrolled_is_not_stored() {
    let mut stage = Stage::new(vec![]);
    stage.insert_quietly("pcsc:a", Token::new(1));
    start(&mut stage, ENROLL);
    stage.answer("right");
    stage.alice().rules = without(&[Method::Smartcard]);
    stage.answer("1234");
    assert_eq!(stage.ended(), ("denied", "method-disabled"));
    assert_eq!(owned(&mut stage, Method::Smartcard), [] as [u8; 0]);
}

#[test]
fn a_user_who_is_deleted_while_he_enrols_enrols_nothing() {
    let mut stage = Stage::new(vec![]);
    stage.insert_quietly("pcsc:a", Token::new(1));
    start(&mut stage, ENROLL);
    stage.answer("right");
    let changes = stage.changes;
    stage.people.remove(&user("alice"));
    stage.answer("1234");
    assert_eq!((stage.ended(), stage.changes), (("denied", "not-authenticated"), changes));
}

#[test]
fn a_method_that_is_missing_or_needs_another_seat_is_not_enrolled() {
    let mut stage = Stage::new(vec![]);
    start(&mut stage, Purpose::Enroll(Method::Totp));
    assert_eq!(stage.ended(), ("denied", "method-unavailable"));
    stage.begin(Request { origin: Origin::Remote, ..about(Some("alice"), ENROLL) });
    assert_eq!(stage.ended(), ("denied", "method-unavailable"));
    stage.begin(Request { unavailable: [Method::Smartcard].into(), ..about(Some("alice"), ENROLL) });
    assert_eq!(stage.ended(), ("denied", "method-unavailable"));
}

/// Proves: CRD-04
#[test]
fn deleting_asks_for_authentication_and_a_confirmation() {
    let mut stage = Stage::new(vec![credential(Method::Smartcard, 1)]);
    start(&mut stage, Purpose::Delete(id(1)));
    for _ in 0..3 {
        if stage.asked() == Some("method") {
            stage.answer("password");
        }
        stage.answer("wrong");
    }
    assert_eq!((stage.ended().0, stage.changes), ("denied", 0));
    stage.alice().failures.clear();
    for (answer, expected, left) in [("no", ("cancelled", "cancelled"), 1), ("yes", ("done", "deleted"), 0)] {
        start(&mut stage, Purpose::Delete(id(1)));
        if stage.asked() == Some("method") {
            stage.answer("password");
        }
        stage.answer("right");
        assert_eq!(stage.asked(), Some("delete"));
        stage.answer(answer);
        assert_eq!((stage.ended(), owned(&mut stage, Method::Smartcard).len()), (expected, left));
    }
}

/// Proves: CRD-04
#[test]
fn the_last_credential_of_a_required_method_stays_and_the_message_says_why() {
    let mut stage = Stage::new(vec![credential(Method::Smartcard, 1), credential(Method::Smartcard, 2)]);
    demand(&mut stage, Method::Smartcard, EnrollmentDemand::Required);
    start(&mut stage, Purpose::Delete(id(1)));
    stage.answer("password");
    stage.answer("right");
    stage.answer("yes");
    assert_eq!(stage.ended(), ("done", "deleted"));
    start(&mut stage, Purpose::Delete(id(2)));
    assert_eq!(stage.ended(), ("denied", "last-of-required-method"));
    // It becomes required, or the last one, after the person was authenticated.
    demand(&mut stage, Method::Smartcard, EnrollmentDemand::Optional);
    start(&mut stage, Purpose::Delete(id(2)));
    stage.answer("password");
    stage.answer("right");
    demand(&mut stage, Method::Smartcard, EnrollmentDemand::Required);
    stage.answer("yes");
    assert_eq!(stage.ended(), ("denied", "last-of-required-method"));
    assert_eq!(owned(&mut stage, Method::Smartcard), [2]);
}

#[test]
fn a_credential_of_somebody_else_or_of_nobody_cannot_be_deleted() {
    let mut stage = Stage::new(vec![]);
    let bobs = stage.people[&user("bob")].credentials[0].id;
    for other in [bobs, id(99)] {
        start(&mut stage, Purpose::Delete(other));
        assert_eq!((stage.ended(), stage.log.len()), (("denied", "not-permitted"), 0));
    }
}

/// Proves: CRD-03
#[test]
fn a_secret_is_changed_after_an_authentication_and_the_present_one() {
    let mut stage = Stage::new(vec![finger("old")]);
    start(&mut stage, Purpose::ChangeSecret(Method::Fingerprint));
    for answer in ["password", "right", "bad", "old", "new!"] {
        stage.answer(answer);
    }
    assert_eq!(stage.log[2..], ["?signet-pin", "wrong-pin", "?signet-pin", "?new-pin"]);
    assert_eq!(stage.ended(), ("done", "secret-changed"));
    assert_eq!(owned(&mut stage, Method::Fingerprint), b"new!");
    assert_eq!(stage.tries, stage.charges.len());
}

#[test]
fn of_several_credentials_the_person_names_the_one_to_change() {
    let second = Credential { id: id(4), ..finger("other") };
    let mut stage = Stage::new(vec![finger("old"), second]);
    start(&mut stage, Purpose::ChangeSecret(Method::Fingerprint));
    stage.answer("password");
    stage.answer("right");
    assert_eq!(stage.asked(), Some("credential"));
    for answer in [id(4).to_string().as_str(), "other", "new!"] {
        stage.answer(answer);
    }
    assert_eq!(stage.ended().0, "done");
    assert_eq!(owned(&mut stage, Method::Fingerprint), b"oldnew!");
}

/// Proves: MET-10
#[test]
fn a_secret_that_signet_does_not_keep_is_not_signets_to_change() {
    let mut stage = Stage::new(vec![credential(Method::Smartcard, 1)]);
    start(&mut stage, Purpose::ChangeSecret(Method::Smartcard));
    stage.answer("password");
    stage.answer("right");
    assert_eq!(stage.ended(), ("denied", "not-permitted"));
    start(&mut stage, Purpose::ChangeSecret(Method::Password));
    assert_eq!(stage.ended(), ("denied", "method-not-enrolled"));
}
