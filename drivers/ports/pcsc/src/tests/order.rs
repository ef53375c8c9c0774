//! The table without pcscd: whatever happens in whatever order, each question has one answer.

use std::{
    collections::BTreeMap,
    ffi::CString,
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::{collection::vec, prelude::*};
use signet_authn::{DeviceError, Frame};
use signet_device_link::Lease;
use signet_types::DeviceId;

use crate::{
    port::{Limits, Report},
    seat::Seat,
    table::{Job, Place, Table},
};

/// What can happen, to the lease or reader of a small number.
#[derive(Clone, Debug)]
enum Step {
    Open(u8),
    Exchange(usize),
    Close(usize),
    /// The reader's thread goes one step on, well or badly.
    Thread(u8, bool),
    Seen(u8, Option<(bool, u32)>),
    AllLost,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..2_u8).prop_map(Step::Open),
        3 => any::<usize>().prop_map(Step::Exchange),
        2 => any::<usize>().prop_map(Step::Close),
        5 => (0..2_u8, any::<bool>()).prop_map(|(reader, well)| Step::Thread(reader, well)),
        2 => (0..2_u8, proptest::option::weighted(0.9, (any::<bool>(), 0..3_u32)))
            .prop_map(|(reader, seat)| Step::Seen(reader, seat)),
        1 => Just(Step::AllLost),
    ]
}

fn reader(number: u8) -> (DeviceId, CString) {
    (format!("pcsc:{number}").parse().unwrap(), CString::new(vec![b'0' + number]).unwrap())
}

/// What the daemon knows of a lease.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Opening,
    Open,
    Exchanging,
    Refused,
    Closing,
    Closed,
}

/// The daemon's book, kept from the reports alone; panics at a report that fits no question.
#[derive(Default)]
struct Book(BTreeMap<Lease, Known>);

impl Book {
    fn enter(&mut self, report: &Report) {
        let (lease, allowed, then) = match report {
            Report::Event(_) | Report::Health(_) => return,
            Report::Opened(lease, Ok(())) => (lease, &[Known::Opening][..], Known::Open),
            Report::Opened(lease, Err(_)) => (lease, &[Known::Opening][..], Known::Refused),
            Report::Reply(lease, _) => (lease, &[Known::Exchanging][..], Known::Open),
            Report::Closed(lease) => (lease, &[Known::Closing][..], Known::Closed),
        };
        let known = self.0.get_mut(lease).expect("a lease that was asked for");
        assert!(allowed.contains(known), "{report:?} while {known:?}");
        *known = then;
    }

    fn pick(&self, index: usize, wanted: &[Known]) -> Option<Lease> {
        let fitting: Vec<_> =
            self.0.iter().filter(|(_, known)| wanted.contains(known)).map(|(&lease, _)| lease).collect();
        if fitting.is_empty() { None } else { Some(fitting[index % fitting.len()]) }
    }
}

/// A reader's thread as the port would run it, by hand.
struct Thread {
    place: Place,
    open: bool,
}

/// Takes one step of the thread of a reader; false when it ended.
fn advance(table: &Table, thread: &mut Thread, well: bool) -> bool {
    let lease = thread.place.lease;
    let serves = if thread.open {
        match thread.place.jobs.try_recv() {
            Ok(Job::Exchange(frame)) => {
                table.replied(lease, if well { Ok(frame) } else { Err(DeviceError::TokenGone) })
            }
            Ok(Job::Close) | Err(std::sync::mpsc::TryRecvError::Disconnected) => false,
            Err(std::sync::mpsc::TryRecvError::Empty) => true,
        }
    } else {
        thread.open = table.opened(lease, if well { Ok(()) } else { Err(DeviceError::ReaderGone) });
        thread.open
    };
    if serves {
        return true;
    }
    match table.ended(&thread.place) {
        Some(place) => {
            *thread = Thread { place, open: false };
            true
        }
        None => false,
    }
}

proptest! {
    #[test]
    fn each_question_has_one_answer_and_nothing_follows_a_close(steps in vec(step(), 1..120)) {
        let book = Arc::new(Mutex::new(Book::default()));
        let keeper = Arc::clone(&book);
        let limits = Limits { open: Duration::from_secs(9), exchange: Duration::from_secs(9) };
        let table = Table::new(limits, Box::new(move |report| keeper.lock().unwrap().enter(&report)));
        let know = |lease, known| { book.lock().unwrap().0.insert(lease, known); };
        let mut threads: BTreeMap<u8, Thread> = BTreeMap::new();
        let mut last = 0;
        for step in steps {
            match step {
                Step::Open(number) => {
                    last += 1;
                    know(Lease(last), Known::Opening);
                    if let Some(place) = table.admit(Lease(last), &reader(number).0).unwrap() {
                        prop_assert!(threads.insert(number, Thread { place, open: false }).is_none(), "two threads");
                    }
                }
                Step::Exchange(index) => {
                    let Some(lease) = book.lock().unwrap().pick(index, &[Known::Open, Known::Refused]) else { continue };
                    know(lease, Known::Exchanging);
                    table.exchange(lease, Frame::new(vec![1, 2]).unwrap()).unwrap();
                }
                Step::Close(index) => {
                    let all = [Known::Opening, Known::Open, Known::Exchanging, Known::Refused];
                    let Some(lease) = book.lock().unwrap().pick(index, &all) else { continue };
                    know(lease, Known::Closing);
                    table.close(lease);
                }
                Step::Thread(number, well) => {
                    if let Some(thread) = threads.get_mut(&number) && !advance(&table, thread, well) {
                        threads.remove(&number);
                    }
                }
                Step::Seen(number, seat) => {
                    let (device, name) = reader(number);
                    table.seen(&device, &name, seat.map(|(occupied, count)| Seat { occupied, count }));
                }
                Step::AllLost => table.all_lost(),
            }
        }
        // The threads run on to where they wait; then whatever is open must close.
        let open: Vec<Lease> = book.lock().unwrap().0.keys().copied().collect();
        for lease in open {
            let known = book.lock().unwrap().0[&lease];
            if !matches!(known, Known::Closing | Known::Closed) {
                know(lease, Known::Closing);
                table.close(lease);
            }
        }
        for thread in threads.values_mut() {
            while advance(&table, thread, true) {}
        }
        for (lease, known) in &book.lock().unwrap().0 {
            prop_assert_eq!(*known, Known::Closed, "{}", lease);
        }
    }
}
