//! Numbers in fields: HINCRBY, HINCRBYFLOAT.

use resp::number::parse_integer;

use crate::hashes::hash::{Hash, Lifetime};
use crate::long_double::LongDouble;
use crate::program::{Program, Stop};

/// HINCRBY: the field's expiry stays.
pub(crate) fn hincrby(p: &mut Program<'_>) -> Result<(), Stop> {
    let increment = p.integer_at(3)?;
    let mut hash = Hash::open(p, 1)?;
    let old = match hash.get(p.txn, p.call.args.at(2))? {
        Some(old) => parse_integer(&old.value).ok_or(Stop::refused("ERR hash value is not an integer"))?,
        None => 0,
    };
    let sum = old.checked_add(increment).ok_or(Stop::refused("ERR increment or decrement would overflow"))?;
    hash.put(p.txn, p.call.args.at(2), itoa::Buffer::new().format(sum).as_bytes(), Lifetime::Kept)?;
    hash.store(p.txn)?;
    p.integer(sum);
    Ok(())
}

/// HINCRBYFLOAT: the field's expiry stays.
pub(crate) fn hincrbyfloat(p: &mut Program<'_>) -> Result<(), Stop> {
    let increment = LongDouble::parse(p.args().at(3)).ok_or(Stop::refused("ERR value is not a valid float"))?;
    if increment == LongDouble::Infinite {
        return Err(Stop::refused("ERR value is NaN or Infinity"));
    }
    let mut hash = Hash::open(p, 1)?;
    let old = match hash.get(p.txn, p.call.args.at(2))? {
        Some(old) => LongDouble::parse(&old.value).ok_or(Stop::refused("ERR hash value is not a float"))?,
        None => LongDouble::ZERO,
    };
    let sum = old.plus(increment).ok_or(Stop::refused("ERR increment would produce NaN or Infinity"))?.to_text();
    hash.put(p.txn, p.call.args.at(2), &sum, Lifetime::Kept)?;
    hash.store(p.txn)?;
    p.bulk(&sum);
    Ok(())
}
