//! The small objects that decide how a card is used.

#![no_main]

use libfuzzer_sys::fuzz_target;
use signet_smartcard::piv;

fuzz_target!(|data: &[u8]| {
    let _ = piv::parse_discovery(data);
    let _ = piv::parse_application(data);
    if let Ok(signature) = piv::parse_signature(data) {
        assert!(signature.len() < data.len());
    }
});
