use std::ffi::CStr;

use signet_types::DeviceId;

/// The id of the reader that pcscd calls `name`.
///
/// The name comes from the reader's USB strings and is hostile: what is not printable ASCII becomes
/// `?`, what is too long is cut. None for an empty name.
pub(crate) fn device_id(name: &CStr) -> Option<DeviceId> {
    const PREFIX: &str = "pcsc:";
    const MAX: usize = 160 - PREFIX.len();
    let printable = |&byte: &u8| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '?' };
    let shown: String = name.to_bytes().iter().take(MAX).map(printable).collect();
    if shown.is_empty() { None } else { format!("{PREFIX}{shown}").parse().ok() }
}
