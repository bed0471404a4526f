//! A partition in memory: the transaction that tests run commands over, and a proxy those that read values of several partitions.
//!
//! It does what [`HashKeyTxn`] promises in the plainest way, so it is also the model to compare the engine with. There is no
//! rollback, because nothing in it ever aborts.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow, RangeInclusive};

use bytes::Bytes;
use types::args::Args;
use types::limits::Limits;
use types::reply::{Finished, Reply};
use types::root::Root;
use types::slot::{Cursor, SLOTS, hash48};
use types::time::UnixMs;
use types::txn::{Abort, Call, Coprocessor, Database, HashKey, HashKeyTxn, KeyCount, Proto, Scanned, SortKeys, ValueId, Visit};

/// One partition.
#[derive(Clone)]
pub struct Memory {
    roots: BTreeMap<Key, Root>,
    elements: BTreeMap<u64, Elements>,
    slots: RangeInclusive<u16>,
    now: UnixMs,
    decree: u64,
    id: u64,
    seed: u64,
    limits: Limits,
    /// Whether the command that runs may write, and whether it did.
    writable: bool,
    changed: bool,
    /// Elements that walks have shown.
    visited: u64,
    /// Elements that were asked for one by one.
    got: u64,
    /// Elements that were put or deleted.
    written: u64,
}

/// The elements of one value, and whose they are: using them under another slot or database is a bug.
#[derive(Clone, PartialEq)]
struct Elements {
    owner: ValueId,
    by_sort_key: BTreeMap<Vec<u8>, Bytes>,
}

/// Place, database, name: the order of keys on disk.
type Key = (Cursor, Database, Vec<u8>);

impl Memory {
    /// An empty partition that has all slots, at this time.
    pub fn new(now: UnixMs) -> Memory {
        Memory::with_slots(now, 0..=SLOTS - 1)
    }

    /// An empty partition that has these slots.
    pub fn with_slots(now: UnixMs, slots: RangeInclusive<u16>) -> Memory {
        Memory {
            roots: BTreeMap::new(),
            elements: BTreeMap::new(),
            slots,
            now,
            decree: 0,
            id: 0,
            seed: 1,
            limits: Limits::DEFAULT,
            writable: true,
            changed: false,
            visited: 0,
            got: 0,
            written: 0,
        }
    }

    /// Turns the clock.
    pub fn set_now(&mut self, now: UnixMs) {
        self.now = now;
    }

    /// Sets the limits that [`Memory::run`] calls with.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The limits that [`Memory::run`] calls with.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Runs one command as a decree of its own and returns its reply.
    ///
    /// # Panics
    /// If the coprocessor aborts, which needs a storage that can fail.
    pub fn run<I: AsRef<[u8]>>(
        &mut self,
        coprocessor: &dyn Coprocessor,
        database: Database,
        proto: Proto,
        args: impl IntoIterator<Item = I>,
    ) -> Vec<u8> {
        let args = Args::copied(args);
        let command = coprocessor.resolve(&args).unwrap_or(types::txn::CommandId(u16::MAX));
        self.call(coprocessor, &Call { command, database, proto, args, limits: self.limits })
    }

    /// Runs one call as a decree of its own and returns its reply.
    ///
    /// # Panics
    /// If the coprocessor aborts, or if a command that says it only reads writes.
    pub fn call(&mut self, coprocessor: &dyn Coprocessor, call: &Call) -> Vec<u8> {
        self.decree += 1;
        self.writable = coprocessor.writes(call.command);
        self.changed = false;
        let mut reply = Reply::default();
        coprocessor.execute(self, call, &mut reply).expect("memory does not fail");
        let Finished::Held(reply) = reply.finish() else { panic!("it has no limit") };
        assert!(!(self.changed && reply.starts_with(b"-")), "{:?} is refused and has written", call.args);
        reply
    }

