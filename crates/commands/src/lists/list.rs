//! A list in the hands of a command: the same operations whatever its layout. What a command changes reaches the root with
//! [`List::store`], which also chooses the layout; an empty list is no key.

use std::ops::ControlFlow;

use bytes::Bytes;
use types::limits::Limits;
use types::root::{Kind, Root};
use types::txn::{Abort, HashKey, HashKeyTxn, ValueId};

use crate::counted::End;
use crate::lists::exploded::{Exploded, Seen};
use crate::lists::{damaged, packed};
use crate::program::{Program, Stop};

/// A list.
pub(super) struct List<'a> {
    key: HashKey<'a>,
    /// As it was read.
    root: Root,
    limits: &'a Limits,
    layout: Layout,
    /// Whether elements were removed.
    shrunk: bool,
}

enum Layout {
    Packed { bytes: Bytes, count: u64 },
    Exploded(Box<Exploded>),
}

impl<'a> List<'a> {
    /// The list that argument `index` names, if it exists.
    pub(super) fn existing(p: &mut Program<'a>, index: usize) -> Result<Option<List<'a>>, Stop> {
        let key = p.key(index);
        let Some(root) = p.root_of(&key, Kind::List)? else { return Ok(None) };
        Ok(Some(List::of(key, root, p.limits())?))
    }

    /// The list that argument `index` names; an empty one, if it does not exist.
    pub(super) fn open(p: &mut Program<'a>, index: usize) -> Result<List<'a>, Stop> {
        let list = List::existing(p, index)?;
        Ok(list.unwrap_or_else(|| List::empty(p.key(index), p.limits())))
    }

    /// A list that does not exist yet.
    pub(super) fn empty(key: HashKey<'a>, limits: &'a Limits) -> List<'a> {
        let layout = Layout::Packed { bytes: Bytes::new(), count: 0 };
        List { key, root: Root::inline(Kind::List, Bytes::new()), limits, layout, shrunk: false }
    }

    /// The list with this root.
    pub(super) fn of(key: HashKey<'a>, root: Root, limits: &'a Limits) -> Result<List<'a>, Abort> {
        let layout = if root.id == 0 {
            Layout::Packed { bytes: root.value.clone(), count: root.count }
        } else {
            let exploded = Exploded::decode(ValueId::of(&key, root.id), &root.value)?;
            if exploded.len() != root.count {
                return Err(damaged());
            }
            Layout::Exploded(Box::new(exploded))
        };
        Ok(List { key, root, limits, layout, shrunk: false })
    }

    /// Number of elements.
    pub(super) fn len(&self) -> u64 {
        match &self.layout {
            Layout::Packed { count, .. } => *count,
            Layout::Exploded(exploded) => exploded.len(),
        }
    }

    /// Puts elements at an end, one after the other.
    pub(super) fn push(&mut self, txn: &mut dyn HashKeyTxn, end: End, elements: &[Bytes]) -> Result<(), Abort> {
        match &mut self.layout {
            Layout::Packed { bytes, count } => {
                let added: usize = elements.iter().map(|element| element.len() + 10).sum();
                let mut out = Vec::with_capacity(bytes.len() + added);
                if end == End::First {
                    elements.iter().rev().for_each(|element| packed::append(&mut out, element));
                }
                out.extend_from_slice(bytes);
                if end == End::Last {
                    elements.iter().for_each(|element| packed::append(&mut out, element));
                }
                *bytes = out.into();
                *count += elements.len() as u64;
                Ok(())
            }
            Layout::Exploded(exploded) => elements.iter().try_for_each(|element| exploded.push(txn, end, element.clone())),
        }
    }

    /// Removes up to `count` elements of an end and shows them, the outermost first.
    pub(super) fn pop(&mut self, txn: &mut dyn HashKeyTxn, end: End, count: u64, seen: &mut dyn FnMut(&[u8])) -> Result<(), Abort> {
        let count = count.min(self.len());
        self.shrunk |= count > 0;
        match (&mut self.layout, end) {
            (Layout::Exploded(exploded), _) => exploded.pop(txn, end, count, seen),
            (Layout::Packed { bytes, count: len }, End::First) => {
                let (mut at, mut popped) = (0, 0);
                for entry in packed::entries(bytes).take(usize::try_from(count).map_err(|_| damaged())?) {
                    let entry = entry?;
                    seen(&bytes[entry.element]);
                    at = entry.record.end;
                    popped += 1;
                }
                *bytes = bytes.slice(at..);
                *len -= count;
                if popped == count { Ok(()) } else { Err(damaged()) }
            }
            (Layout::Packed { bytes, count: len }, End::Last) => {
                let places = packed::places(bytes)?;
                if places.len() as u64 != *len {
                    return Err(damaged());
                }
                let mut end = bytes.len();
                for entry in places.into_iter().rev().take(usize::try_from(count).map_err(|_| damaged())?) {
                    seen(&bytes[entry.element]);
                    end = entry.record.start;
                }
                *bytes = bytes.slice(..end);
                *len -= count;
                Ok(())
            }
        }
    }

