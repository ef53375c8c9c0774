use pcsc::State;
use signet_authn::DeviceChange;

/// What the watcher last saw of one reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    /// Whether a card is in it.
    pub(crate) occupied: bool,
    /// pcscd's count of insertions and removals, modulo 2^16; another count is another card.
    pub(crate) count: u32,
}

impl Seat {
    /// What pcscd says of a reader; none if the reader is gone.
    pub(crate) fn read(state: State, count: u32) -> Option<Self> {
        if state.intersects(State::UNKNOWN | State::UNAVAILABLE | State::IGNORE) {
            return None;
        }
        Some(Self { occupied: state.contains(State::PRESENT), count })
    }

    /// The changes between two looks at one reader, in the order in which they happened.
    ///
    /// A card that was swapped, or tapped for an instant, between the looks shows in the count only.
    pub(crate) fn changes(before: Option<Self>, after: Option<Self>) -> &'static [DeviceChange] {
        use DeviceChange::{Inserted, ReaderFound, ReaderLost, Removed};
        match (before, after) {
            (None, None) => &[],
            (Some(_), None) => &[ReaderLost],
            (None, Some(seat)) if seat.occupied => &[ReaderFound, Inserted],
            (None, Some(_)) => &[ReaderFound],
            (Some(before), Some(after)) => match (before.occupied, after.occupied) {
                (false, true) => &[Inserted],
                (true, false) => &[Removed],
                _ if before.count == after.count => &[],
                (true, true) => &[Removed, Inserted],
                (false, false) => &[Inserted, Removed],
            },
        }
    }
}
