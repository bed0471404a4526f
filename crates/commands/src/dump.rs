//! DUMP and RESTORE: values as the payloads that Redis exchanges.

use rdb::error::{EncodeError, Malformed, PayloadError};
use rdb::payload;
use rdb::value::Value;
use resp::number::parse_integer;
use types::time::UnixMs;

use crate::program::{NOT_AN_INTEGER, Program, Stop};
use crate::value;

/// DUMP: the payload of a value.
pub(crate) fn dump(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(1);
    let Some(root) = p.live(&key)? else {
        p.null();
        return Ok(());
    };
    value::check(p.txn, &key, &root)?;
    match payload::encode(&value::read(p.txn, &key, root)?) {
        Ok(payload) => p.bulk(&payload),
        // All its fields have expired meanwhile.
        Err(EncodeError::Empty) => p.null(),
        Err(EncodeError::TooLarge | EncodeError::NeedsVersion { .. }) => return Err(Stop::refused(value::TOO_LARGE)),
    }
    Ok(())
}

/// RESTORE: makes a payload the value of a key.
pub(crate) fn restore(p: &mut Program<'_>) -> Result<(), Stop> {
    let options = Options::parse(p)?;
    let key = p.key(1);
    if !options.replace && p.live(&key)?.is_some() {
        return Err(Stop::refused("BUSYKEY Target key name already exists."));
    }
    let ttl = p.integer_at(2)?;
    if ttl < 0 {
        return Err(Stop::refused("ERR Invalid TTL value, must be >= 0"));
    }
    let value = payload::decode_within(&p.value_at(3), MEMORY_MAX).map_err(|error| match error {
        PayloadError::Malformed(Malformed::Memory) => Stop::refused(value::TOO_LARGE),
        error => Stop::refused(error.reply()),
    })?;
    if matches!(&value, Value::String(string) if string.len() as u64 > p.limits().value_max) {
        return Err(Stop::refused("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
    }
    value::check_new(&value)?;
    let now = p.txn.now();
    let expire = match ttl {
        0 => None,
        at if options.absolute => Some(UnixMs(at)),
        ttl => Some(UnixMs(now.0.saturating_add(ttl))),
    };
    // As in Redis, what would expire at once is not stored.
    if expire.is_some_and(|at| at <= now) {
        p.txn.delete_root(&key)?;
    } else {
        let limits = p.limits();
        value::write(p.txn, limits, &key, value, expire)?;
    }
    p.ok();
    Ok(())
}

/// REPLACE and ABSTTL; IDLETIME and FREQ are checked and not kept, since reads leave no trace here.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
}

impl Options {
    fn parse(p: &Program<'_>) -> Result<Options, Stop> {
        let args = p.args();
        let (mut options, mut idle, mut frequency) = (Options::default(), false, false);
        let mut at = 4;
        while at < args.len() {
            let more = at + 1 < args.len();
            match args.at(at) {
                option if option.eq_ignore_ascii_case(b"replace") => options.replace = true,
                option if option.eq_ignore_ascii_case(b"absttl") => options.absolute = true,
                option if option.eq_ignore_ascii_case(b"idletime") && more && !frequency => {
                    at += 1;
                    idle = true;
                    in_range(args.at(at), i64::MAX, "ERR Invalid IDLETIME value, must be >= 0")?;
                }
                option if option.eq_ignore_ascii_case(b"freq") && more && !idle => {
                    at += 1;
                    frequency = true;
                    in_range(args.at(at), 255, "ERR Invalid FREQ value, must be >= 0 and <= 255")?;
                }
                _ => return Err(Stop::syntax()),
            }
            at += 1;
        }
        Ok(options)
    }
}

fn in_range(text: &[u8], max: i64, refusal: &'static str) -> Result<(), Stop> {
    let number = parse_integer(text).ok_or(Stop::refused(NOT_AN_INTEGER))?;
    if (0..=max).contains(&number) { Ok(()) } else { Err(Stop::refused(refusal)) }
}

/// Memory that the value of a payload may take beside the payload's own: a payload of many tiny elements, or of few bytes that unpack to
/// many, is larger as a value.
const MEMORY_MAX: usize = 4 * value::BYTES_MAX;

#[cfg(test)]
mod tests;
