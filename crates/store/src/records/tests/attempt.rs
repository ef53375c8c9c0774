//! What tries, successes and enrolments change.

use super::*;

/// Proves: LCK-02
#[test]
fn of_tries_side_by_side_each_sees_the_charge_before_it() {
    each(|kind| {
        let (_root, _, records) = new(kind);
        let records = Arc::new(records);
        let threads: Vec<_> = (0..12)
            .map(|_| {
                let records = Arc::clone(&records);
                thread::spawn(move || {
                    // Five tries are allowed: the check and the count are one step.
                    let allowed = |counter: Option<Counter>| match counter {
                        Some(c) if c.failures >= 5 => None,
                        old => Some(Counter::charged(old, NOW)),
                    };
                    records
                        .charge_if(&user("alice"), Method::Smartcard, &origin(), allowed)
                        .unwrap()
                        .is_some()
                })
            })
            .collect();
        let allowed = threads.into_iter().map(|t| t.join().unwrap()).filter(|a| *a).count();
        assert_eq!(allowed, 5, "{kind}");
        let counter = records.counter(&user("alice"), Method::Smartcard, &origin()).unwrap().unwrap();
        assert_eq!(counter.failures, 5);
    });
}

/// Proves: CRD-01, RAU-01
#[test]
fn a_success_changes_all_that_it_changes_or_nothing() {
    each(|kind| {
        let (_root, location, records) = new(kind);
        let alice = user("alice");
        let used = card(&records, "alice", Some(b"1"));
        records.insert(used.clone()).unwrap();
        for method in [Method::Smartcard, Method::Password] {
            records.charge(&alice, method, &origin(), NOW).unwrap();
        }
        let success = |id, data| Success {
            user: alice.clone(),
            used: vec![(used.id, data), (id, None)],
            last_method: Some(Method::Smartcard),
            clear: vec![Method::Smartcard],
            origin: origin(),
            at: NOW,
        };
        let gone = records.succeed(success(CredentialId::random().unwrap(), Some(vec![1])));
        assert!(matches!(gone, Err(StoreError::NoCredential { .. })), "{gone:?}");
        assert_eq!(records.credential(used.id).unwrap().unwrap(), used, "{kind}: nothing has changed");
        assert_eq!(records.counters(&alice).unwrap().len(), 2);
        records.succeed(success(used.id, Some(vec![1]))).unwrap();
        drop(records);
        let records = Records::open(&location).unwrap();
        let after = records.credential(used.id).unwrap().unwrap();
        assert_eq!((after.last_used, after.data), (Some(NOW), vec![1]));
        assert_eq!(records.profile(&alice).unwrap().last_method, Some(Method::Smartcard));
        let left: Vec<_> = records.counters(&alice).unwrap().into_iter().map(|c| c.method).collect();
        assert_eq!(left, [Method::Password], "only the methods that passed are cleared");
    });
}

/// Proves: ENR-09, ENR-10
#[test]
fn an_enrolment_replaces_what_it_names_or_nothing() {
    each(|kind| {
        let (_root, _, records) = new(kind);
        let (old, bobs) = (card(&records, "alice", Some(b"1")), card(&records, "bob", Some(b"2")));
        records.insert_all(vec![old.clone(), bobs.clone()]).unwrap();
        let taken = records.enroll(card(&records, "alice", Some(b"2")), vec![old.id], origin());
        assert!(matches!(taken, Err(StoreError::IdentifierTaken)), "{taken:?}");
        let foreign = records.enroll(card(&records, "alice", Some(b"3")), vec![bobs.id], origin());
        assert!(matches!(foreign, Err(StoreError::Mismatch { .. })), "{foreign:?}");
        assert_eq!(records.credentials(&user("alice")).unwrap(), std::slice::from_ref(&old), "{kind}");
        let again = card(&records, "alice", Some(b"1"));
        records.charge(&user("alice"), Method::Smartcard, &origin(), NOW).unwrap();
        records.charge(&user("alice"), Method::Password, &origin(), NOW).unwrap();
        records.enroll(again.clone(), vec![old.id], origin()).unwrap();
        let left: Vec<_> = records.counters(&user("alice")).unwrap().into_iter().map(|c| c.method).collect();
        assert_eq!(left, [Method::Password], "who enrols a card has proven himself with it");
        assert_eq!(records.credentials(&user("alice")).unwrap(), std::slice::from_ref(&again));
        assert_eq!(records.owner_of(&records.identifier_hash(b"1")).unwrap().unwrap().1, again.id);
    });
}
