//! The log on real files.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

use bytes::Bytes;
use pegasus_log::error::{AppendError, OpenError};
use pegasus_log::log::Log;
use pegasus_log::options::{Options, Sync};
use pegasus_log::record::Record;
use types::id::{Decree, PartitionId, TableId};

const PARTITION: PartitionId = PartitionId { table: TableId(1), index: 2 };

fn record(decree: u64, bytes: usize) -> Record {
    Record { partition: PARTITION, decree: Decree(decree), body: Bytes::from(vec![decree as u8; bytes]) }
}

fn open(dir: &Path, options: Options) -> Result<(Log, Vec<Record>), OpenError> {
    let mut replayed = Vec::new();
    let log = Log::open(dir, options, &mut |record| replayed.push(record))?;
    Ok((log, replayed))
}

fn put(log: &Log, record: Record) -> Result<(), AppendError> {
    let (sender, receiver) = mpsc::channel();
    log.append(vec![record], Box::new(move |result| sender.send(result).unwrap())).unwrap();
    receiver.recv().unwrap()
}

fn options(sync: Sync) -> Options {
    Options { segment_bytes: 1 << 20, retain_bytes: 0, ..Options::new(sync) }
}

#[test]
fn a_log_is_found_again_in_a_directory_made_for_it() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("a/b/c");
    let records: Vec<Record> = (1..=300).map(|i| record(i, i as usize * 40)).collect();
    for sync in [Sync::Always, Sync::Everysec, Sync::No] {
        let (log, _) = open(&dir, options(sync)).unwrap();
        records.iter().for_each(|record| put(&log, record.clone()).unwrap());
        assert!(matches!(open(&dir, options(sync)), Err(OpenError::InUse { .. })));
        drop(log);
        let (log, replayed) = open(&dir, options(sync)).unwrap();
        assert_eq!(replayed, records);
        drop(log);
        std::fs::remove_dir_all(root.path().join("a")).unwrap();
    }
}

#[test]
fn damage_names_the_file_and_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), options(Sync::Always)).unwrap();
    (1..=3).for_each(|i| put(&log, record(i, 100)).unwrap());
    drop(log);
    let path = dir.path().join("0000000000000001.log");
    let mut content = std::fs::read(&path).unwrap();
    content[4096 + 512 + 60] ^= 1;
    std::fs::write(&path, content).unwrap();
    let error = open(dir.path(), options(Sync::Always)).err().unwrap();
    assert_eq!(error.to_string(), format!("log file {} is damaged at byte {}", path.display(), 4096 + 152));
    let unusable = Options { bytes_max: 1 << 20, ..options(Sync::No) };
    assert!(matches!(open(dir.path(), unusable), Err(OpenError::Options(_))));
}

/// Needs root, for the mount; says so if it is skipped.
#[test]
fn a_full_file_system_refuses_appends_until_there_is_room() {
    let root = tempfile::tempdir().unwrap();
    let mount = root.path().join("small");
    std::fs::create_dir(&mount).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(&mount).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no right to mount a tmpfs");
        return;
    }
    let _unmount = Unmount(&mount);
    let dir = mount.join("log");
    for sync in [Sync::Always, Sync::No] {
        let (log, _) = open(&dir, options(sync)).unwrap();
        let ballast = mount.join("ballast");
        std::fs::write(&ballast, vec![1; 5 << 20]).unwrap();
        let mut decree = 0;
        let error = loop {
            match put(&log, record(decree + 1, 10_000)) {
                Ok(()) => decree += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error, AppendError::NoSpace);
        assert!(decree > 100 && log.stats().no_space && !log.stats().poisoned, "{decree} {:?}", log.stats());
        std::fs::remove_file(&ballast).unwrap();
        log.resume(PARTITION);
        for _ in 0..50 {
            put(&log, record(decree + 1, 10_000)).unwrap();
            decree += 1;
        }
        drop(log);
        let (log, replayed) = open(&dir, options(sync)).unwrap();
        assert!(replayed.iter().map(|record| record.decree.0).eq(1..=decree), "{sync:?}");
        drop(log);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}
