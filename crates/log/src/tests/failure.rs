//! Disks that fail.

use super::*;

#[test]
fn after_one_failed_sync_nothing_is_acknowledged_again_and_nothing_acknowledged_is_lost() {
    for fails_in in 0..40 {
        let disk = MemoryDisk::new();
        let (log, _) = open(&disk, Sync::Always).unwrap();
        disk.faults(|faults| faults.sync_fails_in = Some(fails_in));
        let results: Vec<Result<(), AppendError>> = (1..=60).map(|i| put(&log, vec![record(1, i, 600)])).collect();
        let acknowledged = results.iter().take_while(|result| result.is_ok()).count();
        assert!(acknowledged < 60 && log.stats().poisoned, "{fails_in}");
        assert!(results[acknowledged..].iter().all(|result| *result == Err(AppendError::Poisoned)));
        drop(log);
        // The next process finds the page cache as it was, clean, while the disk lacks what the failed sync should have written. Whatever
        // it shows has to be on the disk from then on.
        let disk = disk.after_kill();
        let (log, replayed) = open(&disk, Sync::Always).unwrap();
        assert!(replayed.len() >= acknowledged);
        drop(log);
        let after = open(&disk.after_power_loss(fails_in.into()), Sync::Always).unwrap().1;
        assert_eq!(after, replayed, "{fails_in}");
    }
}

#[test]
fn a_failed_write_poisons() {
    for sync in [Sync::Always, Sync::No] {
        let disk = MemoryDisk::new();
        let (log, _) = open(&disk, sync).unwrap();
        put(&log, vec![record(1, 1, 10)]).unwrap();
        disk.faults(|faults| faults.write_error = Some(std::io::ErrorKind::Other));
        assert_eq!(put(&log, vec![record(1, 2, 10)]), Err(AppendError::Poisoned));
        disk.faults(|faults| faults.write_error = None);
        assert_eq!(put(&log, vec![record(2, 3, 10)]), Err(AppendError::Poisoned));
        drop(log);
        assert_eq!(open(&disk, sync).unwrap().1, [record(1, 1, 10)]);
    }
}

#[test]
fn everysec_syncs_in_the_background_and_its_failure_poisons() {
    let disk = MemoryDisk::new();
    let every = std::time::Duration::from_millis(5);
    let (log, _) = open_with(&disk, Options { sync_interval: every, ..options(Sync::Everysec) }).unwrap();
    put(&log, vec![record(1, 1, 10)]).unwrap();
    while log.stats().syncs == 0 {
        std::thread::sleep(every);
    }
    assert_eq!(open(&disk.after_power_loss(1), Sync::No).unwrap().1, [record(1, 1, 10)]);
    disk.faults(|faults| faults.sync_fails_in = Some(0));
    // The mark's sync may be the one that fails: as bad.
    while !log.stats().poisoned {
        put(&log, vec![record(1, 2, 10)]).ok();
        std::thread::sleep(every);
    }
    assert_eq!(put(&log, vec![record(1, 3, 10)]), Err(AppendError::Poisoned));
}

#[test]
fn a_panicking_done_poisons_and_nobody_waits_for_ever() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Sync::Always).unwrap();
    log.append(vec![record(1, 1, 10)], Box::new(|_| panic!("a test's panic"))).unwrap();
    let outcomes: Vec<_> = (2..10).map(|i| append(&log, vec![record(1, i, 10)])).collect();
    for outcome in outcomes {
        // Those in the batch of the panic are dropped with it, the others hear of it.
        assert_ne!(outcome.recv(), Ok(Ok(())));
    }
    while !log.stats().poisoned {
        std::thread::yield_now();
    }
    assert_eq!(put(&log, vec![record(1, 11, 10)]), Err(AppendError::Poisoned));
}
