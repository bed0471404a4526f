//! The log without threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::log::{Driver, Outside};

/// Opens on the disk; the counter grows with every ring.
fn open_driven(disk: &Arc<MemoryDisk>) -> (Log, Driver, Vec<Record>, Arc<AtomicU64>) {
    let rung = Arc::new(AtomicU64::new(0));
    let bell = Arc::clone(&rung);
    let ring = Arc::new(move || {
        bell.fetch_add(1, Ordering::Relaxed);
    });
    let mut replayed = Vec::new();
    let outside = Outside { ring, now: Arc::new(|| Duration::from_secs(1)) };
    let (log, driver) =
        Log::open_driven(Arc::clone(disk) as _, options(Sync::Always), outside, &mut |record| replayed.push(record)).unwrap();
    (log, driver, replayed, rung)
}

#[test]
fn nothing_is_told_before_it_is_synced_and_nothing_happens_by_itself() {
    let disk = MemoryDisk::new();
    let (log, driver, replayed, rung) = open_driven(&disk);
    assert!(replayed.is_empty() && !driver.write());
    let first = append(&log, vec![record(1, 1, 100)]);
    assert_eq!(rung.load(Ordering::Relaxed), 1);
    assert!(first.try_recv().is_err() && log.stats().writes == 0);
    assert!(driver.write());
    let second = append(&log, vec![record(1, 2, 100)]);
    assert!(first.try_recv().is_err() && log.stats().syncing.is_some());
    driver.sync();
    assert_eq!(first.try_recv(), Ok(Ok(())));
    assert!(second.try_recv().is_err() && log.stats().syncing.is_none());
    assert!(driver.write());
    driver.sync();
    assert_eq!(second.try_recv(), Ok(Ok(())));
    assert!(!driver.write());
    driver.rest();
    drop((log, driver));
    assert_eq!(open(&disk.after_power_loss(1), Sync::Always).unwrap().1, [record(1, 1, 100), record(1, 2, 100)]);
}

#[test]
fn segments_are_rolled_and_removed() {
    let disk = MemoryDisk::new();
    let (log, driver, _, _) = open_driven(&disk);
    for decree in 1..=100 {
        let done = append(&log, vec![record(1, decree, 1000)]);
        while driver.write() {
            driver.sync();
        }
        assert_eq!(done.try_recv(), Ok(Ok(())));
        if decree == 50 {
            assert!(log.stats().segments > 3);
            log.trim(partition(1), Decree(50));
        }
    }
    assert!(disk.segments()[0].as_str() > "0000000000000004.log", "{:?}", disk.segments());
    drop((log, driver));
    let (_, replayed) = open(&disk, Sync::Always).unwrap();
    assert_eq!(replayed.last(), Some(&record(1, 100, 1000)));
}

#[test]
fn closing_finishes_what_was_taken_and_dropping_the_driver_does_not() {
    let disk = MemoryDisk::new();
    let (log, driver, _, _) = open_driven(&disk);
    let written = append(&log, vec![record(1, 1, 100)]);
    assert!(driver.write());
    let queued = append(&log, vec![record(1, 2, 100)]);
    drop(driver);
    assert!(written.try_recv().is_err() && queued.try_recv().is_err());
    log.close();
    assert_eq!((written.try_recv(), queued.try_recv()), (Ok(Ok(())), Ok(Ok(()))));
    assert_eq!(put(&log, vec![record(1, 3, 100)]), Err(AppendError::Closed));
    drop(log);
    assert_eq!(open(&disk, Sync::Always).unwrap().1.len(), 2);
}

#[test]
fn a_sync_that_fails_poisons() {
    let disk = MemoryDisk::new();
    let (log, driver, _, _) = open_driven(&disk);
    let done = append(&log, vec![record(1, 1, 100)]);
    assert!(driver.write());
    disk.faults(|faults| faults.sync_fails_in = Some(0));
    driver.sync();
    assert_eq!(done.try_recv(), Ok(Err(AppendError::Poisoned)));
    let late = append(&log, vec![record(1, 2, 100)]);
    assert!(!driver.write());
    assert_eq!(late.try_recv(), Ok(Err(AppendError::Poisoned)));
}
