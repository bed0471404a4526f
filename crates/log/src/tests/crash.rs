//! A log cut at every byte.

use super::*;
use crate::format::{FILE_HEADER_BYTES, record_bytes, segment_name};

/// A log of unsynced records in one segment, as a kill leaves it, with the position where each record ends.
fn unsynced() -> (Arc<MemoryDisk>, Vec<Record>, Vec<u64>) {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Sync::No).unwrap();
    let records: Vec<Record> = (1..12).map(|i| record(1, i, (i * 29 % 97) as usize)).collect();
    let mut ends = Vec::new();
    let mut end = FILE_HEADER_BYTES;
    for record in &records {
        put(&log, vec![record.clone()]).unwrap();
        end += record_bytes(record.body.len());
        ends.push(end);
    }
    (disk.after_kill(), records, ends)
}

/// How many records end within the first `bytes` bytes, not counting the zeros that fill the last one up.
fn whole(records: &[Record], ends: &[u64], bytes: usize) -> usize {
    let needed = |(record, end): (&Record, &u64)| end - record_bytes(record.body.len()) + 48 + record.body.len() as u64;
    records.iter().zip(ends).map(needed).take_while(|&needed| needed <= bytes as u64).count()
}

#[test]
fn whatever_a_crash_leaves_of_unsynced_records_the_whole_ones_before_the_cut_are_the_log() {
    let (disk, records, ends) = unsynced();
    let name = segment_name(1);
    let content = disk.content(&name);
    for cut in FILE_HEADER_BYTES as usize..*ends.last().unwrap() as usize {
        for fill in [Some(0), Some(0xff), None] {
            let disk = disk.after_kill();
            let mut torn = content[..cut].to_vec();
            if let Some(byte) = fill {
                torn.resize(*ends.last().unwrap() as usize, byte);
                torn.resize(content.len(), 0);
            }
            let lost = content[cut..*ends.last().unwrap() as usize].iter().position(|&byte| Some(byte) != fill);
            let Some(lost) = lost.map(|at| cut + at) else { continue };
            disk.set_content(&name, torn);
            let (log, replayed) = open(&disk, Sync::Always).unwrap();
            assert_eq!(replayed, records[..whole(&records, &ends, lost)], "cut at {cut}");
            // And it goes on from there.
            put(&log, vec![record(2, 1, 40)]).unwrap();
            drop(log);
            let again = open(&disk, Sync::Always).unwrap().1;
            assert_eq!(again.len(), replayed.len() + 1, "cut at {cut}");
        }
    }
}

#[test]
fn a_hole_among_unsynced_records_is_torn_and_the_records_behind_it_never_come_back() {
    let (disk, records, ends) = unsynced();
    let name = segment_name(1);
    let content = disk.content(&name);
    for hole in 0..records.len() {
        let disk = disk.after_kill();
        let start = ends[hole] - record_bytes(records[hole].body.len());
        let mut torn = content.clone();
        torn[start as usize] ^= 1;
        disk.set_content(&name, torn);
        let (log, replayed) = open(&disk, Sync::No).unwrap();
        assert_eq!(replayed, records[..hole]);
        // The very record that was torn, at the place where it was: what followed it must not follow it again.
        put(&log, vec![records[hole].clone()]).unwrap();
        drop(log);
        assert_eq!(open(&disk, Sync::No).unwrap().1, records[..=hole]);
    }
}

#[test]
fn a_bad_byte_that_had_been_synced_is_damage_wherever_it_is() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Sync::Always).unwrap();
    let records: Vec<Record> = (1..5).map(|i| record(1, i, (i * 29 % 97) as usize)).collect();
    records.iter().for_each(|record| put(&log, vec![record.clone()]).unwrap());
    let disk = disk.after_kill();
    drop(log);
    let name = segment_name(1);
    let content = disk.content(&name);
    let mut place = FILE_HEADER_BYTES as usize;
    for record in &records {
        for at in place..place + 48 + record.body.len() {
            let disk = disk.after_kill();
            let mut damaged = content.clone();
            damaged[at] ^= 0x10;
            disk.set_content(&name, damaged);
            let error = open(&disk, Sync::Always).err().unwrap();
            assert!(matches!(error, OpenError::Damaged { offset, .. } if offset <= at as u64), "{at}: {error:?}");
        }
        place = (place + 48 + record.body.len()).next_multiple_of(512);
    }
}

#[test]
fn a_stale_mark_is_made_up_for_by_what_later_records_know() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Sync::Always).unwrap();
    let mark = disk.content("mark");
    (1..5).for_each(|i| put(&log, vec![record(1, i, 60)]).unwrap());
    let disk = disk.after_kill();
    drop(log);
    disk.set_content("mark", mark);
    let name = segment_name(1);
    let content = disk.content(&name);
    for (record, damaged) in [(0, true), (1, true), (2, true), (3, false)] {
        let disk = disk.after_kill();
        let mut torn = content.clone();
        torn[FILE_HEADER_BYTES as usize + record * 512 + 50] ^= 1;
        disk.set_content(&name, torn);
        let opened = open(&disk, Sync::Always);
        // The last batch is the one that only the mark vouches for.
        assert_eq!(matches!(opened, Err(OpenError::Damaged { .. })), damaged, "{record}");
    }
}

#[test]
fn a_record_behind_a_lost_one_is_not_taken_for_its_successor_even_where_a_sync_might_have_been() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Sync::No).unwrap();
    // The second one ends with the sector, where the first record after a sync would stand as well.
    let records = [record(1, 1, 100), record(1, 2, 312), record(1, 3, 10)];
    records.iter().for_each(|record| put(&log, vec![record.clone()]).unwrap());
    let disk = disk.after_kill();
    drop(log);
    let name = segment_name(1);
    let mut content = disk.content(&name);
    content[4096 + 152..4096 + 512].fill(0);
    disk.set_content(&name, content);
    assert_eq!(open(&disk, Sync::No).unwrap().1, records[..1]);
}

#[test]
fn what_a_used_segment_held_before_says_nothing_about_the_new_one() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Sync::Always).unwrap();
    // Until a used file has become the active segment, and is still full of what it held.
    let mut decree = 0;
    loop {
        decree += 1;
        assert!(decree < 10_000, "no file was used again");
        put(&log, vec![record(1, decree, 400)]).unwrap();
        log.trim(partition(1), Decree(decree));
        let active = disk.segments().last().unwrap().clone();
        let content = disk.content(&active);
        let stale = (4096..content.len()).step_by(512).filter(|&at| content[at] != 0).count();
        if decree > 100 && decree % 24 == 3 && stale > 20 {
            break;
        }
        std::thread::yield_now();
    }
    let disk = disk.after_kill();
    assert_eq!(open(&disk, Sync::Always).unwrap().1.last(), Some(&record(1, decree, 400)));
}
