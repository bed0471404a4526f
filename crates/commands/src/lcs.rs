//! LCS: the longest common subsequence of two strings.
//!
//! Two rows of lengths give the length. To walk back from the end, one bit per cell is kept: whether the longer way is up. That is a
//! 32nd of what a table of lengths takes; the time is the product of the lengths either way and is bounded by [`CELLS_MAX`].

use resp::reply;
use types::root::Kind;

use crate::program::{Program, Stop};
use crate::strings::text::Text;

/// LCS with LEN, IDX, MINMATCHLEN, WITHMATCHLEN.
pub(crate) fn lcs(p: &mut Program<'_>) -> Result<(), Stop> {
    let (mut a, mut b) = (text(p, 1)?, text(p, 2)?);
    let options = Options::parse(p)?;
    if a.len().checked_mul(b.len()).is_none_or(|cells| cells > CELLS_MAX) {
        return Err(Stop::refused("ERR Insufficient memory, failed allocating transient memory for LCS"));
    }
    let (a, b) = (a.whole(p.txn)?, b.whole(p.txn)?);
    let table = Table::new(&a, &b, options.answer != Answer::Length);
    match options.answer {
        Answer::Length => p.integer(table.length as i64),
        Answer::Text => {
            let mut text: Vec<u8> = Vec::with_capacity(table.length);
            for run in table.runs(&a, &b) {
                text.extend(a[run.a..run.a + run.len].iter().rev());
            }
            text.reverse();
            p.bulk(&text);
        }
        Answer::Places => places(p, &table, &a, &b, &options),
    }
    Ok(())
}

/// The places of the common parts, the last one first.
fn places(p: &mut Program<'_>, table: &Table, a: &[u8], b: &[u8], options: &Options) {
    let runs: Vec<Run> = table.runs(a, b).filter(|run| run.len as i64 >= options.min_len).collect();
    reply::map(p.out, p.proto(), 2);
    p.bulk(b"matches");
    reply::array(p.out, runs.len());
    for run in runs {
        reply::array(p.out, if options.with_len { 3 } else { 2 });
        for start in [run.a, run.b] {
            reply::array(p.out, 2);
            p.integer(start as i64);
            p.integer((start + run.len - 1) as i64);
        }
        if options.with_len {
            p.integer(run.len as i64);
        }
    }
    p.bulk(b"len");
    p.integer(table.length as i64);
}

/// The string of key `index`; empty, if there is none.
fn text<'a>(p: &mut Program<'a>, index: usize) -> Result<Text<'a>, Stop> {
    let key = p.key(index);
    match p.live(&key)? {
        Some(root) if root.kind != Kind::String => Err(Stop::refused("ERR The specified keys must contain string values")),
        Some(root) => Ok(Text::open(key, root)?),
        None => Ok(Text::empty(key)),
    }
}

struct Options {
    answer: Answer,
    min_len: i64,
    with_len: bool,
}

#[derive(PartialEq, Eq)]
enum Answer {
    Text,
    Length,
    Places,
}

impl Options {
    fn parse(p: &Program<'_>) -> Result<Options, Stop> {
        let (mut length, mut places) = (false, false);
        let mut options = Options { answer: Answer::Text, min_len: 0, with_len: false };
        let args = p.args();
        let mut at = 3;
        while at < args.len() {
            match args.at(at) {
                o if o.eq_ignore_ascii_case(b"idx") => places = true,
                o if o.eq_ignore_ascii_case(b"len") => length = true,
                o if o.eq_ignore_ascii_case(b"withmatchlen") => options.with_len = true,
                o if o.eq_ignore_ascii_case(b"minmatchlen") && at + 1 < args.len() => {
                    at += 1;
                    options.min_len = p.integer_at(at)?;
                }
                _ => return Err(Stop::syntax()),
            }
            at += 1;
        }
        options.answer = match (length, places) {
            (true, true) => return Err(Stop::refused("ERR If you want both the length and indexes, please just use IDX.")),
            (true, false) => Answer::Length,
            (false, true) => Answer::Places,
            (false, false) => Answer::Text,
        };
        Ok(options)
    }
}

/// Bytes that are equal and side by side in both strings.
struct Run {
    a: usize,
    b: usize,
    len: usize,
}

/// What remains of the lengths of the longest common subsequences of all prefixes.
struct Table {
    /// That of the whole strings.
    length: usize,
    /// Bit `i * b.len() + j`: leaving out `a[i]` keeps more than leaving out `b[j]`. Empty, if nobody walks back.
    up: Vec<u64>,
    width: usize,
}

impl Table {
    fn new(a: &[u8], b: &[u8], walk: bool) -> Table {
        let mut up = vec![0u64; if walk { (a.len() * b.len()).div_ceil(64) } else { 0 }];
        let mut row = vec![0u32; b.len() + 1]; // of a's prefix before byte i, overwritten from the left by that with byte i
        for (i, &x) in a.iter().enumerate() {
            let mut diagonal = 0;
            for (j, &y) in b.iter().enumerate() {
                let (above, left) = (row[j + 1], row[j]);
                row[j + 1] = if x == y { diagonal + 1 } else { above.max(left) };
                diagonal = above;
                if walk && above > left {
                    let bit = i * b.len() + j;
                    up[bit / 64] |= 1 << (bit % 64);
                }
            }
        }
        Table { length: row[b.len()] as usize, up, width: b.len() }
    }

    /// The common parts from the end to the start. Where two ways are equally long, `b` is shortened first, as in Redis.
    fn runs<'t>(&'t self, a: &'t [u8], b: &'t [u8]) -> impl Iterator<Item = Run> + 't {
        let (mut i, mut j) = (a.len(), b.len());
        std::iter::from_fn(move || {
            let mut len = 0;
            while i > 0 && j > 0 {
                if a[i - 1] == b[j - 1] {
                    (i, j, len) = (i - 1, j - 1, len + 1);
                } else if len > 0 {
                    break;
                } else if self.is_up(i - 1, j - 1) {
                    i -= 1;
                } else {
                    j -= 1;
                }
            }
            (len > 0).then_some(Run { a: i, b: j, len })
        })
    }

    fn is_up(&self, i: usize, j: usize) -> bool {
        let bit = i * self.width + j;
        self.up[bit / 64] >> (bit % 64) & 1 == 1
    }
}

/// Two strings of 16 KiB: a third of a second and 32 MiB.
const CELLS_MAX: u64 = 1 << 28;

#[cfg(test)]
mod tests;
