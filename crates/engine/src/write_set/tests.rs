#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;
use types::slot::Slot;

use crate::root::tests::any_root;

/// An op with its own bytes.
#[derive(Debug, Clone)]
enum Owned {
    PutRoot(Vec<u8>, Root, Presence),
    DeleteRoot(Vec<u8>, Times),
    PutElement(Vec<u8>, Vec<u8>),
    DeleteElement(Vec<u8>),
    Map(u16, u32),
    Unmap(u16),
    NextId(u64),
    Orphan(u16, u32, u64, u64),
    Swap(u16, u16),
}

fn presence() -> impl Strategy<Value = Presence> {
    prop_oneof![Just(Presence::Absent), times().prop_map(Presence::Present)]
}

fn times() -> impl Strategy<Value = Times> {
    any::<[Option<i64>; 2]>().prop_map(|[expire, due]| Times { expire: expire.map(UnixMs), due: due.map(UnixMs) })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..200)
}

/// Keys, some of them again and again.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![bytes(), (0..3u8).prop_map(|number| vec![number])]
}

fn op() -> impl Strategy<Value = Owned> {
    prop_oneof![
        (key(), any_root(), presence()).prop_map(|(key, root, old)| Owned::PutRoot(key, root, old)),
        (key(), times()).prop_map(|(key, old)| Owned::DeleteRoot(key, old)),
        (key(), bytes()).prop_map(|(key, value)| Owned::PutElement(key, value)),
        key().prop_map(Owned::DeleteElement),
        any::<(u16, u32)>().prop_map(|(logical, physical)| Owned::Map(logical, physical)),
        any::<u16>().prop_map(Owned::Unmap),
        any::<u64>().prop_map(Owned::NextId),
        (0..16_384u16, any::<(u32, u64, u64)>()).prop_map(|(slot, (database, id, count))| Owned::Orphan(slot, database, id, count)),
        any::<(u16, u16)>().prop_map(|(a, b)| Owned::Swap(a, b)),
    ]
}

fn write(set: &mut WriteSet, op: &Owned) {
    match op {
        Owned::PutRoot(key, root, old) => set.put_root(key, root, *old),
        Owned::DeleteRoot(key, old) => set.delete_root(key, *old),
        Owned::PutElement(key, value) => set.put_element(key, value),
        Owned::DeleteElement(key) => set.delete_element(key),
        Owned::Map(logical, physical) => set.map(Database(*logical), Physical(*physical)),
        Owned::Unmap(logical) => set.unmap(Database(*logical)),
        Owned::NextId(next) => set.next_id(*next),
        Owned::Orphan(slot, database, id, count) => set.orphan(&value(*slot, *database, *id), *count),
        Owned::Swap(a, b) => set.swap(Database(*a), Database(*b)),
    }
}

fn value(slot: u16, database: u32, id: u64) -> ElementKey {
    ElementKey { slot: Slot::new(slot).unwrap(), database: Physical(database), id }
}

fn same(owned: &Owned, op: Op<'_>) -> bool {
    match (owned, op) {
        (Owned::PutRoot(k, root, o), Op::PutRoot { key, value, old }) => {
            k == key && *o == old && root::decode(value).as_ref() == Some(root)
        }
        (Owned::DeleteRoot(k, o), Op::DeleteRoot { key, old }) => k == key && *o == old,
        (Owned::PutElement(k, v), Op::PutElement { key, value }) => k == key && v == value,
        (Owned::DeleteElement(k), Op::DeleteElement { key }) => k == key,
        (Owned::Map(l, p), Op::Map { logical, physical }) => Database(*l) == logical && Physical(*p) == physical,
        (Owned::Unmap(l), Op::Unmap { logical }) => Database(*l) == logical,
        (Owned::NextId(n), Op::NextId(next)) => *n == next,
        (Owned::Orphan(s, d, i, c), Op::Orphan { value: v, count }) => value(*s, *d, *i) == v && *c == count,
        (Owned::Swap(x, y), Op::Swap { a, b }) => Database(*x) == a && Database(*y) == b,
        _ => false,
    }
}

/// The last writes of each key, roots with what was there before the first.
fn without_replaced(ops: &[Owned]) -> Vec<Owned> {
    fn key(op: &Owned) -> Option<(bool, &Vec<u8>)> {
        match op {
            Owned::PutRoot(key, ..) | Owned::DeleteRoot(key, _) => Some((false, key)),
            Owned::PutElement(key, _) | Owned::DeleteElement(key) => Some((true, key)),
            _ => None,
        }
    }
    let first = |wanted| {
        ops.iter().find(|op| key(op) == Some(wanted)).map(|op| match op {
            Owned::PutRoot(_, _, old) => *old,
            Owned::DeleteRoot(_, times) => Presence::Present(*times),
            _ => Presence::Absent,
        })
    };
    let last = ops.iter().enumerate().filter(|(index, op)| key(op).is_none() || ops[index + 1..].iter().all(|later| key(later) != key(op)));
    let merged = last.filter_map(|(_, op)| match op {
        Owned::PutRoot(name, root, _) => Some(Owned::PutRoot(name.clone(), root.clone(), first((false, name))?)),
        Owned::DeleteRoot(name, _) => match first((false, name))? {
            Presence::Present(times) => Some(Owned::DeleteRoot(name.clone(), times)),
            Presence::Absent => None,
        },
        other => Some(other.clone()),
    });
    merged.collect()
}

