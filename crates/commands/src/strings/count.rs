//! INCR and its relatives: numbers in strings.

use bytes::Bytes;
use resp::number::parse_integer;
use types::root::{Kind, Root};

use crate::long_double::LongDouble;
use crate::object::{FLOAT, PLAIN};
use crate::program::{NOT_AN_INTEGER, Program, Stop};

/// INCR.
pub(crate) fn incr(p: &mut Program<'_>) -> Result<(), Stop> {
    add(p, 1)
}

/// DECR.
pub(crate) fn decr(p: &mut Program<'_>) -> Result<(), Stop> {
    add(p, -1)
}

/// INCRBY.
pub(crate) fn incrby(p: &mut Program<'_>) -> Result<(), Stop> {
    let increment = p.integer_at(2)?;
    add(p, increment)
}

/// DECRBY.
pub(crate) fn decrby(p: &mut Program<'_>) -> Result<(), Stop> {
    let decrement = p.integer_at(2)?;
    let increment = decrement.checked_neg().ok_or(Stop::refused("ERR decrement would overflow"))?;
    add(p, increment)
}

/// INCRBYFLOAT.
pub(crate) fn incrbyfloat(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    let root = p.string(&key)?;
    let old = match &root {
        Some(root) => float(&root.value)?,
        None => LongDouble::ZERO,
    };
    let increment = float(p.args().at(2))?;
    let sum = old.plus(increment).ok_or(Stop::refused("ERR increment would produce NaN or Infinity"))?;
    let text = Bytes::from(sum.to_text());
    p.bulk(&text);
    store(p, root, text, FLOAT)
}

fn add(p: &mut Program<'_>, increment: i64) -> Result<(), Stop> {
    let key = p.key(1);
    let root = p.string(&key)?;
    let old = match &root {
        Some(root) => parse_integer(&root.value).ok_or(Stop::refused(NOT_AN_INTEGER))?,
        None => 0,
    };
    let sum = old.checked_add(increment).ok_or(Stop::refused("ERR increment or decrement would overflow"))?;
    store(p, root, Bytes::copy_from_slice(itoa::Buffer::new().format(sum).as_bytes()), PLAIN)?;
    p.integer(sum);
    Ok(())
}

/// Stores a number in the key that had `old`; the expiry stays.
fn store(p: &mut Program<'_>, old: Option<Root>, value: Bytes, encoding: u8) -> Result<(), Stop> {
    let root = match old {
        Some(old) => Root { encoding, value, ..old },
        None => Root { encoding, ..Root::inline(Kind::String, value) },
    };
    Ok(p.txn.put_root(&p.key(1), root)?)
}

fn float(text: &[u8]) -> Result<LongDouble, Stop> {
    LongDouble::parse(text).ok_or(Stop::refused("ERR value is not a valid float"))
}
