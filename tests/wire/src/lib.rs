//! The wire, in files: `golden/` holds the bytes of one call and one reply of every method, of
//! every kind of event and of every error, without the NUL that ends a message. A change of the
//! wire shows as a change of these files; `UPDATE_GOLDEN=1 cargo test -p signet-wire` writes them.
//!
//! The tests prove that the files are what the types write, that the types read them back, and
//! that each message fits its interface file and the interface file promises nothing that no
//! message shows.

#[cfg(test)]
mod idl;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod tests;
