//! Order, grouping, bounds and closing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::error::Full;

#[test]
fn what_was_appended_is_replayed_in_order_across_segments() {
    for sync in [Sync::Always, Sync::Everysec, Sync::No] {
        let disk = MemoryDisk::new();
        let mut expected = Vec::new();
        for session in 0..3 {
            let (log, replayed) = open(&disk, sync).unwrap();
            assert_eq!(replayed, expected);
            for i in 0..100u64 {
                let batch: Vec<Record> = (0..i % 4).map(|r| record(r as u32, session * 100 + i, (i * r * 37 % 1500) as usize)).collect();
                expected.extend(batch.clone());
                put(&log, batch).unwrap();
            }
            // Larger than a segment: gets one of its own.
            let large = record(9, session, 50_000);
            expected.push(large.clone());
            put(&log, vec![large]).unwrap();
            assert!(log.stats().segments > 5);
        }
        assert_eq!(open(&disk, sync).unwrap().1, expected);
    }
}

#[test]
fn dones_run_in_the_order_of_the_appends_and_slow_syncs_make_groups() {
    for sync in [Sync::Always, Sync::No] {
        let disk = MemoryDisk::new();
        let (log, _) = open(&disk, sync).unwrap();
        let heard: Shelf<(u32, u64)> = Arc::default();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (log, heard) = (&log, &heard);
                scope.spawn(move || {
                    for i in 0..500 {
                        let heard = Arc::clone(heard);
                        let done = move |result: Result<(), AppendError>| {
                            result.unwrap();
                            heard.lock().push((thread, i));
                        };
                        log.append(vec![record(thread, i, 20)], Box::new(done)).unwrap();
                    }
                });
            }
        });
        log.close();
        let stats = log.stats();
        assert_eq!(stats.records, 2000);
        assert!(stats.writes <= 2000);
        drop(log);
        let replayed = open(&disk, sync).unwrap().1;
        let order: Vec<(u32, u64)> = replayed.iter().map(|record| (record.partition.index, record.decree.0)).collect();
        assert_eq!(order, *heard.lock(), "{sync:?}");
    }
}

#[test]
fn a_done_may_append_and_may_drop_the_log() {
    for sync in [Sync::Always, Sync::No] {
        let disk = MemoryDisk::new();
        let log = Arc::new(open(&disk, sync).unwrap().0);
        let (sender, receiver) = mpsc::channel();
        let again = Arc::clone(&log);
        let first = move |_| {
            let second = move |result| sender.send(result).unwrap();
            again.append(vec![record(1, 2, 10)], Box::new(second)).unwrap();
            drop(again);
        };
        log.append(vec![record(1, 1, 10)], Box::new(first)).unwrap();
        drop(log);
        // Either it was taken before the log was closed, or it heard that it was not.
        let second = receiver.recv().unwrap();
        let replayed = loop {
            match open(&disk, sync) {
                Err(OpenError::InUse { .. }) => std::thread::yield_now(),
                other => break other.unwrap().1,
            }
        };
        assert_eq!(replayed.len(), if second.is_ok() { 2 } else { 1 });
    }
}

#[test]
fn the_queue_is_bounded_and_an_append_as_large_as_the_queue_still_goes() {
    let disk = MemoryDisk::new();
    let (log, _) = open_with(&disk, Options { queue_bytes_max: 1000, ..options(Sync::Always) }).unwrap();
    // The first `done` keeps the committing thread busy until the queue has been seen to be full.
    let (release, held) = mpsc::channel::<()>();
    log.append(vec![record(1, 1, 10)], Box::new(move |_| held.recv().unwrap())).unwrap();
    let refused = Arc::new(AtomicU64::new(0));
    let mut taken = 1;
    loop {
        let refused = Arc::clone(&refused);
        let done = move |_| {
            refused.fetch_add(1, Ordering::SeqCst);
        };
        match log.append(vec![record(1, 2, 52)], Box::new(done)) {
            Ok(()) => taken += 1,
            Err(full) => break assert_eq!(full, Full::Queue),
        }
    }
    assert!((5..=11).contains(&taken), "{taken}");
    assert!(log.stats().queue_bytes <= 1000);
    release.send(()).unwrap();
    while log.stats().queue_bytes > 0 {
        std::thread::yield_now();
    }
    assert_eq!(refused.load(Ordering::SeqCst), taken - 1, "each that was taken was answered, the refused one was not");
    put(&log, vec![record(1, 3, 5000)]).unwrap();
    log.close();
    assert_eq!(put(&log, vec![record(1, 4, 1)]), Err(AppendError::Closed));
    drop(log);
    assert_eq!(open(&disk, Sync::Always).unwrap().1.len() as u64, taken + 1);
}

