//! HGETEX: answers the values of fields and sets or removes their expiries.

use types::time::UnixMs;

use crate::hashes::fields::{self, time_at, time_word};
use crate::hashes::get::reply_value;
use crate::hashes::hash::{Hash, Lifetime};
use crate::program::{Program, Stop};

/// HGETEX.
pub(crate) fn hgetex(p: &mut Program<'_>) -> Result<(), Stop> {
    let hash = Hash::existing(p, 1)?;
    let (lifetime, first) = lifetime(p)?;
    let fields = fields::parse(p, first)?;
    resp::reply::array(p.out, fields.len());
    let Some(mut hash) = hash else {
        fields.for_each(|_| p.null());
        return Ok(());
    };
    for index in fields {
        let there = reply_value(p, Some(&hash), index)?;
        if let Some(lifetime) = lifetime.filter(|_| there) {
            set(p, &mut hash, index, lifetime)?;
        }
    }
    hash.store(p.txn)?;
    Ok(())
}

/// What happens to the expiries, and the index of the word FIELDS.
fn lifetime(p: &Program<'_>) -> Result<(Option<Lifetime>, usize), Stop> {
    match p.args().at(2) {
        o if o.eq_ignore_ascii_case(b"persist") => Ok((Some(Lifetime::Endless), 3)),
        o => match time_word(o) {
            Some((unit, base)) => Ok((Some(Lifetime::Until(time_at(p, 3, unit, base)?)), 4)),
            None => Ok((None, 2)),
        },
    }
}

/// Gives a field that is there another lifetime; what is past is removed.
fn set(p: &mut Program<'_>, hash: &mut Hash<'_>, index: usize, lifetime: Lifetime) -> Result<(), Stop> {
    let field = p.call.args.at(index);
    let now: UnixMs = p.txn.now();
    if matches!(lifetime, Lifetime::Until(at) if at <= now) {
        hash.remove(p.txn, field)?;
        return Ok(());
    }
    if let Some(found) = hash.get(p.txn, field)?.filter(|found| lifetime.of(found.expire) != found.expire) {
        hash.put(p.txn, field, &found.value, lifetime)?;
    }
    Ok(())
}
