//! The conformance suite of [`Store`], run on every engine.

use std::{collections::BTreeMap, fs, sync::Arc, thread};

use proptest::{collection::vec, prelude::*};
use tempfile::TempDir;

use super::*;

const CACHE: u64 = 8 << 20;

fn new(kind: EngineKind) -> (TempDir, Box<dyn Store>) {
    let root = tempfile::tempdir().unwrap();
    let store = create_engine(kind, &root.path().join("store"), CACHE).unwrap();
    (root, store)
}

fn reopen(kind: EngineKind, root: &TempDir, store: Box<dyn Store>) -> Box<dyn Store> {
    drop(store);
    open_engine(kind, &root.path().join("store"), CACHE).unwrap()
}

fn all(store: &dyn Store, tree: Tree, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    store
        .scan(tree, prefix, &mut |k, v| {
            rows.push((k.to_vec(), v.to_vec()));
            ControlFlow::Continue(())
        })
        .unwrap();
    rows
}

fn put(store: &dyn Store, tree: Tree, key: &[u8], value: &[u8]) {
    let mut batch = Batch::default();
    batch.put(tree, key, value.to_vec()).unwrap();
    store.commit(&batch).unwrap();
}

/// Runs a test on every engine.
fn each(test: impl Fn(EngineKind)) {
    EngineKind::ALL.into_iter().for_each(test);
}

#[test]
fn a_batch_is_seen_after_commit_and_after_opening_again() {
    each(|kind| {
        let (root, store) = new(kind);
        let mut batch = Batch::default();
        batch.put(Tree::Credential, b"a", b"1".to_vec()).unwrap();
        batch.put(Tree::Identifier, b"a", b"2".to_vec()).unwrap();
        batch.put(Tree::Profile, b"", b"".to_vec()).unwrap();
        batch.delete(Tree::Counter, b"nothing");
        store.commit(&batch).unwrap();
        let check = |store: &dyn Store| {
            assert_eq!(store.kind(), kind);
            assert_eq!(store.get(Tree::Credential, b"a").unwrap().unwrap(), b"1");
            assert_eq!(store.get(Tree::Identifier, b"a").unwrap().unwrap(), b"2");
            assert_eq!(store.get(Tree::Profile, b"").unwrap().unwrap(), b"", "{kind}: empty key and value");
            assert_eq!(store.get(Tree::Counter, b"a").unwrap(), None, "{kind}: trees are apart");
        };
        check(&*store);
        let store = reopen(kind, &root, store);
        check(&*store);
        let mut batch = Batch::default();
        batch.delete(Tree::Credential, b"a");
        batch.put(Tree::Identifier, b"a", b"3".to_vec()).unwrap();
        store.commit(&batch).unwrap();
        let store = reopen(kind, &root, store);
        assert_eq!(store.get(Tree::Credential, b"a").unwrap(), None);
        assert_eq!(store.get(Tree::Identifier, b"a").unwrap().unwrap(), b"3");
    });
}

