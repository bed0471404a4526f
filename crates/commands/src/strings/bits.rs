//! SETBIT and GETBIT: a string as a row of bits, the highest bit of its first byte in front.

use resp::number::parse_integer;

use crate::object::GROWN;
use crate::program::{Program, Stop};
use crate::strings::text::Text;

/// GETBIT.
pub(crate) fn getbit(p: &mut Program<'_>) -> Result<(), Stop> {
    let bit = Bit::parse(p)?;
    let on = match p.text(p.key(1))? {
        Some(mut text) => bit.of(p, &mut text)?.is_some_and(|byte| byte & bit.mask != 0),
        None => false,
    };
    p.integer(i64::from(on));
    Ok(())
}

/// SETBIT: answers the old bit. A string that is too short is filled up with zeros; the expiry stays.
pub(crate) fn setbit(p: &mut Program<'_>) -> Result<(), Stop> {
    let bit = Bit::parse(p)?;
    let on = match parse_integer(p.args().at(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(Stop::refused("ERR bit is not an integer or out of range")),
    };
    let key = p.key(1);
    let mut text = p.text(key)?.unwrap_or_else(|| Text::empty(key));
    let byte = bit.of(p, &mut text)?;
    let old = byte.is_some_and(|byte| byte & bit.mask != 0);
    // Only what changes is written; as in Redis, a string that was set as a whole becomes one that was changed in place.
    if byte.is_none() || old != on || text.encoding() != GROWN {
        let byte = byte.unwrap_or(0);
        let byte = if on { byte | bit.mask } else { byte & !bit.mask };
        let limits = p.limits();
        text.write(p.txn, limits, bit.byte, &[byte])?;
        text.save(p.txn, GROWN)?;
    }
    p.integer(i64::from(old));
    Ok(())
}

/// Argument `index` as the place of a bit: `#3` stands for 3 times `width`, where a width is given.
pub(super) fn offset_at(p: &Program<'_>, index: usize, width: Option<u64>) -> Result<u64, Stop> {
    let (text, factor) = match (p.args().at(index), width) {
        ([b'#', text @ ..], Some(width)) => (text, width),
        (text, _) => (text, 1),
    };
    parse_integer(text)
        .and_then(|offset| u64::try_from(offset).ok()?.checked_mul(factor))
        .filter(|offset| offset / 8 < p.limits().value_max)
        .ok_or(Stop::refused("ERR bit offset is not an integer or out of range"))
}

/// A place in a string.
struct Bit {
    byte: u64,
    mask: u8,
}

impl Bit {
    /// The one that argument 2 names, if a string may be so long.
    fn parse(p: &Program<'_>) -> Result<Bit, Stop> {
        let offset = offset_at(p, 2, None)?;
        Ok(Bit { byte: offset / 8, mask: 0x80 >> (offset % 8) })
    }

    /// The byte it lies in, if the string has it.
    fn of(&self, p: &mut Program<'_>, text: &mut Text<'_>) -> Result<Option<u8>, Stop> {
        Ok(text.read(p.txn, self.byte..self.byte + 1)?.first().copied())
    }
}
