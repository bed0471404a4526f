//! A value with a frame put around it: it is refused, or what was read comes back when it is written.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rdb::payload::{decode, encode, seal};

fuzz_target!(|value: &[u8]| {
    let Ok(value) = decode(&Bytes::from(seal(value.to_vec(), 12))) else { return };
    let again = encode(&value).expect("what was read can be written");
    let again = decode(&again.into()).expect("what was written can be read");
    let len = |value: &rdb::value::Value| format!("{value:?}").len();
    assert_eq!(len(&value), len(&again));
});
