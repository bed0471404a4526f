//! A partition with everything around its store that a replica would have: overlay, write set and a log of mutations.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use engine::overlay::Overlay;
use engine::shared::{Options, Shared};
use engine::store::{Store, Tier};
use engine::txn::{Context, Reader, Txn};
use engine::write_set::WriteSet;
use tempfile::TempDir;
use types::id::Decree;
use types::root::{Kind, Root};
use types::slot::Cursor;
use types::time::UnixMs;
use types::txn::{Abort, Database, HashKey, HashKeyTxn};

pub const ALL_SLOTS: std::ops::RangeInclusive<u16> = 0..=16_383;
pub const D0: Database = Database(0);
pub const D1: Database = Database(1);

pub fn shared() -> Shared {
    Shared::new(&Options {
        cache_bytes: 32 << 20,
        row_bytes: 1 << 20,
        memtable_bytes: 64 << 20,
        store_memtable_bytes: 8 << 20,
        background_threads: 2,
    })
    .unwrap()
}

pub struct Partition {
    pub shared: Shared,
    pub store: Option<Store>,
    pub overlay: Overlay,
    pub writes: WriteSet,
    /// Every mutation ever sealed, from decree 1 on.
    pub log: Vec<(Decree, Bytes)>,
    pub now: UnixMs,
    // Last: outlives the store.
    pub dir: TempDir,
}

impl Partition {
    pub fn new() -> Partition {
        let dir = tempfile::tempdir().unwrap();
        let shared = shared();
        let store = Store::open(&dir.path().join("p"), ALL_SLOTS, &shared).unwrap();
        store.keep_writes(true);
        let overlay = Overlay::new(&store, 1);
        Partition { shared, store: Some(store), overlay, writes: WriteSet::new(), log: Vec::new(), now: UnixMs(1_000_000), dir }
    }

    pub fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub fn next_decree(&self) -> Decree {
        Decree(self.log.len() as u64 + 1)
    }

    /// Runs one command; it commits unless it fails.
    pub fn run<T>(&mut self, command: impl FnOnce(&mut Txn<'_>) -> Result<T, Abort>) -> Result<T, Abort> {
        let context = Context { tier: Tier::Disk, now: self.now, decree: Decree(self.log.len() as u64 + 1) };
        let mut txn = Txn::begin(self.store.as_ref().unwrap(), &mut self.overlay, &mut self.writes, context);
        let result = command(&mut txn)?;
        txn.commit();
        Ok(result)
    }

    /// Ends the mutation.
    pub fn seal(&mut self) {
        let decree = self.next_decree();
        self.log.push((decree, self.writes.finish()));
    }

    /// Applies up to `count` of the mutations that are sealed and not applied.
    pub fn apply(&mut self, count: usize) {
        let applied = self.store().applied().0 as usize;
        let upto = (applied + count).min(self.log.len());
        self.store().apply(&self.log[applied..upto]).unwrap();
        self.overlay.retire(Decree(upto as u64));
    }

    pub fn seal_and_apply(&mut self) {
        self.seal();
        self.apply(usize::MAX / 2);
    }

    /// Drops everything in memory, as a crash does, opens the store again and applies what the log has beyond it.
    /// Gives the decree that had survived.
    pub fn crash(&mut self) -> Decree {
        assert!(self.writes.is_empty(), "seal first");
        self.store = None;
        let store = Store::open(&self.dir.path().join("p"), ALL_SLOTS, &self.shared).unwrap();
        store.keep_writes(true);
        let survived = store.applied();
        store.apply(&self.log[survived.0 as usize..]).unwrap();
        self.overlay = Overlay::new(&store, 2);
        self.store = Some(store);
        survived
    }

    pub fn reader(&self, tier: Tier) -> Reader<'_> {
        Reader::new(self.store(), tier, self.now, 3)
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.run(|txn| txn.put_root(&HashKey::new(D0, name.as_bytes()), string(value))).unwrap();
    }

    pub fn set_until(&mut self, name: &str, at: i64) {
        self.run(|txn| txn.put_root(&HashKey::new(D0, name.as_bytes()), Root { expire: Some(UnixMs(at)), ..string("v") })).unwrap();
    }

    pub fn delete(&mut self, name: &str) {
        self.run(|txn| txn.delete_root(&HashKey::new(D0, name.as_bytes()))).unwrap();
    }

    pub fn flush_database(&mut self, database: Database) {
        self.run(|txn| {
            txn.flush(database);
            Ok(())
        })
        .unwrap();
    }

    /// What a command at the primary reads.
    pub fn get(&mut self, name: &str) -> Option<String> {
        let root = self.run(|txn| txn.root(&HashKey::new(D0, name.as_bytes()))).unwrap();
        root.map(|root| String::from_utf8(root.value.to_vec()).unwrap())
    }

    pub fn sweepable(&mut self, limit: usize) -> Vec<String> {
        let found = self.run(|txn| txn.sweepable(limit)).unwrap();
        found.into_iter().map(|(_, name)| String::from_utf8(name.to_vec()).unwrap()).collect()
    }
}

pub fn string(value: &str) -> Root {
    Root::inline(Kind::String, Bytes::copy_from_slice(value.as_bytes()))
}

/// All keys of a database, through calls of `limit` and `visit`, in the order they come.
pub fn scan_all(txn: &mut dyn HashKeyTxn, database: Database, limit: usize, visit: usize) -> Result<Vec<(Bytes, Root)>, Abort> {
    let (mut found, mut from) = (Vec::new(), Some(Cursor(0)));
    while let Some(cursor) = from {
        let (keys, next) = txn.scan(database, cursor, limit, visit)?;
        assert!(next.is_none_or(|next| next > cursor), "a scan goes forward");
        found.extend(keys.into_iter().map(|key| (key.name, key.root)));
        from = next;
    }
    Ok(found)
}
