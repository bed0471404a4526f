//! Patterns of SORT: `weight_*` names a string for each element, `object_*->field` a field of a hash, `#` the element itself.

use std::ops::RangeInclusive;

use bytes::Bytes;
use types::root::Kind;
use types::slot::{SLOTS, Slot};
use types::txn::{Abort, HashKey};

use crate::hashes::items;
use crate::program::Program;
use crate::strings::text;

/// A pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern<'a> {
    /// The element.
    Element,
    /// Nothing is there for any element: there is no place for it.
    Constant,
    /// The key `before` + element + `after`: its string, or a field of its hash.
    Key { before: &'a [u8], after: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    /// Reads a pattern. The first `*` is the element's place; behind the first `->` after it stands a field, unless nothing does.
    pub(super) fn new(text: &'a [u8]) -> Pattern<'a> {
        if text == b"#" {
            return Pattern::Element;
        }
        let Some(place) = text.iter().position(|&byte| byte == b'*') else { return Pattern::Constant };
        let (before, after) = (&text[..place], &text[place + 1..]);
        match after.windows(2).position(|pair| pair == b"->") {
            Some(arrow) if arrow + 2 < after.len() => Pattern::Key { before, after: &after[..arrow], field: Some(&after[arrow + 2..]) },
            _ => Pattern::Key { before, after, field: None },
        }
    }

    /// Whether it has a place for the element.
    pub(super) fn has_place(self) -> bool {
        matches!(self, Pattern::Key { .. })
    }

    /// Whether all keys that it can form are in this partition, wherever its bounds are: it has all slots, or there is a hash tag that
    /// keeps them in the slot of `key`.
    pub(super) fn stays(self, key: &HashKey<'_>, slots: &RangeInclusive<u16>) -> bool {
        let Pattern::Key { before, .. } = self else { return true };
        let everything = *slots.start() == 0 && *slots.end() == SLOTS - 1;
        let tag = before.iter().position(|&byte| byte == b'{').map(|open| &before[open + 1..]);
        let tagged = tag.and_then(|tag| tag.iter().position(|&byte| byte == b'}')).is_some_and(|len| len > 0);
        everything || tagged && Slot::of(before) == key.slot
    }

    /// What it names for an element, if that is there and of the right kind.
    ///
    /// # Errors
    /// [`Abort`].
    pub(super) fn value(self, p: &mut Program<'_>, element: &Bytes) -> Result<Option<Bytes>, Abort> {
        let (before, after, field) = match self {
            Pattern::Element => return Ok(Some(element.clone())),
            Pattern::Constant => return Ok(None),
            Pattern::Key { before, after, field } => (before, after, field),
        };
        let name = [before, element, after].concat();
        let key = HashKey::new(p.call.database, &name);
        let Some(root) = p.live(&key)? else { return Ok(None) };
        match (root.kind, field) {
            (Kind::String, None) => text::read_all(p.txn, &key, root).map(Some),
            (Kind::Hash, Some(field)) => items::read_one(p.txn, &key, root, field),
            _ => Ok(None),
        }
    }
}

/// What Redis says in cluster mode, where the same is not known of keys.
pub(super) const BY_DENIED: &str =
    "ERR BY option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.";
pub(super) const GET_DENIED: &str =
    "ERR GET option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.";
