//! `FIELDS numfields field [field ...]`, and the times that stand in front of it.

use std::ops::Range;

use types::time::UnixMs;

use crate::expiry::{self, Base, Unit};
use crate::program::{Program, Stop};

/// Indices of the fields of a list that begins with the word FIELDS at argument `at` and is the rest of the command.
pub(super) fn parse(p: &Program<'_>, at: usize) -> Result<Range<usize>, Stop> {
    parse_or(p, at, "ERR Number of fields must be a positive integer")
}

/// The same with another text for a number that is not positive.
pub(super) fn parse_or(p: &Program<'_>, at: usize, not_positive: &'static str) -> Result<Range<usize>, Stop> {
    let args = p.args();
    if !args.get(at).is_some_and(|word| word.eq_ignore_ascii_case(b"fields")) {
        return Err(Stop::refused("ERR Mandatory argument FIELDS is missing or not at the right position"));
    }
    let count = args.get(at + 1).and_then(resp::number::parse_integer).filter(|&count| count > 0);
    let count = count.ok_or(Stop::refused(not_positive))?;
    let fields = at + 2..args.len();
    if usize::try_from(count) != Ok(fields.len()) {
        return Err(Stop::refused("ERR The `numfields` parameter must match the number of arguments"));
    }
    Ok(fields)
}

/// The point in time that argument `index` means. Fields cannot live as long as keys can.
pub(super) fn time_at(p: &Program<'_>, index: usize, unit: Unit, base: Base) -> Result<UnixMs, Stop> {
    let number = p.integer_at(index)?;
    if number < 0 {
        return Err(Stop::refused("ERR invalid expire time, must be >= 0"));
    }
    expiry::time(number, unit, base, p.txn.now()).filter(|at| at.0 <= TIME_MAX).ok_or_else(|| expiry::invalid_time(p))
}

/// EX, PX, EXAT, PXAT: the words in front of times.
pub(super) fn time_word(word: &[u8]) -> Option<(Unit, Base)> {
    match word {
        o if o.eq_ignore_ascii_case(b"ex") => Some((Unit::Seconds, Base::Now)),
        o if o.eq_ignore_ascii_case(b"px") => Some((Unit::Milliseconds, Base::Now)),
        o if o.eq_ignore_ascii_case(b"exat") => Some((Unit::Seconds, Base::Epoch)),
        o if o.eq_ignore_ascii_case(b"pxat") => Some((Unit::Milliseconds, Base::Epoch)),
        _ => None,
    }
}

/// The latest expiry of a field, in milliseconds since 1970, as in Redis: the year 4199.
const TIME_MAX: i64 = (1 << 46) - 1;