    /// The element with `index` others before it.
    pub(super) fn get(&self, txn: &mut dyn HashKeyTxn, index: u64) -> Result<Option<Bytes>, Abort> {
        match &self.layout {
            Layout::Packed { bytes, .. } => {
                let Ok(index) = usize::try_from(index) else { return Ok(None) };
                let entry = packed::entries(bytes).nth(index).transpose()?;
                Ok(entry.map(|entry| bytes.slice(entry.element)))
            }
            Layout::Exploded(exploded) => exploded.get(txn, index),
        }
    }

    /// Shows the elements from an index on until told to stop.
    pub(super) fn walk(&self, txn: &mut dyn HashKeyTxn, from: u64, seen: &mut Seen<'_>) -> Result<(), Abort> {
        match &self.layout {
            Layout::Packed { bytes, .. } => {
                for entry in packed::entries(bytes).skip(usize::try_from(from).unwrap_or(usize::MAX)) {
                    if seen(&bytes[entry?.element]).is_break() {
                        break;
                    }
                }
                Ok(())
            }
            Layout::Exploded(exploded) => exploded.walk(txn, from, false, seen),
        }
    }

    /// Shows the elements from the last to the first until told to stop.
    pub(super) fn walk_back(&self, txn: &mut dyn HashKeyTxn, seen: &mut Seen<'_>) -> Result<(), Abort> {
        match &self.layout {
            Layout::Packed { bytes, .. } => {
                for entry in packed::places(bytes)?.into_iter().rev() {
                    if seen(&bytes[entry.element]).is_break() {
                        break;
                    }
                }
                Ok(())
            }
            Layout::Exploded(exploded) => exploded.walk(txn, 0, true, seen),
        }
    }

    /// Replaces the element with `index` others before it, which there has to be.
    pub(super) fn set(&mut self, txn: &mut dyn HashKeyTxn, index: u64, element: Bytes) -> Result<(), Abort> {
        self.shrunk = true;
        match &mut self.layout {
            Layout::Packed { bytes, .. } => {
                let index = usize::try_from(index).map_err(|_| damaged())?;
                let place = packed::entries(bytes).nth(index).ok_or_else(damaged)??.record;
                *bytes = spliced(bytes, place, &element);
                Ok(())
            }
            Layout::Exploded(exploded) => exploded.set(txn, index, element),
        }
    }

