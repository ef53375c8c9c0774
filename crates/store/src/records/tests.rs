mod attempt;
mod opening;

use std::{fs, sync::Arc, thread};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{model::Counter, *};
use crate::KeySource;

const NOW: Timestamp = Timestamp::from_secs(1_795_456_800);

fn place(kind: EngineKind, root: &TempDir) -> Location {
    Location {
        engine: kind,
        directory: root.path().join("store"),
        mark: root.path().join("mark"),
        key: KeySource::File(root.path().join("key")),
        cache_bytes: 8 << 20,
    }
}

fn new(kind: EngineKind) -> (TempDir, Location, Records) {
    let root = tempfile::tempdir().unwrap();
    let location = place(kind, &root);
    let records = Records::create(&location).unwrap();
    (root, location, records)
}

fn each(test: impl Fn(EngineKind)) {
    EngineKind::ALL.into_iter().for_each(test);
}

fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

fn origin() -> Origin {
    "seat0".parse().unwrap()
}

fn card(records: &Records, name: &str, identifier: Option<&[u8]>) -> Credential {
    Credential {
        id: CredentialId::random().unwrap(),
        user: user(name),
        method: Method::Smartcard,
        kind: "PIV card, RSA-2048".into(),
        description: "blue".into(),
        enrolled_at: NOW,
        last_used: None,
        identifier: identifier.map(|i| records.identifier_hash(i)),
        data: vec![7; 300],
    }
}

/// Proves: ENR-09, CRD-01
#[test]
fn credentials_are_kept_by_user_and_found_by_identifier() {
    each(|kind| {
        let (_root, location, records) = new(kind);
        let (blue, red) = (card(&records, "alice", Some(b"blue")), card(&records, "alice", Some(b"red")));
        let bobs = card(&records, "alice2", Some(b"bobs"));
        for c in [&blue, &red, &bobs] {
            records.insert(c.clone()).unwrap();
        }
        drop(records);
        let records = Records::open(&location).unwrap();
        assert_eq!(records.credential(blue.id).unwrap().unwrap(), blue);
        assert_eq!(records.credentials(&user("alice")).unwrap().len(), 2, "a longer name is another user");
        assert_eq!(
            records.owner_of(&records.identifier_hash(b"red")).unwrap(),
            Some((user("alice"), red.id))
        );
        assert_eq!(records.owner_of(&records.identifier_hash(b"green")).unwrap(), None);
        assert_eq!(records.users().unwrap(), BTreeSet::from([user("alice"), user("alice2")]));
        records.touch(blue.id, NOW).unwrap();
        records.touch(blue.id, Timestamp::from_secs(1)).unwrap();
        assert_eq!(records.credential(blue.id).unwrap().unwrap().last_used, Some(NOW), "never goes back");
        assert_eq!(records.delete(red.id).unwrap(), red);
        assert_eq!(records.owner_of(&records.identifier_hash(b"red")).unwrap(), None);
        assert!(matches!(records.delete(red.id), Err(StoreError::NoCredential { .. })));
        assert_eq!(records.credentials(&user("alice")).unwrap().len(), 1);
    });
}

/// Proves: ENR-08
#[test]
fn an_identifier_belongs_to_one_user_even_in_a_race() {
    each(|kind| {
        let (_root, location, records) = new(kind);
        let records = Arc::new(records);
        for round in 0..20u8 {
            let threads: Vec<_> = (0..4)
                .map(|n| {
                    let records = Arc::clone(&records);
                    let card = card(&records, &format!("user{n}"), Some(&[round]));
                    thread::spawn(move || records.insert(card))
                })
                .collect();
            let results: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
            assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1);
            let losers = results.iter().filter(|r| matches!(r, Err(StoreError::IdentifierTaken))).count();
            assert_eq!(losers, 3, "{kind}: {results:?}");
        }
        let all: usize = (0..4).map(|n| records.credentials(&user(&format!("user{n}"))).unwrap().len()).sum();
        assert_eq!(all, 20, "nothing of a refused insert stays");
        let (owner, id) = records.owner_of(&records.identifier_hash(&[0])).unwrap().unwrap();
        let again = records.insert(card(&records, owner.as_str(), Some(&[0])));
        assert!(matches!(again, Err(StoreError::AlreadyEnrolled { id: found }) if found == id));
        drop(records);
        Records::open(&location).unwrap();
    });
}

