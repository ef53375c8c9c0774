//! The devices as the daemon sees them: which are there, what happens at them, and leases on them.
//! The hardware itself belongs to `signet-device-host`; see [`host`].

mod host;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    rc::Rc,
    time::Duration,
};

use signet_authn::{DeviceChange, DeviceError, DeviceEvent, DeviceKind, Frame};
use signet_device_link::{FromHost, Health, Lease, ToHost};
use signet_types::DeviceId;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

pub(crate) use host::HostProgram;

/// The longest wait for an answer of the device host, which has shorter limits of its own.
const DEADLINE: Duration = Duration::from_secs(20);
/// Events kept for a listener that is slow; one that missed more looks at [`Devices::tokens`].
const BACKLOG: usize = 256;

/// The devices, shared by all tasks of the daemon's one thread.
pub(crate) struct Devices {
    known: RefCell<BTreeMap<DeviceId, Known>>,
    health: RefCell<HashMap<DeviceKind, Health>>,
    events: broadcast::Sender<DeviceEvent>,
    link: RefCell<Option<mpsc::UnboundedSender<ToHost>>>,
    pending: RefCell<HashMap<Lease, Pending>>,
    next_lease: Cell<u32>,
    /// Whether the host that runs has said how its devices are.
    told: watch::Sender<bool>,
}

/// A device that the host has told of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// Its kind.
    pub(crate) kind: DeviceKind,
    /// Whether a token is there.
    pub(crate) token: bool,
}

enum Pending {
    Open(oneshot::Sender<Result<(), DeviceError>>),
    Reply(oneshot::Sender<Result<Frame, DeviceError>>),
}

/// One use of a device; the device is given back, reset, when this is dropped.
pub(crate) struct Leased {
    devices: Rc<Devices>,
    lease: Lease,
}

impl Drop for Leased {
    fn drop(&mut self) {
        self.devices.pending.borrow_mut().remove(&self.lease);
        self.devices.send(ToHost::Close { lease: self.lease });
    }
}

