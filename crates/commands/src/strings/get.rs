//! GET and its relatives: the value of one key, or a part of it.

use types::root::Root;

use crate::program::{Program, Stop};
use crate::strings::options::{Lifetime, Options};

/// GET.
pub(crate) fn get(p: &mut Program<'_>) -> Result<(), Stop> {
    let root = p.string(&p.key(1))?;
    p.value(root.as_ref());
    Ok(())
}

/// GETDEL: the key is deleted.
pub(crate) fn getdel(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    let root = p.string(&key)?;
    p.value(root.as_ref());
    if root.is_some() {
        p.txn.delete_root(&key)?;
    }
    Ok(())
}

/// GETEX: the key's expiry is set or removed.
pub(crate) fn getex(p: &mut Program<'_>) -> Result<(), Stop> {
    let options = Options::of_getex(p.args())?;
    let key = p.key(1);
    let Some(root) = p.string(&key)? else {
        p.null();
        return Ok(());
    };
    let expire = options.lifetime.expiry(p, root.expire)?;
    p.bulk(&root.value);
    if options.lifetime == Lifetime::Unsaid || expire == root.expire {
        return Ok(());
    }
    if expire.is_some_and(|at| at <= p.txn.now()) {
        p.txn.delete_root(&key)?;
    } else {
        p.txn.put_root(&key, Root { expire, ..root })?;
    }
    Ok(())
}

/// GETRANGE, SUBSTR: from one index to another, both inclusive, negative ones counted from the end.
pub(crate) fn getrange(p: &mut Program<'_>) -> Result<(), Stop> {
    let (start, end) = (p.integer_at(2)?, p.integer_at(3)?);
    let value = p.string(&p.key(1))?.map(|root| root.value).unwrap_or_default();
    p.bulk(part(&value, start, end));
    Ok(())
}

/// STRLEN.
pub(crate) fn strlen(p: &mut Program<'_>) -> Result<(), Stop> {
    let len = p.string(&p.key(1))?.map_or(0, |root| root.value.len());
    p.integer(len as i64);
    Ok(())
}

/// `value[start..=end]` by Redis' rules: what lies outside is cut off, and nothing lies between the wrong way round.
fn part(value: &[u8], start: i64, end: i64) -> &[u8] {
    let len = value.len() as i64;
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let from_start = |index: i64| if index < 0 { len.saturating_add(index).max(0) } else { index };
    let (start, end) = (from_start(start), from_start(end).min(len - 1));
    if start > end { &[] } else { &value[start as usize..=end as usize] }
}
