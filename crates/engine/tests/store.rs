//! What a store promises about its directory, its disk state and its applied decrees.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use engine::error::{ApplyError, OpenError};
use engine::overlay::Overlay;
use engine::shared::{Options, Shared};
use engine::store::{Store, Tier};
use engine::txn::{Context, Txn};
use engine::write_set::WriteSet;
use support::{ALL_SLOTS, D0, Partition, shared, string};
use types::id::Decree;
use types::time::UnixMs;
use types::txn::{HashKey, HashKeyTxn};

#[test]
fn what_was_not_flushed_is_gone_and_comes_back_from_the_log() {
    let mut p = Partition::new();
    for i in 0..20 {
        p.set(&format!("a{i}"), "1");
        p.seal_and_apply();
    }
    assert_eq!(p.store().durable().unwrap(), Decree(0));
    assert_eq!(p.store().flush().unwrap(), Decree(20));
    for i in 0..20 {
        p.set(&format!("b{i}"), "1");
        p.delete(&format!("a{i}"));
        p.seal_and_apply();
    }
    assert_eq!((p.store().applied(), p.store().durable().unwrap()), (Decree(40), Decree(20)));
    assert_eq!(p.crash(), Decree(20));
    assert_eq!(p.store().applied(), Decree(40));
    assert_eq!(p.store().count(D0).keys, 20);
    assert_eq!((p.get("a3"), p.get("b3").as_deref()), (None, Some("1")));
}

#[test]
fn closing_flushes() {
    let mut p = Partition::new();
    p.set("k", "v");
    p.seal_and_apply();
    assert_eq!(p.store.take().unwrap().close().unwrap(), Decree(1));
    let store = Store::open(&p.dir.path().join("p"), ALL_SLOTS, &p.shared).unwrap();
    assert_eq!((store.applied(), store.durable().unwrap()), (Decree(1), Decree(1)));
}

#[test]
fn a_store_is_opened_once_for_its_own_slots_in_a_known_format() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p");
    let shared = shared();
    let store = Store::open(&path, 0..=99, &shared).unwrap();
    assert!(matches!(Store::open(&path, 0..=99, &shared), Err(OpenError::InUse { .. })));
    drop(store);
    assert!(matches!(Store::open(&path, 0..=98, &shared), Err(OpenError::OtherSlots { .. })));
    fs::write(path.join("FORMAT"), "pegasus 9 partition 0-99\n").unwrap();
    assert!(matches!(Store::open(&path, 0..=99, &shared), Err(OpenError::Version { found: 9, .. })));
}

#[test]
fn lost_or_damaged_files_are_noticed() {
    let make = || {
        let mut p = Partition::new();
        for i in 0..100 {
            p.set(&format!("k{i}"), "v");
        }
        p.seal_and_apply();
        p.store.take().unwrap().close().unwrap();
        let path = p.dir.path().join("p");
        (p, path)
    };
    let open = |p: &Partition| Store::open(&p.dir.path().join("p"), ALL_SLOTS, &p.shared).map(|_| ());
    let (p, path) = make();
    fs::remove_file(path.join("CURRENT")).unwrap();
    assert!(matches!(open(&p), Err(OpenError::Damaged { .. })), "{:?}", open(&p));
    let (p, path) = make();
    fs::remove_file(path.join("FORMAT")).unwrap();
    assert!(matches!(open(&p), Err(OpenError::Damaged { .. })), "{:?}", open(&p));
    let (p, path) = make();
    let table = fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()).find(|f| f.extension().is_some_and(|e| e == "sst")).unwrap();
    fs::remove_file(table).unwrap();
    assert!(matches!(open(&p), Err(OpenError::Damaged { .. })), "{:?}", open(&p));
}

#[test]
fn a_directory_whose_making_was_interrupted_is_used_again() {
    let mut p = Partition::new();
    p.store = None;
    let path = p.dir.path().join("p");
    fs::remove_file(path.join("FORMAT")).unwrap();
    let store = Store::open(&path, ALL_SLOTS, &p.shared).unwrap();
    assert_eq!(store.applied(), Decree(0));
    assert!(path.join("FORMAT").exists());
}

#[test]
fn a_checkpoint_is_a_store() {
    let mut p = Partition::new();
    p.set("k", "v");
    p.seal_and_apply();
    let copy = p.dir.path().join("copy");
    assert_eq!(p.store().checkpoint(&copy).unwrap(), Decree(1));
    p.set("k", "w");
    p.seal_and_apply();
    let store = Store::open(&copy, ALL_SLOTS, &p.shared).unwrap();
    assert_eq!(store.applied(), Decree(1));
    let mut reader = engine::txn::Reader::new(&store, Tier::Disk, p.now, 0);
    assert_eq!(reader.root(&HashKey::new(D0, b"k")).unwrap().unwrap().value, "v");
    assert!(p.store().checkpoint(&copy).is_err(), "a copy is not overwritten");
}

