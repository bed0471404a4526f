//! Walking over the keys of a partition: SCAN, KEYS, RANDOMKEY.
//!
//! ```text
//!   partition 0            partition 1            partition 2
//!   slots 0..5460          slots 5461..10922      slots 10923..16383
//!   ├───────┼─────────────┼├──────────────────────┼├──────────────────┤ place = slot | hash48
//!   0       ▲ cursor       ▲ what the last SCAN of partition 0 answers  0: done
//! ```
//! A cursor is a place in the order of keys of the whole table, so it says by itself which partition goes on, and it survives
//! failover, moves and splits. A key that is there during the whole iteration is returned at least once (here: exactly once).

pub(crate) mod members;

use types::args::Args;
use types::root::Kind;
use types::slot::{Cursor, Slot};
use types::txn::Scanned;

use crate::glob::Pattern;
use crate::program::{Program, Stop};

/// The cursor of a SCAN: its slot tells the proxy where to send it.
///
/// # Errors
/// Redis' error text, if it is not a number that SCAN could have answered.
pub fn cursor(args: &Args) -> Result<Cursor, &'static str> {
    args.get(1)
        .and_then(|text| std::str::from_utf8(text).ok())
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse().ok().map(Cursor))
        .filter(|cursor| cursor.slot().is_some())
        .ok_or("ERR invalid cursor")
}

/// SCAN: some keys from the cursor on, and the cursor to go on with.
pub(crate) fn scan(p: &mut Program<'_>) -> Result<(), Stop> {
    let from = cursor(p.args()).map_err(Stop::refused)?;
    let options = Options::parse(p)?;
    let (first, beyond) = bounds(p);
    let (found, next) = if beyond.is_some_and(|beyond| from >= beyond) {
        (Vec::new(), Some(from)) // sent to a partition that the cursor has left behind: the client comes back, better routed
    } else {
        let (found, next) = p.txn.scan(p.call.database, from.max(first), options.count, options.visit())?;
        (found, next.or(beyond))
    };
    let now = p.txn.now();
    let chosen: Vec<&Scanned> = found.iter().filter(|key| !key.root.expired(now) && options.wants(key)).collect();
    resp::reply::array(p.out, 2);
    p.bulk(itoa::Buffer::new().format(next.map_or(0, |next| next.0)).as_bytes());
    resp::reply::array(p.out, chosen.len());
    for key in chosen {
        p.bulk(&key.name);
    }
    Ok(())
}

/// KEYS: all keys of the partition that match.
pub(crate) fn keys(p: &mut Program<'_>) -> Result<(), Stop> {
    let pattern = Pattern::new(p.args().at(1));
    let now = p.txn.now();
    let (mut from, _) = bounds(p);
    let (mut count, mut matching) = (0, Vec::new());
    loop {
        let (found, next) = p.txn.scan(p.call.database, from, KEYS_STEP, KEYS_STEP * VISIT_FACTOR)?;
        for key in found.iter().filter(|key| !key.root.expired(now) && pattern.matches(&key.name)) {
            resp::reply::bulk(&mut matching, &key.name);
            count += 1;
        }
        match next {
            Some(next) => from = next,
            None => break,
        }
    }
    resp::reply::array(p.out, count);
    p.out.extend_from_slice(&matching);
    Ok(())
}

/// RANDOMKEY: the first living key from a random place on, going round the partition once. Keys are spread by their hash, so that each
/// has much the same chance (a key after a wide gap has a better one).
pub(crate) fn randomkey(p: &mut Program<'_>) -> Result<(), Stop> {
    let (first, beyond) = bounds(p);
    if p.txn.count(p.call.database).keys == 0 {
        p.null();
        return Ok(());
    }
    let end = beyond.map_or(u64::from(types::slot::SLOTS) << 48, |beyond| beyond.0);
    let start = Cursor(first.0 + p.txn.random() % (end - first.0));
    let found = match first_living(p, start, None)? {
        Some(key) => Some(key),
        None => first_living(p, first, Some(start))?,
    };
    match found {
        Some(key) => p.bulk(&key.name),
        None => p.null(),
    }
    Ok(())
}

/// The first key at or after `from`, and before `until`, that has not expired.
fn first_living(p: &mut Program<'_>, mut from: Cursor, until: Option<Cursor>) -> Result<Option<Scanned>, Stop> {
    let now = p.txn.now();
    loop {
        let (found, next) = p.txn.scan(p.call.database, from, RANDOM_STEP, RANDOM_STEP * VISIT_FACTOR)?;
        if let Some(key) = found.into_iter().find(|key| !key.root.expired(now)) {
            return Ok(Some(key));
        }
        match next.filter(|next| until.is_none_or(|until| *next < until)) {
            Some(next) => from = next,
            None => return Ok(None),
        }
    }
}

/// The partition's first place, and the first one behind it, unless it is the last partition.
fn bounds(p: &Program<'_>) -> (Cursor, Option<Cursor>) {
    let slots = p.txn.slots();
    let first = Slot::new(*slots.start()).expect("a partition's slots are slots");
    (Cursor::new(first, 0), slots.end().checked_add(1).and_then(Slot::new).map(|slot| Cursor::new(slot, 0)))
}

/// MATCH, COUNT and TYPE.
struct Options<'a> {
    pattern: Option<Pattern<'a>>,
    count: usize,
    kind: Option<Option<Kind>>,
}

impl<'a> Options<'a> {
    fn parse(p: &Program<'a>) -> Result<Options<'a>, Stop> {
        let mut options = Options { pattern: None, count: COUNT_DEFAULT, kind: None };
        let args = p.args();
        for at in (2..args.len()).step_by(2) {
            if at + 1 == args.len() {
                return Err(Stop::syntax());
            }
            match args.at(at) {
                o if o.eq_ignore_ascii_case(b"match") => options.pattern = Some(Pattern::new(args.at(at + 1))),
                o if o.eq_ignore_ascii_case(b"count") => {
                    let count = p.integer_at(at + 1)?;
                    options.count = usize::try_from(count).ok().filter(|&count| count > 0).ok_or_else(Stop::syntax)?.min(COUNT_MAX);
                }
                o if o.eq_ignore_ascii_case(b"type") => {
                    let name = args.at(at + 1);
                    options.kind = Some(Kind::ALL.into_iter().find(|kind| kind.name().as_bytes().eq_ignore_ascii_case(name)));
                }
                _ => return Err(Stop::syntax()),
            }
        }
        Ok(options)
    }

    /// How many records one call may look at: what other databases have in between costs time too.
    fn visit(&self) -> usize {
        (self.count * VISIT_FACTOR).max(VISIT_MIN)
    }

    fn wants(&self, key: &Scanned) -> bool {
        self.pattern.is_none_or(|pattern| pattern.matches(&key.name)) && self.kind.is_none_or(|kind| kind == Some(key.root.kind))
    }
}

/// Keys per call where the client does not say, as in Redis.
const COUNT_DEFAULT: usize = 10;
/// Keys per call at most: the partition does nothing else meanwhile.
const COUNT_MAX: usize = 65_536;
/// Keys that KEYS takes at a time.
const KEYS_STEP: usize = 4096;
/// Keys that RANDOMKEY takes at a time.
const RANDOM_STEP: usize = 4;
/// Records of other databases that are looked at for one of this one.
const VISIT_FACTOR: usize = 10;
/// Records that one SCAN may look at in any case.
const VISIT_MIN: usize = 1000;

#[cfg(test)]
mod tests;
