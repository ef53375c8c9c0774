//! Data objects, nested as deep as they go.

#![no_main]

use libfuzzer_sys::fuzz_target;
use signet_smartcard::tlv::{Reader, object};

fn walk(bytes: &[u8], depth: usize) {
    let mut reader = Reader::new(bytes);
    while let Ok(Some(found)) = reader.object() {
        assert!(found.value.len() < bytes.len());
        let tag: Vec<u8> = found.tag.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        if !tag.is_empty() {
            assert_eq!(Reader::new(&object(&tag, found.value)).only(found.tag), Ok(found.value));
        }
        if depth > 0 {
            walk(found.value, depth - 1);
        }
    }
}

fuzz_target!(|data: &[u8]| walk(data, 8));
