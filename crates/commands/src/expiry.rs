//! When keys cease to exist: EXPIRE and its relatives, TTL and its relatives, PERSIST.

use types::root::{Kind, Root};
use types::time::UnixMs;
use types::txn::{Abort, HashKey};

use crate::hashes::lifetime;
use crate::program::{Program, Stop};

/// EXPIRE: seconds from now.
pub(crate) fn expire(p: &mut Program<'_>) -> Result<(), Stop> {
    set(p, Unit::Seconds, Base::Now)
}

/// PEXPIRE: milliseconds from now.
pub(crate) fn pexpire(p: &mut Program<'_>) -> Result<(), Stop> {
    set(p, Unit::Milliseconds, Base::Now)
}

/// EXPIREAT: seconds since 1970.
pub(crate) fn expireat(p: &mut Program<'_>) -> Result<(), Stop> {
    set(p, Unit::Seconds, Base::Epoch)
}

/// PEXPIREAT: milliseconds since 1970.
pub(crate) fn pexpireat(p: &mut Program<'_>) -> Result<(), Stop> {
    set(p, Unit::Milliseconds, Base::Epoch)
}

/// TTL: seconds from now.
pub(crate) fn ttl(p: &mut Program<'_>) -> Result<(), Stop> {
    tell(p, Unit::Seconds, Base::Now)
}

/// PTTL: milliseconds from now.
pub(crate) fn pttl(p: &mut Program<'_>) -> Result<(), Stop> {
    tell(p, Unit::Milliseconds, Base::Now)
}

/// EXPIRETIME: seconds since 1970.
pub(crate) fn expiretime(p: &mut Program<'_>) -> Result<(), Stop> {
    tell(p, Unit::Seconds, Base::Epoch)
}

/// PEXPIRETIME: milliseconds since 1970.
pub(crate) fn pexpiretime(p: &mut Program<'_>) -> Result<(), Stop> {
    tell(p, Unit::Milliseconds, Base::Epoch)
}

/// PERSIST: the key lives for ever.
pub(crate) fn persist(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    let (root, expire) = live(p, &key)?;
    if let Some(root) = root.filter(|_| expire.is_some()) {
        p.txn.put_root(&key, with(root, None)?)?;
    }
    p.integer(i64::from(expire.is_some()));
    Ok(())
}

/// When the key of a root expires. Of a hash the root's `expire` may be another time: when its last field goes.
pub(crate) fn of(root: &Root) -> Result<Option<UnixMs>, Abort> {
    if root.kind == Kind::Hash { lifetime::own(root) } else { Ok(root.expire) }
}

/// The root of a key that expires at `expire`, see [`of`].
pub(crate) fn with(root: Root, expire: Option<UnixMs>) -> Result<Root, Abort> {
    if root.kind == Kind::Hash { lifetime::with_own(root, expire) } else { Ok(Root { expire, ..root }) }
}

/// What a number of time units counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// What a number of time units counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// The time of the command.
    Now,
    /// 1970.
    Epoch,
}

/// The point in time that `number` means; `None` if it does not fit into 64 bits of milliseconds.
pub(crate) fn time(number: i64, unit: Unit, base: Base, now: UnixMs) -> Option<UnixMs> {
    let span = match unit {
        Unit::Seconds => number.checked_mul(1000)?,
        Unit::Milliseconds => number,
    };
    match base {
        Base::Now => span.checked_add(now.0),
        Base::Epoch => Some(span),
    }
    .map(UnixMs)
}

/// Redis' refusal of a time that is out of range.
pub(crate) fn invalid_time(p: &Program<'_>) -> Stop {
    Stop::Refused(format!("ERR invalid expire time in '{}' command", p.command.name).into())
}

fn set(p: &mut Program<'_>, unit: Unit, base: Base) -> Result<(), Stop> {
    let condition = Condition::parse(p)?;
    let number = p.integer_at(2)?;
    let now = p.txn.now();
    let at = time(number, unit, base, now).ok_or_else(|| invalid_time(p))?;
    let key = p.key(1);
    let (root, old) = live(p, &key)?;
    let Some(root) = root.filter(|_| condition.allows(old, at)) else {
        p.integer(0);
        return Ok(());
    };
    if at <= now {
        p.txn.delete_root(&key)?;
    } else {
        p.txn.put_root(&key, with(root, Some(at))?)?;
    }
    p.integer(1);
    Ok(())
}

fn tell(p: &mut Program<'_>, unit: Unit, base: Base) -> Result<(), Stop> {
    let answer = match live(p, &p.key(1))? {
        (None, _) => NO_KEY,
        (Some(_), None) => NO_EXPIRY,
        (Some(_), Some(at)) => {
            let ms = match base {
                Base::Now => at.0.saturating_sub(p.txn.now().0).max(0),
                Base::Epoch => at.0,
            };
            match unit {
                Unit::Seconds => ms / 1000 + i64::from(ms % 1000 >= 500),
                Unit::Milliseconds => ms,
            }
        }
    };
    p.integer(answer);
    Ok(())
}

/// The root of a key, if it exists, and when the key expires.
fn live(p: &mut Program<'_>, key: &HashKey<'_>) -> Result<(Option<Root>, Option<UnixMs>), Abort> {
    let root = p.live(key)?;
    let expire = root.as_ref().map(of).transpose()?.flatten();
    Ok((root, expire))
}

/// NX, XX, GT, LT: what has to hold for an expiry to be set.
#[derive(Default)]
struct Condition {
    none: bool,
    some: bool,
    later: bool,
    earlier: bool,
}

impl Condition {
    fn parse(p: &Program<'_>) -> Result<Condition, Stop> {
        let mut condition = Condition::default();
        for option in p.args().iter().skip(3) {
            match option {
                o if o.eq_ignore_ascii_case(b"nx") => condition.none = true,
                o if o.eq_ignore_ascii_case(b"xx") => condition.some = true,
                o if o.eq_ignore_ascii_case(b"gt") => condition.later = true,
                o if o.eq_ignore_ascii_case(b"lt") => condition.earlier = true,
                other => {
                    // As in Redis, up to the first zero byte.
                    let shown = other.split(|&byte| byte == 0).next().unwrap_or_default();
                    return Err(Stop::Refused(format!("ERR Unsupported option {}", String::from_utf8_lossy(shown)).into()));
                }
            }
        }
        if condition.none && (condition.some || condition.later || condition.earlier) {
            return Err(Stop::refused("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if condition.later && condition.earlier {
            return Err(Stop::refused("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    /// Whether an expiry of `old` may become `new`. No expiry is later than any.
    fn allows(&self, old: Option<UnixMs>, new: UnixMs) -> bool {
        !(self.none && old.is_some()
            || self.some && old.is_none()
            || self.later && old.is_none_or(|old| new <= old)
            || self.earlier && old.is_some_and(|old| new >= old))
    }
}

/// TTL of a key that does not exist.
const NO_KEY: i64 = -2;
/// TTL of a key without expiry.
const NO_EXPIRY: i64 = -1;

#[cfg(test)]
mod tests;
