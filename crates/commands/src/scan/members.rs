//! What SSCAN and its relatives have in common: cursor and options. The key is argument 1, the cursor argument 2.

use resp::reply;

use crate::glob::Pattern;
use crate::program::{Program, Stop};
use crate::scan::{COUNT_DEFAULT, COUNT_MAX};

/// The cursor, as `strtoul` reads it, which Redis does: a sign may stand in front, nothing at all is 0.
pub(crate) fn cursor(p: &Program<'_>) -> Result<u64, Stop> {
    let (negative, digits) = match p.args().at(2) {
        [b'-', digits @ ..] => (true, Some(digits).filter(|digits| !digits.is_empty())),
        [b'+', digits @ ..] => (false, Some(digits).filter(|digits| !digits.is_empty())),
        digits => (false, Some(digits)),
    };
    let number = digits.and_then(|digits| {
        digits.iter().try_fold(0u64, |number, digit| {
            number.checked_mul(10)?.checked_add(u64::from(digit.checked_sub(b'0').filter(|&digit| digit < 10)?))
        })
    });
    match number {
        Some(number) if negative => Ok(number.wrapping_neg()),
        Some(number) => Ok(number),
        None => Err(Stop::refused("ERR invalid cursor")),
    }
}

/// MATCH and COUNT.
pub(crate) struct Options<'a> {
    /// Members per call, 1 or more.
    pub(crate) count: usize,
    pattern: Option<Pattern<'a>>,
    /// Whether `NOVALUES` was said.
    pub(crate) no_values: bool,
}

impl<'a> Options<'a> {
    /// The options, which begin at argument 3.
    pub(crate) fn parse(p: &Program<'a>) -> Result<Options<'a>, Stop> {
        Options::parse_with(p, false)
    }

    /// The options, among which `NOVALUES` may be.
    pub(crate) fn parse_with(p: &Program<'a>, may_have_no_values: bool) -> Result<Options<'a>, Stop> {
        let mut options = Options { count: COUNT_DEFAULT, pattern: None, no_values: false };
        let args = p.args();
        let mut at = 3;
        while at < args.len() {
            let value = at + 1;
            match args.at(at) {
                o if o.eq_ignore_ascii_case(b"match") && value < args.len() => options.pattern = Some(Pattern::new(args.at(value))),
                o if o.eq_ignore_ascii_case(b"count") && value < args.len() => {
                    let count = p.integer_at(value)?;
                    options.count = usize::try_from(count).ok().filter(|&count| count > 0).ok_or_else(Stop::syntax)?.min(COUNT_MAX);
                }
                o if o.eq_ignore_ascii_case(b"novalues") && may_have_no_values => {
                    options.no_values = true;
                    at += 1;
                    continue;
                }
                _ => return Err(Stop::syntax()),
            }
            at += 2;
        }
        Ok(options)
    }

    /// Whether a member matches.
    pub(crate) fn wants(&self, member: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| pattern.matches(member))
    }
}

/// The reply: the next cursor, and an array of bulk strings.
pub(crate) fn reply<B: AsRef<[u8]>>(p: &mut Program<'_>, next: u64, found: &[B]) {
    reply::array(p.out, 2);
    p.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply::array(p.out, found.len());
    for one in found {
        p.bulk(one.as_ref());
    }
}
