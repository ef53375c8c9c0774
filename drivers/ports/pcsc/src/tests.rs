use std::ffi::CString;

use pcsc::State;
use proptest::{collection::vec, prelude::*};
use signet_authn::DeviceChange::{self, Inserted, ReaderFound, ReaderLost, Removed};

use super::{error::device_error, reader::device_id, seat::Seat, service};

mod order;

fn seat() -> impl Strategy<Value = Option<Seat>> {
    proptest::option::of((any::<bool>(), 0..4_u32).prop_map(|(occupied, count)| Seat { occupied, count }))
}

proptest! {
    /// Whatever was seen, the changes lead from the one state to the other, and each is possible.
    #[test]
    fn changes_lead_from_what_was_seen_to_what_is_seen(before in seat(), after in seat()) {
        let mut state = before.map(|seat| seat.occupied);
        for change in Seat::changes(before, after) {
            state = match (change, state) {
                (Inserted, Some(false)) => Some(true),
                (ReaderFound, None) | (Removed, Some(true)) => Some(false),
                (ReaderLost, Some(_)) => None,
                (change, state) => return Err(TestCaseError::fail(format!("{change:?} in {state:?}"))),
            };
        }
        prop_assert_eq!(state, after.map(|seat| seat.occupied));
    }

    #[test]
    fn a_reader_name_becomes_a_printable_bounded_id(name in vec(1..=255_u8, 0..400)) {
        let id = device_id(&CString::new(name.clone()).unwrap());
        prop_assert_eq!(id.is_some(), !name.is_empty());
        if let Some(id) = id {
            prop_assert!(id.as_str().starts_with("pcsc:") && id.as_str().len() <= 160);
        }
    }
}

/// Proves: RMV-07
#[test]
fn a_swap_between_two_looks_is_a_removal_and_an_insertion() {
    let first = Seat::read(State::PRESENT, 1);
    let changes = |after| Seat::changes(first, after);
    assert_eq!(changes(Seat::read(State::PRESENT | State::INUSE, 1)), &[] as &[DeviceChange]);
    assert_eq!(changes(Seat::read(State::PRESENT, 3)), &[Removed, Inserted]);
    assert_eq!(changes(Seat::read(State::UNAVAILABLE, 1)), &[ReaderLost]);
}

#[test]
fn the_id_of_a_plain_reader_is_its_name() {
    assert_eq!(device_id(c"ACME Reader 00 00").unwrap().as_str(), "pcsc:ACME Reader 00 00");
    assert_eq!(device_id(c"A\x1b[2J\xff").unwrap().as_str(), "pcsc:A?[2J?");
}

/// Proves: MET-02
#[test]
fn a_missing_pcscd_is_named_with_what_to_do() {
    assert_eq!(
        service::health(pcsc::Error::NoService).to_string(),
        "pcscd is missing: install the package pcscd and run `systemctl enable --now pcscd.socket`"
    );
    assert!(service::no_reader().to_string().starts_with("a smart card reader is missing: plug one in"));
}

#[test]
fn a_lost_card_and_a_lost_reader_are_told_apart() {
    use pcsc::Error;
    use signet_authn::DeviceError;
    for error in [Error::RemovedCard, Error::ResetCard, Error::NoSmartcard, Error::NotTransacted] {
        assert_eq!(device_error(error), DeviceError::TokenGone);
    }
    for error in [Error::CommError, Error::NoService, Error::InvalidHandle, Error::ReaderUnavailable] {
        assert_eq!(device_error(error), DeviceError::ReaderGone);
    }
}
