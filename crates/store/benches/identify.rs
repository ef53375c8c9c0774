//! Figures of the store: finding the owner of a token among many enrolments, durable writes,
//! opening, memory. `SIGNET_STORE_ENROLMENTS` sets the number of enrolments (default 10,000),
//! `SIGNET_STORE_ENGINE` picks one engine.

use std::{
    env,
    error::Error,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use signet_store::{Credential, EngineKind, KeySource, Location, Origin, Records};
use signet_types::{CredentialId, Method, Timestamp, UserName};

const NOW: Timestamp = Timestamp::from_secs(1_795_456_800);

fn main() -> Result<(), Box<dyn Error>> {
    if let [_, idle, engine, root] = &env::args().collect::<Vec<_>>()[..]
        && idle == "idle"
    {
        return idle_memory(&location(engine.parse()?, Path::new(root)));
    }
    // `cargo test` runs this with --test; the figures are for `cargo bench`.
    let bench = env::args().any(|a| a == "--bench");
    let count =
        env::var("SIGNET_STORE_ENROLMENTS").map_or(Ok(if bench { 10_000 } else { 100 }), |n| n.parse())?;
    let engines = match env::var("SIGNET_STORE_ENGINE") {
        Ok(word) => vec![word.parse()?],
        Err(_) => EngineKind::ALL.to_vec(),
    };
    for engine in engines {
        measure(engine, count)?;
    }
    Ok(())
}

fn measure(engine: EngineKind, count: u64) -> Result<(), Box<dyn Error>> {
    let root = tempfile::tempdir()?;
    let location = location(engine, root.path());
    let begin = Instant::now();
    let records = Records::create(&location)?;
    let mut batch = Vec::new();
    for n in 0..count {
        batch.push(enrolment(&records, n)?);
        if batch.len() == 1_000 || n + 1 == count {
            records.insert_all(std::mem::take(&mut batch))?;
        }
    }
    let load = begin.elapsed();
    drop(records);
    let begin = Instant::now();
    let records = Records::open(&location)?;
    let open = begin.elapsed();
    println!("{engine}: {count} enrolments, loaded in {load:.1?}, opened and verified in {open:.1?}");
    find(&records, engine, count)?;
    charge(&records, engine)?;
    drop(records);
    println!("{engine}: on disk {} KiB", size(&location.directory)? / 1024);
    // A process of its own: what loading left behind is not the daemon's memory.
    let status =
        Command::new(env::current_exe()?).args(["idle", engine.as_str()]).arg(root.path()).status()?;
    if status.success() { Ok(()) } else { Err("the process that measures memory failed".into()) }
}

fn location(engine: EngineKind, root: &Path) -> Location {
    Location {
        engine,
        directory: root.join("store"),
        mark: root.join("mark"),
        key: KeySource::File(root.join("key")),
        cache_bytes: signet_store::DEFAULT_CACHE_BYTES,
    }
}

/// Memory of a process that has opened a store and does nothing.
fn idle_memory(location: &Location) -> Result<(), Box<dyn Error>> {
    let before = status("VmRSS")?;
    let _records = Records::open(location)?;
    let (engine, after) = (location.engine, status("VmRSS")?);
    println!(
        "{engine}: memory idle {after} KiB, of which the store has {} KiB",
        after.saturating_sub(before)
    );
    Ok(())
}

fn enrolment(records: &Records, n: u64) -> Result<Credential, Box<dyn Error>> {
    // 0.2 to 1 KiB: a public key, a certificate's digest, a verifier.
    let length = usize::try_from(200 + n * 37 % 800)?;
    Ok(Credential {
        id: CredentialId::random()?,
        user: user(n)?,
        method: Method::Smartcard,
        kind: "PIV card, RSA-2048".into(),
        description: format!("card {n}"),
        enrolled_at: NOW,
        last_used: None,
        identifier: Some(records.identifier_hash(&n.to_le_bytes())),
        data: vec![7; length],
    })
}

fn user(n: u64) -> Result<UserName, Box<dyn Error>> {
    Ok(format!("user{}", n / 2).parse()?)
}

fn find(records: &Records, engine: EngineKind, count: u64) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::new();
    // A stride that is prime to the count visits records far from each other.
    for n in (0..20_000u64).map(|n| n * 7_919 % count) {
        let hash = records.identifier_hash(&n.to_le_bytes());
        let begin = Instant::now();
        let found = records.owner_of(&hash)?;
        times.push(begin.elapsed());
        if found.is_none_or(|(owner, _)| Ok(owner) != user(n).map_err(|_| ())) {
            return Err(format!("enrolment {n} was not found").into());
        }
    }
    report(engine, "owner of a token", times);
    Ok(())
}

fn charge(records: &Records, engine: EngineKind) -> Result<(), Box<dyn Error>> {
    let (alice, origin): (UserName, Origin) = ("alice".parse()?, "seat0".parse()?);
    let mut times = Vec::new();
    for _ in 0..1_000 {
        let begin = Instant::now();
        records.charge(&alice, Method::Smartcard, &origin, NOW)?;
        times.push(begin.elapsed());
    }
    report(engine, "durable charge", times);
    Ok(())
}

fn report(engine: EngineKind, what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    println!("{engine}: {what}: p50 {:.1?}, p99 {:.1?}, n {}", at(50), at(99), times.len());
}

/// A line of `/proc/self/status` in KiB.
fn status(name: &str) -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':')).ok_or("no such line")?;
    Ok(line.split_whitespace().next().ok_or("empty line")?.parse()?)
}

fn size(directory: &std::path::Path) -> Result<u64, Box<dyn Error>> {
    fs::read_dir(directory)?.try_fold(0, |sum, entry| Ok(sum + entry?.metadata()?.len()))
}
