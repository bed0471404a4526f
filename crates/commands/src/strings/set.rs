//! SET and its older relatives: the whole value of one key is replaced.

use bytes::Bytes;
use types::time::UnixMs;
use types::txn::{Abort, HashKey};

use crate::expiry::{self, Base, Unit};
use crate::object::PLAIN;
use crate::program::{Program, Stop};
use crate::strings::options::{Condition, Lifetime, Options};
use crate::strings::text;

/// SET with all its options.
pub(crate) fn set(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    if p.args().len() == 3 {
        put(p, &key, p.value_at(2), None)?;
        p.ok();
        return Ok(());
    }
    let options = Options::of_set(p.args())?;
    let mut expire = options.lifetime.expiry(p, None)?;
    if options.get || options.condition != Condition::None || options.lifetime == Lifetime::Keep {
        let old = if options.get { p.string(&key)? } else { p.live(&key)? };
        let allowed = match options.condition {
            Condition::None => true,
            Condition::Absent => old.is_none(),
            Condition::Present => old.is_some(),
        };
        if options.lifetime == Lifetime::Keep && allowed {
            expire = old.as_ref().map(expiry::of).transpose()?.flatten();
        }
        if options.get {
            p.value(&key, old)?;
        } else if !allowed {
            p.null();
        }
        if !allowed {
            return Ok(());
        }
    }
    put(p, &key, p.value_at(2), expire)?;
    if !options.get {
        p.ok();
    }
    Ok(())
}

/// SETNX: 1 if the key was set, 0 if it exists.
pub(crate) fn setnx(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    let absent = p.live(&key)?.is_none();
    if absent {
        put(p, &key, p.value_at(2), None)?;
    }
    p.integer(i64::from(absent));
    Ok(())
}

/// SETEX: with seconds to live.
pub(crate) fn setex(p: &mut Program<'_>) -> Result<(), Stop> {
    set_for(p, Unit::Seconds)
}

/// PSETEX: with milliseconds to live.
pub(crate) fn psetex(p: &mut Program<'_>) -> Result<(), Stop> {
    set_for(p, Unit::Milliseconds)
}

/// GETSET: answers the old value.
pub(crate) fn getset(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    let old = p.string(&key)?;
    p.value(&key, old)?;
    put(p, &key, p.value_at(2), None)?;
    Ok(())
}

/// Makes `value` the whole of a key. A key that would be gone at once is not made.
pub(super) fn put(p: &mut Program<'_>, key: &HashKey<'_>, value: Bytes, expire: Option<UnixMs>) -> Result<(), Abort> {
    if expire.is_some_and(|at| at < p.txn.now()) {
        return p.txn.delete_root(key);
    }
    let limits = p.limits();
    text::put(p.txn, limits, key, value, PLAIN, expire)
}

fn set_for(p: &mut Program<'_>, unit: Unit) -> Result<(), Stop> {
    let expire = Lifetime::Until { index: 2, unit, base: Base::Now }.expiry(p, None)?;
    put(p, &p.key(1), p.value_at(3), expire)?;
    p.ok();
    Ok(())
}
