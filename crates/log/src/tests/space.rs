//! Disks that are full.

use super::*;

#[test]
fn without_space_for_a_segment_appends_fail_and_with_space_they_go_on_without_a_gap() {
    for sync in [Sync::Always, Sync::No] {
        let disk = MemoryDisk::new();
        let (log, _) = open(&disk, sync).unwrap();
        disk.faults(|faults| faults.full = true);
        let mut decree = 0;
        while put(&log, vec![record(1, decree + 1, 500)]).is_ok() {
            decree += 1;
        }
        assert!(decree > 10 && log.stats().no_space && !log.stats().poisoned);
        disk.faults(|faults| faults.full = false);
        // Space is back, and still the partition's next append must not leave a gap.
        assert_eq!(put(&log, vec![record(1, decree + 2, 10)]), Err(AppendError::NoSpace));
        put(&log, vec![record(2, 1, 10)]).unwrap();
        log.resume(partition(1));
        put(&log, vec![record(1, decree + 1, 500)]).unwrap();
        put(&log, vec![record(1, decree + 2, 500)]).unwrap();
        assert!(!log.stats().no_space);
        drop(log);
        let decrees = open(&disk, sync).unwrap().1.into_iter().filter(|r| r.partition == partition(1)).map(|r| r.decree.0);
        assert_eq!(decrees.collect::<Vec<_>>(), (1..=decree + 2).collect::<Vec<_>>());
    }
}

#[test]
fn nothing_of_a_write_that_ran_out_of_space_is_ever_found() {
    for sync in [Sync::Always, Sync::No] {
        for stop in (0..616).step_by(7) {
            let disk = MemoryDisk::new();
            let (log, _) = open(&disk, sync).unwrap();
            put(&log, vec![record(1, 1, 30)]).unwrap();
            let failing: Vec<Record> = (2..9).map(|i| record(1, i, 40)).collect();
            disk.faults(|faults| faults.writes_stop_after.push_back(stop));
            assert_eq!(put(&log, failing.clone()), Err(AppendError::NoSpace), "{stop}");
            // Not by the next process,
            assert_eq!(open(&disk.after_kill(), sync).unwrap().1.len(), 1);
            assert!(open(&disk.after_power_loss(stop as u64), sync).unwrap().1.len() <= 1);
            // and not behind a shorter write that ends where one of its records began.
            log.resume(partition(1));
            put(&log, vec![failing[0].clone()]).unwrap();
            assert_eq!(open(&disk.after_kill(), sync).unwrap().1, [record(1, 1, 30), failing[0].clone()]);
        }
    }
}

#[test]
fn if_even_the_undoing_finds_no_space_the_log_is_poisoned() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Sync::Always).unwrap();
    put(&log, vec![record(1, 1, 30)]).unwrap();
    // 1: the write, 2: its failure is implied, 3: the undoing.
    disk.faults(|faults| faults.writes_stop_after.extend([100, 0]));
    assert_eq!(put(&log, (2..9).map(|i| record(1, i, 40)).collect()), Err(AppendError::Poisoned));
    assert!(log.stats().poisoned);
}
