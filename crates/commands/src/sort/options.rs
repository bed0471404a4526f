//! The options of SORT.

use std::ops::Range;

use crate::program::{Program, Stop};
use crate::sort::pattern::{self, Pattern};

/// What a client asks for.
pub(super) struct Options<'a> {
    /// BY.
    pub(super) by: By<'a>,
    /// GET, in order.
    pub(super) get: Vec<Pattern<'a>>,
    /// ALPHA: texts are compared, not numbers.
    pub(super) alpha: bool,
    /// DESC.
    pub(super) descending: bool,
    /// Index of the argument behind STORE.
    pub(super) store: Option<usize>,
    /// LIMIT: offset and count; a negative count is no bound.
    limit: (i64, i64),
}

/// What is sorted by.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    /// The elements themselves.
    Element,
    /// Nothing: the order in which the elements are stored.
    Nothing,
    /// Other keys.
    Pattern(Pattern<'a>),
}

impl<'a> Options<'a> {
    pub(super) fn parse(p: &Program<'a>, writes: bool) -> Result<Options<'a>, Stop> {
        let mut options = Options { by: By::Element, get: Vec::new(), alpha: false, descending: false, store: None, limit: (0, -1) };
        let args = p.args();
        let mut at = 2;
        while at < args.len() {
            let more = args.len() - at - 1;
            match args.at(at) {
                option if option.eq_ignore_ascii_case(b"asc") => options.descending = false,
                option if option.eq_ignore_ascii_case(b"desc") => options.descending = true,
                option if option.eq_ignore_ascii_case(b"alpha") => options.alpha = true,
                option if option.eq_ignore_ascii_case(b"limit") && more >= 2 => {
                    options.limit = (p.integer_at(at + 1)?, p.integer_at(at + 2)?);
                    at += 2;
                }
                option if option.eq_ignore_ascii_case(b"store") && more >= 1 && writes => {
                    at += 1;
                    options.store = Some(at);
                }
                option if option.eq_ignore_ascii_case(b"by") && more >= 1 => {
                    at += 1;
                    let pattern = Pattern::new(args.at(at));
                    // As in Redis, a pattern does not undo an earlier constant.
                    options.by = match options.by {
                        By::Element | By::Pattern(_) if pattern.has_place() => By::Pattern(pattern),
                        _ => By::Nothing,
                    };
                    check(p, pattern, pattern::BY_DENIED)?;
                }
                option if option.eq_ignore_ascii_case(b"get") && more >= 1 => {
                    at += 1;
                    let pattern = Pattern::new(args.at(at));
                    check(p, pattern, pattern::GET_DENIED)?;
                    options.get.push(pattern);
                }
                _ => return Err(Stop::syntax()),
            }
            at += 1;
        }
        Ok(options)
    }

    /// Which of so many elements LIMIT chooses.
    pub(super) fn range(&self, len: u64) -> Range<u64> {
        let (offset, count) = self.limit;
        let start = u64::try_from(offset).unwrap_or(0).min(len);
        let end = u64::try_from(count).map_or(len, |count| start.saturating_add(count).min(len));
        start..end
    }
}

fn check(p: &Program<'_>, pattern: Pattern<'_>, refusal: &'static str) -> Result<(), Stop> {
    if pattern.stays(&p.key(1), &p.txn.slots()) { Ok(()) } else { Err(Stop::refused(refusal)) }
}
