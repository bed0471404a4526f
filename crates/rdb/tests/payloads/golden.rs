//! What servers wrote is read as the value they had.

mod payloads;

use bytes::Bytes;
use payloads::*;
use rdb::error::{Malformed, PayloadError};
use rdb::hash::Field;
use rdb::payload::{decode, decode_within, seal};
use rdb::stream::{Consumer, Entry, Group, Pending, Stream, StreamId};
use rdb::value::{Kind, Value};

/// A payload of each kind that is read, and of each of its forms.
pub(crate) fn all() -> Vec<Vec<u8>> {
    let whole = [
        STRING,
        STRING_INT8,
        STRING_INT16,
        STRING_INT32,
        STRING_INT64,
        STRING_LZF,
        LIST,
        LIST_NODES,
        LIST_PLAIN,
        SET_INTSET16,
        SET_INTSET32,
        SET_INTSET64,
        SET,
        ZSET_LISTPACK,
        ZSET,
        HASH_LISTPACK,
        HASH,
        STREAM,
        STREAM_EMPTY,
        LIST_QUICKLIST,
        ZSET_ZIPLIST,
        HASH_ZIPLIST,
        STREAM_1,
    ];
    let values = [SET_LISTPACK, STREAM_3, HASH_LISTPACK_EXPIRY, HASH_EXPIRY].into_iter().chain(BY_HAND);
    whole.into_iter().map(<[u8]>::to_vec).chain(values.map(|value| seal(value.to_vec(), 12))).collect()
}

/// Kinds that no server at hand writes.
const BY_HAND: [&[u8]; 6] = [
    b"\x01\x03\x03one\xc0\x02\x03one",
    b"\x03\x03\x01a\x031.5\x01b\xff\x01c\xfe",
    b"\x09\x15\x02\x01f\x02\x02vv__\x03key\x05\x00value\xff",
    b"\x0a\x13\x13\0\0\0\x10\0\0\0\x02\0\0\x04four\x06\xf1\xff",
    b"\x16\x02\x80\x00\x01\x00\x00\x01f\x01v\x00\x01g\x01w",
    b"\x17\x0f\x0f\0\0\0\x03\0\x81f\x02\x81v\x02\x7f\x01\xff",
];

fn value(payload: &[u8]) -> Value {
    decode(&Bytes::copy_from_slice(payload)).expect("a whole payload")
}

/// A value without its frame.
fn unframed(bytes: &[u8]) -> Value {
    value(&seal(bytes.to_vec(), 12))
}

fn string(string: &str) -> Bytes {
    Bytes::copy_from_slice(string.as_bytes())
}

fn list(elements: &[&str]) -> Value {
    Value::List(elements.iter().map(|element| string(element)).collect())
}

fn set(members: &[&str]) -> Value {
    Value::Set(members.iter().map(|member| string(member)).collect())
}

fn zset(members: &[(&str, f64)]) -> Value {
    Value::ZSet(members.iter().map(|(member, score)| (string(member), *score)).collect())
}

fn hash(fields: &[(&str, &str, Option<i64>)]) -> Value {
    Value::Hash(fields.iter().map(|(name, value, expire)| Field { name: string(name), value: string(value), expire: *expire }).collect())
}

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

fn entry(id: StreamId, fields: &[(&str, &str)]) -> Entry {
    Entry { id, fields: fields.iter().map(|(field, value)| (string(field), string(value))).collect() }
}

/// The entries of the streams of Redis 6.2 and 7.0: 2-1 was deleted.
fn weather() -> Vec<Entry> {
    let measured = |ms, temperature| entry(id(ms, 1), &[("temperature", temperature), ("unit", "C")]);
    vec![measured(1, "21"), measured(3, "23"), measured(4, "24"), measured(5, "25"), entry(id(6, 0), &[("other", "field")])]
}

#[test]
fn every_kind_but_those_of_modules_has_a_payload() {
    let kinds: Vec<u8> = all().iter().map(|payload| payload[0]).collect();
    for kind in Kind::ALL {
        assert_eq!(kinds.contains(&(kind as u8)), !matches!(kind, Kind::Module | Kind::Module2), "{kind:?}");
    }
}

#[test]
fn strings() {
    let strings = [STRING, STRING_INT8, STRING_INT16, STRING_INT32, STRING_INT64, STRING_LZF].map(value);
    let expected = ["hello", "-7", "-30000", "2000000000", "20000000000", &"abc".repeat(30)];
    assert_eq!(strings, expected.map(|expected| Value::String(string(expected))));
}

#[test]
fn lists() {
    let forms = ["one", "2", "-3000", &"x".repeat(70), "70000", "-5000000000", "4000000", "12", "13", "-128"];
    assert_eq!(value(LIST), list(&forms[..7]));
    assert_eq!(value(LIST_QUICKLIST), list(&forms));
    assert_eq!(value(LIST_NODES), list(&["a", "b", "c", "d", "e"]));
    assert_eq!(value(LIST_PLAIN), list(&["a", "a plain element", "b"]));
    assert_eq!(unframed(BY_HAND[0]), list(&["one", "2", "one"]));
    assert_eq!(unframed(BY_HAND[3]), list(&["four", "0"]));
}

