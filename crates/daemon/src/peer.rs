//! Who is at the other end of a connection.

/// The process at the other end, as the kernel tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The effective uid when it connected.
    pub(crate) uid: u32,
    /// Its process id then: for the audit record, and to find the session that it is in. It can have been
    /// used again since by another process; it decides no permission.
    pub(crate) pid: i32,
}
