//! A ziplist: it is refused, or it has no more entries than its bytes can hold.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(entries) = rdb::ziplist::Reader::new(Bytes::copy_from_slice(bytes)) else { return };
    assert!(entries.count() <= bytes.len() / 2);
});
