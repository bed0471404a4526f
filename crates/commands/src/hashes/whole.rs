//! All of a hash: HGETALL, HKEYS, HVALS.

use resp::reply;

use crate::hashes::damaged;
use crate::hashes::hash::Hash;
use crate::program::{Program, Stop};

/// HGETALL.
pub(crate) fn hgetall(p: &mut Program<'_>) -> Result<(), Stop> {
    all(p, true, true)
}

/// HKEYS.
pub(crate) fn hkeys(p: &mut Program<'_>) -> Result<(), Stop> {
    all(p, true, false)
}

/// HVALS.
pub(crate) fn hvals(p: &mut Program<'_>) -> Result<(), Stop> {
    all(p, false, true)
}

fn all(p: &mut Program<'_>, fields: bool, values: bool) -> Result<(), Stop> {
    let hash = Hash::existing(p, 1)?;
    let len = match &hash {
        Some(hash) => usize::try_from(hash.len(p.txn)?).map_err(|_| damaged())?,
        None => 0,
    };
    if fields && values {
        reply::map(p.out, p.call.proto, len)
    } else {
        reply::array(p.out, len)
    }
    let mut seen = 0;
    if let Some(hash) = hash {
        hash.walk(p.txn, &mut |entry| {
            seen += 1;
            if fields {
                reply::bulk(p.out, entry.field);
            }
            if values {
                reply::bulk(p.out, entry.value);
            }
            std::ops::ControlFlow::Continue(())
        })?;
    }
    // A reply of another length than it says would shift all that follow.
    if seen == len { Ok(()) } else { Err(damaged().into()) }
}
