//! SETBIT and GETBIT: a string as a row of bits, the highest bit of its first byte in front.

use resp::number::parse_integer;
use types::root::{Kind, Root};

use crate::object::GROWN;
use crate::program::{Program, Stop};

/// GETBIT.
pub(crate) fn getbit(p: &mut Program<'_>) -> Result<(), Stop> {
    let bit = Bit::parse(p)?;
    let root = p.string(&p.key(1))?;
    p.integer(i64::from(root.is_some_and(|root| bit.is_set(&root.value))));
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
    let root = p.string(&key)?;
    let old = root.as_ref().is_some_and(|root| bit.is_set(&root.value));
    // Only what changes is written; as in Redis, a string that was set as a whole becomes one that was changed in place.
    let same = root.as_ref().is_some_and(|root| old == on && bit.byte < root.value.len() && root.encoding == GROWN);
    if !same {
        let root = root.unwrap_or_else(|| Root::inline(Kind::String, Default::default()));
        let len = root.value.len().max(bit.byte + 1);
        let mut value = Vec::with_capacity(len);
        value.extend_from_slice(&root.value);
        value.resize(len, 0);
        value[bit.byte] = if on { value[bit.byte] | bit.mask } else { value[bit.byte] & !bit.mask };
        p.txn.put_root(&key, Root { encoding: GROWN, value: value.into(), ..root })?;
    }
    p.integer(i64::from(old));
    Ok(())
}

/// A place in a string.
struct Bit {
    byte: usize,
    mask: u8,
}

impl Bit {
    /// The one that argument 2 names, if a string may be so long.
    fn parse(p: &Program<'_>) -> Result<Bit, Stop> {
        parse_integer(p.args().at(2))
            .and_then(|offset| usize::try_from(offset).ok())
            .map(|offset| Bit { byte: offset / 8, mask: 0x80 >> (offset % 8) })
            .filter(|bit| (bit.byte as u64) < p.limits().value_max)
            .ok_or(Stop::refused("ERR bit offset is not an integer or out of range"))
    }

    fn is_set(&self, value: &[u8]) -> bool {
        value.get(self.byte).is_some_and(|byte| byte & self.mask != 0)
    }
}
