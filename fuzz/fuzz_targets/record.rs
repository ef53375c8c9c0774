//! Records of the drivers, as a damaged store could give them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(record) = signet_smartcard::record::Record::decode(data) {
        let encoded = record.encode().expect("what was read can be written");
        assert!(signet_smartcard::record::Record::decode(&encoded).is_ok());
        let _ = record.identifier();
    }
    if let Ok(record) = signet_password::Record::decode(data) {
        assert_eq!(record.encode().as_deref(), Ok(data));
    }
});
