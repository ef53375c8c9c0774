//! The idle daemon's memory, with 1,000 enrolments, on each engine.

use std::{fs, path::Path};

use signet_e2e::Signetd;
use signet_protocol::{Bounds, Client, ServerIdentity, wire::service::GetInfo};
use signet_rig::program;
use signet_store::{EngineKind, KeySource, Location, Records};

use crate::{
    Fault,
    disk::Disk,
    identify,
    table::{Row, Sample, Statistic, Target},
};

const ENROLMENTS: u32 = 1_000;
const STARTS: usize = 3;

pub(crate) fn measure(disk: &Disk) -> Result<Vec<Row>, Fault> {
    let sled = idle(disk, EngineKind::Sled)?;
    let sqlite = idle(disk, EngineKind::Sqlite)?;
    let row = |own: EngineKind, sizes: &Sample, peer: EngineKind, theirs: &Sample| Row {
        figure: format!("signetd's memory (RSS), idle, 1,000 enrolments, {own}"),
        statistic: Statistic::Median,
        own: sizes.clone(),
        peer: (peer.to_string(), theirs.clone()),
        target: Target::Below(20.0),
    };
    Ok(vec![
        row(EngineKind::Sled, &sled, EngineKind::Sqlite, &sqlite),
        row(EngineKind::Sqlite, &sqlite, EngineKind::Sled, &sled),
    ])
}

fn idle(disk: &Disk, engine: EngineKind) -> Result<Sample, Fault> {
    let root = disk.path().join(format!("memory-{engine}"));
    for directory in ["etc/signet", "var/lib/signet"] {
        fs::create_dir_all(root.join(directory))?;
    }
    let host = program("signet-device-host", "signet-device-host")?;
    let configuration = format!("engine = '{engine}'\ndevice_host = '{}'\n", host.display());
    fs::write(root.join("etc/signet/signet.toml"), configuration)?;
    let state = root.join("var/lib/signet");
    let records = Records::create(&Location {
        engine,
        directory: state.join("store"),
        mark: state.join("store.mark"),
        key: KeySource::File(state.join("store.key")),
        cache_bytes: signet_store::DEFAULT_CACHE_BYTES,
    })?;
    identify::fill(&records, ENROLMENTS)?;
    drop(records);
    let mut sizes = Vec::new();
    for _ in 0..STARTS {
        let daemon = Signetd::start(&["--root", &root.display().to_string()], "info")?;
        // After an answer it is idle.
        let socket = root.join("run/signet/io.signet");
        Client::connect(&socket, ServerIdentity::ROOT, Bounds::INTERACTIVE)?.call(&GetInfo {})?;
        sizes.push(resident(daemon.id())?);
    }
    Ok(Sample::of_kibibytes(&sizes))
}

/// `VmRSS` in KiB.
fn resident(pid: u32) -> Result<u32, Fault> {
    let text = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().next().ok_or("VmRSS is empty")?.parse()?)
}
