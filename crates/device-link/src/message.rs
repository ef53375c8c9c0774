use std::fmt;

use signet_authn::{DeviceError, DeviceEvent, DeviceKind, Frame};
use signet_types::DeviceId;

use crate::{Health, wire::Wire};

/// The version of this wire. Both sides come from one build; another version is refused.
pub const VERSION: u16 = 1;

/// The daemon's number for one use of a device, from `Open` to `Close`. The daemon never uses a
/// number twice in the life of one host, so a late answer cannot be taken for another one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lease(pub u32);

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lease {}", self.0)
    }
}

/// What the daemon tells the device host.
#[derive(Debug)]
pub enum ToHost {
    /// Take the device for this lease alone; answered by [`FromHost::Opened`].
    Open {
        /// The new lease.
        lease: Lease,
        /// Which device.
        device: DeviceId,
    },
    /// Send a frame; answered by [`FromHost::Reply`]. One at a time for a lease.
    Exchange {
        /// An opened lease.
        lease: Lease,
        /// The bytes, passed on as they are.
        frame: Frame,
    },
    /// Give the device back, reset; aborts what runs for the lease. Always answered by
    /// [`FromHost::Closed`], also for a lease that is unknown or closed already.
    Close {
        /// The lease.
        lease: Lease,
    },
}

/// What the device host tells the daemon.
#[derive(Debug)]
pub enum FromHost {
    /// The first message.
    Hello {
        /// [`VERSION`].
        version: u16,
        /// The kinds of device that this host has a port for.
        kinds: Vec<DeviceKind>,
    },
    /// A token or a reader came or went.
    Event {
        /// Counts from 1 without a gap over all events of this host process.
        number: u64,
        /// What happened.
        event: DeviceEvent,
    },
    /// Answers [`ToHost::Open`].
    Opened {
        /// The lease.
        lease: Lease,
        /// Whether the lease holds the device now.
        result: Result<(), DeviceError>,
    },
    /// Answers [`ToHost::Exchange`].
    Reply {
        /// The lease.
        lease: Lease,
        /// The device's answer.
        result: Result<Frame, DeviceError>,
    },
    /// Answers [`ToHost::Close`]; nothing follows for this lease.
    Closed {
        /// The lease.
        lease: Lease,
    },
    /// A kind of device began or ceased to work.
    Health {
        /// Which kind.
        kind: DeviceKind,
        /// How it is now.
        health: Health,
    },
}

/// A message of this wire: [`ToHost`] or [`FromHost`].
pub trait Message: Wire {}

impl Message for ToHost {}
impl Message for FromHost {}
