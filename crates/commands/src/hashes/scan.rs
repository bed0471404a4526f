//! HSCAN: some fields from a cursor on. A packed hash is shown whole, whatever the cursor.

use resp::reply;

use crate::glob::Pattern;
use crate::hashes::hash::Hash;
use crate::program::{Program, Stop};

/// HSCAN.
pub(crate) fn hscan(p: &mut Program<'_>) -> Result<(), Stop> {
    let cursor = cursor(p.args().at(2)).ok_or(Stop::refused("ERR invalid cursor"))?;
    let Some(hash) = Hash::existing(p, 1)? else {
        write(p, 0, 0, &[]);
        return Ok(());
    };
    let options = Options::parse(p)?;
    let (mut shown, mut text) = (0, Vec::new());
    let next = hash.scan(p.txn, cursor, options.count, &mut |entry| {
        if options.pattern.is_none_or(|pattern| pattern.matches(entry.field)) {
            shown += 1;
            reply::bulk(&mut text, entry.field);
            if options.values {
                shown += 1;
                reply::bulk(&mut text, entry.value);
            }
        }
    })?;
    write(p, next, shown, &text);
    Ok(())
}

/// A cursor as C reads an unsigned number: with a sign, or nothing at all.
fn cursor(text: &[u8]) -> Option<u64> {
    let (negative, digits) = match text {
        [] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(if negative { number.wrapping_neg() } else { number })
}

fn write(p: &mut Program<'_>, next: u64, shown: usize, text: &[u8]) {
    reply::array(p.out, 2);
    p.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply::array(p.out, shown);
    p.out.extend_from_slice(text);
}

/// MATCH, COUNT and NOVALUES.
struct Options<'a> {
    pattern: Option<Pattern<'a>>,
    count: usize,
    values: bool,
}

impl<'a> Options<'a> {
    fn parse(p: &Program<'a>) -> Result<Options<'a>, Stop> {
        let mut options = Options { pattern: None, count: COUNT_DEFAULT, values: true };
        let args = p.args();
        let mut at = 3;
        while at < args.len() {
            let has_operand = at + 1 < args.len();
            match args.at(at) {
                o if o.eq_ignore_ascii_case(b"match") && has_operand => {
                    options.pattern = Some(Pattern::new(args.at(at + 1)));
                    at += 2;
                }
                o if o.eq_ignore_ascii_case(b"count") && has_operand => {
                    let count = p.integer_at(at + 1)?;
                    options.count = usize::try_from(count).ok().filter(|&count| count > 0).ok_or_else(Stop::syntax)?.min(COUNT_MAX);
                    at += 2;
                }
                o if o.eq_ignore_ascii_case(b"novalues") => {
                    options.values = false;
                    at += 1;
                }
                _ => return Err(Stop::syntax()),
            }
        }
        Ok(options)
    }
}

/// Fields per call where the client does not say, as in Redis.
const COUNT_DEFAULT: usize = 10;
/// Fields per call at most: the partition does nothing else meanwhile.
const COUNT_MAX: usize = 65_536;