#[test]
fn sets() {
    assert_eq!(value(SET_INTSET16), set(&["-2", "1", "300"]));
    assert_eq!(value(SET_INTSET32), set(&["-70000", "1"]));
    assert_eq!(value(SET_INTSET64), set(&["-7000000000", "1"]));
    assert_eq!(value(SET), set(&["a", "b", "3"]));
    assert_eq!(unframed(SET_LISTPACK), set(&["a", "b", "3"]));
}

#[test]
fn sorted_sets() {
    let members = [("low", f64::NEG_INFINITY), ("tenth", 0.1), ("one", 1.0), ("two", 2.5), ("high", 1e300)];
    assert_eq!(value(ZSET_LISTPACK), zset(&members));
    assert_eq!(value(ZSET_ZIPLIST), zset(&members));
    assert_eq!(value(ZSET), zset(&[("high", f64::INFINITY), ("two", 2.5), ("one", 1.0), ("low", f64::NEG_INFINITY)]));
    assert_eq!(unframed(BY_HAND[1]), zset(&[("a", 1.5), ("b", f64::NEG_INFINITY), ("c", f64::INFINITY)]));
}

#[test]
fn hashes() {
    let fields = hash(&[("f", "v", None), ("n", "12", None)]);
    assert_eq!(value(HASH_LISTPACK), fields);
    assert_eq!(value(HASH_ZIPLIST), fields);
    assert_eq!(value(HASH), fields);
    assert_eq!(unframed(BY_HAND[2]), hash(&[("f", "vv", None), ("key", "value", None)]));
}

#[test]
fn hashes_with_fields_that_expire() {
    let (first, second) = (Some(1_900_000_000_000), Some(2_000_000_000_000));
    assert_eq!(unframed(HASH_LISTPACK_EXPIRY), hash(&[("n", "12", first), ("f", "v", second), ("k", "never", None)]));
    assert_eq!(unframed(HASH_EXPIRY), hash(&[("f", "v", second), ("k", "never", None), ("n", "12", first)]));
    assert_eq!(unframed(BY_HAND[4]), hash(&[("f", "v", Some(65536)), ("g", "w", None)]));
    assert_eq!(unframed(BY_HAND[5]), hash(&[("f", "v", Some(127))]));
}

#[test]
fn streams_of_redis_7_0() {
    let now = 1_795_716_815_954;
    let consumer = |name| Consumer { name: string(name), seen: now, active: Some(now) };
    let pending = |ms, consumer| Pending { id: id(ms, 1), consumer, delivered: now, deliveries: 1 };
    let readers = Group {
        name: string("readers"),
        last_id: id(4, 1),
        entries_read: None,
        pending: vec![pending(3, 0), pending(4, 1)],
        consumers: vec![consumer("alice"), consumer("bob"), consumer("idle")],
    };
    let other = Group { name: string("other"), last_id: id(6, 0), entries_read: None, pending: vec![], consumers: vec![] };
    let stream = Stream { entries: weather(), last_id: id(6, 0), max_deleted_id: id(2, 1), entries_added: 6, groups: vec![other, readers] };
    assert_eq!(value(STREAM), Value::Stream(stream));
    let empty = Stream { last_id: id(1, 1), max_deleted_id: id(1, 1), entries_added: 1, ..Stream::default() };
    assert_eq!(value(STREAM_EMPTY), Value::Stream(empty));
}

#[test]
fn streams_of_redis_6_2() {
    let now = 1_795_716_816_407;
    let readers = Group {
        name: string("readers"),
        last_id: id(3, 1),
        entries_read: None,
        pending: vec![Pending { id: id(3, 1), consumer: 0, delivered: now, deliveries: 1 }],
        consumers: vec![Consumer { name: string("alice"), seen: now, active: Some(now) }],
    };
    let tip = Group { name: string("tip"), last_id: id(6, 0), entries_read: Some(5), pending: vec![], consumers: vec![] };
    let stream =
        Stream { entries: weather(), last_id: id(6, 0), max_deleted_id: StreamId::default(), entries_added: 5, groups: vec![readers, tip] };
    assert_eq!(value(STREAM_1), Value::Stream(stream));
}

