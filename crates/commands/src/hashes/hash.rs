//! A hash in the hands of a command: the same operations whatever its layout.
//!
//! Reads never show a field that has expired. What a command changes reaches the root with [`Hash::store`], which also removes fields
//! that have expired: all of a packed hash, a bounded number of an exploded one. [`sweep`] does only that; the root's times tell when it
//! is wanted (see [`crate::hashes::lifetime`]).

use std::ops::ControlFlow;

use bytes::Bytes;
use types::limits::Limits;
use types::root::{Kind, Root};
use types::time::UnixMs;
use types::txn::{Abort, HashKey, HashKeyTxn, ValueId};

use crate::elements;
use crate::hashed;
use crate::hashes::exploded::{self, Exploded};
use crate::hashes::lifetime::{Fields, own};
use crate::hashes::packed::{self, Entries, Entry, lives};
use crate::hashes::summary::Summary;
use crate::hashes::{PLAIN, TIMED, damaged};
use crate::program::{Program, Stop};

/// A hash.
pub(super) struct Hash<'a> {
    key: HashKey<'a>,
    /// As it was read; that of an empty hash if there is none.
    root: Root,
    /// Whether the key is there, so that it has to go with the last field.
    existed: bool,
    /// When the key expires, whatever the fields do.
    own: Option<UnixMs>,
    /// Whether a field has, or once had, an expiry.
    timed: bool,
    layout: Layout,
    now: UnixMs,
    limits: &'a Limits,
    changed: bool,
}

/// How it lies in records.
enum Layout {
    Packed(Packed),
    Exploded(Exploded),
}

/// A packed hash at work.
struct Packed {
    /// The root's value.
    original: Bytes,
    /// What has become of it.
    edited: Option<Vec<u8>>,
    /// Number of entries, those that have expired included.
    count: u64,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// What it holds.
    pub(super) value: Bytes,
    /// When it ceases to exist.
    pub(super) expire: Option<UnixMs>,
}

/// How long a field lives that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// As long as the hash.
    Endless,
    /// As it did before.
    Kept,
    /// Until then.
    Until(UnixMs),
}

impl Lifetime {
    /// The expiry of a field that had `old`.
    pub(super) fn of(self, old: Option<UnixMs>) -> Option<UnixMs> {
        match self {
            Lifetime::Endless => None,
            Lifetime::Kept => old,
            Lifetime::Until(at) => Some(at),
        }
    }
}

impl<'a> Hash<'a> {
    /// The hash that argument `index` names, if it exists.
    pub(super) fn existing(p: &mut Program<'a>, index: usize) -> Result<Option<Hash<'a>>, Stop> {
        let key = p.key(index);
        let Some(root) = p.root_of(&key, Kind::Hash)? else { return Ok(None) };
        Ok(Some(Hash::of(key, root, p.txn.now(), p.limits())?))
    }

    /// The hash that argument `index` names; an empty one, if it does not exist.
    pub(super) fn open(p: &mut Program<'a>, index: usize) -> Result<Hash<'a>, Stop> {
        let hash = Hash::existing(p, index)?;
        Ok(hash.unwrap_or_else(|| Hash::empty(p.key(index), p.txn.now(), p.limits())))
    }

    /// A hash that does not exist yet.
    pub(super) fn empty(key: HashKey<'a>, now: UnixMs, limits: &'a Limits) -> Hash<'a> {
        let layout = Layout::Packed(Packed { original: Bytes::new(), edited: None, count: 0 });
        let root = Root::inline(Kind::Hash, Bytes::new());
        Hash { key, root, existed: false, own: None, timed: false, layout, now, limits, changed: false }
    }

    /// An empty hash that takes the place of whatever the key holds. The key expires at `own`.
    pub(super) fn replacing(key: HashKey<'a>, own: Option<UnixMs>, now: UnixMs, limits: &'a Limits) -> Hash<'a> {
        Hash { existed: true, own, changed: true, ..Hash::empty(key, now, limits) }
    }

