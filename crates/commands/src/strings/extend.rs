//! APPEND and SETRANGE: a part of a value is written, the expiry stays.

use crate::object::{GROWN, PLAIN};
use crate::program::{Program, Stop};
use crate::strings::text::{self, Text};

/// APPEND: answers the new length.
pub(crate) fn append(p: &mut Program<'_>) -> Result<(), Stop> {
    let (limits, key) = (p.limits(), p.key(1));
    let tail = p.args().at(2);
    let len = match p.text(key)? {
        None => {
            let value = p.value_at(2);
            text::put(p.txn, limits, &key, value, PLAIN, None)?;
            tail.len() as u64
        }
        Some(mut text) => {
            let len = length(p, text.len(), tail.len())?;
            text.write(p.txn, limits, text.len(), tail)?;
            text.save(p.txn, GROWN)?;
            len
        }
    };
    p.integer(len as i64);
    Ok(())
}

/// SETRANGE: answers the new length. Writing nothing makes no key.
pub(crate) fn setrange(p: &mut Program<'_>) -> Result<(), Stop> {
    let offset = u64::try_from(p.integer_at(2)?).map_err(|_| Stop::refused("ERR offset is out of range"))?;
    let (limits, key) = (p.limits(), p.key(1));
    let text = p.text(key)?;
    let part = p.args().at(3);
    if part.is_empty() {
        p.integer(text.map_or(0, |text| text.len()) as i64);
        return Ok(());
    }
    length(p, offset, part.len())?;
    let mut text = text.unwrap_or_else(|| Text::empty(key));
    text.write(p.txn, limits, offset, part)?;
    let len = text.len();
    text.save(p.txn, GROWN)?;
    p.integer(len as i64);
    Ok(())
}

/// The sum of both lengths, if a string may be that long.
fn length(p: &Program<'_>, head: u64, tail: usize) -> Result<u64, Stop> {
    head.checked_add(tail as u64)
        .filter(|&len| len <= p.limits().value_max)
        .ok_or(Stop::refused("ERR string exceeds maximum allowed size (proto-max-bulk-len)"))
}
