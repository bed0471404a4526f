//! Damaged payloads with a checksum that hides it: they are refused, or are another value that keeps its promises.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use rdb::error::PayloadError;
use rdb::payload::{decode, encode, seal};
use rdb::value::Value;

use crate::golden;
use crate::values::{in_order, value};

/// Bytes of version and checksum.
const FOOTER_LEN: usize = 10;

/// What can happen to bytes.
#[derive(Debug, Clone)]
enum Damage {
    Set(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Repeat(Index, usize),
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let damage = prop_oneof![
        6 => (any::<Index>(), prop_oneof![any::<u8>(), prop::sample::select(&[0, 1, 0x7F, 0x80, 0x81, 0xC3, 0xF0, 0xFE, 0xFF][..])])
            .prop_map(|(at, byte)| Damage::Set(at, byte)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => (any::<Index>(), 1..4usize).prop_map(|(at, len)| Damage::Remove(at, len)),
        1 => (any::<Index>(), 1..9usize).prop_map(|(at, len)| Damage::Repeat(at, len)),
    ];
    prop::collection::vec(damage, 1..4)
}

fn apply(value: &mut Vec<u8>, damage: &Damage) {
    if value.is_empty() {
        return;
    }
    match damage {
        Damage::Set(at, byte) => *at.get_mut(value) = *byte,
        Damage::Cut(at) => value.truncate(at.index(value.len())),
        Damage::Remove(at, len) => {
            let start = at.index(value.len());
            value.drain(start..(start + len).min(value.len()));
        }
        Damage::Repeat(at, len) => {
            let start = at.index(value.len());
            let part = value[start..(start + len).min(value.len())].to_vec();
            value.splice(start..start, part);
        }
    }
}

/// Payloads of servers with one to three damages, the checksum made anew.
pub(crate) fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(golden::all()), damage()).prop_map(|(mut payload, damages)| {
        payload.truncate(payload.len() - FOOTER_LEN);
        damages.iter().for_each(|damage| apply(&mut payload, damage));
        seal(payload, 10)
    })
}

/// What was read can be written and read again.
fn check(payload: Vec<u8>) {
    let Ok(value) = decode(&Bytes::from(payload)) else { return };
    let again = encode(&value).unwrap_or_else(|error| panic!("{error}: {value:?}"));
    assert_eq!(decode(&again.into()).map(in_order), Ok::<Value, PayloadError>(in_order(value)));
}

#[test]
fn every_byte_of_every_payload_can_be_wrong() {
    for payload in golden::all() {
        let value = &payload[..payload.len() - FOOTER_LEN];
        for at in 0..value.len() {
            for byte in (0..8).map(|bit| value[at] ^ 1 << bit).chain([0, 0xFF, value[at].wrapping_add(1), value[at].wrapping_sub(1)]) {
                let mut damaged = value.to_vec();
                damaged[at] = byte;
                check(seal(damaged, 10));
            }
        }
    }
}

#[test]
fn no_payload_can_be_cut() {
    for payload in golden::all() {
        let value = &payload[..payload.len() - FOOTER_LEN];
        for len in 0..value.len() {
            let cut = decode(&seal(value[..len].to_vec(), 10).into());
            assert!(matches!(cut, Err(PayloadError::Malformed(_))), "{} cut to {len}", value.escape_ascii());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn payloads_of_servers_can_be_damaged(payload in damaged()) {
        check(payload);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 500, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn payloads_of_ours_can_be_damaged(value in value(), damages in damage()) {
        let mut payload = encode(&value).expect("small, and not empty");
        payload.truncate(payload.len() - FOOTER_LEN);
        damages.iter().for_each(|damage| apply(&mut payload, damage));
        check(seal(payload, 10));
    }
}
