//! A listpack: it is refused, or its elements come back when they are written.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rdb::listpack::{Element, Reader, Writer};

fn read(bytes: Bytes) -> Option<Vec<Bytes>> {
    Reader::new(bytes).ok()?.map(|element| element.map(Element::into_bytes).ok()).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let Some(elements) = read(Bytes::copy_from_slice(bytes)) else { return };
    let mut writer = Writer::default();
    elements.iter().for_each(|element| writer.push(element));
    assert_eq!(read(writer.finish().expect("no longer than the input allows").into()), Some(elements));
});
