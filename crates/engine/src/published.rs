//! What readers on any thread see of a store without asking RocksDB.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::RwLock;
use types::id::Decree;
use types::txn::Database;

use crate::databases::Databases;
use crate::keys::Physical;

/// State of the applied decrees that readers look at without asking RocksDB.
pub(crate) struct Published {
    /// Odd while a batch is being applied; another number than before once one was.
    pub(crate) changes: AtomicU64,
    /// The same for batches that change which physical database a logical one is.
    pub(crate) mappings: AtomicU64,
    applied: AtomicU64,
    pub(crate) databases: RwLock<Databases>,
    /// Physical numbers of the first logical databases, 0 for none: a read needs no lock.
    physical: [AtomicU32; 16],
}

impl Published {
    pub(crate) fn new() -> Published {
        Published {
            changes: AtomicU64::new(0),
            mappings: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            databases: RwLock::new(Databases::new()),
            physical: Default::default(),
        }
    }

    /// Makes `databases` what readers see; gives back memory to reuse in its place.
    pub(crate) fn publish(&self, applied: Decree, databases: &mut Databases, mapping_changed: bool) {
        if mapping_changed {
            for (logical, physical) in (0u16..).zip(&self.physical) {
                physical.store(databases.physical(Database(logical)).map_or(0, |p| p.0), Ordering::Release);
            }
        }
        std::mem::swap(&mut *self.databases.write(), databases);
        self.applied.store(applied.0, Ordering::Release);
    }

    pub(crate) fn applied(&self) -> Decree {
        Decree(self.applied.load(Ordering::Acquire))
    }

    pub(crate) fn physical(&self, logical: Database) -> Option<Physical> {
        match self.physical.get(usize::from(logical.0)) {
            Some(physical) => match physical.load(Ordering::Acquire) {
                0 => None,
                physical => Some(Physical(physical)),
            },
            None => self.databases.read().physical(logical),
        }
    }
}
