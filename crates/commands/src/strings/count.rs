//! INCR and its relatives: numbers in strings.

use bytes::Bytes;
use resp::number::parse_integer;

use crate::long_double::LongDouble;
use crate::object::{FLOAT, PLAIN};
use crate::program::{NOT_AN_INTEGER, Program, Stop};
use crate::strings::text::{self, Text};

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
    let mut old_text = p.text(key)?;
    let old = match &mut old_text {
        Some(text) => text.short(p.txn, NUMBER_MAX)?.and_then(|text| LongDouble::parse(&text)).ok_or(Stop::refused(NOT_A_FLOAT))?,
        None => LongDouble::ZERO,
    };
    let increment = LongDouble::parse(p.args().at(2)).ok_or(Stop::refused(NOT_A_FLOAT))?;
    let sum = old.plus(increment).ok_or(Stop::refused("ERR increment would produce NaN or Infinity"))?;
    let text = Bytes::from(sum.to_text());
    p.bulk(&text);
    store(p, old_text, text, FLOAT)
}

fn add(p: &mut Program<'_>, increment: i64) -> Result<(), Stop> {
    let key = p.key(1);
    let mut text = p.text(key)?;
    let old = match &mut text {
        Some(text) => text.short(p.txn, NUMBER_MAX)?.and_then(|text| parse_integer(&text)).ok_or(Stop::refused(NOT_AN_INTEGER))?,
        None => 0,
    };
    let sum = old.checked_add(increment).ok_or(Stop::refused("ERR increment or decrement would overflow"))?;
    store(p, text, Bytes::copy_from_slice(itoa::Buffer::new().format(sum).as_bytes()), PLAIN)?;
    p.integer(sum);
    Ok(())
}

/// Stores a number in the key that had `old`; the expiry stays.
fn store(p: &mut Program<'_>, old: Option<Text<'_>>, value: Bytes, encoding: u8) -> Result<(), Stop> {
    let expire = old.and_then(|old| old.expire());
    let (limits, key) = (p.limits(), p.key(1));
    Ok(text::put(p.txn, limits, &key, value, encoding, expire)?)
}

const NOT_A_FLOAT: &str = "ERR value is not a valid float";
/// No longer text is a number.
const NUMBER_MAX: u64 = 8 << 10;
