//! A partition in memory: the transaction that tests run commands over.
//!
//! It does what [`HashKeyTxn`] promises in the plainest way, so it is also the model to compare the engine with. There is no
//! rollback, because nothing in it ever aborts.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bytes::Bytes;
use types::args::Args;
use types::root::Root;
use types::slot::{Cursor, SLOTS, Slot, hash48};
use types::time::UnixMs;
use types::txn::{Abort, Call, Coprocessor, Database, HashKey, HashKeyTxn, KeyCount, Proto, Scanned};

/// One partition.
pub struct Memory {
    roots: BTreeMap<Key, Root>,
    elements: BTreeMap<(u64, Vec<u8>), Bytes>,
    slots: RangeInclusive<u16>,
    now: UnixMs,
    decree: u64,
    id: u64,
    seed: u64,
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
        Memory { roots: BTreeMap::new(), elements: BTreeMap::new(), slots, now, decree: 0, id: 0, seed: 1 }
    }

    /// Turns the clock.
    pub fn set_now(&mut self, now: UnixMs) {
        self.now = now;
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
        self.call(coprocessor, &Call { command, database, proto, args })
    }

    /// Runs one call as a decree of its own and returns its reply.
    ///
    /// # Panics
    /// If the coprocessor aborts, or if a command that says it only reads writes.
    pub fn call(&mut self, coprocessor: &dyn Coprocessor, call: &Call) -> Vec<u8> {
        self.decree += 1;
        let before = (!coprocessor.writes(call.command)).then(|| self.roots.clone());
        let mut reply = Vec::new();
        coprocessor.execute(self, call, &mut reply).expect("memory does not fail");
        assert!(before.is_none_or(|before| before == self.roots), "{:?} says that it only reads", call.args);
        reply
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
        self.id += 1;
        self.id
    }

    fn root(&mut self, key: &HashKey<'_>) -> Result<Option<Root>, Abort> {
        assert!(self.slots.contains(&key.slot.number()), "a key of another partition");
        Ok(self.roots.get(&place(key)).cloned())
    }

    fn put_root(&mut self, key: &HashKey<'_>, root: Root) -> Result<(), Abort> {
        assert!(self.slots.contains(&key.slot.number()), "a key of another partition");
        // The value may be a slice of the request's buffer, which must not live as long as the key.
        let value = Bytes::copy_from_slice(&root.value);
        let written = u32::try_from(self.now.secs()).unwrap_or(u32::MAX);
        self.roots.insert(place(key), Root { value, version: self.decree, written, ..root });
        Ok(())
    }

    fn delete_root(&mut self, key: &HashKey<'_>) -> Result<(), Abort> {
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

    fn expired(&mut self, limit: usize) -> Result<Vec<(Database, Bytes)>, Abort> {
        let mut expired: Vec<(UnixMs, &Key)> =
            self.roots.iter().filter(|(_, root)| root.expired(self.now)).filter_map(|(key, root)| Some((root.expire?, key))).collect();
        expired.sort();
        Ok(expired.into_iter().take(limit).map(|(_, key)| (key.1, Bytes::copy_from_slice(&key.2))).collect())
    }

    fn count(&self, database: Database) -> KeyCount {
        let roots = || self.roots.iter().filter(|(key, _)| key.1 == database).map(|(_, root)| root);
        KeyCount { keys: roots().count() as u64, expires: roots().filter(|root| root.expire.is_some()).count() as u64 }
    }

    fn flush(&mut self, database: Database) {
        self.roots.retain(|key, _| key.1 != database);
    }

    fn databases(&self) -> Vec<Database> {
        let mut databases: Vec<Database> = self.roots.keys().map(|key| key.1).collect();
        databases.sort();
        databases.dedup();
        databases
    }

    fn get(&mut self, _: Slot, id: u64, sort_key: &[u8]) -> Result<Option<Bytes>, Abort> {
        Ok(self.elements.get(&(id, sort_key.to_vec())).cloned())
    }

    fn put(&mut self, _: Slot, id: u64, sort_key: &[u8], value: Bytes) {
        self.elements.insert((id, sort_key.to_vec()), value);
    }

    fn delete(&mut self, _: Slot, id: u64, sort_key: &[u8]) {
        self.elements.remove(&(id, sort_key.to_vec()));
    }
}

fn place(key: &HashKey<'_>) -> Key {
    (Cursor::new(key.slot, hash48(key.name)), key.database, key.name.to_vec())
}
