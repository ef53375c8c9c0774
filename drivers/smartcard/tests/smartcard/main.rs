//! The smart card driver against simulated cards, in-process.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's own failure")]

mod certificates;
mod conformance;
mod enrolment;
mod presence;
mod support;
mod swap;
mod tries;
