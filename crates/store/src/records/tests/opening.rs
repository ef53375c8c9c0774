//! What is refused when a store is opened.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::*;
use crate::{
    EngineError, KeyError,
    engine::{Batch, open_engine},
    mark::MarkError,
};

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
