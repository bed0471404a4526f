//! When the key of a hash expires, and when the hash itself ends because all its fields have expired.
//!
//! A hash none of whose fields stays ends with the last of them. So that whoever looks at a root sees that the key is gone then, and so
//! that the sweep of expired keys removes it, the root's `expire` is the earlier of that moment and of the key's own expiry; the latter
//! is kept in the root's value while the hash is timed. The root's `due` is when the first field expires, if that is before: the sweep
//! comes then, too. Whatever reads or sets the expiry of a key has to ask here.

use bytes::Bytes;
use types::root::{Root, earlier};
use types::time::UnixMs;
use types::txn::Abort;

use crate::hashes::packed::{self, Entries};
use crate::hashes::summary::Summary;
use crate::hashes::{TIMED, damaged};

/// When the key expires that has this root of a hash, whatever its fields do.
pub(crate) fn own(root: &Root) -> Result<Option<UnixMs>, Abort> {
    match (root.encoding, root.id) {
        (TIMED, 0) => packed::own(&root.value),
        (TIMED, _) => Ok(Summary::of(root)?.1),
        _ => Ok(root.expire),
    }
}

/// The root of a hash whose key expires at `own`.
pub(crate) fn with_own(root: Root, own: Option<UnixMs>) -> Result<Root, Abort> {
    if root.encoding != TIMED {
        return Ok(Root { expire: own, ..root });
    }
    let (value, fields) = if root.id == 0 {
        let mut value = root.value.to_vec();
        packed::set_own(&mut value, own)?;
        let fields = Fields::packed(&value)?;
        (value, fields)
    } else {
        let (summary, _) = Summary::of(&root)?;
        (summary.to_bytes(true, own), Fields::exploded(&summary))
    };
    Ok(fields.stamp(Root { value: Bytes::from(value), ..root }, own))
}

/// When fields of a hash go.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fields {
    /// The first of them.
    first: Option<UnixMs>,
    /// The last of all, if none is there to stay.
    end: Option<UnixMs>,
}

impl Fields {
    /// Those of a timed packed hash: they stand in the order in which they go.
    pub(super) fn packed(bytes: &[u8]) -> Result<Fields, Abort> {
        let mut entries = Entries::of(bytes, true)?;
        let first = entries.next().ok_or_else(damaged)??.entry.expire;
        let end = entries.last().transpose()?.map_or(first, |last| last.entry.expire);
        Ok(Fields { first, end })
    }

    /// Those of an exploded hash.
    pub(super) fn exploded(summary: &Summary) -> Fields {
        Fields { first: summary.first, end: summary.end() }
    }

    /// The root with its times; the key expires at `own`.
    pub(super) fn stamp(self, root: Root, own: Option<UnixMs>) -> Root {
        let expire = earlier(own, self.end);
        let due = self.first.filter(|&first| expire.is_none_or(|expire| first < expire));
        Root { expire, due, ..root }
    }
}