impl Devices {
    /// No devices yet; [`Devices::supervise`] brings them.
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            known: RefCell::default(),
            health: RefCell::default(),
            events: broadcast::channel(BACKLOG).0,
            link: RefCell::default(),
            pending: RefCell::default(),
            next_lease: Cell::new(1),
            told: watch::Sender::new(false),
        })
    }

    /// Everything that happens from now on.
    pub(crate) fn events(&self) -> broadcast::Receiver<DeviceEvent> {
        self.events.subscribe()
    }

    /// The devices that hold a token now.
    pub(crate) fn tokens(&self) -> Vec<(DeviceKind, DeviceId)> {
        let known = self.known.borrow();
        known.iter().filter(|(_, known)| known.token).map(|(id, known)| (known.kind, id.clone())).collect()
    }

    /// Waits until the host has said how its devices are, at most this long.
    pub(crate) async fn settled(&self, within: Duration) {
        let told = async {
            let mut told = self.told.subscribe();
            // The sender lives as long as this does.
            let _ = told.wait_for(|told| *told).await;
        };
        if tokio::time::timeout(within, told).await.is_err() {
            tracing::warn!("the device host has not said which tokens are present");
        }
    }

    /// Whether a device of this kind is there, with or without a token.
    pub(crate) fn has_reader(&self, kind: DeviceKind) -> bool {
        self.known.borrow().values().any(|known| known.kind == kind)
    }

    /// All devices.
    pub(crate) fn known(&self) -> Vec<(DeviceId, Known)> {
        self.known.borrow().iter().map(|(id, known)| (id.clone(), *known)).collect()
    }

    /// What the host says of a kind of device; `None` while no host runs.
    pub(crate) fn health(&self, kind: DeviceKind) -> Option<Health> {
        self.link.borrow().as_ref()?;
        self.health.borrow().get(&kind).cloned()
    }

    /// Takes a device for one ceremony.
    pub(crate) async fn open(self: &Rc<Self>, device: DeviceId) -> Result<Leased, DeviceError> {
        let lease = Lease(self.next_lease.get());
        self.next_lease.set(lease.0.wrapping_add(1));
        let (answer, opened) = oneshot::channel();
        self.pending.borrow_mut().insert(lease, Pending::Open(answer));
        // Made before the wait: dropping the future gives a half-opened device back as well.
        let leased = Leased { devices: Rc::clone(self), lease };
        self.send(ToHost::Open { lease, device });
        wait(opened).await?;
        Ok(leased)
    }

    fn send(&self, message: ToHost) {
        let link = self.link.borrow();
        if link.as_ref().is_none_or(|link| link.send(message).is_err()) {
            drop(link);
            self.fail_pending();
        }
    }

    fn fail_pending(&self) {
        for (_, pending) in self.pending.borrow_mut().drain() {
            pending.fail();
        }
    }

    /// Takes a message of the device host; events are believed only as far as their types go.
    fn receive(&self, message: FromHost) {
        match message {
            FromHost::Hello { .. } => {}
            FromHost::Event { event, .. } => self.happened(event),
            FromHost::Opened { lease, result } => match self.pending.borrow_mut().remove(&lease) {
                // A receiver that is gone has closed its lease already.
                Some(Pending::Open(answer)) => drop(answer.send(result)),
                Some(Pending::Reply(answer)) => drop(answer.send(Err(DeviceError::ReaderGone))),
                None => {}
            },
            FromHost::Reply { lease, result } => match self.pending.borrow_mut().remove(&lease) {
                Some(Pending::Reply(answer)) => drop(answer.send(result)),
                Some(Pending::Open(answer)) => drop(answer.send(Err(DeviceError::ReaderGone))),
                None => {}
            },
            FromHost::Closed { lease } => {
                if let Some(pending) = self.pending.borrow_mut().remove(&lease) {
                    pending.fail();
                }
            }
            FromHost::Health { kind, health } => {
                tracing::info!(?kind, %health, "device health");
                self.health.borrow_mut().insert(kind, health);
                self.told.send_replace(true);
            }
        }
    }

    fn happened(&self, event: DeviceEvent) {
        tracing::debug!(device = %event.device, change = ?event.change, "device event");
        let mut known = self.known.borrow_mut();
        let token = event.change == DeviceChange::Inserted;
        match event.change {
            DeviceChange::Inserted | DeviceChange::Removed | DeviceChange::ReaderFound => {
                known.insert(event.device.clone(), Known { kind: event.kind, token });
            }
            DeviceChange::ReaderLost => {
                known.remove(&event.device);
            }
        }
        drop(known);
        // Nobody listens: nobody waits for a token and no session is bound to one.
        let _ = self.events.send(event);
    }

    /// The host is gone: so are its readers (RMV-07) and whatever was under way.
    fn lost(&self) {
        *self.link.borrow_mut() = None;
        self.told.send_replace(false);
        self.health.borrow_mut().clear();
        self.fail_pending();
        let known = self.known();
        for (device, Known { kind, .. }) in known {
            self.happened(DeviceEvent { device, kind, change: DeviceChange::ReaderLost });
        }
    }
}

impl Leased {
    /// Sends a frame and waits for the answer.
    pub(crate) async fn exchange(&self, frame: Frame) -> Result<Frame, DeviceError> {
        let (answer, reply) = oneshot::channel();
        self.devices.pending.borrow_mut().insert(self.lease, Pending::Reply(answer));
        self.devices.send(ToHost::Exchange { lease: self.lease, frame });
        wait(reply).await
    }
}

impl Pending {
    fn fail(self) {
        match self {
            Self::Open(answer) => drop(answer.send(Err(DeviceError::ReaderGone))),
            Self::Reply(answer) => drop(answer.send(Err(DeviceError::ReaderGone))),
        }
    }
}

async fn wait<T>(answer: oneshot::Receiver<Result<T, DeviceError>>) -> Result<T, DeviceError> {
    match tokio::time::timeout(DEADLINE, answer).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(DeviceError::ReaderGone),
        Err(_) => Err(DeviceError::TimedOut),
    }
}
