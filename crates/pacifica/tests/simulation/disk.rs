//! One node's disk: the log with its unsynced tail, the ballot, and a store that remembers a flushed state.
//!
//! A body is `id | id of the write before it`: what was evaluated on what. Applying one whose predecessor is not the last one
//! applied means that a replica took over half a history.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use pacifica::message::Mutation;
use pacifica::recovery::Recovery;
use pacifica::replica::{LogToken, Options, Replica};
use types::id::{Ballot, Decree, NodeId};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Store {
    pub applied: Decree,
    /// Id of the last write.
    pub tip: u64,
}

#[derive(Debug, Clone, Default)]
pub struct Disk {
    /// Oldest first. Trimmed from the front only.
    pub records: Vec<(LogToken, Mutation)>,
    /// So many of them would survive a loss of power.
    pub synced: usize,
    pub ballot: Ballot,
    pub flushed: Store,
}

impl Disk {
    pub fn append(&mut self, token: LogToken, mutation: Mutation) {
        self.records.push((token, mutation));
    }

    /// Syncs what is there; the last token of it.
    pub fn sync(&mut self) -> LogToken {
        self.synced = self.records.len();
        self.records.last().map_or(LogToken(0), |(token, _)| *token)
    }

    /// Flushes the store and drops the records before the first one that is still needed.
    pub fn flush(&mut self, store: Store) {
        self.flushed = store;
        let free = self.records[..self.synced].iter().take_while(|(_, mutation)| mutation.decree <= store.applied).count();
        self.records.drain(..free);
        self.synced -= free;
    }

    /// Loss of power: of the unsynced records the first `kept` happen to survive.
    pub fn lose_power(&mut self, kept: usize) {
        self.records.truncate(self.synced + kept);
        self.synced = self.records.len();
    }

    /// What starts from this disk, and its store. `batch`: records between two releases, as a driver does on a long log.
    pub fn start(&self, id: NodeId, options: Options, batch: usize) -> (Replica, Store, Vec<Mutation>) {
        let mut recovery = Recovery::new(self.ballot, self.flushed.applied);
        let mut released = Vec::new();
        for (i, (_, record)) in self.records.iter().enumerate() {
            recovery.take(record.clone()).expect("a log that its replica wrote");
            if i % batch == 0 {
                recovery.release(&mut released);
            }
        }
        (recovery.finish(id, options), self.flushed, released)
    }
}

pub fn body(id: u64, after: u64) -> Bytes {
    let mut body = BytesMut::with_capacity(16);
    body.put_u64(id);
    body.put_u64(after);
    body.freeze()
}

/// `(id, id before)`; `None` for an empty one.
pub fn parse(mut body: Bytes) -> Option<(u64, u64)> {
    (!body.is_empty()).then(|| (body.get_u64(), body.get_u64()))
}
