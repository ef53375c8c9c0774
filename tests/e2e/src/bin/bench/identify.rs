//! Whose card is this, among very many.

use std::time::{Duration, Instant};

use signet_store::{Credential, EngineKind, KeySource, Location, Records};
use signet_types::{CredentialId, Method, Timestamp};

use crate::{
    Fault,
    disk::Disk,
    table::{Row, Sample, Statistic, Target},
};

const NOW: Timestamp = Timestamp::from_secs(1_795_456_800);
const LOOKUPS: u32 = 20_000;

pub(crate) fn measure(disk: &Disk) -> Result<Vec<Row>, Fault> {
    let full = std::env::var_os("SIGNET_BENCH_FULL").is_some_and(|value| value == "1");
    let enrolments = if full { 1_000_000 } else { 100_000 };
    let sled = lookups(disk, EngineKind::Sled, enrolments)?;
    let sqlite = lookups(disk, EngineKind::Sqlite, enrolments)?;
    let row = |own: EngineKind, times: &Sample, peer: EngineKind, theirs: &Sample| Row {
        figure: format!("owner of a card among {enrolments}, {own}"),
        statistic: Statistic::P99,
        own: times.clone(),
        peer: (peer.to_string(), theirs.clone()),
        target: Target::Below(1.0),
    };
    Ok(vec![
        row(EngineKind::Sled, &sled, EngineKind::Sqlite, &sqlite),
        row(EngineKind::Sqlite, &sqlite, EngineKind::Sled, &sled),
    ])
}

fn lookups(disk: &Disk, engine: EngineKind, enrolments: u32) -> Result<Sample, Fault> {
    let root = disk.path().join(format!("identify-{engine}"));
    std::fs::create_dir(&root)?;
    let location = Location {
        engine,
        directory: root.join("store"),
        mark: root.join("mark"),
        key: KeySource::File(root.join("key")),
        cache_bytes: signet_store::DEFAULT_CACHE_BYTES,
    };
    let records = Records::create(&location)?;
    fill(&records, enrolments)?;
    let mut times: Vec<Duration> = Vec::new();
    // A stride that is prime to the count visits records far from each other.
    for n in (0..LOOKUPS).map(|n| u64::from(n) * 7_919 % u64::from(enrolments)) {
        let begin = Instant::now();
        let found = records.owner_of(&records.identifier_hash(&n.to_le_bytes()))?;
        times.push(begin.elapsed());
        if found.is_none_or(|(user, _)| user.as_str() != format!("user{n}")) {
            return Err(format!("enrolment {n} was not found").into());
        }
    }
    drop(records);
    std::fs::remove_dir_all(&root)?;
    Ok(Sample::of_times(&times))
}

/// Enrols `user0` and so on, each with a card.
pub(crate) fn fill(records: &Records, enrolments: u32) -> Result<(), Fault> {
    let mut batch = Vec::new();
    for n in 0..u64::from(enrolments) {
        batch.push(Credential {
            id: CredentialId::random()?,
            user: format!("user{n}").parse()?,
            method: Method::Smartcard,
            kind: "PIV card, RSA-2048".into(),
            description: format!("card {n}"),
            enrolled_at: NOW,
            last_used: None,
            identifier: Some(records.identifier_hash(&n.to_le_bytes())),
            // A public key and a certificate's digest.
            data: vec![7; 400],
        });
        if batch.len() == 1_000 {
            records.insert_all(std::mem::take(&mut batch))?;
        }
    }
    Ok(records.insert_all(batch)?)
}
