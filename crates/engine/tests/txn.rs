//! Transactions and readers: what a command sees, counts, databases, expiry, scans, cold data.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use engine::store::Tier;
use engine::txn::{Context, Txn};
use support::{D0, D1, Partition, scan_all, string};
use types::id::Decree;
use types::slot::{Cursor, hash48};
use types::time::UnixMs;
use types::txn::{Abort, HashKey, HashKeyTxn, KeyCount};

#[test]
fn a_command_sees_all_earlier_ones_applied_or_not() {
    let mut p = Partition::new();
    p.set("a", "1");
    p.set("b", "1");
    p.seal_and_apply();
    assert!(p.overlay.is_empty());
    p.set("a", "2");
    p.seal();
    p.delete("b");
    p.set("c", "3");
    assert_eq!((p.get("a").as_deref(), p.get("b"), p.get("c").as_deref()), (Some("2"), None, Some("3")));
    let root = p.reader(Tier::Memory).root(&HashKey::new(D0, b"a")).unwrap().unwrap();
    assert_eq!((root.value, root.version, root.written), (Bytes::from("1"), 1, 1000), "a reader sees what is applied");
}

#[test]
fn an_aborted_command_leaves_nothing() {
    let mut p = Partition::new();
    p.set("a", "1");
    let before = p.writes.len();
    let aborted: Result<(), Abort> = p.run(|txn| {
        txn.put_root(&HashKey::new(D0, b"a"), string("2"))?;
        txn.put_root(&HashKey::new(D1, b"x"), string("2"))?;
        txn.flush(D0);
        assert_eq!((txn.count(D0).keys, txn.count(D1).keys), (0, 1));
        Err(Abort::Cold)
    });
    assert!(aborted.is_err());
    assert_eq!(p.writes.len(), before);
    assert_eq!(p.get("a").as_deref(), Some("1"));
    assert_eq!(p.run(|txn| Ok((txn.count(D0).keys, txn.databases()))).unwrap(), (1, vec![D0]));
}

#[test]
fn written_tells_the_size_of_a_command_not_of_its_mutation() {
    let mut p = Partition::new();
    p.set("a", &"x".repeat(10_000));
    let written = p.run(|txn| txn.put_root(&HashKey::new(D0, b"b"), string("1")).map(|()| txn.written())).unwrap();
    assert!((10..100).contains(&written), "{written}");
}

#[test]
fn counts_are_exact_and_survive() {
    let mut p = Partition::new();
    let count = |p: &Partition| p.store().count(D0);
    p.set("a", "1");
    p.set_until("b", 5_000_000);
    p.set("a", "2");
    p.seal_and_apply();
    assert_eq!(count(&p), KeyCount { keys: 2, expires: 1 });
    p.set_until("a", 5_000_000);
    p.set_until("b", 6_000_000);
    p.seal_and_apply();
    assert_eq!(count(&p), KeyCount { keys: 2, expires: 2 });
    p.set("b", "1");
    p.delete("a");
    p.delete("nobody");
    p.seal_and_apply();
    assert_eq!(count(&p), KeyCount { keys: 1, expires: 0 });
    p.crash();
    assert_eq!(count(&p), KeyCount { keys: 1, expires: 0 });
}

#[test]
fn emptying_a_database_costs_the_same_whatever_its_size() {
    let mut p = Partition::new();
    for i in 0..5_000 {
        p.set(&format!("k{i}"), "v");
    }
    p.run(|txn| txn.put_root(&HashKey::new(D1, b"other"), string("v"))).unwrap();
    p.seal_and_apply();
    p.flush_database(D0);
    assert!(p.writes.len() <= 3, "{} bytes", p.writes.len());
    assert_eq!((p.get("k1"), p.overlay.len()), (None, 0));
    p.set("k1", "new");
    p.seal_and_apply();
    assert_eq!(p.store().count(D0).keys, 1);
    assert_eq!(p.get("k1").as_deref(), Some("new"));
    assert_eq!(scan_all(&mut p.reader(Tier::Disk), D0, 10, 10_000).unwrap().len(), 1);
    assert_eq!(scan_all(&mut p.reader(Tier::Disk), D1, 10, 10_000).unwrap().len(), 1);
}

