use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc, thread};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{model::Counter, *};
use crate::{
    EngineError, KeyError, KeySource,
    engine::{Batch, open_engine},
    mark::MarkError,
};

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

/// Copies a file or a directory, as a backup does.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

fn put_back(from: &Path, to: &Path) {
    if to.is_dir() {
        fs::remove_dir_all(to).unwrap();
    }
    copy(from, to);
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
fn a_record_opens_only_in_its_own_place() {
    each(|kind| {
        let (_root, location, records) = new(kind);
        let (alice, bob) = (card(&records, "alice", None), card(&records, "bob", None));
        records.insert_all(vec![alice.clone(), bob.clone()]).unwrap();
        drop(records);
        let store = open_engine(kind, &location.directory, 8 << 20).unwrap();
        let key = |c: &Credential| model::credential_key(&c.user, c.id);
        let row = store.get(Tree::Credential, &key(&bob)).unwrap().unwrap();
        let mut batch = Batch::default();
        batch.put(Tree::Credential, &key(&alice), row).unwrap();
        store.commit(&batch).unwrap();
        drop(store);
        let refused = Records::open(&location).err();
        assert!(matches!(refused, Some(StoreError::Altered { .. })), "{kind}: {refused:?}");
    });
}

#[test]
fn a_single_record_that_is_put_back_is_recognised() {
    each(|kind| {
        let (_root, location, records) = new(kind);
        records.charge(&user("alice"), Method::Smartcard, &origin(), NOW).unwrap();
        drop(records);
        let key = model::counter_key(&user("alice"), Method::Smartcard, &origin());
        let store = open_engine(kind, &location.directory, 8 << 20).unwrap();
        let old = store.get(Tree::Counter, &key).unwrap().unwrap();
        drop(store);
        let records = Records::open(&location).unwrap();
        records.charge(&user("alice"), Method::Smartcard, &origin(), NOW).unwrap();
        drop(records);
        let store = open_engine(kind, &location.directory, 8 << 20).unwrap();
        let mut batch = Batch::default();
        batch.put(Tree::Counter, &key, old).unwrap();
        store.commit(&batch).unwrap();
        drop(store);
        assert!(
            matches!(Records::open(&location).err(), Some(StoreError::Altered { .. })),
            "{kind}: reset counter"
        );
        let store = open_engine(kind, &location.directory, 8 << 20).unwrap();
        let mut batch = Batch::default();
        batch.delete(Tree::Counter, &key);
        store.commit(&batch).unwrap();
        drop(store);
        assert!(
            matches!(Records::open(&location).err(), Some(StoreError::Altered { .. })),
            "{kind}: deleted"
        );
    });
}

/// Proves: ENA-02
#[test]
fn each_old_copy_of_store_or_mark_is_refused() {
    each(|kind| {
        let (root, location, records) = new(kind);
        let mut records = Some(records);
        let rounds = 12;
        for n in 0..rounds {
            drop(records.take());
            copy(&location.directory, &root.path().join(format!("copy{n}")));
            copy(&location.mark, &root.path().join(format!("mark{n}")));
            let opened = Records::open(&location).unwrap();
            for _ in 0..=n % 3 {
                opened.charge(&user("alice"), Method::Smartcard, &origin(), NOW).unwrap();
            }
            records = Some(opened);
        }
        drop(records);
        copy(&location.directory, &root.path().join("newest"));
        copy(&location.mark, &root.path().join("newest-mark"));
        for n in 0..rounds {
            put_back(&root.path().join(format!("copy{n}")), &location.directory);
            let refused = Records::open(&location).err();
            assert!(matches!(refused, Some(StoreError::RolledBack { .. })), "{kind} {n}: {refused:?}");
        }
        put_back(&root.path().join("newest"), &location.directory);
        for n in 0..rounds - 1 {
            put_back(&root.path().join(format!("mark{n}")), &location.mark);
            let refused = Records::open(&location).err();
            assert!(matches!(refused, Some(StoreError::MarkBehind { .. })), "{kind} {n}: {refused:?}");
        }
        put_back(&root.path().join("newest-mark"), &location.mark);
        assert!(Records::open(&location).is_ok());
    });
}

/// Proves: ENA-02
#[test]
fn what_is_missing_has_its_own_error_and_never_reads_as_nobody_enrolled() {
    each(|kind| {
        let (root, location, records) = new(kind);
        records.insert(card(&records, "alice", None)).unwrap();
        drop(records);
        let saved = root.path().join("saved");
        copy(&location.directory, &saved);
        assert_eq!(location.presence(), Presence::Present);
        assert!(matches!(Records::create(&location).err(), Some(StoreError::Exists { .. })));

        let away = root.path().join("away");
        fs::rename(&location.mark, &away).unwrap();
        let e = Records::open(&location).err();
        assert!(matches!(e, Some(StoreError::Mark(MarkError::Missing { .. }))), "{e:?}");
        assert!(matches!(Records::create(&location).err(), Some(StoreError::Exists { .. })));
        fs::rename(&away, &location.mark).unwrap();

        fs::remove_dir_all(&location.directory).unwrap();
        let e = Records::open(&location).err();
        assert!(matches!(e, Some(StoreError::Empty { sequence: 3 })), "{kind}: {e:?}");
        assert!(matches!(Records::create(&location).err(), Some(StoreError::Exists { .. })));
        fs::create_dir(&location.directory).unwrap();
        assert!(matches!(Records::open(&location).err(), Some(StoreError::Empty { .. })));
        fs::remove_dir(&location.directory).unwrap();
        drop(crate::create_engine(kind, &location.directory, 8 << 20).unwrap());
        let e = Records::open(&location).err();
        assert!(matches!(e, Some(StoreError::Empty { .. })), "{kind}: an empty engine, {e:?}");

        put_back(&saved, &location.directory);
        let KeySource::File(key) = &location.key;
        fs::rename(key, &away).unwrap();
        let e = Records::open(&location).err();
        assert!(matches!(e, Some(StoreError::Key(KeyError::Missing { .. }))), "{e:?}");
        fs::write(key, [1; 32]).unwrap();
        let e = Records::open(&location).err();
        assert!(matches!(e, Some(StoreError::Key(KeyError::Permissions { .. }))), "{e:?}");
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
        let e = Records::open(&location).err();
        assert!(matches!(e, Some(StoreError::Mark(MarkError::Damaged { .. }))), "another key: {e:?}");
        fs::write(key, [1; 31]).unwrap();
        assert!(matches!(Records::open(&location).err(), Some(StoreError::Key(KeyError::Length { .. }))));
        fs::rename(&away, key).unwrap();
        assert_eq!(Records::open(&location).unwrap().users().unwrap().len(), 1);
    });
}

#[test]
fn a_store_of_another_generation_is_refused() {
    each(|kind| {
        let (root, location, records) = new(kind);
        drop(records);
        let other = Location {
            directory: root.path().join("other"),
            mark: root.path().join("other-mark"),
            ..location.clone()
        };
        drop(Records::create(&other).unwrap());
        let mixed = Location { mark: other.mark, ..location };
        assert!(matches!(Records::open(&mixed).err(), Some(StoreError::Foreign)), "{kind}");
    });
}

/// Proves: ENA-02
#[test]
fn a_creation_that_was_cut_off_is_taken_up_again() {
    each(|kind| {
        let (root, location, records) = new(kind);
        drop(records);
        assert!(matches!(
            Records::open(&place(kind, &tempfile::tempdir().unwrap())),
            Err(StoreError::Absent { .. })
        ));
        // Between the two names.
        let draft = root.path().join("mark.new");
        fs::rename(&location.mark, &draft).unwrap();
        assert!(Records::open(&location).is_ok());
        assert!(location.mark.exists() && !draft.exists());
        // Before the first.
        fs::rename(&location.directory, root.path().join("store.new")).unwrap();
        fs::rename(&location.mark, &draft).unwrap();
        assert_eq!(location.presence(), Presence::Unfinished);
        assert!(matches!(Records::open(&location).err(), Some(StoreError::Absent { .. })));
        assert!(Records::create(&location).is_ok());
        let KeySource::File(key) = &location.key;
        assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600, "{kind}");
        let untouched = place(kind, &tempfile::tempdir().unwrap());
        assert_eq!(untouched.presence(), Presence::Untouched);
    });
}

