//! What the root of an exploded hash keeps about its elements.
//!
//! ```text
//! plain   removed
//! timed   own | removed | expiring | first | last
//! ```
//! All are varints. Invariant: `first` and `last` are exact, so that the root alone tells whether a field has expired and whether all have.

use types::root::Root;
use types::time::UnixMs;
use types::txn::Abort;
use types::varint;

use crate::hashes::packed::{number_of, time_of};
use crate::hashes::{TIMED, damaged};

/// What is known about the elements of an exploded hash without reading them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Summary {
    /// Fields, those that have expired and were not removed yet included.
    pub(super) count: u64,
    /// Elements removed since the value got its id: what reads may have to wade through.
    pub(super) removed: u64,
    /// Fields with an expiry.
    pub(super) expiring: u64,
    /// The earliest expiry, if there is any.
    pub(super) first: Option<UnixMs>,
    /// The latest expiry, if there is any.
    pub(super) last: Option<UnixMs>,
}

impl Summary {
    /// The summary in a root, and when the key itself expires.
    pub(super) fn of(root: &Root) -> Result<(Summary, Option<UnixMs>), Abort> {
        let mut rest = &root.value[..];
        let mut number = || varint::take(&mut rest).ok_or_else(damaged);
        if root.encoding != TIMED {
            let removed = number()?;
            return Ok((Summary { count: root.count, removed, ..Summary::default() }, root.expire));
        }
        let [own, removed, expiring, first, last] = [number()?, number()?, number()?, number()?, number()?];
        let time = |number| time_of(number).ok_or_else(damaged);
        let summary = Summary { count: root.count, removed, expiring, first: time(first)?, last: time(last)? };
        let sound =
            summary.expiring <= summary.count && summary.first.is_some() == (expiring > 0) && summary.last.is_some() == (expiring > 0);
        if sound { Ok((summary, time(own)?)) } else { Err(damaged()) }
    }

    /// As the root's value.
    pub(super) fn to_bytes(self, timed: bool, own: Option<UnixMs>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32);
        if timed {
            for number in [number_of(own), self.removed, self.expiring, number_of(self.first), number_of(self.last)] {
                varint::put(&mut bytes, number);
            }
        } else {
            varint::put(&mut bytes, self.removed);
        }
        bytes
    }

    /// When the last field goes, if none is there to stay.
    pub(super) fn end(&self) -> Option<UnixMs> {
        self.last.filter(|_| self.expiring == self.count)
    }
}
