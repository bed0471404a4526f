//! A whole hash as a list of fields, for commands that carry values about (DUMP, RESTORE, COPY, SORT).

use std::ops::ControlFlow;

use bytes::Bytes;
use types::limits::Limits;
use types::root::Root;
use types::time::UnixMs;
use types::txn::{Abort, HashKey, HashKeyTxn};

use crate::hashes::hash::{Hash, Lifetime};

/// A field of a hash that is read or written as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its name.
    pub(crate) field: Bytes,
    /// What it holds.
    pub(crate) value: Bytes,
    /// When it ceases to exist; `None`: never.
    pub(crate) expire: Option<UnixMs>,
}

/// All living fields of the hash that has this root, in the order in which replies show them.
///
/// # Errors
/// [`Abort`].
pub(crate) fn read_all(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, root: &Root) -> Result<Vec<Item>, Abort> {
    let hash = Hash::of(*key, root.clone(), txn.now(), &Limits::DEFAULT)?;
    let mut items = Vec::new();
    hash.walk(txn, &mut |entry| {
        let [field, value] = [entry.field, entry.value].map(Bytes::copy_from_slice);
        items.push(Item { field, value, expire: entry.expire });
        ControlFlow::Continue(())
    })?;
    Ok(items)
}

/// The value of one living field of the hash that has this root.
///
/// # Errors
/// [`Abort`].
pub(crate) fn read_one(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, root: Root, field: &[u8]) -> Result<Option<Bytes>, Abort> {
    let hash = Hash::of(*key, root, txn.now(), &Limits::DEFAULT)?;
    Ok(hash.get(txn, field)?.map(|found| found.value))
}

/// Makes a key a hash of these fields, whatever it held before; of fields with the same name the last one counts, and what has expired
/// is left out. The key, not the fields, expires at `expire`. Without fields there is no key.
///
/// # Errors
/// [`Abort`].
pub(crate) fn write_all(
    txn: &mut dyn HashKeyTxn,
    limits: &Limits,
    key: &HashKey<'_>,
    items: &[Item],
    expire: Option<UnixMs>,
) -> Result<(), Abort> {
    let now = txn.now();
    let mut hash = Hash::replacing(*key, expire, now, limits);
    hash.expect(txn, items.len())?;
    for item in items {
        match item.expire {
            Some(at) if at < now => {}
            Some(at) => drop(hash.put(txn, &item.field, &item.value, Lifetime::Until(at))?),
            None => drop(hash.put(txn, &item.field, &item.value, Lifetime::Endless)?),
        }
    }
    hash.store(txn)
}