    /// Puts an element next to the first one that is `pivot`; says whether there is one.
    pub(super) fn insert(&mut self, txn: &mut dyn HashKeyTxn, before: bool, pivot: &[u8], element: Bytes) -> Result<bool, Abort> {
        match &mut self.layout {
            Layout::Packed { bytes, count } => {
                for entry in packed::entries(bytes) {
                    let entry = entry?;
                    if bytes[entry.element] == *pivot {
                        let at = if before { entry.record.start } else { entry.record.end };
                        *bytes = spliced(bytes, at..at, &element);
                        *count += 1;
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Layout::Exploded(exploded) => exploded.insert_at(txn, before, pivot, element),
        }
    }

    /// Removes up to `count` elements that are `element`, the first or, in reverse, the last ones; answers their number.
    pub(super) fn remove(&mut self, txn: &mut dyn HashKeyTxn, element: &[u8], count: u64, reverse: bool) -> Result<u64, Abort> {
        let removed = match &mut self.layout {
            Layout::Packed { bytes, count: len } => {
                let places = packed::places(bytes)?;
                let matches = places.iter().filter(|entry| bytes[entry.element.clone()] == *element);
                let total = matches.clone().count() as u64;
                let removed = total.min(count);
                // The first of the matches that goes.
                let from = if reverse { total - removed } else { 0 };
                let mut out = Vec::with_capacity(bytes.len());
                let mut kept = 0;
                for (_, entry) in (0u64..).zip(matches).filter(|(index, _)| (from..from + removed).contains(index)) {
                    out.extend_from_slice(&bytes[kept..entry.record.start]);
                    kept = entry.record.end;
                }
                out.extend_from_slice(&bytes[kept..]);
                *bytes = out.into();
                *len = len.checked_sub(removed).ok_or_else(damaged)?;
                removed
            }
            Layout::Exploded(exploded) => exploded.remove(txn, element, count, reverse)?,
        };
        self.shrunk |= removed > 0;
        Ok(removed)
    }

    /// Keeps `count` elements from an index on; there have to be so many.
    pub(super) fn keep(&mut self, txn: &mut dyn HashKeyTxn, from: u64, count: u64) -> Result<(), Abort> {
        self.shrunk = true;
        match &mut self.layout {
            // Nothing of it is looked at: the root goes.
            _ if count == 0 => {
                self.layout = Layout::Packed { bytes: Bytes::new(), count: 0 };
                Ok(())
            }
            Layout::Packed { count: len, .. } => {
                let tail = len.checked_sub(from).and_then(|rest| rest.checked_sub(count)).ok_or_else(damaged)?;
                self.pop(txn, End::First, from, &mut |_| ())?;
                self.pop(txn, End::Last, tail, &mut |_| ())
            }
            Layout::Exploded(exploded) => exploded.keep(txn, from, count),
        }
    }

    /// Writes the root, in the layout that fits; removes the key of an empty list.
    pub(super) fn store(mut self, txn: &mut dyn HashKeyTxn) -> Result<(), Abort> {
        let len = self.len();
        if len == 0 {
            return txn.delete_root(&self.key);
        }
        match &mut self.layout {
            Layout::Packed { bytes, count } if !fits(self.limits, bytes.len() as u64, *count, 1) => {
                let mut exploded = Exploded::new(ValueId::of(&self.key, txn.next_id()));
                for entry in packed::entries(bytes) {
                    exploded.push(txn, End::Last, bytes.slice(entry?.element))?;
                }
                if exploded.len() != *count {
                    return Err(damaged());
                }
                self.layout = Layout::Exploded(Box::new(exploded));
            }
            // Half of what fits, so that a list at the border does not change with every command.
            Layout::Exploded(exploded) if self.shrunk && fits(self.limits, exploded.bytes, len, 2) => {
                let mut packed = Vec::new();
                let mut count = 0;
                exploded.walk(txn, 0, false, &mut |element| {
                    packed::append(&mut packed, element);
                    count += 1;
                    ControlFlow::Continue(())
                })?;
                if count != len {
                    return Err(damaged());
                }
                self.layout = Layout::Packed { bytes: packed.into(), count };
            }
            Layout::Exploded(exploded) if self.shrunk => exploded.tidy(txn)?,
            _ => {}
        }
        let (id, value) = match &self.layout {
            Layout::Packed { bytes, .. } => (0, bytes.clone()),
            Layout::Exploded(exploded) => (exploded.id(), exploded.encode()),
        };
        txn.put_root(&self.key, Root { id, value, count: len, ..self.root })
    }

    /// The same list with another expiry.
    pub(super) fn expiring(mut self, expire: Option<types::time::UnixMs>) -> List<'a> {
        self.root.expire = expire;
        self
    }
}

/// `bytes` with `element` in the place of one record, or of none.
fn spliced(bytes: &[u8], place: std::ops::Range<usize>, element: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(bytes.len() + element.len() + 10);
    out.extend_from_slice(&bytes[..place.start]);
    packed::append(&mut out, element);
    out.extend_from_slice(&bytes[place.end..]);
    out.into()
}

/// Whether a list `share` times as long may be packed.
fn fits(limits: &Limits, bytes: u64, count: u64, share: u64) -> bool {
    let (bytes, count) = (bytes.saturating_mul(share), count.saturating_mul(share));
    let within = match limits.list_size {
        0.. => count <= u64::from(limits.list_size.unsigned_abs().max(1)),
        _ => bytes <= 2048 << limits.list_size.unsigned_abs().min(5),
    };
    within && bytes <= PACKED_MAX
}

/// Bytes of a packed list at most, whatever the limits say: every push writes all of them again, on every replica.
const PACKED_MAX: u64 = 1024;
