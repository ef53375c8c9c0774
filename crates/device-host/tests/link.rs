//! What the host does when the other side of its link misbehaves or is gone. No pcscd is needed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod common;

use std::{
    io::Write,
    net::Shutdown,
    process::{Command, Stdio},
};

use common::{Host, PROGRAM};
use signet_authn::{DeviceError, Frame};
use signet_device_link::{Lease, ToHost, encode};

#[test]
fn the_end_of_the_link_ends_the_host() {
    let mut host = Host::start();
    host.stream.shutdown(Shutdown::Both).unwrap();
    let (status, log) = host.end();
    assert!(status.success(), "{log}");
}

#[test]
fn garbage_ends_the_host_with_an_error_and_without_a_panic() {
    for garbage in [&[0xff; 64][..], &[0, 0, 0, 3, 9, 9, 9], b"\0\0\0\x08\x01\x01\x06PIN12"] {
        let mut host = Host::start();
        host.stream.write_all(garbage).unwrap();
        let (status, log) = host.end();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("ending: ") && !log.contains("panic") && !log.contains("PIN"), "{log}");
    }
}

#[test]
fn a_message_that_is_cut_ends_the_host_with_an_error() {
    let mut host = Host::start();
    let bytes = encode(&ToHost::Close { lease: Lease(1) }).unwrap();
    host.stream.write_all(&bytes[..bytes.len() - 1]).unwrap();
    host.stream.shutdown(Shutdown::Write).unwrap();
    let (status, log) = host.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("inside a message"), "{log}");
}

#[test]
fn unknown_devices_and_leases_are_refused_and_closing_always_answers() {
    let mut host = Host::start();
    let (lease, result) = host.open(&"pcsc:No Such Reader".parse().unwrap());
    assert_eq!(result, Err(DeviceError::ReaderGone));
    assert_eq!(host.exchange(lease, &[0, 0xa4, 4, 0]), Err(DeviceError::ReaderGone));
    assert_eq!(host.exchange(Lease(77), &[0, 0xa4, 4, 0]), Err(DeviceError::TokenGone));
    for lease in [lease, lease, Lease(99)] {
        host.close(lease);
    }
}

/// A number that comes twice could bring one ceremony's answer into another one.
#[test]
fn a_lease_that_is_used_again_ends_the_host() {
    let mut host = Host::start();
    let device = "pcsc:No Such Reader".parse().unwrap();
    let (lease, _) = host.open(&device);
    host.close(lease);
    host.send(&ToHost::Open { lease, device });
    let (status, log) = host.end();
    assert_eq!(status.code(), Some(1), "{log}");
}

#[test]
fn the_longest_frame_passes_the_link() {
    let mut host = Host::start();
    let frame = Frame::new(vec![7; Frame::MAX_LEN]).unwrap();
    host.send(&ToHost::Exchange { lease: Lease(1), frame });
    assert_eq!(host.reply(Lease(1)), Err(DeviceError::TokenGone));
}

#[test]
fn without_a_socket_or_with_a_wrong_option_it_says_what_is_wrong() {
    for (arguments, says) in [
        (&["--keep-user"][..], "signetd starts this program"),
        (&["--frobnicate"], "allowed are --user NAME"),
        (&["--exchange-timeout", "0"], "milliseconds from 1 to 600000"),
        (&["--user"], "the option --user needs a user's name"),
    ] {
        let output = Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && log.contains(says), "{arguments:?}: {log}");
    }
}
