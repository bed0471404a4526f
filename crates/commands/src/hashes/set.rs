//! HSET, HMSET, HSETNX, HSETEX.

use crate::hashes::fields::{time_at, time_word};
use crate::hashes::hash::{Hash, Lifetime};
use crate::program::{Program, Stop};

/// HSET: answers how many of the fields are new.
pub(crate) fn hset(p: &mut Program<'_>) -> Result<(), Stop> {
    let created = set_pairs(p)?;
    p.integer(created);
    Ok(())
}

/// HMSET.
pub(crate) fn hmset(p: &mut Program<'_>) -> Result<(), Stop> {
    set_pairs(p)?;
    p.ok();
    Ok(())
}

/// HSETNX: 1 if the field was set, 0 if it exists.
pub(crate) fn hsetnx(p: &mut Program<'_>) -> Result<(), Stop> {
    let mut hash = Hash::open(p, 1)?;
    let args = p.args();
    let absent = hash.get(p.txn, args.at(2))?.is_none();
    if absent {
        hash.put(p.txn, args.at(2), args.at(3), Lifetime::Endless)?;
    }
    hash.store(p.txn)?;
    p.integer(i64::from(absent));
    Ok(())
}

/// HSETEX: all fields or none, with an expiry; 1 if they were set.
pub(crate) fn hsetex(p: &mut Program<'_>) -> Result<(), Stop> {
    let options = Options::parse(p)?;
    let mut hash = Hash::open(p, 1)?;
    let args = p.args();
    let fields = || (options.first..args.len()).step_by(2);
    for field in fields() {
        let exists = hash.get(p.txn, args.at(field))?.is_some();
        if options.condition.is_some_and(|wanted| wanted != exists) {
            hash.store(p.txn)?;
            p.integer(0);
            return Ok(());
        }
    }
    let past = matches!(options.lifetime, Lifetime::Until(at) if at <= p.txn.now());
    if !past {
        hash.expect(p.txn, fields().len())?;
    }
    for field in fields() {
        if past {
            hash.remove(p.txn, args.at(field))?;
        } else {
            hash.put(p.txn, args.at(field), args.at(field + 1), options.lifetime)?;
        }
    }
    hash.store(p.txn)?;
    p.integer(1);
    Ok(())
}

/// Sets the pairs that begin at argument 2; answers how many fields are new.
fn set_pairs(p: &mut Program<'_>) -> Result<i64, Stop> {
    let args = p.args();
    if !args.len().is_multiple_of(2) {
        return Err(arity(p));
    }
    let mut hash = Hash::open(p, 1)?;
    let fields = (2..args.len()).step_by(2);
    hash.expect(p.txn, fields.len())?;
    let mut created = 0;
    for field in fields {
        created += i64::from(hash.put(p.txn, args.at(field), args.at(field + 1), Lifetime::Endless)?);
    }
    hash.store(p.txn)?;
    Ok(created)
}

/// What stands between the key of an HSETEX and its first field.
struct Options {
    /// Whether all fields have to exist (FXX), or none may (FNX).
    condition: Option<bool>,
    lifetime: Lifetime,
    /// Index of the first field.
    first: usize,
}

impl Options {
    fn parse(p: &Program<'_>) -> Result<Options, Stop> {
        let args = p.args();
        let (mut condition, mut lifetime) = (None, None);
        let mut at = 2;
        while at < args.len() {
            match args.at(at) {
                o if o.eq_ignore_ascii_case(b"fields") => {
                    check_count(p, at + 1)?;
                    return Ok(Options { condition, lifetime: lifetime.unwrap_or(Lifetime::Endless), first: at + 2 });
                }
                o if o.eq_ignore_ascii_case(b"fnx") || o.eq_ignore_ascii_case(b"fxx") => {
                    if condition.is_some() {
                        return Err(Stop::refused("ERR Only one of FXX or FNX arguments can be specified"));
                    }
                    condition = Some(o.eq_ignore_ascii_case(b"fxx"));
                    at += 1;
                }
                o => {
                    let time = time_word(o);
                    if time.is_none() && !o.eq_ignore_ascii_case(b"keepttl") {
                        return Err(Stop::Refused(format!("ERR unknown argument: {}", String::from_utf8_lossy(o)).into()));
                    }
                    if lifetime.is_some() {
                        return Err(Stop::refused("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"));
                    }
                    lifetime = Some(match time {
                        Some(_) if at + 1 == args.len() => return Err(Stop::refused("ERR missing expire time")),
                        Some((unit, base)) => Lifetime::Until(time_at(p, at + 1, unit, base)?),
                        None => Lifetime::Kept,
                    });
                    at += 1 + usize::from(time.is_some());
                }
            }
        }
        Err(Stop::syntax())
    }
}

/// The number of pairs, at argument `index`: it has to be that of the arguments behind it.
fn check_count(p: &Program<'_>, index: usize) -> Result<(), Stop> {
    let args = p.args();
    if index + 2 >= args.len() {
        return Err(arity(p));
    }
    let count = resp::number::parse_integer(args.at(index)).filter(|count| (1..=i64::from(i32::MAX)).contains(count));
    let count = count.ok_or(Stop::refused("ERR invalid number of fields"))?;
    let rest = args.len() - index - 1;
    if rest.is_multiple_of(2) && usize::try_from(count) == Ok(rest / 2) { Ok(()) } else { Err(arity(p)) }
}

fn arity(p: &Program<'_>) -> Stop {
    Stop::Refused(format!("ERR wrong number of arguments for '{}' command", p.command.name).into())
}
