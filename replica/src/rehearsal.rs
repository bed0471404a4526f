//! Running a command for what it reads: brings the data of a write into memory, elsewhere, before its partition's owner evaluates it.

use std::ops::RangeInclusive;

use bytes::Bytes;
use engine::store::{Store, Tier};
use engine::txn::Reader;
use types::root::Root;
use types::slot::{Cursor, Slot};
use types::time::UnixMs;
use types::txn::{Abort, Call, Coprocessor, Database, HashKey, HashKeyTxn, KeyCount, Scanned};

/// Runs `calls` over what is applied and forgets what they would write. May wait for the disk; what goes wrong will go wrong again
/// where it matters.
pub(crate) fn rehearse(coprocessor: &dyn Coprocessor, store: &Store, now: UnixMs, calls: &[Call]) {
    let mut reply = Vec::new();
    for call in calls {
        reply.clear();
        let mut rehearsal = Rehearsal { reader: Reader::new(store, Tier::Disk, now, 1), next_id: 1 };
        if coprocessor.execute(&mut rehearsal, call, &mut reply).is_err() {
            return;
        }
    }
}

/// Reads for real, writes nothing.
struct Rehearsal<'a> {
    reader: Reader<'a>,
    next_id: u64,
}

impl HashKeyTxn for Rehearsal<'_> {
    fn now(&self) -> UnixMs {
        self.reader.now()
    }

    fn slots(&self) -> RangeInclusive<u16> {
        self.reader.slots()
    }

    fn random(&mut self) -> u64 {
        self.reader.random()
    }

    fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn root(&mut self, key: &HashKey<'_>) -> Result<Option<Root>, Abort> {
        self.reader.root(key)
    }

    fn put_root(&mut self, key: &HashKey<'_>, _root: Root) -> Result<(), Abort> {
        self.reader.root(key).map(drop)
    }

    fn delete_root(&mut self, key: &HashKey<'_>) -> Result<(), Abort> {
        self.reader.root(key).map(drop)
    }

    fn scan(&mut self, database: Database, from: Cursor, limit: usize, visit: usize) -> Result<(Vec<Scanned>, Option<Cursor>), Abort> {
        self.reader.scan(database, from, limit, visit)
    }

    fn expired(&mut self, limit: usize) -> Result<Vec<(Database, Bytes)>, Abort> {
        self.reader.expired(limit)
    }

    fn count(&self, database: Database) -> KeyCount {
        self.reader.count(database)
    }

    fn flush(&mut self, _database: Database) {}

    fn databases(&self) -> Vec<Database> {
        self.reader.databases()
    }

    fn get(&mut self, slot: Slot, id: u64, sort_key: &[u8]) -> Result<Option<Bytes>, Abort> {
        self.reader.get(slot, id, sort_key)
    }

    fn put(&mut self, _slot: Slot, _id: u64, _sort_key: &[u8], _value: Bytes) {}

    fn delete(&mut self, _slot: Slot, _id: u64, _sort_key: &[u8]) {}
}