    /// Number of elements of all exploded values.
    pub fn elements(&self) -> usize {
        self.elements.values().map(|elements| elements.by_sort_key.len()).sum()
    }

    /// The elements of one value, in the order of their sort keys.
    #[cfg(test)]
    pub(crate) fn elements_of(&self, value: ValueId) -> Vec<(Vec<u8>, Vec<u8>)> {
        let found = self.elements.get(&value.id).filter(|elements| elements.owner == value);
        found.into_iter().flat_map(|elements| &elements.by_sort_key).map(|(key, element)| (key.clone(), element.to_vec())).collect()
    }

    /// Number of elements that walks have shown since the partition was made: what they cost.
    pub fn visited(&self) -> u64 {
        self.visited
    }

    /// Number of elements that were asked for one by one since the partition was made.
    pub fn got(&self) -> u64 {
        self.got
    }

    /// Number of elements that were put or deleted since the partition was made.
    pub fn written(&self) -> u64 {
        self.written
    }

    fn change(&mut self) {
        assert!(self.writable, "a command that says it only reads writes");
        self.changed = true;
    }

    /// The old value's elements, unless the new root names them, too, are gone.
    fn orphan(&mut self, key: &HashKey<'_>, new: u64) {
        if let Some(old) = self.roots.get(&place(key)).map(|root| root.id).filter(|&old| old != new) {
            self.elements.remove(&old);
        }
    }

    fn owned(&mut self, value: ValueId) -> &mut Elements {
        self.change();
        self.written += 1;
        assert!(value.id != 0 && value.id <= self.id, "elements under id {}, which was not given", value.id);
        let elements = self.elements.entry(value.id).or_insert_with(|| Elements { owner: value, by_sort_key: BTreeMap::new() });
        assert!(elements.owner == value, "elements of {:?} used as {value:?}", elements.owner);
        elements
    }

    /// The root of a key, also if it has expired.
    pub fn root_of(&self, database: Database, name: &[u8]) -> Option<&Root> {
        self.roots.get(&place(&HashKey::new(database, name)))
    }
}

impl HashKeyTxn for Memory {
    fn now(&self) -> UnixMs {
        self.now
    }

    fn slots(&self) -> RangeInclusive<u16> {
        self.slots.clone()
    }

