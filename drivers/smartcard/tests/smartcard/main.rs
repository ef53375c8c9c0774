//! The smart card driver against simulated cards, in-process.

#![allow(clippy::unwrap_used, reason = "a test's own failure")]

mod conformance;
mod support;
