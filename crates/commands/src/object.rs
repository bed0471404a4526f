//! OBJECT and DEBUG OBJECT: how a value is stored.

use types::root::{Kind, Root};
use types::txn::{Abort, HashKey};

use crate::program::{Program, Stop};
use crate::strings::text::Text;
use crate::{hashes, lists, sets, sorted_sets, streams};

/// The root's `encoding` of a string that APPEND or SETRANGE made: Redis keeps such a string apart from integers and short strings,
/// and `OBJECT ENCODING` says so. Every other string is [`PLAIN`].
pub(crate) const GROWN: u8 = 1;
/// The root's `encoding` of what INCRBYFLOAT made: never an integer to Redis, even where it looks like one.
pub(crate) const FLOAT: u8 = 2;
/// The root's `encoding` of a string that was set as a whole.
pub(crate) const PLAIN: u8 = 0;

/// OBJECT ENCODING.
pub(crate) fn encoding(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(2);
    match p.live(&key)? {
        Some(root) => {
            let name = encoding_name(p, key, &root)?;
            p.bulk(name.as_bytes());
        }
        None => p.null(),
    }
    Ok(())
}

/// OBJECT IDLETIME: seconds since the last write.
pub(crate) fn idletime(p: &mut Program<'_>) -> Result<(), Stop> {
    about(p, |p, root| {
        let idle = idle_secs(p, root);
        p.integer(idle);
    })
}

/// OBJECT REFCOUNT: values are never shared.
pub(crate) fn refcount(p: &mut Program<'_>) -> Result<(), Stop> {
    about(p, |p, _| p.integer(1))
}

/// OBJECT FREQ: accesses are not counted.
pub(crate) fn freq(p: &mut Program<'_>) -> Result<(), Stop> {
    if p.live(&p.key(2))?.is_some() {
        return Err(Stop::refused(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between \
             policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    p.null();
    Ok(())
}

/// DEBUG OBJECT: the fields that Redis' tools read. The address is that of the key: its slot.
pub(crate) fn debug(p: &mut Program<'_>) -> Result<(), Stop> {
    let key = p.key(2);
    let Some(root) = p.live(&key)? else { return Err(Stop::refused("ERR no such key")) };
    let encoding = encoding_name(p, key, &root)?;
    let len = if root.kind == Kind::String { Text::open(key, root.clone())?.len() } else { root.value.len() as u64 };
    let line = format!(
        "Value at:0x{:x} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
        key.slot.number(),
        encoding,
        len,
        root.written,
        idle_secs(p, &root),
    );
    resp::reply::simple(p.out, &line);
    Ok(())
}

fn about(p: &mut Program<'_>, answer: impl FnOnce(&mut Program<'_>, &Root)) -> Result<(), Stop> {
    match p.live(&p.key(2))? {
        Some(root) => answer(p, &root),
        None => p.null(),
    }
    Ok(())
}

fn idle_secs(p: &Program<'_>, root: &Root) -> i64 {
    (p.txn.now().secs() - i64::from(root.written)).max(0)
}

/// Redis' word for the layout.
fn encoding_name(p: &mut Program<'_>, key: HashKey<'_>, root: &Root) -> Result<&'static str, Abort> {
    Ok(match root.kind {
        Kind::String if root.encoding == GROWN => "raw",
        Kind::String => match Text::open(key, root.clone())?.short(p.txn, EMBEDDED_MAX)? {
            Some(text) if root.encoding == PLAIN && resp::number::parse_integer(&text).is_some() => "int",
            Some(_) => "embstr",
            None => "raw",
        },
        Kind::List => lists::encoding(root),
        Kind::Set => sets::encoding(root),
        Kind::ZSet => sorted_sets::encoding(root),
        Kind::Hash => hashes::encoding(root),
        Kind::Stream => streams::encoding(root),
    })
}

/// Longest string that Redis allocates together with its object.
const EMBEDDED_MAX: u64 = 44;
