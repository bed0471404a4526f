//! The node of a stream: id 5-5, the listpack of the input, and as many entries as the listpack says.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rdb::listpack::Reader;
use rdb::value::{Kind, Value, decode};

fuzz_target!(|node: &[u8]| {
    let Ok(mut elements) = Reader::new(Bytes::copy_from_slice(node)) else { return };
    let Some(Some(entries @ 0..64)) = elements.next().and_then(Result::ok).map(|element| element.as_integer()) else { return };
    let mut stream = vec![Kind::Stream as u8, 1, 16];
    stream.extend_from_slice(&[[0, 0, 0, 0, 0, 0, 0, 5]; 2].concat());
    stream.push(0x80);
    stream.extend_from_slice(&(node.len() as u32).to_be_bytes());
    stream.extend_from_slice(node);
    stream.push(entries as u8);
    stream.extend_from_slice(&[0x81, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0]); // last id, groups
    if let Ok(value) = decode(&mut stream.into()) {
        let Value::Stream(stream) = &value else { panic!("a stream") };
        assert_eq!(stream.entries.len() as i64, entries);
        let (_, again) = rdb::value::encode(&value).expect("what was read can be written");
        assert_eq!(decode(&mut again.into()), Ok(value));
    }
});
