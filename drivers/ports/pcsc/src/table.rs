use std::{
    collections::{BTreeMap, VecDeque},
    ffi::CString,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    time::Instant,
};

use signet_authn::{DeviceChange, DeviceError, DeviceEvent, DeviceKind, Frame};
use signet_device_link::{Health, Lease};
use signet_types::DeviceId;

use crate::{
    port::{Limits, Misuse, Report},
    seat::Seat,
};

/// Leases at once, over all readers.
const MAX_LEASES: usize = 64;

/// What all threads of the port share: the readers as they were last reported, and the leases.
///
/// Reports are made under the lock, so their order is the order of the changes that they tell.
pub(crate) struct Table {
    limits: Limits,
    report: Box<dyn Fn(Report) + Send + Sync>,
    state: Mutex<State>,
    /// Rung when a deadline was set.
    alarm: Condvar,
}

#[derive(Default)]
struct State {
    readers: BTreeMap<DeviceId, Reader>,
    leases: BTreeMap<Lease, Entry>,
    last_lease: Option<Lease>,
    /// The readers that have a thread at work, with the leases that wait for it. A card serves one
    /// lease at a time, and a card that hangs must cost one thread, however often it is tried.
    threads: BTreeMap<DeviceId, VecDeque<Place>>,
    health: Option<Health>,
}

struct Reader {
    /// As pcscd calls it.
    name: CString,
    seat: Seat,
}

struct Entry {
    device: DeviceId,
    jobs: Sender<Job>,
    doing: Doing,
    /// Why no exchange will ever succeed again.
    lost: Option<DeviceError>,
}

#[derive(Clone, Copy)]
enum Doing {
    Opening(Instant),
    Idle,
    Exchanging(Instant),
    Closing(Instant),
    /// The open was refused, or the thread was given up.
    Over,
}

/// What the reader's thread is to do next for a lease; the end of the channel ends the lease too.
pub(crate) enum Job {
    Exchange(Frame),
    Close,
}

/// What a lease begins with.
pub(crate) struct Place {
    pub(crate) lease: Lease,
    pub(crate) device: DeviceId,
    pub(crate) reader: CString,
    /// The seat that was reported last: the insertion that the lease is bound to.
    pub(crate) seat: Seat,
    pub(crate) deadline: Instant,
    pub(crate) jobs: Receiver<Job>,
}

impl Table {
    pub(crate) fn new(limits: Limits, report: Box<dyn Fn(Report) + Send + Sync>) -> Self {
        Self { limits, report, state: Mutex::default(), alarm: Condvar::new() }
    }

    /// A panic anywhere ends the process (the host sees to it), so poison is of no interest.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a lease; gives it back where its reader needs a thread now. Else it waits for the
    /// reader's thread, or was refused, which is then reported already.
    pub(crate) fn admit(&self, lease: Lease, device: &DeviceId) -> Result<Option<Place>, Misuse> {
        let mut state = self.lock();
        if state.last_lease.is_some_and(|last| lease <= last) {
            return Err(Misuse);
        }
        state.last_lease = Some(lease);
        let deadline = Instant::now() + self.limits.open;
        let (sender, jobs) = mpsc::channel();
        let place = match state.readers.get(device) {
            None => Err(DeviceError::ReaderGone),
            Some(reader) if !reader.seat.occupied => Err(DeviceError::TokenGone),
            Some(_) if state.leases.len() >= MAX_LEASES => Err(DeviceError::Busy),
            Some(reader) => {
                let (device, reader, seat) = (device.clone(), reader.name.clone(), reader.seat);
                Ok(Place { lease, device, reader, seat, deadline, jobs })
            }
        };
        let doing = if place.is_ok() { Doing::Opening(deadline) } else { Doing::Over };
        let lost = place.as_ref().err().copied();
        state.leases.insert(lease, Entry { device: device.clone(), jobs: sender, doing, lost });
        match place {
            Err(error) => {
                (self.report)(Report::Opened(lease, Err(error)));
                Ok(None)
            }
            Ok(place) => {
                self.alarm.notify_one();
                if let Some(waiting) = state.threads.get_mut(device) {
                    waiting.push_back(place);
                    Ok(None)
                } else {
                    state.threads.insert(device.clone(), VecDeque::new());
                    Ok(Some(place))
                }
            }
        }
    }

