use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use signet_authn::{DeviceError, DeviceEvent, Frame};
use signet_device_link::{Health, Lease};
use signet_types::DeviceId;

use crate::{
    lease,
    table::{Place, Table},
    watcher,
};

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until another program gives the card free.
    pub open: Duration,
    /// Until the card answers one APDU. Making an RSA key takes a card tens of seconds; no exchange
    /// of a logon does.
    pub exchange: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { open: Duration::from_secs(5), exchange: Duration::from_secs(10) }
    }
}

/// What the port has to say.
#[derive(Debug)]
pub enum Report {
    /// A card or a reader came or went.
    Event(DeviceEvent),
    /// The port began or ceased to work.
    Health(Health),
    /// Answers [`Port::open`].
    Opened(Lease, Result<(), DeviceError>),
    /// Answers [`Port::exchange`].
    Reply(Lease, Result<Frame, DeviceError>),
    /// Answers [`Port::close`]; nothing follows for this lease.
    Closed(Lease),
}

/// The owner asked for something that the order of messages forbids; nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misuse;

/// Smart cards through pcscd. It lives as long as its process: its threads end with it.
pub struct Port {
    table: Arc<Table>,
}

impl Port {
    /// Starts the threads. `report` is called from several threads, one call at a time; it must not
    /// call the port.
    pub fn start(
        limits: Limits,
        report: impl Fn(Report) + Send + Sync + 'static,
    ) -> Result<Self, std::io::Error> {
        let table = Arc::new(Table::new(limits, Box::new(report)));
        let (clock, watched) = (Arc::clone(&table), Arc::clone(&table));
        thread::Builder::new().name("pcsc-clock".into()).spawn(move || clock.run_clock())?;
        thread::Builder::new().name("pcsc-watcher".into()).spawn(move || watcher::run(&watched))?;
        Ok(Self { table })
    }

    /// Takes the card in `device` for `lease` alone, in fresh state: no PIN is verified in it.
    ///
    /// The lease is bound to the insertion that was reported last: once the card was removed, also
    /// for an instant, every further exchange gives [`DeviceError::TokenGone`].
    pub fn open(&self, lease: Lease, device: &DeviceId) -> Result<(), Misuse> {
        if let Some(place) = self.table.admit(lease, device)? {
            self.serve(place);
        }
        Ok(())
    }

    /// Starts the thread of a reader. What it begins with passes through a channel, so that it is
    /// not lost with a thread that could not be started.
    fn serve(&self, place: Place) {
        let table = Arc::clone(&self.table);
        let (sender, receiver) = mpsc::channel::<Place>();
        let thread = thread::Builder::new().name("pcsc-reader".into()).spawn(move || {
            if let Ok(place) = receiver.recv() {
                lease::run(&table, place);
            }
        });
        if thread.is_err() {
            self.table.refuse(place);
        } else if let Err(unsent) = sender.send(place) {
            self.table.refuse(unsent.0);
        }
    }

    /// Sends an APDU.
    pub fn exchange(&self, lease: Lease, frame: Frame) -> Result<(), Misuse> {
        self.table.exchange(lease, frame)
    }

    /// Ends a lease: the card is reset and given free, a running exchange is abandoned.
    pub fn close(&self, lease: Lease) {
        self.table.close(lease);
    }
}