#[test]
fn a_malformed_mutation_is_refused_whole() {
    let mut p = Partition::new();
    p.set("k", "v");
    p.seal();
    let good = p.log[0].clone();
    let mut broken = good.1.to_vec();
    broken.truncate(broken.len() - 1);
    for bad in [broken, vec![7], b"\x01\x06\x05".to_vec(), b"\x01\x01\x01k\x00".to_vec()] {
        let result = p.store().apply(&[good.clone(), (Decree(2), Bytes::from(bad))]);
        assert!(matches!(result, Err(ApplyError::Malformed { decree: Decree(2), .. })), "{result:?}");
        assert_eq!((p.store().applied(), p.store().count(D0).keys), (Decree(0), 0));
    }
    // The same mutation twice counts a key twice: seen.
    let result = p.store().apply(&[good.clone(), (Decree(2), good.1.clone())]);
    assert!(matches!(result, Err(ApplyError::Malformed { decree: Decree(2), .. })), "{result:?}");
    p.store().apply(&[good, (Decree(2), Bytes::new())]).unwrap();
    assert_eq!((p.store().applied(), p.store().count(D0).keys), (Decree(2), 1));
}

#[test]
fn a_mutation_for_other_slots_is_refused() {
    let mut p = Partition::new();
    p.set("k", "v");
    p.seal();
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 0..=0, &p.shared).unwrap();
    assert!(matches!(store.apply(&p.log), Err(ApplyError::Malformed { .. })));
}

#[test]
#[should_panic(expected = "apply decree 2 after 0")]
fn decrees_are_applied_without_gaps() {
    let p = Partition::new();
    let _ = p.store().apply(&[(Decree(2), Bytes::new())]);
}

#[test]
fn a_stall_is_said_and_passes() {
    let dir = tempfile::tempdir().unwrap();
    // Memtables so small that flushes cannot keep up with the writer.
    let options =
        Options { cache_bytes: 1 << 20, row_bytes: 0, memtable_bytes: 1 << 20, store_memtable_bytes: 64 << 10, background_threads: 1 };
    let store = Store::open(dir.path(), ALL_SLOTS, &Shared::new(&options).unwrap()).unwrap();
    let (mut overlay, mut writes) = (Overlay::new(&store, 0), WriteSet::new());
    let (mut stalls, value) = (0, "v".repeat(10_000));
    for i in 1..=300u64 {
        let context = Context { tier: Tier::Disk, now: UnixMs(0), decree: Decree(i) };
        let mut txn = Txn::begin(&store, &mut overlay, &mut writes, context);
        txn.put_root(&HashKey::new(D0, format!("k{i}").as_bytes()), string(&value)).unwrap();
        txn.commit();
        let mutation = [(Decree(i), writes.finish())];
        loop {
            match store.apply(&mutation) {
                Ok(()) => break,
                Err(ApplyError::Stalled) => {
                    stalls += 1;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(e) => panic!("{e}"),
            }
        }
        overlay.retire(Decree(i));
    }
    assert!(stalls > 0);
    assert_eq!((store.applied(), store.count(D0).keys), (Decree(300), 300));
}

/// Needs the right to mount a small file system.
#[test]
fn a_full_disk_is_told_apart_and_reads_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let mount = |command: &str, args: &[&str]| Command::new(command).args(args).arg(dir.path()).status().is_ok_and(|s| s.success());
    if !mount("mount", &["-t", "tmpfs", "-o", "size=16m", "tmpfs"]) {
        println!("skipped: cannot mount a small file system here");
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        let mut p = Partition::new();
        p.store = Some(Store::open(&dir.path().join("p"), ALL_SLOTS, &p.shared).unwrap());
        let ballast = dir.path().join("ballast");
        p.set("k", "v");
        p.seal_and_apply();
        p.store().flush().unwrap();
        fs::write(&ballast, vec![0; 64 << 20]).unwrap_err();
        for i in 0..200 {
            p.set(&format!("k{i}"), &format!("{i}").repeat(5_000));
        }
        p.seal_and_apply();
        let failed = p.store().flush().unwrap_err();
        assert!(failed.disk_full(), "{failed:?}");
        assert_eq!(p.store().durable().unwrap(), Decree(1));
        assert_eq!(p.get("k").as_deref(), Some("v"));
        let refused = p.store().apply(&[(Decree(3), Bytes::new())]).unwrap_err();
        assert!(matches!(&refused, ApplyError::Storage(e) if e.disk_full()), "{refused:?}");
        let refused = p.store().apply(&[(Decree(3), Bytes::new())]).unwrap_err();
        assert!(matches!(&refused, ApplyError::Storage(e) if e.disk_full()), "{refused:?}");
        // RocksDB does not get over it by itself: with space again the store is opened anew, and nothing is missing.
        fs::remove_file(&ballast).unwrap();
        p.store = None;
        let store = Store::open(&dir.path().join("p"), ALL_SLOTS, &p.shared).unwrap();
        assert_eq!(store.applied(), Decree(1));
        store.apply(&p.log[1..]).unwrap();
        assert_eq!(store.flush().unwrap(), Decree(2));
    });
    assert!(mount("umount", &["-l"]));
    outcome.unwrap();
}

#[test]
fn usage_sees_data() {
    let mut p = Partition::new();
    for i in 0..1000 {
        p.set(&format!("k{i}"), &"v".repeat(100));
    }
    p.seal_and_apply();
    let before = p.store().usage().unwrap();
    assert!(before.memtable_bytes > 100_000, "{before:?}");
    p.store().flush().unwrap();
    let after = p.store().usage().unwrap();
    assert!(after.disk_bytes > 5_000 && after.background_errors == 0, "{after:?}");
    assert!(p.shared.memory().memtable_bytes > 0);
}