    /// Gives an APDU to the reader's thread.
    pub(crate) fn exchange(&self, lease: Lease, frame: Frame) -> Result<(), Misuse> {
        let mut state = self.lock();
        let error = match state.leases.get_mut(&lease) {
            None => DeviceError::TokenGone,
            Some(Entry { lost: Some(error), .. }) => *error,
            Some(Entry { doing: Doing::Over, .. }) => DeviceError::TimedOut,
            Some(entry @ Entry { doing: Doing::Idle, .. }) => {
                if entry.jobs.send(Job::Exchange(frame)).is_ok() {
                    entry.doing = Doing::Exchanging(Instant::now() + self.limits.exchange);
                    self.alarm.notify_one();
                    return Ok(());
                }
                DeviceError::ReaderGone
            }
            Some(_) => return Err(Misuse),
        };
        (self.report)(Report::Reply(lease, Err(error)));
        Ok(())
    }

    /// Ends a lease: at once where its thread is busy, else when its thread gave the card back.
    pub(crate) fn close(&self, lease: Lease) {
        let mut state = self.lock();
        if let Some(entry) = state.leases.get_mut(&lease) {
            match entry.doing {
                Doing::Closing(_) => return,
                Doing::Idle if entry.jobs.send(Job::Close).is_ok() => {
                    entry.doing = Doing::Closing(Instant::now() + self.limits.exchange);
                    self.alarm.notify_one();
                    return;
                }
                _ => {}
            }
        }
        state.leases.remove(&lease);
        (self.report)(Report::Closed(lease));
    }

    /// The reader's thread opened the card or did not; false if nobody waits for it any more.
    pub(crate) fn opened(&self, lease: Lease, result: Result<(), DeviceError>) -> bool {
        let mut state = self.lock();
        let Some(entry) = state.leases.get_mut(&lease) else { return false };
        if !matches!(entry.doing, Doing::Opening(_)) {
            return false;
        }
        entry.doing = if result.is_ok() { Doing::Idle } else { Doing::Over };
        entry.lost = result.err();
        (self.report)(Report::Opened(lease, result));
        result.is_ok()
    }

    /// The reader's thread has an answer; false if nobody waits for it any more.
    pub(crate) fn replied(&self, lease: Lease, result: Result<Frame, DeviceError>) -> bool {
        let mut state = self.lock();
        let Some(entry) = state.leases.get_mut(&lease) else { return false };
        if !matches!(entry.doing, Doing::Exchanging(_)) {
            return false;
        }
        entry.doing = Doing::Idle;
        if let Err(error @ (DeviceError::TokenGone | DeviceError::ReaderGone)) = result {
            entry.lost = Some(error);
        }
        (self.report)(Report::Reply(lease, result));
        true
    }

    /// The reader's thread gave the card back; gives the next lease for it, or none: then it ends.
    pub(crate) fn ended(&self, place: &Place) -> Option<Place> {
        let mut state = self.lock();
        if state.leases.get(&place.lease).is_some_and(|entry| matches!(entry.doing, Doing::Closing(_))) {
            state.leases.remove(&place.lease);
            (self.report)(Report::Closed(place.lease));
        }
        while let Some(next) = state.threads.get_mut(&place.device).and_then(VecDeque::pop_front) {
            if state.leases.get(&next.lease).is_some_and(|entry| matches!(entry.doing, Doing::Opening(_))) {
                return Some(next);
            }
        }
        state.threads.remove(&place.device);
        None
    }

    /// The reader has no thread: all that wait for one are refused.
    pub(crate) fn refuse(&self, place: Place) {
        let mut next = Some(place);
        while let Some(place) = next {
            self.opened(place.lease, Err(DeviceError::Busy));
            next = self.ended(&place);
        }
    }

