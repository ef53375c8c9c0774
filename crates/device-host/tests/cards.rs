//! The host with the real pcscd and a simulated card that misbehaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod common;

use std::time::{Duration, Instant};

use common::Host;
use signet_authn::{
    DeviceChange::{Inserted, ReaderFound, ReaderLost, Removed},
    DeviceError,
};
use signet_device_link::{FromHost, Health, Lease, ToHost};
use signet_rig::{CardSimulator, Pcscd, in_sandbox};
use signet_types::DeviceId;

const SELECT: [u8; 14] = [0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00];

fn device(pcscd: &Pcscd, reader: u16) -> DeviceId {
    format!("pcsc:{}", pcscd.reader(reader).unwrap()).parse().unwrap()
}

/// pcscd with one reader, the simulator with two cards, the host that knows both.
fn one_reader() -> (Pcscd, CardSimulator, Host, DeviceId) {
    let pcscd = Pcscd::start(1).unwrap();
    let cards = CardSimulator::start(&pcscd, 0, &["anna=piv", "berta=piv"]).unwrap();
    let mut host = Host::start();
    let device = device(&pcscd, 0);
    host.change(&device, ReaderFound);
    (pcscd, cards, host, device)
}

fn assert_selected(answer: Result<Vec<u8>, DeviceError>) {
    let answer = answer.unwrap();
    assert!(answer.ends_with(&[0x90, 0x00]) && answer.len() > 2, "{answer:02X?}");
}

#[test]
fn a_card_is_seen_used_and_seen_going() {
    in_sandbox("a_card_is_seen_used_and_seen_going", || {
        let (_pcscd, cards, mut host, device) = one_reader();
        let (_, result) = host.open(&device);
        assert_eq!(result, Err(DeviceError::TokenGone), "there is no card yet");
        cards.insert("anna").unwrap();
        let inserted = host.change(&device, Inserted);
        let lease = host.opened(&device);
        assert_selected(host.exchange(lease, &SELECT));
        host.close(lease);
        cards.remove().unwrap();
        assert_eq!(host.change(&device, Removed), inserted + 1);
    });
}

/// What one lease verified must not be verified for the next one, nor for another program.
#[test]
fn a_closed_lease_leaves_no_verified_pin_behind() {
    in_sandbox("a_closed_lease_leaves_no_verified_pin_behind", || {
        let (_pcscd, cards, mut host, device) = one_reader();
        cards.insert("anna").unwrap();
        host.change(&device, Inserted);
        let lease = host.opened(&device);
        assert_selected(host.exchange(lease, &SELECT));
        let verify = b"\x00\x20\x00\x80\x08123456\xFF\xFF";
        assert_eq!(host.exchange(lease, verify).unwrap(), [0x90, 0x00]);
        assert_eq!(host.exchange(lease, &[0, 0x20, 0, 0x80]).unwrap(), [0x90, 0x00]);
        host.close(lease);
        let lease = host.opened(&device);
        assert_selected(host.exchange(lease, &SELECT));
        assert_eq!(host.exchange(lease, &[0, 0x20, 0, 0x80]).unwrap(), [0x63, 0xC3]);
    });
}

#[test]
fn a_card_pulled_mid_apdu_is_an_error_and_the_lease_is_over() {
    in_sandbox("a_card_pulled_mid_apdu_is_an_error_and_the_lease_is_over", || {
        let (_pcscd, cards, mut host, device) = one_reader();
        cards.insert("anna").unwrap();
        host.change(&device, Inserted);
        let lease = host.opened(&device);
        cards.yank_mid_apdu(2).unwrap();
        assert_selected(host.exchange(lease, &SELECT));
        let error = host.exchange(lease, &SELECT).unwrap_err();
        assert!(matches!(error, DeviceError::TokenGone | DeviceError::Truncated), "{error:?}");
        host.change(&device, Removed);
        assert_eq!(host.exchange(lease, &SELECT), Err(DeviceError::TokenGone));
        host.close(lease);
        cards.insert("anna").unwrap();
        host.change(&device, Inserted);
        let lease = host.opened(&device);
        assert_selected(host.exchange(lease, &SELECT));
    });
}

/// The answer of a second card must never reach the ceremony of the first one.
#[test]
fn a_lease_does_not_pass_to_the_next_card() {
    in_sandbox("a_lease_does_not_pass_to_the_next_card", || {
        let (_pcscd, cards, mut host, device) = one_reader();
        cards.insert("anna").unwrap();
        host.change(&device, Inserted);
        let lease = host.opened(&device);
        assert_selected(host.exchange(lease, &SELECT));
        cards.remove().unwrap();
        host.change(&device, Removed);
        cards.insert("berta").unwrap();
        host.change(&device, Inserted);
        assert_eq!(host.exchange(lease, &SELECT), Err(DeviceError::TokenGone));
        host.close(lease);
        let lease = host.opened(&device);
        assert_selected(host.exchange(lease, &SELECT));
    });
}