    /// The hash with this root.
    pub(super) fn of(key: HashKey<'a>, root: Root, now: UnixMs, limits: &'a Limits) -> Result<Hash<'a>, Abort> {
        let (own, timed) = (own(&root)?, root.encoding == TIMED);
        let layout = if root.id == 0 {
            Layout::Packed(Packed { original: root.value.clone(), edited: None, count: root.count })
        } else {
            Layout::Exploded(Exploded::new(ValueId::of(&key, root.id), Summary::of(&root)?.0))
        };
        Ok(Hash { key, root, existed: true, own, timed, layout, now, limits, changed: false })
    }

    /// The time of the command.
    pub(super) fn now(&self) -> UnixMs {
        self.now
    }

    /// A field.
    pub(super) fn get(&self, txn: &mut dyn HashKeyTxn, field: &[u8]) -> Result<Option<Found>, Abort> {
        Ok(self.stored(txn, field)?.filter(|found| lives(found.expire, self.now)))
    }

    /// Number of fields.
    pub(super) fn len(&self, txn: &mut dyn HashKeyTxn) -> Result<u64, Abort> {
        let (count, expired) = match &self.layout {
            Layout::Packed(packed) => (packed.count, self.expired_in_front(packed.bytes())?.0),
            Layout::Exploded(exploded) => (exploded.summary.count, exploded.expired(txn, self.now)?),
        };
        count.checked_sub(expired).ok_or_else(damaged)
    }

    /// Shows all fields until `visit` says that it has seen enough.
    pub(super) fn walk(&self, txn: &mut dyn HashKeyTxn, visit: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>) -> Result<(), Abort> {
        match &self.layout {
            Layout::Packed(packed) => {
                for placed in Entries::of(packed.bytes(), self.timed)? {
                    let entry = placed?.entry;
                    if entry.lives(self.now) && visit(entry).is_break() {
                        break;
                    }
                }
                Ok(())
            }
            Layout::Exploded(exploded) => {
                exploded.visit(txn, &mut |entry| if entry.lives(self.now) { visit(entry) } else { ControlFlow::Continue(()) })
            }
        }
    }

    /// Shows some fields from a cursor on, see [`hashed::scan`]; answers the cursor to go on with. A packed hash is shown whole.
    pub(super) fn scan(&self, txn: &mut dyn HashKeyTxn, cursor: u64, count: usize, visit: &mut dyn FnMut(Entry<'_>)) -> Result<u64, Abort> {
        let Layout::Exploded(exploded) = &self.layout else {
            self.walk(txn, &mut |entry| {
                visit(entry);
                ControlFlow::Continue(())
            })?;
            return Ok(0);
        };
        let (found, next) = hashed::scan(txn, exploded.value, cursor, count)?;
        for found in found {
            let (expire, value) = exploded::decode(&found.element)?;
            if lives(expire, self.now) {
                visit(Entry { field: found.member(), value, expire });
            }
        }
        Ok(next)
    }

    /// The elements and their number, if the hash is exploded.
    pub(super) fn elements(&self) -> Option<(ValueId, u64)> {
        match &self.layout {
            Layout::Packed(_) => None,
            Layout::Exploded(exploded) => Some((exploded.value, exploded.summary.count)),
        }
    }

    /// Sets a field; says whether it is new.
    pub(super) fn put(&mut self, txn: &mut dyn HashKeyTxn, field: &[u8], value: &[u8], lifetime: Lifetime) -> Result<bool, Abort> {
        if field.len().max(value.len()) > self.limits.hash_value as usize {
            self.explode(txn)?;
        }
        let old = self.stored(txn, field)?;
        let old_expire = old.as_ref().filter(|old| lives(old.expire, self.now)).map(|old| old.expire);
        let new = Entry { field, value, expire: lifetime.of(old_expire.flatten()) };
        self.changed = true;
        if new.expire.is_some() {
            self.become_timed()?;
        }
        match &mut self.layout {
            Layout::Packed(packed) => {
                packed.put(self.timed, old.map(|old| old.expire), &new)?;
                if packed.count > u64::from(self.limits.hash_entries) {
                    self.explode(txn)?;
                }
            }
            Layout::Exploded(exploded) => exploded.put(txn, old.as_ref(), &new)?,
        }
        Ok(old_expire.is_none())
    }

    /// Removes a field; says whether it was there.
    pub(super) fn remove(&mut self, txn: &mut dyn HashKeyTxn, field: &[u8]) -> Result<bool, Abort> {
        let Some(found) = self.get(txn, field)? else { return Ok(false) };
        self.changed = true;
        match &mut self.layout {
            Layout::Packed(packed) => packed.remove(self.timed, field)?,
            Layout::Exploded(exploded) => exploded.remove(txn, field, found.expire)?,
        }
        Ok(true)
    }

    /// Says that so many fields are going to be put, so that a large hash is not packed first.
    pub(super) fn expect(&mut self, txn: &mut dyn HashKeyTxn, fields: usize) -> Result<(), Abort> {
        if fields as u64 > u64::from(self.limits.hash_entries) { self.explode(txn) } else { Ok(()) }
    }

    /// Removes fields that have expired and writes the root, if anything has changed. A hash without fields ceases to exist.
    pub(super) fn store(mut self, txn: &mut dyn HashKeyTxn) -> Result<(), Abort> {
        self.purge(txn)?;
        if self.changed { self.write(txn) } else { Ok(()) }
    }

    /// Writes the root. A hash without fields ceases to exist.
    fn write(self, txn: &mut dyn HashKeyTxn) -> Result<(), Abort> {
        let root = match self.layout {
            Layout::Packed(packed) => {
                let fields = if self.timed && packed.count > 0 { Fields::packed(packed.bytes())? } else { Fields::default() };
                let root = Root { id: 0, count: packed.count, value: packed.into_bytes(self.timed, self.own)?, ..self.root };
                fields.stamp(root, self.own)
            }
            Layout::Exploded(mut exploded) => {
                exploded.settle(txn)?;
                renew(txn, &self.key, &mut exploded)?;
                let Exploded { value, summary, .. } = exploded;
                let root = Root { id: value.id, count: summary.count, value: summary.to_bytes(self.timed, self.own).into(), ..self.root };
                Fields::exploded(&summary).stamp(root, self.own)
            }
        };
        if root.count > 0 && !root.expired(self.now) {
            txn.put_root(&self.key, Root { encoding: if self.timed { TIMED } else { PLAIN }, ..root })
        } else if self.existed {
            txn.delete_root(&self.key)
        } else {
            Ok(())
        }
    }

    /// What is stored for a field, also if it has expired.
    fn stored(&self, txn: &mut dyn HashKeyTxn, field: &[u8]) -> Result<Option<Found>, Abort> {
        match &self.layout {
            Layout::Packed(packed) => packed.get(self.timed, field),
            Layout::Exploded(exploded) => exploded.get(txn, field),
        }
    }

    /// Number of expired entries of a packed hash and the bytes that they take; they stand in front.
    fn expired_in_front(&self, bytes: &[u8]) -> Result<(u64, std::ops::Range<usize>), Abort> {
        let (mut expired, mut range) = (0, None::<std::ops::Range<usize>>);
        if self.timed {
            for placed in Entries::of(bytes, true)? {
                let placed = placed?;
                if placed.entry.lives(self.now) {
                    break;
                }
                expired += 1;
                range = Some(range.map_or(placed.all.start, |range| range.start)..placed.all.end);
            }
        }
        Ok((expired, range.unwrap_or(0..0)))
    }

    /// Removes fields that have expired, as many as a command may; says how many those were.
    fn purge(&mut self, txn: &mut dyn HashKeyTxn) -> Result<u64, Abort> {
        if !self.timed {
            return Ok(0);
        }
        let front = match &self.layout {
            Layout::Packed(packed) => self.expired_in_front(packed.bytes())?,
            Layout::Exploded(_) => (0, 0..0),
        };
        let purged = match &mut self.layout {
            Layout::Packed(packed) => {
                let (expired, range) = front;
                if expired > 0 {
                    packed.edit().drain(range);
                    packed.count = packed.count.checked_sub(expired).ok_or_else(damaged)?;
                }
                expired
            }
            Layout::Exploded(exploded) => exploded.purge(txn, self.now)?,
        };
        self.changed |= purged > 0;
        Ok(purged)
    }

    fn become_timed(&mut self) -> Result<(), Abort> {
        if let Layout::Packed(packed) = &mut self.layout
            && !self.timed
        {
            packed.edited = Some(packed::with_times(packed.bytes(), self.own)?);
        }
        self.timed = true;
        Ok(())
    }

    /// Gives each field an element, unless they have.
    fn explode(&mut self, txn: &mut dyn HashKeyTxn) -> Result<(), Abort> {
        let Layout::Packed(packed) = &self.layout else { return Ok(()) };
        let mut exploded = Exploded::new(ValueId::of(&self.key, txn.next_id()), Summary::default());
        for placed in Entries::of(packed.bytes(), self.timed)? {
            let entry = placed?.entry;
            if entry.lives(self.now) {
                exploded.put(txn, None, &entry)?;
            }
        }
        self.layout = Layout::Exploded(exploded);
        self.changed = true;
        Ok(())
    }
}