#[test]
fn a_scan_gives_the_prefix_in_order_and_stops_when_told() {
    each(|kind| {
        let (_root, store) = new(kind);
        let mut batch = Batch::default();
        for n in 0..1_000u32 {
            batch.put(Tree::Session, &n.to_be_bytes(), n.to_string().into_bytes()).unwrap();
        }
        for key in [&b"\x00\x00"[..], b"\xff", b"\xff\xff", b"\xff\xff\xff"] {
            batch.put(Tree::Profile, key, key.to_vec()).unwrap();
        }
        store.commit(&batch).unwrap();
        let rows = all(&*store, Tree::Session, b"");
        assert_eq!(rows.len(), 1_000, "{kind}: more than one page");
        assert!(rows.is_sorted());
        assert_eq!(all(&*store, Tree::Session, &[0, 0, 1]).len(), 256);
        assert_eq!(all(&*store, Tree::Profile, b"\xff\xff").len(), 2);
        assert_eq!(all(&*store, Tree::Counter, b"").len(), 0);
        let mut seen = 0;
        store
            .scan(Tree::Session, b"", &mut |_, _| {
                seen += 1;
                if seen == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        assert_eq!(seen, 10);
    });
}

#[test]
fn a_visitor_may_call_the_store() {
    each(|kind| {
        let (_root, store) = new(kind);
        put(&*store, Tree::Profile, b"a", b"1");
        let mut found = None;
        store
            .scan(Tree::Profile, b"", &mut |key, _| {
                found = store.get(Tree::Profile, key).unwrap();
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(found.unwrap(), b"1");
    });
}

#[test]
fn too_long_keys_and_values_are_refused() {
    let mut batch = Batch::default();
    assert!(batch.put(Tree::Meta, &[0; MAX_KEY], vec![0; MAX_VALUE]).is_ok());
    let long = batch.put(Tree::Meta, b"k", vec![0; MAX_VALUE + 1]);
    assert!(matches!(long, Err(EngineError::ValueTooLong { length: 4097 })));
    let long = batch.put(Tree::Meta, &[0; MAX_KEY + 1], Vec::new());
    assert!(matches!(long, Err(EngineError::KeyTooLong { length: 601 })));
    assert_eq!(batch.len(), 1);
    each(|kind| {
        let (root, store) = new(kind);
        store.commit(&batch).unwrap();
        let store = reopen(kind, &root, store);
        assert_eq!(store.get(Tree::Meta, &[0; MAX_KEY]).unwrap().unwrap().len(), MAX_VALUE);
        let blobs = root.path().join("store/blobs");
        assert!(!blobs.exists() || fs::read_dir(blobs).unwrap().next().is_none(), "no blob files");
    });
}

#[test]
fn writers_at_once_lose_nothing() {
    each(|kind| {
        let (root, store) = new(kind);
        let store: Arc<dyn Store> = store.into();
        let threads: Vec<_> = (0..8u8)
            .map(|thread| {
                let store = Arc::clone(&store);
                thread::spawn(move || {
                    for n in 0..50u8 {
                        let mut batch = Batch::default();
                        batch.put(Tree::Credential, &[thread, n], vec![n]).unwrap();
                        batch.put(Tree::Counter, &[thread], vec![n]).unwrap();
                        store.commit(&batch).unwrap();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        drop(store);
        let store = open_engine(kind, &root.path().join("store"), CACHE).unwrap();
        assert_eq!(all(&*store, Tree::Credential, b"").len(), 400, "{kind}");
        assert!(all(&*store, Tree::Counter, b"").iter().all(|(_, v)| v == &[49]));
    });
}

#[test]
fn a_store_opens_once_and_only_with_its_own_engine() {
    each(|kind| {
        let (root, store) = new(kind);
        let directory = root.path().join("store");
        let [other] = EngineKind::ALL.into_iter().filter(|k| *k != kind).collect::<Vec<_>>()[..] else {
            panic!()
        };
        for result in [open_engine(other, &directory, CACHE), create_engine(other, &directory, CACHE)] {
            match result.err() {
                Some(EngineError::OtherEngine { found, asked, .. }) => {
                    assert_eq!((found, asked), (kind, other));
                }
                e => panic!("{kind}: {e:?}"),
            }
        }
        let again = open_engine(kind, &directory, CACHE).err();
        assert!(matches!(again, Some(EngineError::InUse)), "{kind}: {again:?}");
        assert!(matches!(create_engine(kind, &directory, CACHE).err(), Some(EngineError::Exists { .. })));
        drop(store);
        assert!(open_engine(kind, &directory, CACHE).is_ok());
        let empty = root.path().join("empty");
        fs::create_dir(&empty).unwrap();
        for place in [&empty, &root.path().join("nowhere")] {
            assert!(matches!(open_engine(kind, place, CACHE).err(), Some(EngineError::Missing { .. })));
        }
        assert!(!root.path().join("nowhere").exists(), "opening makes nothing");
    });
}

/// sled's threads outlive its handle; the store must be free when ours is gone.
#[test]
fn a_store_that_was_closed_opens_at_once() {
    each(|kind| {
        let (root, mut store) = new(kind);
        for n in 0..60u8 {
            put(&*store, Tree::Profile, &[n], &[n; 2_000]);
            store = reopen(kind, &root, store);
        }
        assert_eq!(all(&*store, Tree::Profile, b"").len(), 60, "{kind}");
    });
}

/// Killed while it opens, sled leaves a part of a snapshot, and would never open again.
#[test]
fn a_snapshot_that_was_cut_off_does_not_stop_sled() {
    let (root, store) = new(EngineKind::Sled);
    put(&*store, Tree::Profile, b"a", b"1");
    let store = reopen(EngineKind::Sled, &root, store);
    drop(store);
    let directory = root.path().join("store");
    for bytes in [&b""[..], b"n\x02\0", &[1; 111]] {
        fs::write(directory.join("snap.00000000FFFFFFFF.generating"), bytes).unwrap();
        let store = open_engine(EngineKind::Sled, &directory, CACHE).unwrap();
        assert_eq!(store.get(Tree::Profile, b"a").unwrap().unwrap(), b"1");
    }
}

#[test]
fn files_of_both_engines_in_one_directory_are_refused() {
    each(|kind| {
        let (root, store) = new(kind);
        drop(store);
        let directory = root.path().join("store");
        for other in EngineKind::ALL.into_iter().filter(|k| *k != kind) {
            fs::write(directory.join(other.files()[0]), b"").unwrap();
        }
        let refused = open_engine(kind, &directory, CACHE).err();
        assert!(matches!(refused, Some(EngineError::OtherEngine { .. })), "{kind}: {refused:?}");
    });
}

#[test]
fn an_engine_is_one_word() {
    each(|kind| assert_eq!(kind.to_string().parse(), Ok(kind)));
    assert_eq!(EngineKind::default(), EngineKind::Sled);
    for bad in ["", "Sled", "redb", "sled "] {
        assert_eq!(bad.parse::<EngineKind>(), Err(UnknownEngine));
    }
}

#[test]
fn only_the_owner_enters_the_directory() {
    use std::os::unix::fs::PermissionsExt;
    each(|kind| {
        let (root, _store) = new(kind);
        let mode = fs::metadata(root.path().join("store")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{kind}");
    });
}

/// One step of the model test.
#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<(Tree, Vec<u8>, Option<Vec<u8>>)>),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let tree = prop::sample::select(Tree::ALL.to_vec());
    let key = vec(prop::sample::select(vec![0u8, 1, b'a', 255]), 0..4);
    let value = prop::option::weighted(
        0.7,
        prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 3_000..=MAX_VALUE)],
    );
    prop_oneof![8 => vec((tree, key, value), 0..12).prop_map(Step::Commit), 1 => Just(Step::Reopen)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn an_engine_behaves_like_a_sorted_map(steps in vec(step(), 1..30)) {
        for kind in EngineKind::ALL {
            let (root, mut store) = new(kind);
            let mut model: BTreeMap<(Tree, Vec<u8>), Vec<u8>> = BTreeMap::new();
            for step in &steps {
                match step {
                    Step::Reopen => store = reopen(kind, &root, store),
                    Step::Commit(changes) => {
                        let mut batch = Batch::default();
                        for (tree, key, value) in changes {
                            if let Some(value) = value {
                                batch.put(*tree, key, value.clone()).unwrap();
                                model.insert((*tree, key.clone()), value.clone());
                            } else {
                                batch.delete(*tree, key);
                                model.remove(&(*tree, key.clone()));
                            }
                        }
                        store.commit(&batch).unwrap();
                    }
                }
                for tree in Tree::ALL {
                    let expected: Vec<_> =
                        model.iter().filter(|((t, _), _)| *t == tree).map(|((_, k), v)| (k.clone(), v.clone())).collect();
                    prop_assert_eq!(all(&*store, tree, b""), expected, "{} {:?}", kind, tree);
                    for prefix in [&[0u8][..], b"a", &[255], &[255, 255]] {
                        let found = all(&*store, tree, prefix);
                        let expected = model.keys().filter(|(t, k)| *t == tree && k.starts_with(prefix)).count();
                        prop_assert_eq!(found.len(), expected);
                    }
                }
            }
        }
    }
}
