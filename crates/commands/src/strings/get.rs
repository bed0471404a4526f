//! GET and its relatives: the value of one key, or a part of it.

use std::ops::Range;

use crate::program::{Program, Stop};
use crate::strings::options::{Lifetime, Options};

/// GET.
pub(crate) fn get(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    let root = p.string(&key)?;
    Ok(p.value(&key, root)?)
}

/// GETDEL: the key is deleted.
pub(crate) fn getdel(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    let root = p.string(&key)?;
    let exists = root.is_some();
    p.value(&key, root)?;
    if exists {
        p.txn.delete_root(&key)?;
    }
    Ok(())
}

/// GETEX: the key's expiry is set or removed.
pub(crate) fn getex(p: &mut Program<'_>) -> Result<(), Stop> {
    let options = Options::of_getex(p.args())?;
    let key = p.key(1);
    let Some(mut text) = p.text(key)? else {
        p.null();
        return Ok(());
    };
    let expire = options.lifetime.expiry(p, text.expire())?;
    text.reply(p.txn, p.out)?;
    if options.lifetime == Lifetime::Unsaid || expire == text.expire() {
        return Ok(());
    }
    if expire.is_some_and(|at| at <= p.txn.now()) {
        p.txn.delete_root(&key)?;
    } else {
        text.save_expiry(p.txn, expire)?;
    }
    Ok(())
}

/// GETRANGE, SUBSTR: from one index to another, both inclusive, negative ones counted from the end.
pub(crate) fn getrange(p: &mut Program<'_>) -> Result<(), Stop> {
    let (start, end) = (p.integer_at(2)?, p.integer_at(3)?);
    let part = match p.text(p.key(1))? {
        Some(mut text) => {
            let range = part(text.len(), start, end);
            text.read(p.txn, range)?
        }
        None => Default::default(),
    };
    p.bulk(&part);
    Ok(())
}

/// STRLEN.
pub(crate) fn strlen(p: &mut Program<'_>) -> Result<(), Stop> {
    let len = p.text(p.key(1))?.map_or(0, |text| text.len());
    p.integer(len as i64);
    Ok(())
}

/// `start..=end` of a string of `len` bytes by Redis' rules: what lies outside is cut off, and nothing lies between the wrong way round.
fn part(len: u64, start: i64, end: i64) -> Range<u64> {
    let len = len as i64;
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let from_start = |index: i64| if index < 0 { len.saturating_add(index).max(0) } else { index };
    let (start, end) = (from_start(start), from_start(end).min(len - 1));
    if start > end { 0..0 } else { start as u64..end as u64 + 1 }
}
