use signet_types::{CredentialId, Method, SessionId, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::{EngineKind, KeySource, Origin};

const NOW: Timestamp = Timestamp::from_secs(1_795_456_800);

fn place(kind: EngineKind, root: &TempDir, name: &str) -> Location {
    Location {
        engine: kind,
        directory: root.path().join(name),
        mark: root.path().join(format!("{name}.mark")),
        key: KeySource::File(root.path().join(format!("{name}.key"))),
        cache_bytes: 8 << 20,
    }
}

fn passphrase(text: &str) -> Secret {
    Secret::try_from(text.to_owned()).unwrap()
}

fn filled(location: &Location, count: u64) -> Records {
    let records = Records::create(location).unwrap();
    let origin: Origin = "seat0".parse().unwrap();
    let cards = (0..count).map(|n| Credential {
        id: CredentialId::random().unwrap(),
        user: format!("user{}", n % 7).parse().unwrap(),
        method: Method::Smartcard,
        kind: "PIV card".into(),
        description: String::new(),
        enrolled_at: NOW,
        last_used: None,
        identifier: Some(records.identifier_hash(&n.to_le_bytes())),
        data: vec![9; usize::try_from(n * 97 % 9_000).unwrap()],
    });
    records.insert_all(cards.collect()).unwrap();
    let alice = "alice".parse().unwrap();
    records.update_profile(&alice, |p| p.always_use_method = true).unwrap();
    records.charge(&alice, Method::Password, &origin, NOW).unwrap();
    let session: SessionId = "1".parse().unwrap();
    records.put_session(&session, vec![1]).unwrap();
    records
}

#[test]
fn an_export_of_one_engine_is_imported_into_the_other() {
    for (from, to) in [(EngineKind::Sled, EngineKind::Sqlite), (EngineKind::Sqlite, EngineKind::Sled)] {
        let root = tempfile::tempdir().unwrap();
        let records = filled(&place(from, &root, "old"), 300);
        let mut file = Vec::new();
        let written = records.export(&mut file, &passphrase("correct horse")).unwrap();
        assert_eq!(written, ExportSummary { credentials: 300, profiles: 1, counters: 1 });
        assert!(file.len() > 300 * 4_000, "several chunks");
        assert_eq!(verify_export(&mut &file[..], &passphrase("correct horse")).unwrap(), written);
        let location = place(to, &root, "new");
        let (copy, read) = Records::import(&location, &mut &file[..], &passphrase("correct horse")).unwrap();
        assert_eq!(read, written);
        assert_eq!(copy.engine(), to);
        for user in records.users().unwrap() {
            assert_eq!(copy.credentials(&user).unwrap(), records.credentials(&user).unwrap());
        }
        let hash = copy.identifier_hash(&5u64.to_le_bytes());
        assert_eq!(
            hash,
            records.identifier_hash(&5u64.to_le_bytes()),
            "tokens are found under another master key"
        );
        assert_eq!(copy.owner_of(&hash).unwrap().unwrap().0.as_str(), "user5");
        let alice = "alice".parse().unwrap();
        assert!(copy.profile(&alice).unwrap().always_use_method);
        assert_eq!(copy.counters(&alice).unwrap(), records.counters(&alice).unwrap());
        assert!(copy.sessions().unwrap().is_empty());
        let again = Records::import(&location, &mut &file[..], &passphrase("correct horse")).err();
        assert!(matches!(again, Some(ExportError::Store(StoreError::Exists { .. }))), "{again:?}");
    }
}

#[test]
fn a_damaged_or_cut_export_is_recognised_and_nothing_is_made() {
    let root = tempfile::tempdir().unwrap();
    let records = filled(&place(EngineKind::Sqlite, &root, "old"), 40);
    let mut file = Vec::new();
    records.export(&mut file, &passphrase("right")).unwrap();
    let read = |bytes: &[u8], word: &str| verify_export(&mut &*bytes, &passphrase(word)).unwrap_err();
    assert!(matches!(read(&file, "wrong"), ExportError::Passphrase));
    assert!(matches!(read(&file, ""), ExportError::EmptyPassphrase));
    assert!(matches!(read(b"SIGNETEX", "right"), ExportError::NotAnExport));
    assert!(matches!(read(&[0; 500], "right"), ExportError::NotAnExport));
    for (at, bit) in [(60, 0), (file.len() / 2, 3), (file.len() - 1, 7), (70_000, 1)] {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << bit;
        let found = read(&flipped, "right");
        assert!(matches!(found, ExportError::Damaged { .. } | ExportError::Passphrase), "{at}: {found:?}");
    }
    for length in [52, 53, 57, 65_000, file.len() / 2, file.len() - 1] {
        assert!(matches!(read(&file[..length], "right"), ExportError::Damaged { .. }), "cut to {length}");
    }
    let longer = [&file[..], b"x"].concat();
    assert!(matches!(read(&longer, "right"), ExportError::Damaged { .. }));
    let mut newer = file.clone();
    newer[8] = 2;
    assert!(matches!(read(&newer, "right"), ExportError::Version { version: 2 }));
    let mut greedy = file.clone();
    greedy[12] = 0xff;
    assert!(matches!(read(&greedy, "right"), ExportError::Parameters), "gigabytes for the key");

    let location = place(EngineKind::Sled, &root, "new");
    let cut = &file[..file.len() - 1];
    assert!(Records::import(&location, &mut &*cut, &passphrase("right")).is_err());
    assert!(!location.directory.exists() && !location.mark.exists());
    assert!(
        Records::import(&location, &mut &file[..], &passphrase("right")).is_ok(),
        "and then the whole one"
    );
}

#[test]
fn chunks_cannot_be_swapped_dropped_or_doubled() {
    let root = tempfile::tempdir().unwrap();
    let records = filled(&place(EngineKind::Sqlite, &root, "old"), 120);
    let mut file = Vec::new();
    records.export(&mut file, &passphrase("right")).unwrap();
    let (header, mut rest) = file.split_at(52);
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let length = 5 + usize::try_from(u32::from_le_bytes(rest[1..5].try_into().unwrap())).unwrap();
        chunks.push(&rest[..length]);
        rest = &rest[length..];
    }
    assert!(chunks.len() > 4, "{}", chunks.len());
    let refused = |chunks: &[&[u8]]| {
        let bytes = [header, &chunks.concat()].concat();
        verify_export(&mut &bytes[..], &passphrase("right")).is_err()
    };
    assert!(!refused(&chunks));
    for n in 0..chunks.len() {
        let mut changed = chunks.clone();
        changed.remove(n);
        assert!(refused(&changed), "dropped {n}");
        let mut changed = chunks.clone();
        changed.insert(n, chunks[n]);
        assert!(refused(&changed), "doubled {n}");
        let mut changed = chunks.clone();
        changed.swap(n, (n + 1) % chunks.len());
        assert!(refused(&changed), "swapped {n}");
    }
}
