//! From the moment at which pcscd tells its clients that a card is gone to the call of logind.

use std::{sync::mpsc::channel, thread, time::Duration};

use rustix::time::{ClockId, clock_gettime};
use signet_e2e::Workstation;

use crate::{
    Fault,
    table::{Row, Sample, Statistic, Target},
};

const ROUNDS: usize = 12;
const SESSION: &str = "c1";

pub(crate) fn measure(station: &Workstation) -> Result<Vec<Row>, Fault> {
    station.insert("alice")?;
    let logon = station.log_on("alice", SESSION, &[("PIN", "471108")])?;
    if !logon.granted() {
        return Err(format!("alice was not logged on: {}", logon.said).into());
    }
    let (mut chain, mut seen) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        if round > 0 {
            station.insert("alice")?;
            let unlock = ["--stdin-secrets", "session", "unlock", SESSION];
            let unlocked = station.ctl(&unlock, &[("PIN", "471108")])?;
            if !unlocked.granted() {
                return Err(format!("the session was not unlocked: {}", unlocked.said).into());
            }
            station.await_locked(SESSION, false)?;
        }
        let (pulled, visible) = pull(station)?;
        station.await_locked(SESSION, true)?;
        let calls = station.logind.calls()?;
        let locked = calls.iter().rev().find(|(_, call)| call.starts_with("Lock"));
        let (locked, _) = locked.ok_or("logind was not called")?;
        chain.push((locked.as_secs_f64() - visible.as_secs_f64()) * 1e3);
        seen.push((visible.as_secs_f64() - pulled.as_secs_f64()) * 1e3);
    }
    Ok(vec![Row {
        figure: "removal: pcscd's event to logind's call".into(),
        statistic: Statistic::Median,
        own: Sample::of_milliseconds(chain),
        peer: ("pcscd itself: card pulled to its event".into(), Sample::of_milliseconds(seen)),
        target: Target::Below(10.0),
    }])
}

/// Pulls the card; when that was, and when a client of pcscd saw it, as `CLOCK_MONOTONIC`.
fn pull(station: &Workstation) -> Result<(Duration, Duration), Fault> {
    thread::scope(|scope| {
        let (ready, is_ready) = channel();
        let watcher = scope.spawn(move || {
            ready.send(()).ok();
            station.pcscd.wait_for_card(0, false).map(|_| monotonic())
        });
        is_ready.recv()?;
        // The watcher's context needs a millisecond before it waits.
        thread::sleep(Duration::from_millis(100));
        let pulled = monotonic();
        station.cards.remove()?;
        let seen = watcher.join().map_err(|_| "the watcher failed")??;
        Ok((pulled, seen))
    })
}

fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}
