//! When fields cease to exist: HEXPIRE and its relatives, HTTL and its relatives, HPERSIST.

use types::time::UnixMs;

use crate::expiry::{Base, Unit};
use crate::hashes::fields::{self, time_at};
use crate::hashes::hash::{Hash, Lifetime};
use crate::program::{Program, Stop};

/// HEXPIRE: seconds from now.
pub(crate) fn hexpire(p: &mut Program<'_>) -> Result<(), Stop> {
    set(p, Unit::Seconds, Base::Now)
}

/// HPEXPIRE: milliseconds from now.
pub(crate) fn hpexpire(p: &mut Program<'_>) -> Result<(), Stop> {
    set(p, Unit::Milliseconds, Base::Now)
}

/// HEXPIREAT: seconds since 1970.
pub(crate) fn hexpireat(p: &mut Program<'_>) -> Result<(), Stop> {
    set(p, Unit::Seconds, Base::Epoch)
}

/// HPEXPIREAT: milliseconds since 1970.
pub(crate) fn hpexpireat(p: &mut Program<'_>) -> Result<(), Stop> {
    set(p, Unit::Milliseconds, Base::Epoch)
}

/// HTTL: seconds from now.
pub(crate) fn httl(p: &mut Program<'_>) -> Result<(), Stop> {
    tell(p, Unit::Seconds, Base::Now)
}

/// HPTTL: milliseconds from now.
pub(crate) fn hpttl(p: &mut Program<'_>) -> Result<(), Stop> {
    tell(p, Unit::Milliseconds, Base::Now)
}

/// HEXPIRETIME: seconds since 1970.
pub(crate) fn hexpiretime(p: &mut Program<'_>) -> Result<(), Stop> {
    tell(p, Unit::Seconds, Base::Epoch)
}

/// HPEXPIRETIME: milliseconds since 1970.
pub(crate) fn hpexpiretime(p: &mut Program<'_>) -> Result<(), Stop> {
    tell(p, Unit::Milliseconds, Base::Epoch)
}

/// HPERSIST: the fields live as long as their hash.
pub(crate) fn hpersist(p: &mut Program<'_>) -> Result<(), Stop> {
    let mut hash = Hash::existing(p, 1)?;
    let fields = fields::parse(p, 2)?;
    resp::reply::array(p.out, fields.len());
    for index in fields {
        let field = p.call.args.at(index);
        let found = match &hash {
            Some(hash) => hash.get(p.txn, field)?,
            None => None,
        };
        let answer = match (found, &mut hash) {
            (Some(found), Some(hash)) if found.expire.is_some() => {
                hash.put(p.txn, field, &found.value, Lifetime::Endless)?;
                DONE
            }
            (Some(_), _) => NO_EXPIRY,
            _ => NO_FIELD,
        };
        p.integer(answer);
    }
    if let Some(hash) = hash {
        hash.store(p.txn)?;
    }
    Ok(())
}

fn set(p: &mut Program<'_>, unit: Unit, base: Base) -> Result<(), Stop> {
    let mut hash = Hash::existing(p, 1)?;
    let at = time_at(p, 2, unit, base)?;
    let condition = Condition::of(p.args().at(3));
    let first = if condition.is_some() { 4 } else { 3 };
    let fields = fields::parse_or(p, first, "ERR Parameter `numFields` should be greater than 0")?;
    resp::reply::array(p.out, fields.len());
    for index in fields {
        let answer = match &mut hash {
            Some(hash) => set_one(p, hash, index, condition, at)?,
            None => NO_FIELD,
        };
        p.integer(answer);
    }
    if let Some(hash) = hash {
        hash.store(p.txn)?;
    }
    Ok(())
}

/// Sets the expiry of the field that argument `index` names, if it is there and the condition holds; what is past is removed.
fn set_one(p: &mut Program<'_>, hash: &mut Hash<'_>, index: usize, condition: Option<Condition>, at: UnixMs) -> Result<i64, Stop> {
    let field = p.call.args.at(index);
    let Some(found) = hash.get(p.txn, field)? else { return Ok(NO_FIELD) };
    if condition.is_some_and(|condition| !condition.allows(found.expire, at)) {
        return Ok(NOT_ALLOWED);
    }
    if at <= p.txn.now() {
        hash.remove(p.txn, field)?;
        return Ok(REMOVED);
    }
    hash.put(p.txn, field, &found.value, Lifetime::Until(at))?;
    Ok(DONE)
}

fn tell(p: &mut Program<'_>, unit: Unit, base: Base) -> Result<(), Stop> {
    let hash = Hash::existing(p, 1)?;
    let fields = fields::parse(p, 2)?;
    resp::reply::array(p.out, fields.len());
    for index in fields {
        let found = match &hash {
            Some(hash) => hash.get(p.txn, p.call.args.at(index))?,
            None => None,
        };
        let answer = match found.map(|found| found.expire) {
            None => NO_FIELD,
            Some(None) => NO_EXPIRY,
            Some(Some(at)) => {
                let ms = match base {
                    Base::Now => at.0.saturating_sub(p.txn.now().0).max(0),
                    Base::Epoch => at.0,
                };
                match unit {
                    Unit::Seconds => ms / 1000 + i64::from(ms % 1000 > 0),
                    Unit::Milliseconds => ms,
                }
            }
        };
        p.integer(answer);
    }
    Ok(())
}

/// NX, XX, GT, LT: what has to hold for an expiry to be set.
#[derive(Debug, Clone, Copy)]
enum Condition {
    None,
    Some,
    Later,
    Earlier,
}

impl Condition {
    /// The condition that this word stands for.
    fn of(word: &[u8]) -> Option<Condition> {
        match word {
            o if o.eq_ignore_ascii_case(b"nx") => Some(Condition::None),
            o if o.eq_ignore_ascii_case(b"xx") => Some(Condition::Some),
            o if o.eq_ignore_ascii_case(b"gt") => Some(Condition::Later),
            o if o.eq_ignore_ascii_case(b"lt") => Some(Condition::Earlier),
            _ => None,
        }
    }

    /// Whether an expiry of `old` may become `new`. No expiry is later than any.
    fn allows(self, old: Option<UnixMs>, new: UnixMs) -> bool {
        match self {
            Condition::None => old.is_none(),
            Condition::Some => old.is_some(),
            Condition::Later => old.is_some_and(|old| new > old),
            Condition::Earlier => old.is_none_or(|old| new < old),
        }
    }
}

/// There is no such field.
const NO_FIELD: i64 = -2;
/// The field has no expiry.
const NO_EXPIRY: i64 = -1;
/// The condition does not hold.
const NOT_ALLOWED: i64 = 0;
/// The expiry was set, or removed.
const DONE: i64 = 1;
/// The field was removed, because the time is past.
const REMOVED: i64 = 2;
