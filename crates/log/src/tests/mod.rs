//! The log on a disk that loses power, fails and fills up.
#![allow(clippy::unwrap_used, reason = "tests")]

mod crash;
mod damage;
mod driven;
mod failure;
mod memory;
mod order;
mod power;
mod scan;
mod space;

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use bytes::Bytes;
use parking_lot::Mutex;
use types::id::{Decree, PartitionId, TableId};

use crate::error::{AppendError, OpenError};
use crate::log::Log;
use crate::options::{Options, Sync};
use crate::record::Record;
use crate::tests::memory::MemoryDisk;

/// A log of 16 KiB segments.
fn options(sync: Sync) -> Options {
    Options { segment_bytes: 16 << 10, bytes_max: 64 << 20, retain_bytes: 0, ..Options::new(sync) }
}

fn partition(index: u32) -> PartitionId {
    PartitionId { table: TableId(7), index }
}

/// A body that tells from what it is and has this length, so that no other record's body passes for it.
fn record(index: u32, decree: u64, bytes: usize) -> Record {
    let body: Vec<u8> = (0..bytes).map(|i| (i as u64 * 31 + decree * 7 + u64::from(index)) as u8).collect();
    Record { partition: partition(index), decree: Decree(decree), body: Bytes::from(body) }
}

fn open(disk: &Arc<MemoryDisk>, sync: Sync) -> Result<(Log, Vec<Record>), OpenError> {
    open_with(disk, options(sync))
}

fn open_with(disk: &Arc<MemoryDisk>, options: Options) -> Result<(Log, Vec<Record>), OpenError> {
    let mut replayed = Vec::new();
    let log = Log::open_on(Arc::clone(disk) as _, options, &mut |record| replayed.push(record))?;
    Ok((log, replayed))
}

/// Appends, and returns where the outcome will be.
fn append(log: &Log, records: Vec<Record>) -> Receiver<Result<(), AppendError>> {
    let (sender, receiver) = mpsc::channel();
    log.append(records, Box::new(move |result| sender.send(result).unwrap_or_default())).unwrap();
    receiver
}

/// Appends and waits.
fn put(log: &Log, records: Vec<Record>) -> Result<(), AppendError> {
    append(log, records).recv().unwrap()
}

type Shelf<T> = Arc<Mutex<Vec<T>>>;
