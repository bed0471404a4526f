//! XTRIM, and the trimming that XADD does: entries are removed from the beginning of a stream.
//!
//! Exact trimming (`=`) removes entry by entry. Approximate trimming (`~`) removes whole nodes only, as Redis does (see
//! [`super::node`]), and no more than `LIMIT` entries. Both cost what they remove.

use resp::number::parse_integer;
use types::args::Args;
use types::limits::Limits;
use types::txn::{Abort, HashKeyTxn};

use crate::elements::STEP;
use crate::program::{NOT_AN_INTEGER, Program, Stop};
use crate::streams::id::{self, Id, NewId};
use crate::streams::stream::Stream;

/// XTRIM.
pub(crate) fn xtrim(p: &mut Program<'_>) -> Result<(), Stop> {
    let options = Options::parse(p.args(), p.limits(), false)?;
    let trim = options.trim.ok_or(Stop::syntax())?;
    let Some(mut stream) = Stream::open(p, p.key(1))? else {
        p.integer(0);
        return Ok(());
    };
    let removed = trim.apply(p.txn, &mut stream)?;
    if removed > 0 {
        stream.save(p.txn)?;
    }
    p.integer(i64::try_from(removed).unwrap_or(i64::MAX));
    Ok(())
}

/// What stands between the key and the fields of an XADD, or behind the key of an XTRIM.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    /// What to trim.
    pub(super) trim: Option<Trim>,
    /// Whether a stream that does not exist stays so.
    pub(super) no_create: bool,
    /// The id and where it stands, if there is one (XADD).
    pub(super) id: Option<(NewId, usize)>,
}

/// What to remove.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trim {
    keep: Keep,
    approximate: bool,
    /// How many entries are removed at most.
    limit: u64,
}

/// What may stay.
#[derive(Debug, Clone, Copy)]
enum Keep {
    /// So many of the last entries.
    Length(u64),
    /// Entries from this id on.
    From(Id),
}

impl Options {
    /// Reads the options of an XADD or an XTRIM.
    pub(super) fn parse(args: &Args, limits: &Limits, xadd: bool) -> Result<Options, Stop> {
        let (mut keep, mut approximate, mut limit, mut no_create, mut id) = (None, false, None, false, None);
        let mut at = 2;
        while at < args.len() {
            let (word, more) = (args.at(at), args.len() - 1 - at);
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if xadd && word == b"*" {
                id = Some((NewId::Auto, at));
                break;
            } else if (is("maxlen") || is("minid")) && more > 0 {
                if keep.is_some() {
                    return Err(Stop::refused("ERR syntax error, MAXLEN and MINID options at the same time are not compatible"));
                }
                let operator = Some(args.at(at + 1)).filter(|&operator| more >= 2 && matches!(operator, b"~" | b"="));
                approximate = operator == Some(b"~");
                at += 1 + usize::from(operator.is_some());
                keep = Some(if is("maxlen") { Keep::length(args.at(at))? } else { Keep::From(id::strict(args.at(at))?) });
            } else if is("limit") && more > 0 {
                at += 1;
                limit = Some(unsigned(args.at(at), "ERR The LIMIT argument must be >= 0.")?);
            } else if xadd && is("nomkstream") {
                no_create = true;
            } else if xadd {
                id = Some((NewId::parse(word).ok_or(Stop::refused(id::INVALID))?, at));
                break;
            } else {
                return Err(Stop::syntax());
            }
            at += 1;
        }
        if keep.is_none() && limit.is_some_and(|limit| limit > 0) {
            return Err(Stop::refused("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"));
        }
        if keep.is_none() && !xadd {
            return Err(Stop::refused("ERR syntax error, XTRIM must be called with a trimming strategy"));
        }
        if limit.is_some() && !approximate {
            return Err(Stop::refused("ERR syntax error, LIMIT cannot be used without the special ~ option"));
        }
        let limit = match limit {
            Some(0) => u64::MAX,
            Some(limit) => limit,
            None if approximate => default_limit(limits),
            None => u64::MAX,
        };
        Ok(Options { trim: keep.map(|keep| Trim { keep, approximate, limit }), no_create, id })
    }
}

impl Trim {
    /// Trims a stream and says how many entries went.
    pub(super) fn apply(&self, txn: &mut dyn HashKeyTxn, stream: &mut Stream<'_>) -> Result<u64, Abort> {
        let before = stream.len();
        if self.approximate {
            self.nodes(txn, stream)?
        } else {
            self.entries(txn, stream)?
        }
        if stream.len() == 0 {
            stream.head.first = Id::MIN;
        }
        Ok(before - stream.len())
    }

    /// Removes entry by entry.
    fn entries(&self, txn: &mut dyn HashKeyTxn, stream: &mut Stream<'_>) -> Result<(), Abort> {
        if !self.may_go(stream, 1, stream.head.first) {
            return Ok(());
        }
        loop {
            let found = stream.heads(txn, stream.head.first, STEP)?;
            for &(id, node) in &found {
                // So that the next walk begins here, whatever comes.
                stream.head.first = id;
                if !self.may_go(stream, 1, id) {
                    return Ok(());
                }
                stream.remove(txn, node, &[id]);
            }
            if found.len() < STEP {
                return Ok(());
            }
        }
    }

    /// Removes node by node.
    fn nodes(&self, txn: &mut dyn HashKeyTxn, stream: &mut Stream<'_>) -> Result<(), Abort> {
        let (mut from, mut removed) = (stream.head.first, 0);
        let mut node: (u64, Vec<Id>) = (0, Vec::new());
        loop {
            let found = stream.heads(txn, from, STEP)?;
            for &(id, number) in &found {
                if number != node.0 && !node.1.is_empty() {
                    removed += node.1.len() as u64;
                    stream.remove(txn, node.0, &node.1);
                    node.1.clear();
                }
                if node.1.is_empty() {
                    stream.head.first = id;
                }
                node.0 = number;
                node.1.push(id);
                let len = node.1.len() as u64;
                if removed + len > self.limit || !self.may_go(stream, len, id) {
                    return Ok(());
                }
            }
            match found.last().and_then(|(last, _)| last.next()).filter(|_| found.len() == STEP) {
                Some(next) => from = next,
                None => {
                    stream.remove(txn, node.0, &node.1);
                    return Ok(());
                }
            }
        }
    }

    /// Whether the first `count` entries, of which this is the last, may go.
    fn may_go(&self, stream: &Stream<'_>, count: u64, id: Id) -> bool {
        match self.keep {
            Keep::Length(length) => stream.len().checked_sub(count).is_some_and(|left| left >= length),
            Keep::From(first) => stream.len() >= count && id < first,
        }
    }
}

impl Keep {
    fn length(text: &[u8]) -> Result<Keep, Stop> {
        unsigned(text, "ERR The MAXLEN argument must be >= 0.").map(Keep::Length)
    }
}

fn unsigned(text: &[u8], negative: &'static str) -> Result<u64, Stop> {
    let number = parse_integer(text).ok_or(Stop::refused(NOT_AN_INTEGER))?;
    u64::try_from(number).map_err(|_| Stop::refused(negative))
}

/// What approximate trimming removes at most where nothing is said: a hundred nodes.
fn default_limit(limits: &Limits) -> u64 {
    match 100 * u64::from(limits.stream_node_entries) {
        0 => 10_000,
        limit => limit.min(1_000_000),
    }
}
