//! When the key of a hash expires, and when the hash itself ends because all its fields have expired.
//!
//! A hash none of whose fields stays ends with the last of them. So that whoever looks at a root sees that the key is gone then, and so
//! that the sweep of expired keys removes it, the root's `expire` is the earlier of that moment and of the key's own expiry; the latter
//! is kept in the root's value while the hash is timed. Whatever reads or sets the expiry of a key has to ask here.

use bytes::Bytes;
use types::root::Root;
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
    let (value, end) = if root.id == 0 {
        let mut value = root.value.to_vec();
        packed::set_own(&mut value, own)?;
        let end = end(&value)?;
        (value, end)
    } else {
        let (summary, _) = Summary::of(&root)?;
        (summary.to_bytes(true, own), summary.end())
    };
    Ok(Root { expire: earlier(own, end), value: Bytes::from(value), ..root })
}

/// When the last field of a timed packed hash goes, if none is there to stay.
pub(super) fn end(bytes: &[u8]) -> Result<Option<UnixMs>, Abort> {
    let last = Entries::of(bytes, true)?.last().ok_or_else(damaged)??;
    Ok(last.entry.expire)
}

/// The earlier of two expiries.
pub(super) fn earlier(a: Option<UnixMs>, b: Option<UnixMs>) -> Option<UnixMs> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
