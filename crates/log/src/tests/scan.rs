//! Reading beside the writer.

use super::*;

fn scanned(log: &Log, index: u32) -> Vec<Record> {
    let mut found = Vec::new();
    log.scan(partition(index), &mut |record| found.push(record)).unwrap();
    found
}

#[test]
fn a_scan_shows_what_was_appended_and_nothing_of_others() {
    for sync in [Sync::Always, Sync::No] {
        let disk = MemoryDisk::new();
        let (log, _) = open(&disk, sync).unwrap();
        let records: Vec<Record> = (1..=200).map(|decree| record(1, decree, 300)).collect();
        for mine in &records {
            put(&log, vec![mine.clone(), record(2, mine.decree.0, 20)]).unwrap();
        }
        assert_eq!(scanned(&log, 1), records, "over several segments");
        assert_eq!(scanned(&log, 2).len(), 200);
        assert_eq!(scanned(&log, 3), []);
    }
}

#[test]
fn a_scan_begins_where_the_log_does() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Sync::Always).unwrap();
    for decree in 1..=200 {
        put(&log, vec![record(1, decree, 300)]).unwrap();
    }
    log.trim(partition(1), Decree(100));
    let first = scanned(&log, 1)[0].decree;
    assert!(first > Decree(1) && first <= Decree(101), "{first}");
}

#[test]
fn a_scan_beside_a_writer_shows_a_beginning_of_the_log() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Sync::No).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for decree in 1..=3000 {
                put(&log, vec![record(1, decree, 100)]).unwrap();
            }
        });
        let mut longest = 0;
        while longest < 2000 {
            let found: Vec<u64> = scanned(&log, 1).iter().map(|record| record.decree.0).collect();
            assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>());
            assert!(found.len() >= longest);
            longest = found.len();
        }
    });
}
