//! MEMORY USAGE: how much room a key takes.

use types::root::{Kind, Root};

use crate::program::{Program, Stop};
use crate::strings::text::Text;

/// MEMORY USAGE. Nothing is sampled: a string has a length, and no other kind is there yet. One in chunks counts with its holes.
pub(crate) fn usage(p: &mut Program<'_>) -> Result<(), Stop> {
    check_options(p)?;
    let key = p.key(2);
    match p.live(&key)? {
        Some(root) => {
            let elements = if root.kind == Kind::String { Text::open(key, root.clone())?.elements_size() } else { 0 };
            p.integer((bytes(key.name, &root) as u64 + elements) as i64);
        }
        None => p.null(),
    }
    Ok(())
}

/// Any number of `SAMPLES count`, which have to be right although they change nothing.
fn check_options(p: &Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    for at in (3..args.len()).step_by(2) {
        if !args.at(at).eq_ignore_ascii_case(b"samples") || at + 1 == args.len() || p.integer_at(at + 1)? < 0 {
            return Err(Stop::syntax());
        }
    }
    Ok(())
}

/// What the record and, of a key that expires, its entry in the expiry index take, before compression and without what blocks and
/// their indexes add.
fn bytes(name: &[u8], root: &Root) -> usize {
    let record = PLACE + DATABASE + SEQUENCE + name.len() + HEAD + root.value.len();
    let index = if root.expire.is_some() { EXPIRY + DATABASE + EXPIRY + PLACE + SEQUENCE + name.len() } else { 0 };
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
/// What stands in front of a value: kind, encoding, time of the last write (6 bytes), decree (few or many digits; 6 bytes reach for
/// four trillion writes).
const HEAD: usize = 6 + 6;

#[cfg(test)]
mod tests {
    use crate::testing::check;

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
