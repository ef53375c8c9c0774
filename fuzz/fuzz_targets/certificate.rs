//! Certificate objects of a card, compressed or not, and the certificates in them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use signet_smartcard::{
    certificate::Certificate,
    piv::{MAX_CERTIFICATE, parse_certificate_object},
};
use signet_types::Timestamp;

fuzz_target!(|data: &[u8]| {
    let certificate = match parse_certificate_object(data) {
        Ok(Some(certificate)) => {
            assert!(certificate.len() <= MAX_CERTIFICATE);
            certificate
        }
        _ => data.to_vec(),
    };
    if let Ok(parsed) = Certificate::from_der(&certificate) {
        assert_eq!(parsed.der(), certificate);
        let now = Timestamp::from_secs(1_795_456_800);
        // As its own anchor it is trusted only if it is an authority that signed itself.
        let _ = parsed.check(now, &[]);
        let _ = parsed.check(now, &[certificate.clone()]);
    }
});
