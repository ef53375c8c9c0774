//! What the writer program does and what must be found after it: each thread has a user of its
//! own and does a fixed list of steps, so the number of steps tells the whole state.

#![allow(dead_code, reason = "every test uses a part of it")]

use std::{collections::BTreeMap, path::Path};

use signet_store::{Credential, EngineKind, KeySource, Location, Origin, Presence, Records, StoreError};
use signet_types::{CredentialId, Method, Timestamp, UserName};

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

const NOW: Timestamp = Timestamp::from_secs(1_795_456_800);

/// A store, its mark and its key under one directory.
pub(crate) fn location(engine: EngineKind, root: &Path) -> Location {
    Location {
        engine,
        directory: root.join("store"),
        mark: root.join("mark"),
        key: KeySource::File(root.join("key")),
        cache_bytes: 8 << 20,
    }
}

pub(crate) fn open_or_create(location: &Location) -> Result<Records, StoreError> {
    match location.presence() {
        Presence::Present => Records::open(location),
        Presence::Untouched | Presence::Unfinished => Records::create(location),
    }
}

fn user(thread: u8) -> Result<UserName, Failure> {
    Ok(format!("user{thread}").parse()?)
}

fn origin() -> Result<Origin, Failure> {
    Ok("seat0".parse()?)
}

fn identifier(thread: u8, step: u32) -> Vec<u8> {
    [&[thread][..], &step.to_le_bytes()].concat()
}

fn id(thread: u8, step: u32) -> CredentialId {
    let mut bytes = [thread; 16];
    for (to, from) in bytes.iter_mut().zip(step.to_be_bytes()) {
        *to = from;
    }
    CredentialId::from_bytes(bytes)
}

fn credential(records: &Records, thread: u8, step: u32) -> Result<Credential, Failure> {
    // Every eighth is cut into several rows.
    let length = if step % 8 == 1 { 9_000 } else { 100 + step as usize * 31 % 1_500 };
    Ok(Credential {
        id: id(thread, step),
        user: user(thread)?,
        method: Method::Smartcard,
        kind: "PIV card".into(),
        description: format!("step {step}"),
        enrolled_at: NOW,
        last_used: None,
        identifier: Some(records.identifier_hash(&identifier(thread, step))),
        data: vec![u8::try_from(step % 251)?; length],
    })
}

/// Does the step with this number, from 0 on.
pub(crate) fn run_step(records: &Records, thread: u8, step: u32) -> Result<(), Failure> {
    match step % 4 {
        0 | 1 => records.insert(credential(records, thread, step)?)?,
        2 => {
            records.charge(&user(thread)?, Method::Smartcard, &origin()?, NOW)?;
        }
        _ => {
            records.delete(id(thread, step - 3))?;
        }
    }
    Ok(())
}

/// What must be there after this many steps.
fn expected(
    records: &Records,
    thread: u8,
    steps: u32,
) -> Result<(BTreeMap<CredentialId, Credential>, u32), Failure> {
    let mut credentials = BTreeMap::new();
    let mut failures = 0;
    for step in 0..steps {
        match step % 4 {
            0 | 1 => {
                credentials.insert(id(thread, step), credential(records, thread, step)?);
            }
            2 => failures += 1,
            _ => {
                credentials.remove(&id(thread, step - 3));
            }
        }
    }
    Ok((credentials, failures))
}

/// How many steps of a thread the store holds: those that were acknowledged, or the one more that
/// was under way. Anything else is lost, torn or half-applied.
pub(crate) fn steps_found(records: &Records, thread: u8, acknowledged: u32) -> Result<u32, Failure> {
    let found: BTreeMap<_, _> = records.credentials(&user(thread)?)?.into_iter().map(|c| (c.id, c)).collect();
    let counter = records.counter(&user(thread)?, Method::Smartcard, &origin()?)?;
    let failures = counter.map_or(0, |c| c.failures);
    for steps in [acknowledged, acknowledged + 1] {
        if (&found, failures) == (&expected(records, thread, steps)?.0, expected(records, thread, steps)?.1) {
            check_owners(records, thread, &found, steps)?;
            return Ok(steps);
        }
    }
    Err(format!(
        "thread {thread}: {acknowledged} steps were acknowledged, but {} credentials and {failures} failures are there",
        found.len()
    )
    .into())
}

/// The index must agree with the credentials, also for those that were deleted.
fn check_owners(
    records: &Records,
    thread: u8,
    found: &BTreeMap<CredentialId, Credential>,
    steps: u32,
) -> Result<(), Failure> {
    for step in (0..steps).filter(|s| s % 4 < 2) {
        let owner = records.owner_of(&records.identifier_hash(&identifier(thread, step)))?;
        let expected = found.get(&id(thread, step)).map(|c| (c.user.clone(), c.id));
        if owner != expected {
            return Err(
                format!("thread {thread}, step {step}: the owner is {owner:?}, not {expected:?}").into()
            );
        }
        if records.credential(id(thread, step))?.is_some() != expected.is_some() {
            return Err(format!("thread {thread}, step {step}: the id's index is wrong").into());
        }
    }
    Ok(())
}

/// Path of the writer program, which `cargo test` builds with the examples.
pub(crate) fn writer() -> Result<std::path::PathBuf, Failure> {
    let mut path = std::env::current_exe()?;
    path.pop();
    path.pop();
    let path = path.join("examples/writer");
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is missing: run 'cargo build -p signet-store --examples'", path.display()).into())
    }
}