proptest! {
    #[test]
    fn ops_come_back_without_those_rolled_back(kept in proptest::collection::vec(op(), 0..20), dropped in proptest::collection::vec(op(), 0..5)) {
        let mut set = WriteSet::new();
        let (first, last) = kept.split_at(kept.len() / 2);
        first.iter().for_each(|op| write(&mut set, op));
        let savepoint = set.savepoint();
        dropped.iter().for_each(|op| write(&mut set, op));
        set.rollback(savepoint);
        last.iter().for_each(|op| write(&mut set, op));
        let body = set.finish();
        prop_assert!(set.is_empty());
        let ops: Vec<Op<'_>> = Ops::new(&body).unwrap().collect::<Result<_, _>>().unwrap();
        let kept = without_replaced(&kept);
        prop_assert_eq!(ops.len(), kept.len());
        for (owned, op) in kept.iter().zip(ops) {
            prop_assert!(same(owned, op), "{owned:?} came back as {op:?}");
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(body in bytes()) {
        if let Ok(ops) = Ops::new(&body) {
            let _ = ops.collect::<Vec<_>>();
        }
    }

    #[test]
    fn a_body_cut_short_inside_an_op_is_malformed(op in op(), cut in any::<proptest::sample::Index>()) {
        let mut set = WriteSet::new();
        write(&mut set, &op);
        let body = set.finish();
        // After the version byte alone nothing is missing.
        let cut = 2 + cut.index(body.len() - 2);
        if cut < body.len() {
            let read: Result<Vec<_>, _> = Ops::new(&body[..cut]).unwrap().collect();
            prop_assert!(read.is_err());
        }
    }
}

#[test]
fn write_set_layout_is_what_is_in_the_log() {
    let mut set = WriteSet::new();
    let mut root = Root::inline(types::root::Kind::String, Bytes::from_static(b"v"));
    root.version = 9;
    set.map(Database(2), Physical(300));
    set.put_root(b"k", &root, Presence::Absent);
    set.put_root(b"l", &root, Presence::Present(Times { expire: Some(UnixMs(1)), due: None }));
    set.delete_root(b"m", Times::default());
    set.delete_root(b"n", Times { expire: Some(UnixMs(2)), due: Some(UnixMs(1)) });
    set.put_element(b"e", b"x");
    set.delete_element(b"f");
    set.next_id(5);
    set.unmap(Database(2));
    let expected: &[u8] = b"\x01\
        \x05\x02\xac\x02\
        \x01\x01k\x07\x00\x09\0\0\0\0v\
        \x31\0\0\0\0\0\0\0\x01\x01l\x07\x00\x09\0\0\0\0v\
        \x12\x01m\
        \x72\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01\x01n\
        \x03\x01e\x01x\
        \x04\x01f\
        \x07\x05\
        \x06\x02";
    assert_eq!(set.finish(), expected);
}

#[test]
fn of_the_writes_of_a_key_the_last_is_kept_with_what_was_there_at_first() {
    let root = |value: &'static str| Root::inline(types::root::Kind::String, Bytes::from_static(value.as_bytes()));
    let times = |at| Times { expire: Some(UnixMs(at)), due: None };
    let mut set = WriteSet::new();
    set.map(Database(0), Physical(1));
    set.put_root(b"a", &root("1"), Presence::Present(times(7)));
    set.put_element(b"a", b"x");
    set.put_root(b"comes and goes", &root("1"), Presence::Absent);
    set.delete_root(b"goes", times(8));
    set.put_root(b"a", &root("2"), Presence::Present(times(1)));
    set.delete_element(b"a");
    set.delete_root(b"comes and goes", times(2));
    set.put_root(b"goes", &root("3"), Presence::Absent);
    set.delete_root(b"goes", times(3));
    let mut expected = WriteSet::new();
    expected.map(Database(0), Physical(1));
    expected.put_root(b"a", &root("2"), Presence::Present(times(7)));
    expected.delete_element(b"a");
    expected.delete_root(b"goes", times(8));
    assert_eq!(set.finish(), expected.finish());
    set.put_root(b"a", &root("1"), Presence::Absent);
    set.delete_root(b"a", times(1));
    assert_eq!(set.finish(), Bytes::new(), "nothing at all");
}

#[test]
fn an_empty_body_has_no_ops_and_an_unknown_version_is_refused() {
    assert_eq!(Ops::new(b"").unwrap().count(), 0);
    assert!(Ops::new(b"\x02").is_err());
}
