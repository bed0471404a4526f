//! MEMORY USAGE: how much room a key takes.

use std::ops::ControlFlow;

use types::root::{Kind, Root};
use types::txn::{Abort, HashKey, SortKeys, ValueId};

use crate::program::{Program, Stop};
use crate::strings::text::Text;

/// MEMORY USAGE: the key's records. Of many elements some are looked at, the others are taken to be like them.
pub(crate) fn usage(p: &mut Program<'_>) -> Result<(), Stop> {
    let samples = samples(p)?;
    let key = p.key(2);
    match p.live(&key)? {
        Some(root) => {
            let elements = elements(p, &key, &root, samples)?;
            p.integer(i64::try_from(elements.saturating_add(bytes(key.name, &root) as u64)).unwrap_or(i64::MAX));
        }
        None => p.null(),
    }
    Ok(())
}

/// The last one of any number of `SAMPLES count`; 0 is all of them.
fn samples(p: &Program<'_>) -> Result<u64, Stop> {
    let args = p.args();
    let mut samples = SAMPLES_DEFAULT;
    for at in (3..args.len()).step_by(2) {
        if !args.at(at).eq_ignore_ascii_case(b"samples") || at + 1 == args.len() {
            return Err(Stop::syntax());
        }
        samples = u64::try_from(p.integer_at(at + 1)?).map_err(|_| Stop::syntax())?;
    }
    Ok(if samples == 0 { u64::MAX } else { samples })
}

/// Bytes of an exploded value's elements. A string has a length, and counts with its holes. A member of a set has a second element, one of a
/// sorted set or a list a place on a page.
fn elements(p: &mut Program<'_>, key: &HashKey<'_>, root: &Root, samples: u64) -> Result<u64, Abort> {
    if root.kind == Kind::String {
        return Ok(Text::open(*key, root.clone())?.elements_size());
    }
    if root.id == 0 {
        return Ok(0);
    }
    // Where only some are looked at, those are members, not the pages of an order.
    let members = if samples == u64::MAX || root.kind == Kind::Stream { SortKeys::from(b"") } else { SortKeys::between(b"m", b"n") };
    let (mut seen, mut bytes, mut complete) = (0, 0, true);
    p.txn.range(ValueId::of(key, root.id), &members, &mut |sort_key, element| {
        if seen == samples {
            complete = false;
            return ControlFlow::Break(());
        }
        seen += 1;
        bytes += (ELEMENT + sort_key.len() + element.len()) as u64;
        if samples < u64::MAX {
            bytes += match root.kind {
                // Where this one has seven bytes in front of the member, the other one has six.
                Kind::Set => ELEMENT + sort_key.len().saturating_sub(1),
                Kind::ZSet => sort_key.len() + element.len(),
                Kind::List => sort_key.len(),
                _ => 0,
            } as u64;
        }
        ControlFlow::Continue(())
    })?;
    Ok(if complete { bytes } else { bytes.saturating_mul(root.count.max(seen)) / seen })
}

/// What the record and, of a key that expires, its entry in the expiry index take, before compression and without what blocks and
/// their indexes add.
fn bytes(name: &[u8], root: &Root) -> usize {
    let record = PLACE + DATABASE + SEQUENCE + name.len() + HEAD + root.value.len();
    let index = if root.sweep_at().is_some() { EXPIRY + DATABASE + EXPIRY + PLACE + SEQUENCE + name.len() } else { 0 };
    record + index
}

/// Slot and hash in front of the name.
const PLACE: usize = 8;
/// Number of the physical database.
const DATABASE: usize = 4;
/// What the storage engine adds to every key of its own: sequence number and kind of entry.
const SEQUENCE: usize = 8;
/// An expiry: once in the record, once in the index.
const EXPIRY: usize = 8;
/// What stands in front of an element's sort key: slot, database and id; and the engine's own.
const ELEMENT: usize = 2 + DATABASE + 8 + SEQUENCE;
/// Elements that are looked at, unless the client says otherwise.
const SAMPLES_DEFAULT: u64 = 5;
/// What stands in front of a value: kind, encoding, time of the last write (6 bytes), decree (few or many digits; 6 bytes reach for
/// four trillion writes).
const HEAD: usize = 6 + 6;

#[cfg(test)]
mod tests {
    use types::limits::Limits;

    use crate::testing::{check, check_limited};

    #[test]
    fn a_key_takes_its_name_its_value_and_a_little_more() {
        check(
            r#"
            MEMORY USAGE k                      -> nil
            SET k ""                            -> OK
            MEMORY USAGE k                      -> 33
            SET key 0123456789                  -> OK
            memory usage key                    -> 45
            EXPIRE key 100                      -> 1
            MEMORY USAGE key                    -> 84
            MEMORY USAGE key samples 0          -> 84
            MEMORY USAGE key SAMPLES 5 samples 1 -> 84
            wait 100001
            MEMORY USAGE key                    -> nil
            "#,
        );
    }

    #[test]
    fn elements_are_counted_or_sampled() {
        // 33 bytes of the root; of each element 22 bytes in front of its sort key; sort keys of 7 bytes and the member, which has an index of
        // one byte, and of 6 bytes, which have the member.
        check_limited(
            Limits::exploding_at(0),
            r#"
            SADD k 00 01 02 03 04 05 06 07 08 09    -> 10
            MEMORY USAGE k SAMPLES 0                -> 653
            MEMORY USAGE k                          -> 653
            DEL k                                   -> 1
            SADD k 0 0123456789 1                   -> 3
            MEMORY USAGE k SAMPLES 0                -> 231
            MEMORY USAGE k SAMPLES 3                -> 231
            "#,
        );
    }

    /// As redis-server 7.0.15 answers them.
    #[test]
    fn options_are_checked_before_the_key_is() {
        check(
            r#"
            MEMORY USAGE                        -> ERR wrong number of arguments for 'memory|usage' command
            MEMORY USAGE k SAMPLES              -> ERR syntax error
            MEMORY USAGE k SAMPLES x            -> ERR value is not an integer or out of range
            MEMORY USAGE k SAMPLES -1           -> ERR syntax error
            MEMORY USAGE k FOO 1                -> ERR syntax error
            MEMORY USAGE k SAMPLES 1 FOO        -> ERR syntax error
            MEMORY FOO                          -> ERR unknown subcommand 'FOO'. Try MEMORY HELP.
            "#,
        );
    }
}
