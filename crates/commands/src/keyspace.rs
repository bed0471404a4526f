//! Keys of any type: DEL, UNLINK, EXISTS, TOUCH, TYPE, DBSIZE.

use resp::reply;

use crate::program::{Program, Stop};

/// DEL, UNLINK: deletes keys and counts those that existed. Both cost the same: only the root is removed.
pub(crate) fn del(p: &mut Program<'_>) -> Result<(), Stop> {
    let mut deleted = 0;
    for key in p.keys() {
        let now = p.txn.now();
        if let Some(root) = p.txn.root(&key)? {
            p.txn.delete_root(&key)?;
            deleted += i64::from(!root.expired(now));
        }
    }
    p.integer(deleted);
    Ok(())
}

/// EXISTS, TOUCH: counts those of the keys that exist; a key that is named twice counts twice.
pub(crate) fn exists(p: &mut Program<'_>) -> Result<(), Stop> {
    let mut existing = 0;
    for key in p.keys() {
        existing += i64::from(p.live(&key)?.is_some());
    }
    p.integer(existing);
    Ok(())
}

/// TYPE: what kind of value a key holds.
pub(crate) fn kind(p: &mut Program<'_>) -> Result<(), Stop> {
    let root = p.live(&p.key(1))?;
    reply::simple(p.out, root.map_or("none", |root| root.kind.name()));
    Ok(())
}

/// DBSIZE: the number of keys of the logical database in this partition. As in Redis, keys that expired and were not removed yet count.
pub(crate) fn dbsize(p: &mut Program<'_>) -> Result<(), Stop> {
    let keys = p.txn.count(p.call.database).keys;
    p.integer(i64::try_from(keys).unwrap_or(i64::MAX));
    Ok(())
}
