//! How much time the host adds to pcscd's own: printed, and bounded generously.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod common;

use std::{
    ffi::CString,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use common::Host;
use pcsc::{Context, Disposition, Protocols, ReaderState, Scope, ShareMode, State};
use signet_authn::DeviceChange::{Inserted, ReaderFound, Removed};
use signet_rig::{CardSimulator, Pcscd, in_sandbox};
use signet_types::DeviceId;

const SELECT: [u8; 14] = [0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00];

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A second client of pcscd, which says when it sees each change of the card.
fn witness(reader: CString) -> mpsc::Receiver<Instant> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let context = Context::establish(Scope::System).unwrap();
        let mut states = [ReaderState::new(reader, State::UNAWARE)];
        let mut present = None;
        while context.get_status_change(None, &mut states).is_ok() {
            let seen = Instant::now();
            let now = states[0].event_state().contains(State::PRESENT);
            if present.is_some_and(|before| before != now) && sender.send(seen).is_err() {
                return;
            }
            present = Some(now);
            states[0].sync_current_state();
        }
    });
    receiver
}

#[test]
fn an_event_reaches_the_daemon_when_pcscd_tells_it() {
    in_sandbox("an_event_reaches_the_daemon_when_pcscd_tells_it", || {
        let pcscd = Pcscd::start(1).unwrap();
        let cards = CardSimulator::start(&pcscd, 0, &["anna=piv"]).unwrap();
        let device: DeviceId = format!("pcsc:{}", pcscd.reader(0).unwrap()).parse().unwrap();
        let mut host = Host::start();
        host.change(&device, ReaderFound);
        pcscd.wait_for_card(0, false).unwrap();
        let seen = witness(CString::new(pcscd.reader(0).unwrap()).unwrap());
        thread::sleep(Duration::from_millis(100));
        let (mut later, mut earlier) = (Vec::new(), 0);
        for _ in 0..10 {
            for insert in [true, false] {
                if insert {
                    cards.insert("anna").unwrap();
                } else {
                    cards.remove().unwrap();
                }
                host.change(&device, if insert { Inserted } else { Removed });
                let here = Instant::now();
                let there = seen.recv_timeout(Duration::from_secs(5)).unwrap();
                earlier += u32::from(here < there);
                later.push(here.saturating_duration_since(there));
            }
        }
        let worst = later.iter().max().copied().unwrap();
        let middle = median(&mut later);
        println!(
            "event at the link after another client of pcscd saw it: median {middle:?}, worst {worst:?}, \
             {earlier} of 20 before it"
        );
        assert!(middle < Duration::from_millis(10), "{later:?}");
    });
}

#[test]
fn an_exchange_through_the_host_costs_little_over_pcscd_alone() {
    in_sandbox("an_exchange_through_the_host_costs_little_over_pcscd_alone", || {
        let pcscd = Pcscd::start(1).unwrap();
        let cards = CardSimulator::start(&pcscd, 0, &["anna=piv"]).unwrap();
        cards.insert("anna").unwrap();
        pcscd.wait_for_card(0, true).unwrap();
        let name = CString::new(pcscd.reader(0).unwrap()).unwrap();
        let mut raw = Vec::new();
        let mut raw_open = Vec::new();
        let context = Context::establish(Scope::System).unwrap();
        for _ in 0..10 {
            let started = Instant::now();
            let mut card = context.connect(&name, ShareMode::Shared, Protocols::ANY).unwrap();
            let mut transaction = card.transaction().unwrap();
            transaction.reconnect(ShareMode::Shared, Protocols::ANY, Disposition::ResetCard).unwrap();
            raw_open.push(started.elapsed());
            let mut buffer = [0; 300];
            for _ in 0..30 {
                let started = Instant::now();
                transaction.transmit(&SELECT, &mut buffer).unwrap();
                raw.push(started.elapsed());
            }
        }
        drop(context);
        let device: DeviceId = format!("pcsc:{}", pcscd.reader(0).unwrap()).parse().unwrap();
        let mut host = Host::start();
        host.change(&device, Inserted);
        let (mut opens, mut exchanges, mut closes) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..10 {
            let started = Instant::now();
            let lease = host.opened(&device);
            opens.push(started.elapsed());
            for _ in 0..30 {
                let started = Instant::now();
                host.exchange(lease, &SELECT).unwrap();
                exchanges.push(started.elapsed());
            }
            let started = Instant::now();
            host.close(lease);
            closes.push(started.elapsed());
        }
        let (raw, exchange) = (median(&mut raw), median(&mut exchanges));
        println!(
            "exchange: pcscd alone {raw:?}, through the host {exchange:?}; open: alone {:?}, host {:?}; close {:?}",
            median(&mut raw_open),
            median(&mut opens),
            median(&mut closes)
        );
        assert!(exchange < raw + Duration::from_millis(2));
    });
}
