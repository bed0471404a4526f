//! Running a command for what it reads: brings the data of a write into memory, elsewhere, before its partition's owner evaluates it.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, RangeInclusive};

use bytes::Bytes;
use engine::store::{Store, Tier};
use engine::txn::Reader;
use engine::walk::laid_over;
use types::reply::{Reply, Stop};
use types::root::Root;
use types::slot::Cursor;
use types::time::UnixMs;
use types::txn::{Abort, Call, Coprocessor, Database, HashKey, HashKeyTxn, KeyCount, Scanned, SortKeys, ValueId, Visit};

use crate::spool::LONG;

/// Runs `calls` over what is applied and forgets what they would write. May wait for the disk; what goes wrong will go wrong again
/// where it matters.
pub(crate) fn rehearse(coprocessor: &dyn Coprocessor, store: &Store, now: UnixMs, calls: &[Call]) {
    for call in calls {
        // A read that turns out long breaks off here, as it will there.
        let stop = Stop::default();
        let mut reply = Reply::bounded(LONG);
        if !coprocessor.writes(call.command) {
            reply = reply.stopping(stop.clone());
        }
        let mut rehearsal = Rehearsal::over(Reader::new(store, Tier::Disk, now, 1).stopping(stop));
        if coprocessor.execute(&mut rehearsal, call, &mut reply).is_err() || reply.is_lost() && !coprocessor.writes(call.command) {
            return;
        }
    }
}

/// Reads for real; what it writes is seen by the same command and by nobody else: many a program ends only because what it took away
/// is gone.
struct Rehearsal<'a> {
    reader: Reader<'a>,
    next_id: u64,
    roots: HashMap<(Database, Bytes), Option<Root>>,
    /// By id and sort key; `None` for what was removed.
    elements: BTreeMap<(u64, Vec<u8>), Option<Bytes>>,
}

impl<'a> Rehearsal<'a> {
    fn over(reader: Reader<'a>) -> Rehearsal<'a> {
        // No value has so high an id.
        Rehearsal { reader, next_id: u64::MAX / 2, roots: HashMap::new(), elements: BTreeMap::new() }
    }

    fn set_root(&mut self, key: &HashKey<'_>, root: Option<Root>) -> Result<(), Abort> {
        // The primary will look the old one up.
        self.reader.root(key)?;
        self.roots.insert((key.database, Bytes::copy_from_slice(key.name)), root);
        Ok(())
    }
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
        if !self.roots.is_empty()
            && let Some(root) = self.roots.get(&(key.database, Bytes::copy_from_slice(key.name)))
        {
            return Ok(root.clone());
        }
        self.reader.root(key)
    }

    fn put_root(&mut self, key: &HashKey<'_>, root: Root) -> Result<(), Abort> {
        self.set_root(key, Some(root))
    }

    fn delete_root(&mut self, key: &HashKey<'_>) -> Result<(), Abort> {
        self.set_root(key, None)
    }

    fn forget_root(&mut self, key: &HashKey<'_>) -> Result<(), Abort> {
        self.set_root(key, None)
    }

    fn scan(&mut self, database: Database, from: Cursor, limit: usize, visit: usize) -> Result<(Vec<Scanned>, Option<Cursor>), Abort> {
        self.reader.scan(database, from, limit, visit)
    }

    fn sweepable(&mut self, limit: usize) -> Result<Vec<(Database, Bytes)>, Abort> {
        self.reader.sweepable(limit)
    }

    fn count(&self, database: Database) -> KeyCount {
        self.reader.count(database)
    }

    fn flush(&mut self, _database: Database) {}

    fn databases(&self) -> Vec<Database> {
        self.reader.databases()
    }

    fn swap(&mut self, _a: Database, _b: Database) -> Result<(), Abort> {
        Ok(())
    }

    fn get(&mut self, value: ValueId, sort_key: &[u8]) -> Result<Option<Bytes>, Abort> {
        if !self.elements.is_empty()
            && let Some(element) = self.elements.get(&(value.id, sort_key.to_vec()))
        {
            return Ok(element.clone());
        }
        self.reader.get(value, sort_key)
    }

    fn range(&mut self, value: ValueId, keys: &SortKeys<'_>, visit: &mut Visit<'_>) -> Result<(), Abort> {
        if keys.is_empty() {
            return Ok(());
        }
        let bound = |bound: Bound<&[u8]>, end: Bound<(u64, Vec<u8>)>| match bound {
            Bound::Unbounded => end,
            bound => bound.map(|sort_key| (value.id, sort_key.to_vec())),
        };
        let from = bound(keys.from, Bound::Included((value.id, Vec::new())));
        let to = bound(keys.to, Bound::Excluded((value.id + 1, Vec::new())));
        let mut held = self.elements.range((from, to)).map(|((_, sort_key), element)| (&sort_key[..], element.as_ref()));
        let held = std::iter::from_fn(|| if keys.reverse { held.next_back() } else { held.next() });
        let reader = &mut self.reader;
        laid_over(held, keys.reverse, |visit| reader.range(value, keys, visit), visit)
    }

    fn put(&mut self, value: ValueId, sort_key: &[u8], element: Bytes) {
        self.elements.insert((value.id, sort_key.to_vec()), Some(element));
    }

    fn delete(&mut self, value: ValueId, sort_key: &[u8]) {
        self.elements.insert((value.id, sort_key.to_vec()), None);
    }
}