/// Removes fields that have expired from the hash with this root, as many as a command may; says how many those were.
pub(crate) fn sweep(txn: &mut dyn HashKeyTxn, key: HashKey<'_>, root: Root, limits: &Limits) -> Result<u64, Abort> {
    let mut hash = Hash::of(key, root, txn.now(), limits)?;
    let purged = hash.purge(txn)?;
    // Also without any: the root's times have to be right, or the sweep would come again and again.
    hash.write(txn)?;
    Ok(purged)
}

impl Packed {
    fn bytes(&self) -> &[u8] {
        self.edited.as_ref().map_or(&self.original[..], |edited| &edited[..])
    }

    fn edit(&mut self) -> &mut Vec<u8> {
        self.edited.get_or_insert_with(|| self.original.to_vec())
    }

    /// As the root's value.
    fn into_bytes(mut self, timed: bool, own: Option<UnixMs>) -> Result<Bytes, Abort> {
        if timed {
            packed::set_own(self.edit(), own)?;
        }
        Ok(self.edited.map_or(self.original, Bytes::from))
    }

    fn get(&self, timed: bool, field: &[u8]) -> Result<Option<Found>, Abort> {
        let Some(placed) = packed::find(self.bytes(), timed, field)? else { return Ok(None) };
        let value = match &self.edited {
            None => self.original.slice(placed.value),
            Some(_) => Bytes::copy_from_slice(placed.entry.value),
        };
        Ok(Some(Found { value, expire: placed.entry.expire }))
    }