#[test]
fn a_card_that_hangs_times_out_while_another_reader_goes_on() {
    in_sandbox("a_card_that_hangs_times_out_while_another_reader_goes_on", || {
        let pcscd = Pcscd::start(2).unwrap();
        let first = CardSimulator::start(&pcscd, 0, &["anna=piv"]).unwrap();
        let second = CardSimulator::start(&pcscd, 1, &["berta=piv"]).unwrap();
        let (here, there) = (device(&pcscd, 0), device(&pcscd, 1));
        let mut host = Host::start();
        first.insert("anna").unwrap();
        host.change(&here, Inserted);
        second.insert("berta").unwrap();
        host.change(&there, Inserted);
        let hangs = host.opened(&here);
        let works = host.opened(&there);
        first.send("stall 4000").unwrap();
        let started = Instant::now();
        host.begin(hangs, &SELECT);
        for _ in 0..20 {
            assert_selected(host.exchange(works, &SELECT));
        }
        assert!(started.elapsed() < Duration::from_millis(700), "{:?}", started.elapsed());
        assert_eq!(host.reply(hangs), Err(DeviceError::TimedOut));
        let waited = started.elapsed();
        assert!((900..1500).contains(&waited.as_millis()), "{waited:?}");
        assert_eq!(host.exchange(hangs, &SELECT), Err(DeviceError::TimedOut));
        assert_selected(host.exchange(works, &SELECT));
        // The card is still held by the exchange that hangs; once that ends, it is free and fresh.
        host.close(hangs);
        let (lease, result) = host.open(&here);
        assert_eq!(result, Err(DeviceError::Busy));
        host.close(lease);
        let free = host.until_open(&here);
        assert_selected(host.exchange(free, &SELECT));
    });
}

#[test]
fn another_program_that_holds_the_card_makes_it_busy_and_no_longer_than_it_does() {
    in_sandbox("another_program_that_holds_the_card_makes_it_busy_and_no_longer_than_it_does", || {
        let (pcscd, cards, mut host, device) = one_reader();
        cards.insert("anna").unwrap();
        host.change(&device, Inserted);
        let context = pcsc::Context::establish(pcsc::Scope::System).unwrap();
        let name = std::ffi::CString::new(pcscd.reader(0).unwrap()).unwrap();
        for mode in [pcsc::ShareMode::Exclusive, pcsc::ShareMode::Shared] {
            let mut card = context.connect(&name, mode, pcsc::Protocols::ANY).unwrap();
            let transaction = card.transaction().unwrap();
            let (lease, result) = host.open(&device);
            assert_eq!(result, Err(DeviceError::Busy));
            host.close(lease);
            drop(transaction);
            drop(card);
            let lease = host.until_open(&device);
            assert_selected(host.exchange(lease, &SELECT));
            host.close(lease);
        }
    });
}

/// Proves: RMV-07
#[test]
fn a_pcscd_that_dies_loses_its_readers_and_is_found_again() {
    in_sandbox("a_pcscd_that_dies_loses_its_readers_and_is_found_again", || {
        let (mut pcscd, cards, mut host, device) = one_reader();
        cards.insert("anna").unwrap();
        host.change(&device, Inserted);
        let lease = host.opened(&device);
        cards.send("stall 900").unwrap();
        host.begin(lease, &SELECT);
        let started = Instant::now();
        pcscd.kill().unwrap();
        let (mut error, mut lost) = (None, false);
        host.until("the reply and the event", |message| {
            match message {
                FromHost::Reply { result, .. } => error = Some(result.as_ref().unwrap_err().to_owned()),
                FromHost::Event { event, .. } => lost |= event.change == ReaderLost,
                _ => {}
            }
            (error.is_some() && lost).then_some(())
        });
        assert_eq!(error, Some(DeviceError::ReaderGone));
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
        let health = host.until("a missing pcscd", |message| match message {
            FromHost::Health { health: health @ Health::Missing { .. }, .. } => Some(health.to_string()),
            _ => None,
        });
        assert!(health.starts_with("pcscd is missing: install"), "{health}");
        assert_eq!(host.exchange(lease, &SELECT), Err(DeviceError::ReaderGone));
        host.close(lease);

        pcscd.restart().unwrap();
        host.change(&device, ReaderFound);
        host.change(&device, Inserted);
        let lease = host.opened(&device);
        assert_selected(host.exchange(lease, &SELECT));
    });
}