/// A kill between the commit and the mark leaves the store one commit ahead; that is complete.
#[test]
fn a_store_one_commit_ahead_of_its_mark_is_taken() {
    each(|kind| {
        let (root, location, records) = new(kind);
        copy(&location.mark, &root.path().join("before"));
        records.insert(card(&records, "alice", None)).unwrap();
        drop(records);
        put_back(&root.path().join("before"), &location.mark);
        let records = Records::open(&location).unwrap();
        assert_eq!(records.users().unwrap().len(), 1);
        records.charge(&user("alice"), Method::Smartcard, &origin(), NOW).unwrap();
        drop(records);
        Records::open(&location).unwrap();
        put_back(&root.path().join("before"), &location.mark);
        assert!(matches!(Records::open(&location).err(), Some(StoreError::MarkBehind { .. })), "{kind}");
    });
}

#[test]
fn a_failed_mark_ends_the_records() {
    each(|kind| {
        let (_root, _, records) = new(kind);
        records.writer.lock().unwrap().break_mark();
        let failed = records.charge(&user("alice"), Method::Smartcard, &origin(), NOW).unwrap_err();
        assert!(failed.is_fatal(), "{failed:?}");
        let later = records.clear(&user("alice"), Method::Smartcard, &origin()).unwrap_err();
        assert!(matches!(later, StoreError::Engine(EngineError::Poisoned)), "{kind}: {later:?}");
        assert!(records.credentials(&user("alice")).is_err(), "reads fail too");
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