#[test]
fn compaction_drops_a_flushed_database_but_not_before_that_is_durable() {
    let mut p = Partition::new();
    for i in 0..2_000 {
        p.set_until(&format!("k{i}"), 5_000_000);
    }
    p.set("other", "v");
    p.seal_and_apply();
    p.store().flush().unwrap();
    p.store().compact(&|| false).unwrap();
    let full = p.store().usage().unwrap().disk_bytes;
    p.flush_database(D0);
    p.seal_and_apply();
    p.store().compact(&|| false).unwrap();
    let kept = p.store().usage().unwrap().disk_bytes;
    assert!(kept > full / 2, "{kept} of {full}: nobody has asked yet what is durable");
    p.store().flush().unwrap();
    p.store().compact(&|| false).unwrap();
    let usage = p.store().usage().unwrap();
    assert!(usage.disk_bytes < full / 4, "{usage:?} of {full}");
}

#[test]
fn keys_expire_oldest_first_and_again_after_a_change() {
    let mut p = Partition::new();
    for (name, at) in [("c", 300), ("a", 100), ("b", 200), ("z", 9_000_000)] {
        p.set_until(name, at);
    }
    assert_eq!(p.sweepable(10), ["a", "b", "c"], "from the overlay");
    p.seal_and_apply();
    assert_eq!(p.sweepable(10), ["a", "b", "c"], "from the store");
    assert_eq!(p.sweepable(2), ["a", "b"]);
    p.set("a", "stays");
    p.set_until("b", 400);
    assert_eq!(p.sweepable(10), ["c", "b"]);
    p.delete("c");
    assert_eq!(p.sweepable(10), ["b"]);
    p.seal_and_apply();
    assert_eq!(p.sweepable(10), ["b"]);
    p.now = UnixMs(400);
    assert_eq!(p.sweepable(10), [""; 0], "a key lives through the millisecond of its expiry");
    p.set_until("old", 5);
    p.seal();
    assert_eq!(p.sweepable(10), ["old"]);
    p.apply(1);
    assert_eq!(p.sweepable(10), ["old"], "found before the place the last sweep began at");
    p.crash();
    assert_eq!(p.sweepable(10), ["old"]);
    p.flush_database(D0);
    assert_eq!(p.sweepable(10), [""; 0]);
}

#[test]
fn a_sweep_that_was_aborted_does_not_hide_what_it_saw() {
    let mut p = Partition::new();
    p.set_until("k", 5);
    p.set_until("later", 9_000_000);
    p.seal();
    let aborted: Result<(), Abort> = p.run(|txn| {
        txn.put_root(&HashKey::new(D0, b"k"), string("stays"))?;
        assert!(txn.sweepable(10)?.is_empty());
        Err(Abort::Cold)
    });
    assert!(aborted.is_err());
    p.apply(1);
    assert_eq!(p.sweepable(10), ["k"]);
}

#[test]
fn a_scan_returns_every_key_that_stays() {
    let mut p = Partition::new();
    for i in 0..500 {
        p.set(&format!("stays{i}"), "v");
        p.set(&format!("goes{i}"), "v");
    }
    p.seal_and_apply();
    let (mut seen, mut cursor, mut round) = (BTreeSet::new(), Some(Cursor(0)), 0);
    while let Some(from) = cursor {
        let (keys, next) = p.run(|txn| txn.scan(D0, from, 10, 1_000)).unwrap();
        assert!(next.is_none() || keys.len() == 10);
        assert!(keys.iter().all(|k| k.place >= from && next.is_none_or(|next| k.place < next)));
        assert!(keys.iter().all(|k| k.root.value.is_empty()), "values stay where they are");
        seen.extend(keys.into_iter().map(|k| String::from_utf8(k.name.to_vec()).unwrap()));
        cursor = next;
        // The world goes on between the calls: deletes, inserts, applies, even a crash.
        p.delete(&format!("goes{round}"));
        p.set(&format!("comes{round}"), "v");
        match round % 20 {
            7 => p.seal(),
            13 => p.seal_and_apply(),
            19 => {
                p.seal();
                p.crash();
            }
            _ => {}
        }
        round += 1;
    }
    assert_eq!(seen.iter().filter(|name| name.starts_with("stays")).count(), 500);
}

#[test]
fn a_scan_looks_at_no_more_records_than_it_may_and_still_ends() {
    let mut p = Partition::new();
    for i in 0..200 {
        p.run(|txn| txn.put_root(&HashKey::new(D1, format!("k{i}").as_bytes()), string("v"))).unwrap();
    }
    p.set("one", "v");
    p.seal_and_apply();
    let (mut cursor, mut calls, mut found) = (Some(Cursor(0)), 0, 0);
    while let Some(from) = cursor {
        let (keys, next) = p.reader(Tier::Memory).scan(D0, from, 10, 20).unwrap();
        (calls, found, cursor) = (calls + 1, found + keys.len(), next);
    }
    assert_eq!((found, calls), (1, 11));
}

