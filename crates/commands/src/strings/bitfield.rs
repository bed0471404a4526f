//! BITFIELD and BITFIELD_RO: a string as a row of integers of any width, at any bit.
//!
//! All operations of a call are read before the first one runs. One that may write makes the string reach to the end of the farthest field
//! that may be written, as in Redis, also if that one then fails for its overflow.

use resp::number::parse_integer;
use resp::reply;

use crate::object::GROWN;
use crate::program::{Program, Stop};
use crate::strings::bits::offset_at;
use crate::strings::text::Text;

/// BITFIELD: answers an array with the result of each operation.
pub(crate) fn bitfield(p: &mut Program<'_>) -> Result<(), Stop> {
    let operations = operations(p)?;
    run(p, &operations)
}

/// BITFIELD_RO: GET only.
pub(crate) fn bitfield_ro(p: &mut Program<'_>) -> Result<(), Stop> {
    let operations = operations(p)?;
    if operations.iter().any(|operation| operation.action != Action::Get) {
        return Err(Stop::refused("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    run(p, &operations)
}

fn operations(p: &Program<'_>) -> Result<Vec<Operation>, Stop> {
    let args = p.args();
    let (mut operations, mut overflow, mut at) = (Vec::new(), Overflow::Wrap, 2);
    while at < args.len() {
        let behind = args.len() - at - 1;
        let verb = match args.at(at) {
            word if word.eq_ignore_ascii_case(b"overflow") && behind >= 1 => {
                overflow = Overflow::parse(args.at(at + 1))?;
                at += 2;
                continue;
            }
            word if word.eq_ignore_ascii_case(b"get") && behind >= 2 => Verb::Get,
            word if word.eq_ignore_ascii_case(b"set") && behind >= 3 => Verb::Set,
            word if word.eq_ignore_ascii_case(b"incrby") && behind >= 3 => Verb::Add,
            _ => return Err(Stop::syntax()),
        };
        let field = Field::parse(args.at(at + 1))?;
        let offset = offset_at(p, at + 2, Some(u64::from(field.width)))?;
        let action = match verb {
            Verb::Get => Action::Get,
            Verb::Set => Action::Set(p.integer_at(at + 3)?, overflow),
            Verb::Add => Action::Add(p.integer_at(at + 3)?, overflow),
        };
        at += if verb == Verb::Get { 3 } else { 4 };
        operations.push(Operation { field, offset, action });
    }
    Ok(operations)
}

fn run(p: &mut Program<'_>, operations: &[Operation]) -> Result<(), Stop> {
    let (limits, key) = (p.limits(), p.key(1));
    let mut text = p.text(key)?.unwrap_or_else(|| Text::empty(key));
    let len = operations.iter().filter(|operation| operation.action != Action::Get).map(Operation::end).max();
    // As with SETBIT, a string that was set as a whole becomes one that was changed in place.
    let mut save = len.is_some_and(|len| len > text.len() || text.encoding() != GROWN);
    text.grow(p.txn, limits, len.unwrap_or(0))?;
    reply::array(p.out, operations.len());
    for operation in operations {
        let bytes = Window::read(p, &mut text, operation)?;
        let old = bytes.value(operation.field);
        let (new, result) = match operation.action {
            Action::Get => (Some(old), Some(old)),
            Action::Set(value, overflow) => {
                let new = operation.field.fit(operation.field.set(value), overflow);
                (new, new.map(|_| old))
            }
            Action::Add(increment, overflow) => {
                let new = operation.field.fit(operation.field.place(i128::from(old) + i128::from(increment)), overflow);
                (new, new)
            }
        };
        if let Some(new) = new.filter(|&new| new != old) {
            text.write(p.txn, limits, operation.offset / 8, &bytes.with(operation.field, new))?;
            save = true;
        }
        match result {
            Some(result) => p.integer(result),
            None => p.null(),
        }
    }
    if save {
        text.save(p.txn, GROWN)?;
    }
    Ok(())
}

/// One subcommand.
struct Operation {
    field: Field,
    /// Its first bit.
    offset: u64,
    action: Action,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Get,
    Set,
    Add,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Get,
    Set(i64, Overflow),
    Add(i64, Overflow),
}

/// What becomes of a number that a field cannot hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overflow {
    /// Its low bits are taken.
    Wrap,
    /// The nearest number that fits.
    Saturate,
    /// Nothing is written; the result is null.
    Fail,
}

/// An integer type: `u1` to `u63`, `i1` to `i64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    signed: bool,
    width: u32,
}

/// Where a number lies, seen from a field.
enum Placed {
    Inside(i64),
    /// Below or above: the number, and the nearest that fits.
    Outside(i128, i64),
}

/// The bytes that a field lies in.
struct Window {
    /// The bytes as one number.
    bits: u128,
    /// How many bytes: 9 at most.
    len: u32,
    /// Bits behind the field.
    behind: u32,
}

impl Operation {
    /// Bytes of the shortest string that has the whole field.
    fn end(&self) -> u64 {
        (self.offset + u64::from(self.field.width)).div_ceil(8)
    }
}

impl Overflow {
    fn parse(word: &[u8]) -> Result<Overflow, Stop> {
        match word {
            word if word.eq_ignore_ascii_case(b"wrap") => Ok(Overflow::Wrap),
            word if word.eq_ignore_ascii_case(b"sat") => Ok(Overflow::Saturate),
            word if word.eq_ignore_ascii_case(b"fail") => Ok(Overflow::Fail),
            _ => Err(Stop::refused("ERR Invalid OVERFLOW type specified")),
        }
    }
}

impl Field {
    fn parse(word: &[u8]) -> Result<Field, Stop> {
        let (signed, width) = match word {
            [b'i', width @ ..] => (true, width),
            [b'u', width @ ..] => (false, width),
            _ => return Err(Stop::refused(NO_TYPE)),
        };
        let width = parse_integer(width).and_then(|width| u32::try_from(width).ok());
        let width = width.filter(|width| (1..=if signed { 64 } else { 63 }).contains(width)).ok_or(Stop::refused(NO_TYPE))?;
        Ok(Field { signed, width })
    }

    fn max(self) -> i64 {
        let bits = if self.signed { self.width - 1 } else { self.width };
        ((1i128 << bits) - 1) as i64
    }

    fn min(self) -> i64 {
        if self.signed { -self.max() - 1 } else { 0 }
    }

    fn place(self, number: i128) -> Placed {
        let nearest = number.clamp(i128::from(self.min()), i128::from(self.max())) as i64;
        if i128::from(nearest) == number { Placed::Inside(nearest) } else { Placed::Outside(number, nearest) }
    }

    /// Where a number lies that a client wants to have there. What Redis takes for too large is so here: whatever is negative, for an unsigned
    /// field; for a signed one what is so far below that the distance from the largest number is none of 64 bits.
    fn set(self, number: i64) -> Placed {
        match self.place(i128::from(number)) {
            Placed::Outside(far, _) if !self.signed || self.max().checked_sub(number).is_none() => Placed::Outside(far, self.max()),
            placed => placed,
        }
    }

    /// What is written, if anything is.
    fn fit(self, placed: Placed, overflow: Overflow) -> Option<i64> {
        match (placed, overflow) {
            (Placed::Inside(number), _) | (Placed::Outside(_, number), Overflow::Saturate) => Some(number),
            (Placed::Outside(number, _), Overflow::Wrap) => Some(self.number(number as u64)),
            (Placed::Outside(..), Overflow::Fail) => None,
        }
    }

    /// The number that the low bits stand for.
    fn number(self, bits: u64) -> i64 {
        let unused = 64 - self.width;
        if self.signed { ((bits << unused) as i64) >> unused } else { (bits << unused >> unused) as i64 }
    }
}

impl Window {
    fn read(p: &mut Program<'_>, text: &mut Text<'_>, operation: &Operation) -> Result<Window, Stop> {
        let (first, end) = (operation.offset / 8, operation.end());
        let len = (end - first) as u32;
        let stored = text.read(p.txn, first..end)?;
        let bits = stored.iter().fold(0, |bits, &byte| bits << 8 | u128::from(byte)) << (8 * (len - stored.len() as u32));
        let behind = 8 * len - (operation.offset % 8) as u32 - operation.field.width;
        Ok(Window { bits, len, behind })
    }

    fn value(&self, field: Field) -> i64 {
        field.number((self.bits >> self.behind) as u64)
    }

    /// The bytes with another number in the field.
    fn with(&self, field: Field, value: i64) -> Vec<u8> {
        let mask = u128::from(u64::MAX >> (64 - field.width));
        let bits = self.bits & !(mask << self.behind) | (value as u128 & mask) << self.behind;
        bits.to_be_bytes()[16 - self.len as usize..].to_vec()
    }
}

const NO_TYPE: &str = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