    /// Sets an entry whose field is there with the expiry `old`, or is not.
    fn put(&mut self, timed: bool, old: Option<Option<UnixMs>>, new: &Entry<'_>) -> Result<(), Abort> {
        match old {
            Some(expire) if expire == new.expire => {
                let mut entry = Vec::new();
                packed::append(&mut entry, timed, new);
                let all = self.place(timed, new.field)?;
                self.edit().splice(all, entry);
            }
            old => {
                if old.is_some() {
                    self.remove(timed, new.field)?;
                }
                packed::insert(self.edit(), timed, new)?;
                self.count += 1;
            }
        }
        Ok(())
    }

    fn remove(&mut self, timed: bool, field: &[u8]) -> Result<(), Abort> {
        let all = self.place(timed, field)?;
        self.edit().drain(all);
        self.count = self.count.checked_sub(1).ok_or_else(damaged)?;
        Ok(())
    }

    /// The bytes of the entry of a field that is there.
    fn place(&self, timed: bool, field: &[u8]) -> Result<std::ops::Range<usize>, Abort> {
        Ok(packed::find(self.bytes(), timed, field)?.ok_or_else(damaged)?.all)
    }
}

/// Copies what is left of a hash that has lost very many fields to a new id, so that reads do not wade through what was removed.
fn renew(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, exploded: &mut Exploded) -> Result<(), Abort> {
    let Summary { count, removed, .. } = exploded.summary;
    if (1..=RENEW_MAX).contains(&count) && removed > RENEW_FACTOR * count + RENEW_MIN {
        let new = ValueId::of(key, txn.next_id());
        elements::copy(txn, exploded.value, new)?;
        exploded.value = new;
        exploded.summary.removed = 0;
    }
    Ok(())
}

/// Fields of a hash that is copied at most.
const RENEW_MAX: u64 = 1024;
/// Removed elements for each field that is left, from which on a hash is copied.
const RENEW_FACTOR: u64 = 16;
/// And as many more.
const RENEW_MIN: u64 = 4096;
