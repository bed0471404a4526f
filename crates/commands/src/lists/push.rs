//! LPUSH, RPUSH, LPUSHX, RPUSHX.

use bytes::Bytes;

use crate::counted::End;
use crate::lists::list::List;
use crate::program::{Program, Stop};

/// LPUSH: answers the new length.
pub(crate) fn lpush(p: &mut Program<'_>) -> Result<(), Stop> {
    push(p, End::First, false)
}

/// RPUSH.
pub(crate) fn rpush(p: &mut Program<'_>) -> Result<(), Stop> {
    push(p, End::Last, false)
}

/// LPUSHX: 0 if there is no list.
pub(crate) fn lpushx(p: &mut Program<'_>) -> Result<(), Stop> {
    push(p, End::First, true)
}

/// RPUSHX.
pub(crate) fn rpushx(p: &mut Program<'_>) -> Result<(), Stop> {
    push(p, End::Last, true)
}

fn push(p: &mut Program<'_>, end: End, existing: bool) -> Result<(), Stop> {
    let mut list = if existing {
        let Some(list) = List::existing(p, 1)? else {
            p.integer(0);
            return Ok(());
        };
        list
    } else {
        List::open(p, 1)?
    };
    let elements: Vec<Bytes> = (2..p.args().len()).map(|index| p.value_at(index)).collect();
    list.push(p.txn, end, &elements)?;
    p.integer(list.len() as i64);
    list.store(p.txn)?;
    Ok(())
}
