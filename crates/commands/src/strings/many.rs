//! MGET, MSET, MSETNX: many keys of one partition in one step. The proxy splits MGET and MSET over partitions.

use resp::reply;
use types::root::Kind;

use crate::program::{Program, Stop};
use crate::strings::set;

/// MGET: a key that does not exist or holds something else than a string answers null.
pub(crate) fn mget(p: &mut Program<'_>) -> Result<(), Stop> {
    reply::array(p.out, p.args().len() - 1);
    for key in p.keys() {
        let root = p.live(&key)?.filter(|root| root.kind == Kind::String);
        p.value(&key, root)?;
    }
    Ok(())
}

/// MSET.
pub(crate) fn mset(p: &mut Program<'_>) -> Result<(), Stop> {
    put_all(p)?;
    p.ok();
    Ok(())
}

/// MSETNX: all or none.
pub(crate) fn msetnx(p: &mut Program<'_>) -> Result<(), Stop> {
    let mut absent = true;
    for key in p.keys() {
        absent = absent && p.live(&key)?.is_none();
    }
    if absent {
        put_all(p)?;
    }
    p.integer(i64::from(absent));
    Ok(())
}

fn put_all(p: &mut Program<'_>) -> Result<(), Stop> {
    for index in (1..p.args().len()).step_by(2) {
        set::put(p, &p.key(index), p.value_at(index + 1), None)?;
    }
    Ok(())
}
