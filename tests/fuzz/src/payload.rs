//! Bytes of values, without commands: they are refused, or what was read comes back when it is written.

use bytes::Bytes;
use rdb::listpack::{Element, Reader, Writer};
use rdb::payload::{decode, encode, seal};
use rdb::value::{self, Kind, Value};

/// A value without its frame; version and checksum are put behind it.
pub(crate) fn framed(value: &[u8]) {
    let Ok(value) = decode(&Bytes::from(seal(value.to_vec(), 12))) else { return };
    let again = encode(&value).expect("what was read can be written");
    let again = decode(&again.into()).expect("what was written can be read");
    let len = |value: &Value| format!("{value:?}").len();
    assert_eq!(len(&value), len(&again));
}

/// A listpack.
pub(crate) fn listpack(bytes: &[u8]) {
    let read = |bytes: Bytes| Reader::new(bytes).ok()?.map(|element| element.map(Element::into_bytes).ok()).collect::<Option<Vec<_>>>();
    let Some(elements) = read(Bytes::copy_from_slice(bytes)) else { return };
    let mut writer = Writer::default();
    elements.iter().for_each(|element| writer.push(element));
    assert_eq!(read(writer.finish().expect("no longer than the input allows").into()), Some(elements));
}

/// A ziplist, which is only read.
pub(crate) fn ziplist(bytes: &[u8]) {
    let Ok(entries) = rdb::ziplist::Reader::new(Bytes::copy_from_slice(bytes)) else { return };
    assert!(entries.count() <= bytes.len() / 2);
}

/// The listpack of a stream's node, in a stream around it that fits it: id 5-5, and as many entries as the listpack says.
pub(crate) fn stream_node(node: &[u8]) {
    let Ok(mut elements) = Reader::new(Bytes::copy_from_slice(node)) else { return };
    let Some(Some(entries @ 0..64)) = elements.next().and_then(Result::ok).map(|element| element.as_integer()) else { return };
    let mut stream = vec![Kind::Stream as u8, 1, 16];
    stream.extend_from_slice(&[[0, 0, 0, 0, 0, 0, 0, 5]; 2].concat());
    stream.push(0x80);
    stream.extend_from_slice(&(node.len() as u32).to_be_bytes());
    stream.extend_from_slice(node);
    stream.push(entries as u8);
    stream.extend_from_slice(&[0x81, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0]); // last id, groups
    if let Some(Value::Stream(stream)) = comes_back(stream) {
        assert_eq!(stream.entries.len() as i64, entries);
    }
}

/// A stream with its counters, groups, consumers and pending entries. The first byte chooses one of the three forms of streams.
pub(crate) fn stream(bytes: &[u8]) {
    let [form, rest @ ..] = bytes else { return };
    let kind = [Kind::Stream, Kind::Stream2, Kind::Stream3][usize::from(form % 3)];
    let Some(Value::Stream(stream)) = comes_back([&[kind as u8], rest].concat()) else { return };
    assert!(stream.entries.is_sorted_by(|one, next| one.id < next.id));
    assert!(stream.entries.last().is_none_or(|last| last.id <= stream.last_id) && stream.max_deleted_id <= stream.last_id);
    assert!(stream.entries_added >= stream.entries.len() as u64);
    for group in &stream.groups {
        assert!(group.pending.is_sorted_by(|one, next| one.id < next.id));
        assert!(group.pending.iter().all(|pending| pending.consumer < group.consumers.len()));
    }
}

/// The value of these bytes, if it is one.
fn comes_back(bytes: Vec<u8>) -> Option<Value> {
    let value = value::decode(&mut bytes.into()).ok()?;
    let (_, again) = value::encode(&value).expect("what was read can be written");
    assert_eq!(value::decode(&mut again.into()).as_ref(), Ok(&value));
    Some(value)
}
