//! Values of every type, made up; all of them come back.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use rdb::error::EncodeError;
use rdb::hash::Field;
use rdb::payload::{decode, encode, encode_for};
use rdb::stream::{Consumer, Entry, Group, Pending, Stream, StreamId};
use rdb::value::Value;

fn string() -> impl Strategy<Value = Bytes> {
    let bytes = prop_oneof![
        12 => vec(b'a'..=b'c', 0..4),
        8 => (-100_000..100_000i64).prop_map(|number| number.to_string().into_bytes()),
        4 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        4 => vec(any::<u8>(), 0..80),
        1 => (vec(b'x'..=b'z', 1..9), 1..2000usize).prop_map(|(word, times)| word.repeat(times)),
    ];
    bytes.prop_map(Bytes::from)
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-1000..1000i32).prop_map(f64::from),
        prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::INFINITE | prop::num::f64::NEGATIVE,
    ]
}

fn fields(expire: impl Strategy<Value = Option<i64>> + 'static) -> impl Strategy<Value = Value> {
    let fields = prop_oneof![19 => 1..12usize, 1 => 125..132usize];
    fields
        .prop_flat_map({
            let expire = expire.boxed();
            move |len| vec((string(), (string(), expire.clone())), len)
        })
        .prop_map(|fields| {
            // Not `btree_map` of that size: it starts over until no key is there twice.
            let fields: BTreeMap<_, _> = fields.into_iter().collect();
            Value::Hash(fields.into_iter().map(|(name, (value, expire))| Field { name, value, expire }).collect())
        })
}

fn id() -> impl Strategy<Value = StreamId> {
    let id = prop_oneof![(1..50u64, 0..5u64), (1_700_000_000_000..1_700_000_000_050u64, 0..3u64), (any::<u64>(), 1..u64::MAX)];
    id.prop_map(|(ms, seq)| StreamId { ms, seq })
}

/// Milliseconds since 1970.
fn time() -> std::ops::Range<i64> {
    0..1 << 48
}

fn group() -> impl Strategy<Value = Group> {
    let consumers = btree_map(string(), (time(), option::of(time()), any::<bool>()), 0..4);
    let pending = btree_map(id(), (any::<prop::sample::Index>(), time(), 0..1000u64), 0..6);
    (string(), id(), option::of(0..1000u64), consumers, pending).prop_map(|(name, last_id, entries_read, consumers, pending)| {
        let consumers: Vec<Consumer> = consumers
            .into_iter()
            .map(|(name, (seen, active, old))| Consumer { name, seen, active: if old { Some(seen) } else { active } })
            .collect();
        let pending = pending.into_iter().filter(|_| !consumers.is_empty());
        let pending = pending.map(|(id, (consumer, delivered, deliveries))| Pending {
            id,
            consumer: consumer.index(consumers.len()),
            delivered,
            deliveries,
        });
        Group { name, last_id, entries_read, pending: pending.collect(), consumers }
    })
}

fn stream() -> impl Strategy<Value = Value> {
    let names = prop_oneof![Just(vec![Bytes::from("field"), Bytes::from("7")]), vec(string(), 1..4)];
    let entry = names.prop_flat_map(|names| names.into_iter().map(|name| (Just(name), string())).collect::<Vec<_>>());
    let len = prop_oneof![19 => 0..12usize, 1 => 100..110usize];
    let entries = len.prop_flat_map(move |len| vec((id(), entry.clone()), len));
    (entries, 0..100u64, btree_set(id(), 0..2), vec(group(), 0..3)).prop_map(|(entries, more, deleted, groups)| {
        let entries: BTreeMap<_, _> = entries.into_iter().collect();
        let entries: Vec<Entry> = entries.into_iter().map(|(id, fields)| Entry { id, fields }).collect();
        let max_deleted_id = deleted.last().copied().unwrap_or_default();
        let last_id = entries.last().map_or(max_deleted_id, |entry| entry.id.max(max_deleted_id));
        let groups: BTreeMap<Bytes, Group> = groups.into_iter().map(|group| (group.name.clone(), group)).collect();
        let entries_added = entries.len() as u64 + more;
        Value::Stream(Stream { entries, last_id, max_deleted_id, entries_added, groups: groups.into_values().collect() })
    })
}

/// A value that Redis 7.0 can hold.
pub(crate) fn value_of_redis_7_0() -> impl Strategy<Value = Value> {
    let integers = prop_oneof![9 => btree_set(any::<i64>(), 1..20), 1 => btree_set(any::<i64>(), 510..516)];
    prop_oneof![
        string().prop_map(Value::String),
        vec(string(), 1..15).prop_map(Value::List),
        btree_set(string(), 1..15).prop_map(|members| Value::Set(members.into_iter().collect())),
        integers.prop_map(|members| Value::Set(members.into_iter().map(|member| member.to_string().into()).collect())),
        btree_map(string(), score(), 1..15).prop_map(|members| Value::ZSet(members.into_iter().collect())),
        btree_map(any::<u32>().prop_map(|number| number.to_string().into()), score(), 110..140)
            .prop_map(|members| Value::ZSet(members.into_iter().collect())),
        fields(Just(None)),
        stream(),
    ]
}

/// A value that Redis 7.4 can hold.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    prop_oneof![5 => value_of_redis_7_0(), 1 => fields(option::of(1..1i64 << 48))]
}

/// The value with elements in an order of their own, where Redis promises none.
pub(crate) fn in_order(mut value: Value) -> Value {
    match &mut value {
        Value::String(_) | Value::List(_) => {}
        Value::Set(members) => members.sort(),
        Value::ZSet(members) => members.sort_by(|(one, _), (other, _)| one.cmp(other)),
        Value::Hash(fields) => fields.sort_by(|one, other| one.name.cmp(&other.name)),
        Value::Stream(stream) => stream.groups.sort_by(|one, other| one.name.cmp(&other.name)),
    }
    value
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 500, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn values_come_back(value in value()) {
        let payload = Bytes::from(encode(&value).expect("small, and not empty"));
        prop_assert_eq!(in_order(decode(&payload).expect("what was written")), in_order(value));
    }

    #[test]
    fn a_reader_of_version_10_is_told_all_but_when_consumers_were_active(value in value_of_redis_7_0()) {
        let payload = encode_for(&value, 10).expect("small, and not empty");
        prop_assert_eq!(&payload[payload.len() - 10..payload.len() - 8], &[10, 0][..]);
        let mut expected = in_order(value);
        if let Value::Stream(stream) = &mut expected {
            let consumers = stream.groups.iter_mut().flat_map(|group| &mut group.consumers);
            consumers.for_each(|consumer| consumer.active = Some(consumer.seen));
        }
        prop_assert_eq!(in_order(decode(&payload.into()).expect("what was written")), expected);
    }
}

#[test]
fn what_expires_is_not_told_to_readers_that_would_keep_it() {
    let field = Field { name: "f".into(), value: "v".into(), expire: Some(1) };
    let value = Value::Hash(vec![field]);
    assert_eq!(encode_for(&value, 11), Err(EncodeError::NeedsVersion { needed: 12 }));
    assert!(encode_for(&value, 12).is_ok());
}

#[test]
fn what_is_empty_has_no_payload() {
    for value in [Value::List(vec![]), Value::Set(vec![]), Value::ZSet(vec![]), Value::Hash(vec![])] {
        assert_eq!(encode(&value), Err(EncodeError::Empty), "{value:?}");
    }
    assert!(encode(&Value::Stream(Stream::default())).is_ok());
    assert!(encode(&Value::String(Bytes::new())).is_ok());
}