/// Proves: MET-02
#[test]
fn a_pcscd_that_comes_later_is_noticed_at_once() {
    in_sandbox("a_pcscd_that_comes_later_is_noticed_at_once", || {
        std::fs::remove_dir("/run/pcscd").unwrap();
        let mut host = Host::start();
        let missing = |message: &FromHost| match message {
            FromHost::Health { health: Health::Missing { part, .. }, .. } => Some(part.to_string()),
            _ => None,
        };
        assert_eq!(host.until("a missing part", missing), "pcscd");
        // Long enough for the back-off to have grown.
        std::thread::sleep(Duration::from_secs(2));
        std::fs::create_dir("/run/pcscd").unwrap();
        let mut pcscd = Pcscd::start(0).unwrap();
        let started = Instant::now();
        assert_eq!(host.until("another missing part", missing), "a smart card reader");
        assert!(started.elapsed() < Duration::from_millis(700), "{:?}", started.elapsed());
        pcscd.kill().unwrap();
        assert_eq!(host.until("pcscd missing again", missing), "pcscd");
    });
}

/// A card that hangs costs one thread, however often it is tried, and a try waits no longer than told.
#[test]
fn trying_a_hanging_card_again_and_again_costs_nothing() {
    in_sandbox("trying_a_hanging_card_again_and_again_costs_nothing", || {
        let pcscd = Pcscd::start(1).unwrap();
        let cards = CardSimulator::start(&pcscd, 0, &["anna=piv"]).unwrap();
        let device = device(&pcscd, 0);
        let mut host = Host::start_with(&["--keep-user", "--exchange-timeout", "50", "--open-timeout", "50"]);
        cards.insert("anna").unwrap();
        host.change(&device, Inserted);
        let lease = host.opened(&device);
        cards.send("stall 5000").unwrap();
        assert_eq!(host.exchange(lease, &SELECT), Err(DeviceError::TimedOut));
        host.close(lease);
        let threads =
            |host: &Host| std::fs::read_dir(format!("/proc/{}/task", host.child.id())).unwrap().count();
        let before = threads(&host);
        for _ in 0..30 {
            let (lease, result) = host.open(&device);
            assert_eq!(result, Err(DeviceError::Busy));
            host.close(lease);
        }
        assert_eq!(threads(&host), before);
    });
}

#[test]
fn a_second_lease_gets_the_card_when_the_first_is_closed() {
    in_sandbox("a_second_lease_gets_the_card_when_the_first_is_closed", || {
        let (_pcscd, cards, mut host, device) = one_reader();
        cards.insert("anna").unwrap();
        host.change(&device, Inserted);
        let first = host.opened(&device);
        let second = Lease(100);
        host.send(&ToHost::Open { lease: second, device: device.clone() });
        assert_selected(host.exchange(first, &SELECT));
        let started = Instant::now();
        host.send(&ToHost::Close { lease: first });
        host.until("the second lease", |message| {
            matches!(message, FromHost::Opened { lease, result: Ok(()) } if *lease == second).then_some(())
        });
        // Not after one of libpcsclite's waits of 100 ms.
        assert!(started.elapsed() < Duration::from_millis(80), "{:?}", started.elapsed());
        assert_selected(host.exchange(second, &SELECT));
    });
}

/// vpcd lets 65,535 bytes through; a frame has at most half of that.
#[test]
fn an_answer_that_is_longer_than_any_frame_is_an_error() {
    in_sandbox("an_answer_that_is_longer_than_any_frame_is_an_error", || {
        let (_pcscd, cards, mut host, device) = one_reader();
        cards.insert("anna").unwrap();
        host.change(&device, Inserted);
        let lease = host.opened(&device);
        cards.send("oversize 60000").unwrap();
        assert!(host.exchange(lease, &SELECT).is_err());
        host.close(lease);
        let lease = host.until_open(&device);
        assert_selected(host.exchange(lease, &SELECT));
    });
}

/// A conversation that is cancelled while the card works: the next one gets a fresh card.
#[test]
fn a_close_ends_a_running_exchange() {
    in_sandbox("a_close_ends_a_running_exchange", || {
        let (_pcscd, cards, mut host, device) = one_reader();
        cards.insert("anna").unwrap();
        host.change(&device, Inserted);
        let lease = host.opened(&device);
        cards.send("stall 500").unwrap();
        host.begin(lease, &SELECT);
        let started = Instant::now();
        host.close(lease);
        assert!(started.elapsed() < Duration::from_millis(200), "{:?}", started.elapsed());
        let lease = host.opened(&device);
        assert_selected(host.exchange(lease, &SELECT));
    });
}