#[test]
fn keys_that_share_a_place_are_not_split() {
    let mut p = Partition::new();
    for database in [D0, D1] {
        p.run(|txn| txn.put_root(&HashKey::new(database, b"same"), string("v"))).unwrap();
    }
    p.seal_and_apply();
    let place = Cursor::new(types::slot::Slot::of(b"same"), hash48(b"same"));
    for database in [D0, D1] {
        let (keys, next) = p.reader(Tier::Memory).scan(database, Cursor(0), 1, 1).unwrap();
        assert_eq!((keys[0].place, keys.len(), next), (place, 1, None));
    }
}

#[test]
fn ids_are_never_given_twice() {
    let mut p = Partition::new();
    let next = |p: &mut Partition| p.run(|txn| Ok(txn.next_id())).unwrap();
    assert_eq!((next(&mut p), next(&mut p)), (1, 2));
    let aborted: Result<(), Abort> = p.run(|txn| {
        assert_eq!(txn.next_id(), 3);
        Err(Abort::Cold)
    });
    assert!(aborted.is_err());
    assert_eq!(next(&mut p), 4);
    p.seal_and_apply();
    p.crash();
    assert_eq!(next(&mut p), 5);
}

#[test]
fn data_on_disk_is_cold_until_somebody_fetches_it() {
    let mut p = Partition::new();
    p.set("k", "v");
    p.seal_and_apply();
    p.store.take().unwrap().close().unwrap();
    // A cache of its own, and empty.
    p.shared = support::shared();
    p.store = Some(engine::store::Store::open(&p.dir.path().join("p"), support::ALL_SLOTS, &p.shared).unwrap());
    let key = HashKey::new(D0, b"k");
    assert!(matches!(p.reader(Tier::Memory).root(&key), Err(Abort::Cold)));
    let context = Context { tier: Tier::Memory, now: p.now, decree: Decree(2) };
    let mut txn = Txn::begin(p.store.as_ref().unwrap(), &mut p.overlay, &mut p.writes, context);
    assert!(matches!(txn.put_root(&key, string("w")), Err(Abort::Cold)));
    drop(txn);
    assert!(p.reader(Tier::Disk).root(&key).unwrap().is_some());
    assert!(p.reader(Tier::Memory).root(&key).unwrap().is_some());
}

#[test]
#[should_panic(expected = "does not write")]
fn a_reader_does_not_write() {
    let p = Partition::new();
    let _ = p.reader(Tier::Memory).put_root(&HashKey::new(D0, b"k"), string("v"));
}

#[test]
fn a_reader_sees_all_of_a_mutation_or_nothing() {
    let mut p = Partition::new();
    let write = |p: &mut Partition, i: u64| {
        p.set("x", &i.to_string());
        p.set("y", &i.to_string());
        // Databases come and go too.
        if i.is_multiple_of(50) {
            p.flush_database(D0);
            p.set("x", &i.to_string());
            p.set("y", &i.to_string());
        }
        p.seal();
    };
    (0..3_000).for_each(|i| write(&mut p, i));
    p.apply(1);
    let (store, log, now) = (p.store.as_ref().unwrap(), &p.log, p.now);
    let done = AtomicBool::new(false);
    let read = |tier| {
        let (mut good, mut cold) = (0, 0);
        // On a busy machine this thread may run only while the other one stands within a change of the databases, where all is cold.
        while !done.load(Ordering::Acquire) || good + cold < 500 || good == 0 {
            let mut reader = engine::txn::Reader::new(store, tier, now, 0);
            let mut value = |name: &[u8]| reader.root(&HashKey::new(D0, name)).map(|root| root.map(|root| root.value));
            match value(b"x").and_then(|x| Ok((x, value(b"y")?))) {
                Ok((x, y)) => {
                    assert_eq!(x, y);
                    good += 1;
                }
                Err(Abort::Cold) => cold += 1,
                Err(e) => panic!("{e}"),
            }
        }
        (good, cold)
    };
    std::thread::scope(|scope| {
        let memory = scope.spawn(|| read(Tier::Memory));
        let disk = scope.spawn(|| read(Tier::Disk));
        for mutation in &log[1..] {
            store.apply(std::slice::from_ref(mutation)).unwrap();
        }
        done.store(true, Ordering::Release);
        let (good, cold) = memory.join().unwrap();
        assert!(good > 0, "{cold} cold");
        let (good, cold) = disk.join().unwrap();
        assert!(good > 0 && cold == 0, "a read that may wait is never cold: {cold}");
    });
}