    /// Whether the lease still waits for its card.
    pub(crate) fn is_opening(&self, lease: Lease) -> bool {
        self.lock().leases.get(&lease).is_some_and(|entry| matches!(entry.doing, Doing::Opening(_)))
    }

    /// The watcher looked at a reader; none: it is gone. Leases of a card that is gone end here,
    /// before a further exchange could reach another card.
    pub(crate) fn seen(&self, device: &DeviceId, name: &CString, seat: Option<Seat>) {
        let mut state = self.lock();
        let before = match seat {
            Some(seat) => {
                state.readers.insert(device.clone(), Reader { name: name.clone(), seat }).map(|r| r.seat)
            }
            None => state.readers.remove(device).map(|reader| reader.seat),
        };
        for &change in Seat::changes(before, seat) {
            (self.report)(Report::Event(DeviceEvent {
                device: device.clone(),
                kind: DeviceKind::Pcsc,
                change,
            }));
            match change {
                DeviceChange::Removed => self.lose(&mut state, device, DeviceError::TokenGone),
                DeviceChange::ReaderLost => self.lose(&mut state, device, DeviceError::ReaderGone),
                DeviceChange::Inserted | DeviceChange::ReaderFound => {}
            }
        }
    }

    fn lose(&self, state: &mut State, device: &DeviceId, error: DeviceError) {
        for (&lease, entry) in state.leases.iter_mut().filter(|(_, entry)| entry.device == *device) {
            entry.lost.get_or_insert(error);
            match entry.doing {
                Doing::Opening(_) => (self.report)(Report::Opened(lease, Err(error))),
                Doing::Exchanging(_) => (self.report)(Report::Reply(lease, Err(error))),
                Doing::Idle | Doing::Closing(_) | Doing::Over => continue,
            }
            entry.doing = Doing::Over;
        }
    }

    /// pcscd is gone: every reader is.
    pub(crate) fn all_lost(&self) {
        let readers: Vec<_> = self
            .lock()
            .readers
            .iter()
            .map(|(device, reader)| (device.clone(), reader.name.clone()))
            .collect();
        for (device, name) in readers {
            self.seen(&device, &name, None);
        }
    }

    /// Reports a health that is another than before.
    pub(crate) fn health(&self, health: Health) {
        let mut state = self.lock();
        if state.health.as_ref() != Some(&health) {
            (self.report)(Report::Health(health.clone()));
            state.health = Some(health);
        }
    }

    /// Ends what takes too long; never returns.
    pub(crate) fn run_clock(&self) {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            self.expire(&mut state, now);
            let next = state.leases.values().filter_map(|entry| entry.doing.deadline()).min();
            state = match next {
                None => self.alarm.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let rest = deadline.saturating_duration_since(now);
                    self.alarm.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn expire(&self, state: &mut State, now: Instant) {
        let late: Vec<Lease> = state
            .leases
            .iter()
            .filter(|(_, entry)| entry.doing.deadline().is_some_and(|deadline| deadline <= now))
            .map(|(&lease, _)| lease)
            .collect();
        for lease in late {
            let Some(entry) = state.leases.get_mut(&lease) else { continue };
            let doing = std::mem::replace(&mut entry.doing, Doing::Over);
            match doing {
                Doing::Opening(_) => {
                    entry.lost = Some(DeviceError::Busy);
                    (self.report)(Report::Opened(lease, Err(DeviceError::Busy)));
                }
                Doing::Exchanging(_) => (self.report)(Report::Reply(lease, Err(DeviceError::TimedOut))),
                Doing::Closing(_) => {
                    state.leases.remove(&lease);
                    (self.report)(Report::Closed(lease));
                }
                Doing::Idle | Doing::Over => {}
            }
        }
    }
}

impl Doing {
    const fn deadline(self) -> Option<Instant> {
        match self {
            Self::Opening(at) | Self::Exchanging(at) | Self::Closing(at) => Some(at),
            Self::Idle | Self::Over => None,
        }
    }
}