#[test]
fn a_log_that_nobody_trims_stops_at_twice_its_size_and_goes_on_when_trimmed() {
    let disk = MemoryDisk::new();
    let (log, _) = open_with(&disk, Options { bytes_max: 64 << 10, ..options(Sync::No) }).unwrap();
    let mut decree = 0;
    loop {
        match log.append(vec![record(1, decree + 1, 1000)], Box::new(|result| result.unwrap())) {
            Ok(()) => decree += 1,
            Err(full) if log.stats().queue_bytes == 0 => break assert_eq!(full, Full::Log),
            Err(_) => std::thread::yield_now(),
        }
    }
    let stats = log.stats();
    assert!(stats.over && stats.bytes >= 128 << 10 && stats.bytes < 192 << 10, "{stats:?}");
    let (blocking, bytes) = log.oldest_blocking().unwrap();
    assert!(blocking == partition(1) && bytes > 10_000);
    log.trim(blocking, Decree(decree));
    assert!(!log.stats().over);
    while disk.segments().len() > 2 {
        std::thread::yield_now();
    }
    put(&log, vec![record(1, decree + 1, 1000)]).unwrap();
    drop(log);
    let replayed = open(&disk, Sync::No).unwrap().1;
    assert_eq!(replayed.last().unwrap().decree, Decree(decree + 1));
    assert!(replayed.len() < 20);
}

#[test]
fn segments_go_when_all_their_partitions_are_trimmed_or_forgotten_and_their_files_are_used_again() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Sync::Always).unwrap();
    for i in 1..=200 {
        put(&log, vec![record(1, i, 400), record(2, i, 100)]).unwrap();
        if i % 20 == 0 {
            log.trim(partition(1), Decree(i));
        }
    }
    assert_eq!(log.oldest_blocking().unwrap().0, partition(2));
    let before = log.stats().segments;
    log.forget(partition(2));
    while log.stats().segments > 2 {
        std::thread::yield_now();
    }
    assert!(before > 5);
    for i in 201..=400 {
        put(&log, vec![record(1, i, 400)]).unwrap();
        log.trim(partition(1), Decree(i - 1));
    }
    drop(log);
    let (_, replayed) = open(&disk, Sync::Always).unwrap();
    let decrees: Vec<u64> = replayed.iter().map(|record| record.decree.0).collect();
    let first = decrees[0];
    assert!(first > 300 && decrees == (first..=400).collect::<Vec<_>>(), "{decrees:?}");
    assert!(disk.segments().len() <= 4);
}

#[test]
fn trimmed_records_stay_within_the_retained_bytes() {
    let disk = MemoryDisk::new();
    let (log, _) = open_with(&disk, Options { retain_bytes: 100 << 10, bytes_max: 1 << 20, ..options(Sync::No) }).unwrap();
    for i in 1..=500 {
        put(&log, vec![record(1, i, 1000)]).unwrap();
        log.trim(partition(1), Decree(i));
    }
    drop(log);
    let kept = open(&disk, Sync::No).unwrap().1;
    // A segment of 16 KiB holds 11 of them, and its header counts.
    assert!((70..=100).contains(&kept.len()), "{}", kept.len());
}

#[test]
fn a_second_log_finds_the_directory_in_use() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Sync::Always).unwrap();
    assert!(matches!(open(&disk, Sync::Always), Err(OpenError::InUse { .. })));
    let id = log.id();
    drop(log);
    assert_eq!(open(&disk, Sync::Always).unwrap().0.id(), id);
}
