//! Images of logs, changed at random: never a panic, never a silent loss.

use proptest::prelude::*;

use super::*;
use crate::format::{FileHeader, segment_name};
use crate::segment::{remains, walk};

#[derive(Debug, Clone)]
enum Change {
    Flip {
        at: usize,
        bit: u8,
    },
    Zero {
        at: usize,
        bytes: usize,
    },
    Garbage {
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        at: usize,
    },
    Extend {
        bytes: usize,
    },
    /// A block of the file at another place of it.
    Misplace {
        from: usize,
        to: usize,
        sectors: usize,
    },
    Remove,
    /// The content of another file.
    Swap {
        with: usize,
    },
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<usize>(), 0..8u8).prop_map(|(at, bit)| Change::Flip { at, bit }),
        4 => (any::<usize>(), 1..5000usize).prop_map(|(at, bytes)| Change::Zero { at, bytes }),
        2 => (any::<usize>(), prop::collection::vec(any::<u8>(), 1..100)).prop_map(|(at, bytes)| Change::Garbage { at, bytes }),
        2 => any::<usize>().prop_map(|at| Change::Truncate { at }),
        1 => (1..5000usize).prop_map(|bytes| Change::Extend { bytes }),
        2 => (any::<usize>(), any::<usize>(), 1..8usize).prop_map(|(from, to, sectors)| Change::Misplace { from, to, sectors }),
        1 => Just(Change::Remove),
        1 => any::<usize>().prop_map(|with| Change::Swap { with }),
    ]
}

fn apply(disk: &MemoryDisk, file: usize, change: &Change) {
    use crate::disk::Disk;
    let names: Vec<String> = disk.names().unwrap();
    let name = &names[file % names.len()];
    let mut content = disk.content(name);
    if content.is_empty() {
        return;
    }
    // Most of a segment is zeros: aim at the part that is not.
    let used = content.iter().rposition(|&byte| byte != 0).map_or(1, |last| last + 1);
    match change {
        Change::Flip { at, bit } => content[at % used] ^= 1 << bit,
        Change::Zero { at, bytes } => {
            let at = at % used;
            let end = (at + bytes).min(content.len());
            content[at..end].fill(0);
        }
        Change::Garbage { at, bytes } => {
            let at = at % used;
            let bytes = &bytes[..bytes.len().min(content.len() - at)];
            content[at..at + bytes.len()].copy_from_slice(bytes);
        }
        Change::Truncate { at } => content.truncate(at % (used + 100)),
        Change::Extend { bytes } => content.resize(content.len() + bytes, 0xaa),
        Change::Misplace { from, to, sectors } => {
            let sector = |at: usize| at % used / 512 * 512;
            let (from, to) = (sector(*from), sector(*to));
            let bytes = (sectors * 512).min(content.len() - from.max(to));
            content.copy_within(from..from + bytes, to);
        }
        Change::Remove => return disk.remove(name).unwrap(),
        Change::Swap { with } => content = disk.content(&names[with % names.len()]),
    }
    disk.set_content(name, content);
}

/// A log with sealed segments, recycled ones and an active one: all of it acknowledged.
fn image(sync: Sync) -> (Arc<MemoryDisk>, Vec<Record>) {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, sync).unwrap();
    for i in 1..=400 {
        put(&log, vec![record(1, i, (i * 131 % 400) as usize)]).unwrap();
        if i % 50 == 0 && i < 300 {
            log.trim(partition(1), Decree(i));
        }
    }
    drop(log);
    let image = disk.after_kill();
    let records = open(&image.after_kill(), sync).unwrap().1;
    assert!(image.segments().len() >= 3 && records.len() > 100);
    (image, records)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_file_is_found_out_or_harmless(file in any::<usize>(), change in change(), seed in 0..2usize) {
        static IMAGES: std::sync::OnceLock<[(Arc<MemoryDisk>, Vec<Record>); 2]> = std::sync::OnceLock::new();
        let (image, records) = &IMAGES.get_or_init(|| [image(Sync::Always), image(Sync::No)])[seed];
        let disk = image.after_kill();
        apply(&disk, file, &change);
        match open(&disk, Sync::Always) {
            Ok((_, replayed)) => prop_assert_eq!(&replayed, records),
            Err(OpenError::Damaged { .. } | OpenError::Version { .. }) => {}
            Err(error) => prop_assert!(false, "{:?}", error),
        }
    }

    #[test]
    fn many_changes_never_panic_and_never_invent_a_record(changes in prop::collection::vec((any::<usize>(), change()), 1..6)) {
        static IMAGE: std::sync::OnceLock<(Arc<MemoryDisk>, Vec<Record>)> = std::sync::OnceLock::new();
        let (image, records) = IMAGE.get_or_init(|| image(Sync::Always));
        let disk = image.after_kill();
        changes.iter().for_each(|(file, change)| apply(&disk, *file, change));
        if let Ok((_, replayed)) = open(&disk, Sync::Always) {
            prop_assert!(records.starts_with(&replayed) || replayed.is_empty());
        }
    }

    #[test]
    fn any_bytes_can_be_walked(bytes in prop::collection::vec(any::<u8>(), 0..9000), start in 0..9000u64) {
        let header = FileHeader { log: 1, segment: 1, first_sequence: 1, previous_end: 0 };
        let run = walk(&bytes, &header, start, |_, _| {});
        remains(&bytes, &header, run.end);
    }
}

#[test]
fn a_log_of_another_release_says_so() {
    let disk = MemoryDisk::new();
    drop(open(&disk, Sync::Always).unwrap());
    for name in ["mark".to_owned(), segment_name(1)] {
        let disk = disk.after_kill();
        let mut content = disk.content(&name);
        for slot in [0, 4096] {
            content[slot + 8] = 2;
            let fields = if name == "mark" { 40 } else { 32 };
            let crc = crc32c::crc32c_append(crc32c::crc32c(&content[slot + 8..slot + 12]), &content[slot + 16..slot + 16 + fields]);
            content[slot + 12..slot + 16].copy_from_slice(&crc.to_le_bytes());
        }
        disk.set_content(&name, content);
        let error = open(&disk, Sync::Always).err().unwrap();
        assert!(matches!(error, OpenError::Version { found: 2, expected: 1, .. }), "{error:?}");
    }
}

#[test]
fn a_segment_of_another_log_is_damage() {
    let (a, b) = (MemoryDisk::new(), MemoryDisk::new());
    drop(open(&a, Sync::Always).unwrap());
    drop(open(&b, Sync::Always).unwrap());
    a.set_content(&segment_name(1), b.content(&segment_name(1)));
    assert!(matches!(open(&a, Sync::Always), Err(OpenError::Damaged { offset: 0, .. })));
}

#[test]
fn either_slot_of_the_mark_does() {
    let disk = MemoryDisk::new();
    let (log, _) = open(&disk, Sync::Always).unwrap();
    (1..=100).for_each(|i| put(&log, vec![record(1, i, 400)]).unwrap());
    log.trim(partition(1), Decree(99));
    while disk.segments().len() > 1 {
        std::thread::yield_now();
    }
    let image = disk.after_kill();
    drop(log);
    let all = open(&image.after_kill(), Sync::Always).unwrap().1;
    for slot in [0, 4096] {
        let disk = image.after_kill();
        let mut content = disk.content("mark");
        content[slot..slot + 100].fill(0);
        disk.set_content("mark", content);
        assert_eq!(open(&disk, Sync::Always).unwrap().1, all);
    }
}
