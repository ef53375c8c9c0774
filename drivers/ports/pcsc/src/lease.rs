use std::{ffi::CStr, time::Instant};

use pcsc::{Card, Context, Disposition, Error, Protocols, ReaderState, Scope, ShareMode, State, Transaction};
use signet_authn::{DeviceError, Frame};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    error::device_error,
    seat::Seat,
    table::{Job, Place, Table},
};

/// The thread of a reader: serves its leases one after the other, until none waits.
pub(crate) fn run(table: &Table, place: Place) {
    let mut next = Some(place);
    while let Some(place) = next {
        if let Err(error) = hold(table, &place) {
            table.opened(place.lease, Err(error));
        }
        next = table.ended(&place);
    }
}

/// Opens the card, serves the lease, gives the card back. An error is one of opening.
fn hold(table: &Table, place: &Place) -> Result<(), DeviceError> {
    let context = Context::establish(Scope::System).map_err(device_error)?;
    let mut card = connect(table, place, &context)?;
    let mut transaction = card.transaction().map_err(device_error)?;
    // Only now, when nobody else can reach the card: is it the one that was reported?
    let result = if table.is_opening(place.lease) {
        prepare(&context, &mut transaction, place)
    } else {
        Err(DeviceError::Busy)
    };
    match result {
        Ok(()) if table.opened(place.lease, Ok(())) => serve(table, place, &transaction),
        Ok(()) => {}
        Err(error) => {
            table.opened(place.lease, Err(error));
        }
    }
    let reset = transaction.end(Disposition::ResetCard).map_err(|(_, error)| error).is_ok();
    // One reset is enough: on a real card it takes a tenth of a second.
    let disposition = if reset { Disposition::LeaveCard } else { Disposition::ResetCard };
    if let Err((card, error)) = card.disconnect(disposition) {
        tracing::debug!(lease = %place.lease, %error, "the card was not disconnected");
        drop(card);
    }
    Ok(())
}

/// Connects; while another program has the card for itself alone, waits for a change at the reader.
fn connect(table: &Table, place: &Place, context: &Context) -> Result<Card, DeviceError> {
    loop {
        match context.connect(&place.reader, ShareMode::Shared, Protocols::ANY) {
            Err(Error::SharingViolation) => {}
            result => return result.map_err(device_error),
        }
        let mut states = [ReaderState::new(place.reader.as_c_str(), State::UNAWARE)];
        look(context, &mut states)?;
        let [state] = &mut states;
        if !state.event_state().contains(State::EXCLUSIVE) {
            continue;
        }
        state.sync_current_state();
        let rest = place.deadline.saturating_duration_since(Instant::now());
        if rest.is_zero() || !table.is_opening(place.lease) {
            return Err(DeviceError::Busy);
        }
        match context.get_status_change(rest, &mut states) {
            Ok(()) => {}
            Err(Error::Timeout) => return Err(DeviceError::Busy),
            Err(error) => return Err(device_error(error)),
        }
    }
}

/// Makes sure that the card is the one of the lease, and that no PIN is verified in it.
fn prepare(context: &Context, transaction: &mut Transaction<'_>, place: &Place) -> Result<(), DeviceError> {
    transaction.reconnect(ShareMode::Shared, Protocols::ANY, Disposition::ResetCard).map_err(device_error)?;
    if seat(context, &place.reader)? == Some(place.seat) { Ok(()) } else { Err(DeviceError::TokenGone) }
}

fn seat(context: &Context, reader: &CStr) -> Result<Option<Seat>, DeviceError> {
    let mut states = [ReaderState::new(reader, State::UNAWARE)];
    look(context, &mut states)?;
    let [state] = &states;
    Ok(Seat::read(state.event_state(), state.event_count()))
}

/// A look at readers without waiting.
fn look(context: &Context, states: &mut [ReaderState]) -> Result<(), DeviceError> {
    match context.get_status_change(std::time::Duration::ZERO, states) {
        Ok(()) | Err(Error::Timeout) => Ok(()),
        Err(error) => Err(device_error(error)),
    }
}

/// Exchanges until the lease is closed or given up.
fn serve(table: &Table, place: &Place, transaction: &Transaction<'_>) {
    let mut answer = Zeroizing::new(vec![0; Frame::MAX_LEN]);
    while let Ok(Job::Exchange(frame)) = place.jobs.recv() {
        let result = exchange(transaction, &frame, &mut answer);
        drop(frame);
        if !table.replied(place.lease, result) {
            return;
        }
    }
}

/// One APDU. A card that is pulled in between gives an empty or cut answer with pcscd's blessing:
/// what lacks a status word (ISO 7816-4, section 5.1) is none.
fn exchange(
    transaction: &Transaction<'_>,
    frame: &Frame,
    answer: &mut Zeroizing<Vec<u8>>,
) -> Result<Frame, DeviceError> {
    let length = match transaction.transmit(frame.expose(), answer) {
        Ok(bytes) => bytes.len(),
        Err(error) => {
            answer.as_mut_slice().zeroize();
            return Err(device_error(error));
        }
    };
    let bytes = answer.get_mut(..length).unwrap_or_default();
    let result = if bytes.len() < 2 {
        Err(DeviceError::Truncated)
    } else {
        Frame::new(bytes.to_vec()).map_err(|_| DeviceError::Truncated)
    };
    bytes.zeroize();
    result
}
