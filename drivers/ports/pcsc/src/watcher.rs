use std::{
    collections::BTreeMap,
    ffi::CString,
    time::{Duration, Instant},
};

use pcsc::{Context, Error, PNP_NOTIFICATION, ReaderState, State};
use signet_device_link::Health;
use signet_types::DeviceId;

use crate::{reader::device_id, seat::Seat, service, table::Table};

/// More readers than pcscd has room for.
const MAX_READERS: usize = 32;

/// pcscd named a reader that it did not know, this often in a row.
const MAX_UNKNOWN: u32 = 16;

/// Changes wake the watcher at once. A reader that appears in the instant between listing and waiting
/// wakes nobody (libpcsclite compares with the list as it was when the wait began), so that the list is
/// read again after this time.
const LIST_AGAIN: Duration = Duration::from_secs(20);

/// A pcscd that fails sooner than this is not worth asking again at once.
const SHORT_LIVED: Duration = Duration::from_millis(500);

/// Watches all readers; never returns.
pub(crate) fn run(table: &Table) {
    loop {
        let context = service::context(table);
        let since = Instant::now();
        let error = watch(table, &context);
        table.all_lost();
        tracing::warn!(%error, "pcscd is lost; waiting for it");
        // A pcscd that lets clients in and fails at once must not be asked without end.
        if since.elapsed() < SHORT_LIVED {
            table.health(service::health(error));
            service::rest();
        }
    }
}

/// Reports what changes at the readers until pcscd fails.
fn watch(table: &Table, context: &Context) -> Error {
    let mut known: BTreeMap<DeviceId, CString> = BTreeMap::new();
    let mut states = vec![ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE)];
    let mut unknown = 0;
    loop {
        let names = match context.list_readers_owned() {
            Ok(names) => names,
            Err(Error::NoReadersAvailable) => Vec::new(),
            Err(error) => return error,
        };
        follow(table, &names, &mut known, &mut states);
        if known.is_empty() {
            table.health(service::no_reader());
        }
        match context.get_status_change(LIST_AGAIN, &mut states) {
            Ok(()) | Err(Error::Timeout) => unknown = 0,
            // A reader went between the two calls; the next list says so.
            Err(Error::UnknownReader) if unknown < MAX_UNKNOWN => {
                unknown += 1;
                continue;
            }
            Err(error) => return error,
        }
        for state in &mut states {
            if let Some((device, name)) =
                device_id(state.name()).and_then(|device| known.get_key_value(&device))
            {
                table.seen(device, name, Seat::read(state.event_state(), state.event_count()));
            }
            state.sync_current_state();
        }
        // Only now: who hears that all is well takes what was told until then for all that there is.
        if !known.is_empty() {
            table.health(Health::Ready);
        }
    }
}

/// Takes up new readers and drops those that pcscd does not list any more.
fn follow(
    table: &Table,
    names: &[CString],
    known: &mut BTreeMap<DeviceId, CString>,
    states: &mut Vec<ReaderState>,
) {
    known.retain(|device, name| {
        let stays = names.contains(name);
        if !stays {
            table.seen(device, name, None);
        }
        stays
    });
    states.retain(|state| {
        state.name() == PNP_NOTIFICATION() || names.iter().any(|name| name.as_c_str() == state.name())
    });
    for name in names.iter().take(MAX_READERS) {
        let Some(device) = device_id(name) else { continue };
        match known.get(&device) {
            Some(same) if same == name => {}
            // Two names that look the same once made printable: the second cannot be told apart.
            Some(_) => tracing::debug!(%device, "a reader has the name of another one; it is left out"),
            None => {
                states.push(ReaderState::new(name.clone(), State::UNAWARE));
                known.insert(device, name.clone());
            }
        }
    }
}