    fn random(&mut self) -> u64 {
        // SplitMix64.
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn next_id(&mut self) -> u64 {
        self.change();
        self.id += 1;
        self.id
    }

    fn root(&mut self, key: &HashKey<'_>) -> Result<Option<Root>, Abort> {
        assert!(self.slots.contains(&key.slot.number()), "a key of another partition");
        Ok(self.roots.get(&place(key)).cloned())
    }

    fn put_root(&mut self, key: &HashKey<'_>, root: Root) -> Result<(), Abort> {
        assert!(self.slots.contains(&key.slot.number()), "a key of another partition");
        self.change();
        self.orphan(key, root.id);
        if let Some(elements) = self.elements.get(&root.id) {
            assert!(
                (elements.owner.slot, elements.owner.database) == (key.slot, key.database),
                "a root of elements of {:?}",
                elements.owner
            );
        }
        // The value may be a slice of the request's buffer, which must not live as long as the key.
        let value = Bytes::copy_from_slice(&root.value);
        let written = u32::try_from(self.now.secs()).unwrap_or(u32::MAX);
        self.roots.insert(place(key), Root { value, version: self.decree, written, ..root });
        Ok(())
    }

    fn delete_root(&mut self, key: &HashKey<'_>) -> Result<(), Abort> {
        self.change();
        self.orphan(key, 0);
        self.roots.remove(&place(key));
        Ok(())
    }

    fn forget_root(&mut self, key: &HashKey<'_>) -> Result<(), Abort> {
        self.change();
        self.roots.remove(&place(key));
        Ok(())
    }

    fn scan(&mut self, database: Database, from: Cursor, limit: usize, visit: usize) -> Result<(Vec<Scanned>, Option<Cursor>), Abort> {
        let mut found = Vec::new();
        let mut last = None;
        for (visited, (key, root)) in self.roots.range((from, Database(0), Vec::new())..).enumerate() {
            if last.is_some_and(|last| last < key.0) && (found.len() >= limit || visited >= visit) {
                return Ok((found, Some(key.0)));
            }
            last = Some(key.0);
            if key.1 == database {
                found.push(Scanned { place: key.0, name: Bytes::copy_from_slice(&key.2), root: root.clone() });
            }
        }
        Ok((found, None))
    }

    fn sweepable(&mut self, limit: usize) -> Result<Vec<(Database, Bytes)>, Abort> {
        let at = |root: &Root| root.sweep_at().filter(|&at| at < self.now);
        let mut found: Vec<(UnixMs, &Key)> = self.roots.iter().filter_map(|(key, root)| Some((at(root)?, key))).collect();
        found.sort();
        Ok(found.into_iter().take(limit).map(|(_, key)| (key.1, Bytes::copy_from_slice(&key.2))).collect())
    }

    fn count(&self, database: Database) -> KeyCount {
        let roots = || self.roots.iter().filter(|(key, _)| key.1 == database).map(|(_, root)| root);
        KeyCount { keys: roots().count() as u64, expires: roots().filter(|root| root.expire.is_some()).count() as u64 }
    }

    fn flush(&mut self, database: Database) {
        self.change();
        self.roots.retain(|key, _| key.1 != database);
        self.elements.retain(|_, elements| elements.owner.database != database);
    }

    fn databases(&self) -> Vec<Database> {
        let mut databases: Vec<Database> = self.roots.keys().map(|key| key.1).collect();
        databases.sort();
        databases.dedup();
        databases
    }

    fn swap(&mut self, a: Database, b: Database) -> Result<(), Abort> {
        self.change();
        let other = |database| match database {
            d if d == a => b,
            d if d == b => a,
            d => d,
        };
        let roots = std::mem::take(&mut self.roots);
        self.roots = roots.into_iter().map(|((place, database, name), root)| ((place, other(database), name), root)).collect();
        for elements in self.elements.values_mut() {
            elements.owner.database = other(elements.owner.database);
        }
        Ok(())
    }

    fn get(&mut self, value: ValueId, sort_key: &[u8]) -> Result<Option<Bytes>, Abort> {
        self.got += 1;
        Ok(self.elements.get(&value.id).and_then(|elements| {
            assert!(elements.owner == value, "elements of {:?} used as {value:?}", elements.owner);
            elements.by_sort_key.get(sort_key).cloned()
        }))
    }

    fn range(&mut self, value: ValueId, keys: &SortKeys<'_>, visit: &mut Visit<'_>) -> Result<(), Abort> {
        let Some(elements) = self.elements.get(&value.id).filter(|_| !keys.is_empty()) else { return Ok(()) };
        assert!(elements.owner == value, "elements of {:?} used as {value:?}", elements.owner);
        let mut range = elements.by_sort_key.range::<[u8], (Bound<&[u8]>, Bound<&[u8]>)>((keys.from, keys.to));
        while let Some((sort_key, element)) = if keys.reverse { range.next_back() } else { range.next() } {
            self.visited += 1;
            if let ControlFlow::Break(()) = visit(sort_key, element) {
                break;
            }
        }
        Ok(())
    }

    fn put(&mut self, value: ValueId, sort_key: &[u8], element: Bytes) {
        // As with roots, the element may be a slice of the request's buffer.
        self.owned(value).by_sort_key.insert(sort_key.to_vec(), Bytes::copy_from_slice(&element));
    }

    fn delete(&mut self, value: ValueId, sort_key: &[u8]) {
        self.owned(value).by_sort_key.remove(sort_key);
    }
}

fn place(key: &HashKey<'_>) -> Key {
    (Cursor::new(key.slot, hash48(key.name)), key.database, key.name.to_vec())
}