/// Proves: ENR-09, ENR-10
#[test]
fn a_set_is_replaced_as_a_whole_or_not_at_all() {
    each(|kind| {
        let (_root, _, records) = new(kind);
        let old = vec![card(&records, "alice", Some(b"1")), card(&records, "alice", Some(b"2"))];
        records.replace(&user("alice"), Method::Smartcard, old.clone()).unwrap();
        let mut other = card(&records, "alice", None);
        other.method = Method::Fingerprint;
        records.insert(other.clone()).unwrap();
        records.insert(card(&records, "bob", Some(b"3"))).unwrap();
        let taken = vec![card(&records, "alice", Some(b"4")), card(&records, "alice", Some(b"3"))];
        let refused = records.replace(&user("alice"), Method::Smartcard, taken);
        assert!(matches!(refused, Err(StoreError::IdentifierTaken)), "{refused:?}");
        let mut kept = records.credentials(&user("alice")).unwrap();
        kept.retain(|c| c.method == Method::Smartcard);
        assert_eq!(kept.len(), 2);
        assert_eq!(records.owner_of(&records.identifier_hash(b"4")).unwrap(), None);
        // A card of the old set may be in the new one.
        let with = vec![card(&records, "alice", Some(b"2"))];
        records.replace(&user("alice"), Method::Smartcard, with.clone()).unwrap();
        assert_eq!(records.owner_of(&records.identifier_hash(b"1")).unwrap(), None);
        assert_eq!(records.owner_of(&records.identifier_hash(b"2")).unwrap().unwrap().1, with[0].id);
        assert_eq!(records.credential(other.id).unwrap(), Some(other));
        let foreign = records.replace(&user("bob"), Method::Smartcard, vec![card(&records, "alice", None)]);
        assert!(matches!(foreign, Err(StoreError::Mismatch { .. })));
    });
}

#[test]
fn an_update_keeps_user_and_method_and_moves_the_identifier() {
    each(|kind| {
        let (_root, _, records) = new(kind);
        let mut card = card(&records, "alice", Some(b"old"));
        records.insert(card.clone()).unwrap();
        card.identifier = Some(records.identifier_hash(b"new"));
        card.description = "green".into();
        records.update(card.clone()).unwrap();
        assert_eq!(records.owner_of(&records.identifier_hash(b"old")).unwrap(), None);
        assert_eq!(
            records.owner_of(&records.identifier_hash(b"new")).unwrap(),
            Some((user("alice"), card.id))
        );
        card.user = user("bob");
        assert!(matches!(records.update(card.clone()), Err(StoreError::Mismatch { .. })));
        assert_eq!(records.credential(card.id).unwrap().unwrap().user, user("alice"), "{kind}");
    });
}

/// Proves: LCK-02
#[test]
fn failures_count_by_user_method_and_origin_and_never_go_back_with_the_clock() {
    each(|kind| {
        let (_root, location, records) = new(kind);
        let (alice, far): (_, Origin) = (user("alice"), "remote".parse().unwrap());
        let charge =
            |records: &Records, now| records.charge(&alice, Method::Smartcard, &origin(), now).unwrap();
        assert_eq!(charge(&records, NOW), Counter { failures: 1, first: NOW, last: NOW });
        let yesterday = Timestamp::from_secs(NOW.as_secs() - 86_400);
        assert_eq!(charge(&records, yesterday), Counter { failures: 2, first: NOW, last: NOW });
        drop(records);
        let records = Records::open(&location).unwrap();
        assert_eq!(charge(&records, NOW).failures, 3);
        assert_eq!(records.counter(&alice, Method::Smartcard, &far).unwrap(), None);
        assert_eq!(records.counter(&alice, Method::Password, &origin()).unwrap(), None);
        records.charge(&alice, Method::Password, &far, NOW).unwrap();
        records.refund(&alice, Method::Smartcard, &origin()).unwrap();
        let counters = records.counters(&alice).unwrap();
        let found: Vec<_> =
            counters.iter().map(|c| (c.method, c.origin.as_str(), c.counter.failures)).collect();
        assert_eq!(found, [(Method::Password, "remote", 1), (Method::Smartcard, "seat0", 2)]);
        records.clear(&alice, Method::Smartcard, &origin()).unwrap();
        records.clear(&alice, Method::Smartcard, &origin()).unwrap();
        assert_eq!(records.counter(&alice, Method::Smartcard, &origin()).unwrap(), None);
        assert!(records.counters(&user("alic")).unwrap().is_empty());
    });
}

