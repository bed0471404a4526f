//! Walking a store's roots and its expiry index, with what is not applied yet laid over it.

use bytes::Bytes;
use rocksdb::{DBRawIteratorWithThreadMode, ReadOptions};
use types::root::Root;
use types::slot::Cursor;
use types::time::UnixMs;
use types::txn::{Abort, Database, Scanned};

use crate::databases::Databases;
use crate::error::read_failed;
use crate::keys::{Key, Physical, RootKey, expire_bound, parse_expire_key};
use crate::overlay::Overlay;
use crate::root::decode_head;
use crate::store::{Db, Store};

/// How far one call may go.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Keys to return, at least 1.
    pub(crate) limit: usize,
    /// Records to look at.
    pub(crate) visit: usize,
}

/// Keys of `database` at or after `from`, and where to go on. Stops between places only, so that no place is split.
pub(crate) fn scan(
    store: &Store,
    options: ReadOptions,
    overlay: Option<&Overlay>,
    database: Physical,
    from: Cursor,
    bounds: Bounds,
) -> Result<(Vec<Scanned>, Option<Cursor>), Abort> {
    let mut roots = Roots::new(store, options, overlay, from);
    let (mut found, mut visited, mut place) = (Vec::new(), 0usize, None);
    while let Some((key, root)) = roots.next()? {
        let parts = RootKey::parse(&key).ok_or_else(|| damaged("a root key"))?;
        if place != Some(parts.place) && (found.len() >= bounds.limit.max(1) || visited >= bounds.visit.max(1)) {
            return Ok((found, Some(parts.place)));
        }
        place = Some(parts.place);
        visited += 1;
        if let Some(root) = root.filter(|_| parts.database == database) {
            found.push(Scanned { place: parts.place, name: Bytes::copy_from_slice(parts.name), root });
        }
    }
    Ok((found, None))
}

/// Keys that the sweep has to look at before `now`, earliest first, with the database each is in.
pub(crate) fn sweepable(
    store: &Store,
    read_options: impl Fn() -> ReadOptions,
    mut overlay: Option<&mut Overlay>,
    databases: &Databases,
    now: UnixMs,
    limit: usize,
) -> Result<Vec<(Database, Bytes)>, Abort> {
    let mut found: Vec<(UnixMs, Database, Bytes)> = Vec::new();
    for mapped in databases.mapped().iter().filter(|m| m.listed > 0) {
        let physical = mapped.physical;
        let floor = overlay.as_ref().map_or(UnixMs(i64::MIN), |o| o.expiry_floor(physical));
        let mut options = read_options();
        options.set_iterate_upper_bound(&expire_bound(physical, now)[..]);
        let mut index = store.db.raw_iterator_cf_opt(store.expiries(), options);
        index.seek(expire_bound(physical, floor));
        let (mut first, mut taken) = (now, 0);
        while let Some(key) = index.key() {
            let (at, root) = parse_expire_key(key).ok_or_else(|| damaged("an expiry index key"))?;
            first = first.min(at);
            // The overlay knows better when, or whether, this key has to be looked at; its own keys come below.
            if overlay.as_ref().is_none_or(|o| o.root(&root, &root.encode()).is_none()) {
                found.push((at, mapped.logical, Bytes::copy_from_slice(root.name)));
                taken += 1;
            }
            if taken >= limit {
                break;
            }
            index.next();
        }
        index.status().map_err(read_failed)?;
        if let Some(overlay) = overlay.as_deref_mut() {
            let mut floor = first;
            for (key, root) in overlay.roots() {
                let Some(at) = root.and_then(Root::sweep_at) else { continue };
                let Some(parts) = RootKey::parse(key).filter(|parts| parts.database == physical) else { continue };
                floor = floor.min(at);
                if at < now {
                    found.push((at, mapped.logical, Bytes::copy_from_slice(parts.name)));
                }
            }
            overlay.set_expiry_floor(physical, floor);
        }
    }
    found.sort_by_key(|&(at, ..)| at);
    found.truncate(limit);
    Ok(found.into_iter().map(|(_, database, name)| (database, name)).collect())
}

/// All root records in order: the store's and the overlay's, the overlay's winning. A root that the overlay removed is `None`.
struct Roots<'a> {
    stored: DBRawIteratorWithThreadMode<'a, Db>,
    /// Sorted, last first.
    held: Vec<(Key, Option<Root>)>,
}

impl<'a> Roots<'a> {
    fn new(store: &'a Store, options: ReadOptions, overlay: Option<&Overlay>, from: Cursor) -> Roots<'a> {
        let from = from.0.to_be_bytes();
        let mut stored = store.db.raw_iterator_opt(options);
        stored.seek(from);
        let held = overlay.filter(|o| !o.is_empty()).map(|overlay| {
            let mut held: Vec<(Key, Option<Root>)> = overlay
                .roots()
                .filter(|(key, _)| *key >= &from[..])
                .map(|(key, root)| (Key::from_slice(key), root.map(without_value)))
                .collect();
            held.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
            held
        });
        Roots { stored, held: held.unwrap_or_default() }
    }

    fn next(&mut self) -> Result<Option<(Key, Option<Root>)>, Abort> {
        let stored = self.stored.key();
        if stored.is_none() {
            self.stored.status().map_err(read_failed)?;
        }
        let order = match (stored, self.held.last()) {
            (None, None) => return Ok(None),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(stored), Some((held, _))) => stored.cmp(held),
        };
        if order.is_lt() {
            let (key, value) = self.stored.item().ok_or_else(|| damaged("an iterator"))?;
            let root = decode_head(value).map(|(root, _)| root).ok_or_else(|| damaged("a root record"))?;
            let record = (Key::from_slice(key), Some(root));
            self.stored.next();
            return Ok(Some(record));
        }
        if order.is_eq() {
            self.stored.next();
        }
        Ok(self.held.pop())
    }
}

fn without_value(root: &Root) -> Root {
    Root { value: Bytes::new(), ..*root }
}

pub(crate) fn damaged(what: &str) -> Abort {
    Abort::Storage(format!("{what} in the store is damaged"))
}