#[test]
fn streams_of_redis_7_2() {
    let now = 1_795_716_816_939;
    let readers = Group {
        name: string("readers"),
        last_id: id(1, 1),
        entries_read: Some(1),
        pending: vec![Pending { id: id(1, 1), consumer: 0, delivered: now, deliveries: 2 }],
        consumers: vec![
            Consumer { name: string("alice"), seen: now, active: Some(now - 50) },
            Consumer { name: string("idle"), seen: now - 51, active: None },
        ],
    };
    let stream = Stream {
        entries: vec![entry(id(1, 1), &[("f", "v")]), entry(id(2, 1), &[("f", "w")])],
        last_id: id(2, 1),
        max_deleted_id: StreamId::default(),
        entries_added: 2,
        groups: vec![readers],
    };
    assert_eq!(unframed(STREAM_3), Value::Stream(stream));
}

#[test]
fn what_a_server_wrote_is_written_the_same_where_there_is_one_way_to_write_it() {
    let same = [
        STRING,
        STRING_INT8,
        STRING_INT16,
        STRING_INT32,
        STRING_INT64,
        SET_INTSET16,
        SET_INTSET32,
        SET_INTSET64,
        SET,
        HASH_LISTPACK,
        STREAM_EMPTY,
    ];
    for payload in same {
        assert_eq!(rdb::payload::encode(&value(payload)).as_deref(), Ok(payload), "{}", payload.escape_ascii());
    }
    let (kind, hash) = rdb::value::encode(&unframed(HASH_LISTPACK_EXPIRY)).expect("not empty");
    assert_eq!((kind, &hash[..]), (Kind::HashListpackExpiry, HASH_LISTPACK_EXPIRY));
    let (kind, stream) = rdb::value::encode(&unframed(STREAM_3)).expect("not empty");
    assert_eq!((kind, &stream[..]), (Kind::Stream3, STREAM_3));
}

#[test]
fn duplicates_and_empty_collections_are_refused_in_every_form() {
    let refused = |bytes: &[u8]| decode(&seal(bytes.to_vec(), 12).into()).expect_err("damaged");
    let duplicates: [&[u8]; 9] = [
        b"\x02\x02\x01a\x01a",
        b"\x03\x02\x01a\x011\x01a\x012",
        b"\x04\x02\x01a\x01b\x01a\x01c",
        b"\x05\x02\x01a\0\0\0\0\0\0\0\0\x01a\0\0\0\0\0\0\0\0",
        b"\x09\x0c\x02\x01a\x01\x00b\x01a\x01\x00b\xff",
        b"\x0d\x13\x13\0\0\0\x10\0\0\0\x04\0\0\xf1\x02\xf2\x02\xf1\x02\xf2\xff",
        b"\x10\x0f\x0f\0\0\0\x04\0\x01\x01\x02\x01\x01\x01\x02\x01\xff",
        b"\x14\x0c\x0c\0\0\0\x02\0\x01\x01\x81\x31\x02\xff",
        b"\x16\x02\x05\x01a\x01b\x05\x01a\x01c",
    ];
    for bytes in duplicates {
        assert_eq!(refused(bytes), PayloadError::Malformed(Malformed::Duplicate), "{}", bytes.escape_ascii());
    }
    let listpack = b"\x07\x07\0\0\0\0\0\xff";
    let ziplist = b"\x0b\x0b\0\0\0\x0a\0\0\0\0\0\xff";
    let mut empty: Vec<Vec<u8>> = [1, 2, 3, 4, 5, 14, 18, 22].map(|kind| vec![kind, 0]).to_vec();
    empty.extend([16, 17, 20, 23].map(|kind| [&[kind][..], listpack].concat()));
    empty.extend([10, 12, 13].map(|kind| [&[kind][..], ziplist].concat()));
    empty.extend([b"\x09\x02\x00\xff".to_vec(), b"\x0b\x08\x02\0\0\0\0\0\0\0".to_vec(), [&[24][..], &[0; 9]].concat()]);
    empty.push([&[25][..], &[0; 8], listpack].concat());
    for bytes in empty {
        assert_eq!(refused(&bytes), PayloadError::Malformed(Malformed::Empty), "{}", bytes.escape_ascii());
    }
}

/// Strings that a value keeps.
fn kept(value: &Value) -> usize {
    match value {
        Value::String(_) => 1,
        Value::List(strings) | Value::Set(strings) => strings.len(),
        Value::ZSet(members) => members.len(),
        Value::Hash(fields) => 2 * fields.len(),
        Value::Stream(stream) => {
            let pairs: usize = stream.entries.iter().map(|entry| entry.fields.len()).sum();
            2 * pairs + stream.groups.iter().map(|group| 1 + group.consumers.len()).sum::<usize>()
        }
    }
}

#[test]
fn a_value_takes_no_more_memory_than_it_may() {
    for payload in all() {
        let payload = Bytes::from(payload);
        let value = decode(&payload).expect("a whole payload");
        let handles = kept(&value) * size_of::<Bytes>();
        if handles > 0 {
            assert_eq!(decode_within(&payload, handles - 1), Err(PayloadError::Malformed(Malformed::Memory)), "{value:?}");
        }
        assert_eq!(decode_within(&payload, 4 * handles + 4096).as_ref(), Ok(&value));
    }
}
