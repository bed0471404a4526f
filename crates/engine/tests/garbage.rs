//! What ended values and flushed databases leave on the disk, and that it goes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bytes::Bytes;
use support::{D0, D1, Partition};
use types::root::{Kind, Root};
use types::txn::{Database, HashKey, HashKeyTxn, SortKeys, ValueId};

/// An exploded value of `count` elements of a hundred bytes that do not compress.
fn fill(p: &mut Partition, database: Database, name: &str, count: u32) -> ValueId {
    let key = HashKey::new(database, name.as_bytes());
    let value = p.run(|txn| Ok(ValueId::of(&key, txn.next_id()))).unwrap();
    p.run(|txn| txn.put_root(&key, Root { id: value.id, count: u64::from(count), ..Root::inline(Kind::Hash, Bytes::new()) })).unwrap();
    for start in (0..count).step_by(1000) {
        p.run(|txn| {
            for number in start..count.min(start + 1000) {
                let mut noise = u64::from(number) ^ value.id << 32;
                let bytes: Vec<u8> = (0..13)
                    .flat_map(|_| {
                        noise = (noise ^ (noise >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
                        noise.to_be_bytes()
                    })
                    .collect();
                txn.put(value, &number.to_be_bytes(), bytes.into());
            }
            Ok(())
        })
        .unwrap();
        p.seal_and_apply();
    }
    value
}

fn elements(p: &mut Partition, value: ValueId) -> usize {
    let mut count = 0;
    p.run(|txn| {
        txn.range(value, &SortKeys::from(b""), &mut |_, _| {
            count += 1;
            std::ops::ControlFlow::Continue(())
        })
    })
    .unwrap();
    count
}

fn disk(p: &Partition) -> u64 {
    p.store().flush().unwrap();
    p.store().usage().unwrap().disk_bytes
}

#[test]
fn the_disk_shrinks_when_values_end() {
    let mut p = Partition::new();
    let (kept, _) = (fill(&mut p, D0, "kept", 10_000), fill(&mut p, D0, "deleted", 20_000));
    let overwritten = fill(&mut p, D0, "overwritten", 20_000);
    let full = disk(&p);
    p.delete("deleted");
    p.set("overwritten", "a string");
    p.seal_and_apply();
    assert_eq!(p.store().litter().values, 0, "what is not flushed may come back");
    p.store().flush().unwrap();
    let litter = p.store().litter();
    assert_eq!((litter.values, litter.elements, p.store().is_littered()), (2, 40_000, true));
    p.store().collect(&|| false).unwrap();
    let litter = p.store().litter();
    assert_eq!((litter.values, litter.elements, litter.dropped_elements, p.store().is_littered()), (0, 0, 40_000, false));
    assert!(disk(&p) < full / 3, "{} of {full}", disk(&p));
    assert_eq!((elements(&mut p, kept), elements(&mut p, overwritten)), (10_000, 0));
    // Nothing of it comes back, and the record of it is gone as well.
    p.store().flush().unwrap();
    p.crash();
    assert_eq!((p.store().litter().values, elements(&mut p, kept)), (0, 10_000));
}

#[test]
fn garbage_is_known_after_a_crash() {
    let mut p = Partition::new();
    fill(&mut p, D0, "deleted", 12_000);
    p.delete("deleted");
    p.seal_and_apply();
    p.store().flush().unwrap();
    p.crash();
    assert!(p.store().is_littered());
    p.store().collect(&|| true).unwrap();
    assert_eq!(p.store().litter().values, 1, "there was no time");
    p.store().collect(&|| false).unwrap();
    assert_eq!((p.store().litter().values, p.store().litter().dropped_elements), (0, 12_000));
}

#[test]
fn a_reader_keeps_what_it_sees() {
    let mut p = Partition::new();
    let value = fill(&mut p, D0, "deleted", 12_000);
    p.delete("deleted");
    p.seal();
    let mut reader = engine::txn::Reader::new(p.store.as_ref().unwrap(), engine::store::Tier::Disk, p.now, 1);
    assert!(reader.get(value, &7u32.to_be_bytes()).unwrap().is_some());
    p.store.as_ref().unwrap().apply(&p.log[p.store.as_ref().unwrap().applied().0 as usize..]).unwrap();
    p.store.as_ref().unwrap().flush().unwrap();
    p.store.as_ref().unwrap().collect(&|| false).unwrap();
    assert!(reader.get(value, &11_999u32.to_be_bytes()).unwrap().is_some(), "its elements are not garbage yet");
    drop(reader);
    p.store.as_ref().unwrap().durable().unwrap();
    p.store.as_ref().unwrap().collect(&|| false).unwrap();
    assert_eq!(p.store().litter().dropped_elements, 12_000);
}

#[test]
fn the_disk_shrinks_when_a_database_is_emptied() {
    let mut p = Partition::new();
    let kept = fill(&mut p, D1, "kept", 5_000);
    fill(&mut p, D0, "flushed", 30_000);
    p.set("a", "b");
    p.seal_and_apply();
    let full = disk(&p);
    p.run(|txn| txn.swap(D0, D1)).unwrap();
    p.flush_database(D1);
    p.seal_and_apply();
    p.store().flush().unwrap();
    assert!(p.store().is_littered());
    p.store().collect(&|| false).unwrap();
    assert!(!p.store().is_littered());
    assert!(disk(&p) < full / 3, "{} of {full}", disk(&p));
    let litter = p.store().litter();
    assert_eq!((litter.dropped_elements, litter.dropped_roots), (30_000, 2));
    let moved = ValueId { database: D0, ..kept };
    assert_eq!(elements(&mut p, moved), 5_000);
}
