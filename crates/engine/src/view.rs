//! One applied state held fast: a RocksDB snapshot and the databases that belong to it.

use std::sync::atomic::Ordering;

use rocksdb::{ReadOptions, SnapshotWithThreadMode};
use types::txn::Abort;

use crate::databases::Databases;
use crate::filter::Reading;
use crate::store::{Db, Store, Tier, read_options};

/// A state between two batches, as long as it is held.
pub(crate) struct View<'a> {
    /// For gets.
    pub(crate) options: ReadOptions,
    /// Which records are whose. Counts may be one batch older or newer than the snapshot: no command compares them with keys.
    pub(crate) databases: Databases,
    tier: Tier,
    /// Where the store's change counter stood when the snapshot was taken; `None` if a batch was being applied.
    changes: Option<u64>,
    snapshot: SnapshotWithThreadMode<'a, Db>,
    _reading: Reading,
}

impl<'a> View<'a> {
    /// The newest state. `Cold` only with [`Tier::Memory`], when a database is being emptied at this moment.
    pub(crate) fn new(store: &'a Store, tier: Tier) -> Result<View<'a>, Abort> {
        let reading = store.kept.reading();
        let before = store.published.changes.load(Ordering::Acquire);
        let (snapshot, databases) = match tier {
            Tier::Memory => unlocked(store).ok_or(Abort::Cold)?,
            Tier::Disk => {
                let _quiet = store.applying.lock();
                (store.db.snapshot(), store.databases())
            }
        };
        let mut options = read_options(tier);
        options.set_snapshot(&snapshot);
        let changes = Some(before).filter(|before| before.is_multiple_of(2) && store.published.changes.load(Ordering::Acquire) == *before);
        Ok(View { options, databases, tier, changes, snapshot, _reading: reading })
    }

    /// Whether what the store holds now is what this view shows.
    pub(crate) fn is_newest(&self, store: &Store) -> bool {
        self.changes == Some(store.published.changes.load(Ordering::Acquire))
    }

    /// Options for an iterator over this state, which owns them.
    pub(crate) fn iterate(&self) -> ReadOptions {
        let mut options = read_options(self.tier);
        options.set_snapshot(&self.snapshot);
        options
    }
}

/// A batch is in RocksDB whole or not at all, so only the mapping has to be held against it.
fn unlocked(store: &Store) -> Option<(SnapshotWithThreadMode<'_, Db>, Databases)> {
    let mappings = || store.published.mappings.load(Ordering::SeqCst);
    let before = mappings();
    let (snapshot, databases) = (store.db.snapshot(), store.databases());
    (before.is_multiple_of(2) && mappings() == before).then_some((snapshot, databases))
}
