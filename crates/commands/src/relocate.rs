//! Values that get another key: RENAME, RENAMENX, COPY, MOVE and SWAPDB.
//!
//! ```text
//!   RENAME within a slot      the root moves, the elements stay: O(1)
//!   RENAME to another slot    elements are copied under a new id: they stand under the slot and database of their key
//!   COPY, MOVE                likewise
//! ```
//! A root is copied as it is, so a copy has the layout, the expiry and the summary of the original, whatever its type.

use resp::number::parse_integer;
use types::root::Root;
use types::txn::{Abort, Database, HashKey, ValueId};

use crate::program::{Program, Stop};
use crate::{elements, value};

/// RENAME: the key gets another name; what had that name is gone.
pub(crate) fn rename(p: &mut Program<'_>) -> Result<(), Stop> {
    let (from, to) = (p.key(1), p.key(2));
    let root = p.live(&from)?.ok_or(Stop::refused(NO_KEY))?;
    if from.name != to.name {
        carry(p, &from, &to, root)?;
    }
    p.ok();
    Ok(())
}

/// RENAMENX: the key gets another name, if nothing has that name.
pub(crate) fn renamenx(p: &mut Program<'_>) -> Result<(), Stop> {
    let (from, to) = (p.key(1), p.key(2));
    let root = p.live(&from)?.ok_or(Stop::refused(NO_KEY))?;
    let free = p.live(&to)?.is_none();
    if free {
        carry(p, &from, &to, root)?;
    }
    p.integer(i64::from(free));
    Ok(())
}

/// MOVE: the key goes to another logical database, if it is not there.
pub(crate) fn shift(p: &mut Program<'_>) -> Result<(), Stop> {
    let database = database(p, 2)?;
    let from = p.key(1);
    let to = HashKey { database, ..from };
    if from == to {
        return Err(Stop::refused(SAME));
    }
    let moved = match p.live(&from)? {
        Some(root) if p.live(&to)?.is_none() => {
            carry(p, &from, &to, root)?;
            true
        }
        _ => false,
    };
    p.integer(i64::from(moved));
    Ok(())
}

/// COPY: another key gets the same value and expiry.
pub(crate) fn copy(p: &mut Program<'_>) -> Result<(), Stop> {
    let (mut replace, mut to, from) = (false, p.key(2), p.key(1));
    let args = p.args();
    let mut at = 3;
    while at < args.len() {
        match args.at(at) {
            option if option.eq_ignore_ascii_case(b"replace") => replace = true,
            option if option.eq_ignore_ascii_case(b"db") && at + 1 < args.len() => {
                at += 1;
                to.database = database(p, at)?;
            }
            _ => return Err(Stop::syntax()),
        }
        at += 1;
    }
    if from == to {
        return Err(Stop::refused(SAME));
    }
    let copied = match p.live(&from)? {
        Some(root) if replace || p.live(&to)?.is_none() => {
            value::check(p.txn, &from, &root)?;
            duplicate(p, &from, &to, root)?;
            true
        }
        _ => false,
    };
    p.integer(i64::from(copied));
    Ok(())
}

/// SWAPDB: each of two logical databases becomes the other.
pub(crate) fn swapdb(p: &mut Program<'_>) -> Result<(), Stop> {
    let number = |index: usize, text: &'static str| {
        parse_integer(p.args().at(index)).and_then(|number| i32::try_from(number).ok()).ok_or(Stop::refused(text))
    };
    let (a, b) = (number(1, "ERR invalid first DB index")?, number(2, "ERR invalid second DB index")?);
    let (a, b) = (in_range(p, a)?, in_range(p, b)?);
    if a != b {
        p.txn.swap(a, b)?;
    }
    p.ok();
    Ok(())
}

/// Gives a value to another key and takes it from its own.
fn carry(p: &mut Program<'_>, from: &HashKey<'_>, to: &HashKey<'_>, root: Root) -> Result<(), Stop> {
    if (from.slot, from.database) == (to.slot, to.database) {
        p.txn.put_root(to, root)?;
        p.txn.forget_root(from)?;
    } else {
        value::check(p.txn, from, &root)?;
        duplicate(p, from, to, root)?;
        p.txn.delete_root(from)?;
    }
    Ok(())
}

fn duplicate(p: &mut Program<'_>, from: &HashKey<'_>, to: &HashKey<'_>, root: Root) -> Result<(), Abort> {
    if root.id == 0 {
        return p.txn.put_root(to, root);
    }
    let id = p.txn.next_id();
    elements::copy(p.txn, ValueId::of(from, root.id), ValueId::of(to, id))?;
    p.txn.put_root(to, Root { id, ..root })
}

/// The logical database that argument `index` names.
fn database(p: &Program<'_>, index: usize) -> Result<Database, Stop> {
    let beyond = "ERR value is out of range, value must between -2147483648 and 2147483647";
    let number = i32::try_from(p.integer_at(index)?).map_err(|_| Stop::refused(beyond))?;
    in_range(p, number)
}

fn in_range(p: &Program<'_>, number: i32) -> Result<Database, Stop> {
    let number = u16::try_from(number).ok().filter(|&number| number < p.limits().databases);
    number.map(Database).ok_or(Stop::refused("ERR DB index is out of range"))
}

const NO_KEY: &str = "ERR no such key";
const SAME: &str = "ERR source and destination objects are the same";

#[cfg(test)]
mod tests;