/// Proves: LCK-02
#[test]
fn tries_at_once_are_all_counted() {
    each(|kind| {
        let (_root, _, records) = new(kind);
        let records = Arc::new(records);
        let before = records.sequence();
        let threads: Vec<_> = (0..16)
            .map(|_| {
                let records = Arc::clone(&records);
                thread::spawn(move || {
                    for _ in 0..10 {
                        records.charge(&user("alice"), Method::Smartcard, &origin(), NOW).unwrap();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let counter = records.counter(&user("alice"), Method::Smartcard, &origin()).unwrap().unwrap();
        assert_eq!(counter.failures, 160);
        let commits = records.sequence() - before;
        assert!(commits < 160, "{kind}: changes at once share a commit, {commits}");
    });
}

/// Proves: ENR-02
#[test]
fn a_profile_is_kept() {
    each(|kind| {
        let (_root, location, records) = new(kind);
        assert_eq!(records.profile(&user("alice")).unwrap(), Profile::default());
        records
            .update_profile(&user("alice"), |p| {
                p.last_method = Some(Method::Smartcard);
                p.never_prompt.insert(Method::Fingerprint);
                p.first_prompt.insert(Method::Fido2, NOW);
            })
            .unwrap();
        let kept = records.update_profile(&user("alice"), |p| p.always_use_method = true).unwrap();
        drop(records);
        assert_eq!(Records::open(&location).unwrap().profile(&user("alice")).unwrap(), kept, "{kind}");
        assert!(kept.always_use_method && kept.never_prompt.contains(&Method::Fingerprint));
    });
}

#[test]
fn sessions_outlive_the_process() {
    each(|kind| {
        let (_root, location, records) = new(kind);
        let (one, two): (SessionId, SessionId) = ("1".parse().unwrap(), "c2".parse().unwrap());
        records.put_session(&one, vec![1; 10]).unwrap();
        records.put_session(&two, vec![2; 20_000]).unwrap();
        records.put_session(&one, vec![3; 5]).unwrap();
        let long = records.put_session(&one, vec![0; MAX_RECORD]);
        assert!(matches!(long, Err(StoreError::TooLarge { .. })), "{kind}: {long:?}");
        drop(records);
        let records = Records::open(&location).unwrap();
        let sessions = records.sessions().unwrap();
        assert_eq!(sessions, BTreeMap::from([(one, vec![3; 5]), (two.clone(), vec![2; 20_000])]));
        records.remove_session(&two).unwrap();
        assert_eq!(records.rows.keys(Tree::Piece, b"").unwrap().len(), 0, "no piece of it stays");
    });
}

#[test]
fn long_records_read_whole_while_they_are_changed() {
    each(|kind| {
        let (_root, _, records) = new(kind);
        let records = Arc::new(records);
        let mut long = card(&records, "alice", None);
        long.data = vec![0; 30_000];
        records.insert(long.clone()).unwrap();
        let writer = {
            let (records, mut long) = (Arc::clone(&records), long.clone());
            thread::spawn(move || {
                for n in 1..60u8 {
                    long.data = vec![n; 10_000 + usize::from(n) * 500];
                    records.update(long.clone()).unwrap();
                }
            })
        };
        while !writer.is_finished() {
            let data = records.credential(long.id).unwrap().unwrap().data;
            assert!(data.iter().all(|b| *b == data[0]), "{kind}: pieces of two values");
        }
        writer.join().unwrap();
    });
}

/// Proves: AUD-02
#[test]
fn nothing_of_a_record_is_in_the_clear_on_the_medium() {
    each(|kind| {
        let (root, _, records) = new(kind);
        let mut canary = card(&records, "alice", Some(b"identifier-canary-41f0"));
        canary.data = b"data-canary-41f0".to_vec();
        canary.description = "description-canary-41f0".into();
        records.insert(canary).unwrap();
        drop(records);
        for entry in fs::read_dir(root.path().join("store")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let bytes = fs::read(&path).unwrap();
                let found = bytes.windows(11).any(|w| w == b"canary-41f0");
                assert!(!found, "{kind}: {}", path.display());
            }
        }
    });
}

#[test]
fn a_record_of_a_newer_version_is_refused_as_such() {
    let mut bytes = encode(&Profile::default()).to_vec();
    bytes[0] = 2;
    let newer = decode::<Profile>(Tree::Profile, &bytes);
    assert!(matches!(newer, Err(StoreError::Version { version: 2, .. })), "{newer:?}");
    assert!(matches!(decode::<Profile>(Tree::Profile, &[]), Err(StoreError::Damaged { .. })));
    bytes[0] = 1;
    bytes.push(0);
    assert!(
        matches!(decode::<Profile>(Tree::Profile, &bytes), Err(StoreError::Damaged { .. })),
        "bytes left over"
    );
}

proptest! {
    #[test]
    fn reading_a_record_never_panics(bytes: Vec<u8>) {
        let _ = decode::<Credential>(Tree::Credential, &bytes);
        let _ = decode::<Profile>(Tree::Profile, &bytes);
        let _ = decode::<Counter>(Tree::Counter, &bytes);
        let _ = model::counter_parts(&bytes);
        let _ = model::user_of(&bytes);
    }

    #[test]
    fn a_credential_round_trips(id: [u8; 16], kind: String, description: String, at: u64, data: Vec<u8>) {
        let credential = Credential {
            id: CredentialId::from_bytes(id), user: user("alice"), method: Method::Proximity, kind, description,
            enrolled_at: Timestamp::from_secs(at), last_used: None,
            identifier: Some(IdentifierHash::from_bytes([9; 32])), data,
        };
        prop_assert_eq!(decode::<Credential>(Tree::Credential, &encode(&credential)).unwrap(), credential);
    }
}
