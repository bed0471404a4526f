//! XGROUP: groups and consumers are made, set and removed.

use resp::number::parse_integer;

use crate::program::{NOT_AN_INTEGER, Program, Stop};
use crate::streams::group::Group;
use crate::streams::id::{self, Id};
use crate::streams::stream::Stream;

/// XGROUP CREATE.
pub(crate) fn create(p: &mut Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    let options = Options::parse(p, true)?;
    let key = p.key(2);
    let old = Stream::open(p, key)?;
    if old.is_none() && !options.make {
        return Err(no_key());
    }
    if args.len() > 8 {
        return Err(wrong_subcommand(p));
    }
    let last = match (args.at(4), &old) {
        (b"$", stream) => stream.as_ref().map_or(Id::MIN, |stream| stream.head.last),
        (text, _) => id::strict(text)?,
    };
    let name = args.at(3);
    let known = match &old {
        Some(stream) => Group::get(p.txn, stream.value(), name)?.is_some(),
        None => false,
    };
    if known {
        return Err(Stop::refused("BUSYGROUP Consumer Group name already exists"));
    }
    let mut stream = match old {
        Some(stream) => stream,
        None => Stream::create(p.txn, key),
    };
    let group = Group::new(stream.head.next_group, last, options.read);
    stream.head.next_group = stream.head.next_group.saturating_add(1);
    stream.head.groups += 1;
    group.put(p.txn, stream.value(), name);
    stream.save(p.txn)?;
    p.ok();
    Ok(())
}

/// XGROUP SETID.
pub(crate) fn setid(p: &mut Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    let options = Options::parse(p, false)?;
    let (stream, mut group) = existing(p)?;
    if args.len() > 7 {
        return Err(wrong_subcommand(p));
    }
    group.last = match args.at(4) {
        b"$" => stream.head.last,
        text => Id::parse_bound(text, 0).ok_or(Stop::refused(id::INVALID))?,
    };
    group.read = options.read;
    group.put(p.txn, stream.value(), args.at(3));
    p.ok();
    Ok(())
}

/// XGROUP DESTROY: 1 if there was such a group.
pub(crate) fn destroy(p: &mut Program<'_>) -> Result<(), Stop> {
    let name = p.args().at(3);
    let mut stream = Stream::open(p, p.key(2))?.ok_or(no_key())?;
    let Some(group) = Group::get(p.txn, stream.value(), name)? else {
        p.integer(0);
        return Ok(());
    };
    group.delete(p.txn, stream.value(), name)?;
    stream.head.groups = stream.head.groups.saturating_sub(1);
    stream.save(p.txn)?;
    p.integer(1);
    Ok(())
}

/// XGROUP CREATECONSUMER: 1 if there was no such consumer.
pub(crate) fn create_consumer(p: &mut Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    let (stream, mut group) = existing(p)?;
    let absent = group.consumer(p.txn, stream.value(), args.at(4))?.is_none();
    if absent {
        let now = p.txn.now();
        group.add_consumer(p.txn, stream.value(), args.at(4), now);
        group.put(p.txn, stream.value(), args.at(3));
    }
    p.integer(i64::from(absent));
    Ok(())
}

/// XGROUP DELCONSUMER: how many entries were pending for it.
pub(crate) fn delete_consumer(p: &mut Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    let (stream, mut group) = existing(p)?;
    let Some(consumer) = group.consumer(p.txn, stream.value(), args.at(4))? else {
        p.integer(0);
        return Ok(());
    };
    group.delete_consumer(p.txn, stream.value(), args.at(4), &consumer)?;
    group.put(p.txn, stream.value(), args.at(3));
    p.integer(i64::try_from(consumer.pending).unwrap_or(i64::MAX));
    Ok(())
}

/// MKSTREAM and ENTRIESREAD.
#[derive(Debug, Clone, Copy)]
struct Options {
    /// Whether a stream is made that does not exist.
    make: bool,
    /// How many entries the group has read, if that is known.
    read: Option<u64>,
}

impl Options {
    fn parse(p: &Program<'_>, create: bool) -> Result<Options, Stop> {
        let args = p.args();
        let mut options = Options { make: false, read: None };
        let mut at = 5;
        while at < args.len() {
            if create && args.at(at).eq_ignore_ascii_case(b"mkstream") {
                options.make = true;
                at += 1;
            } else if args.at(at).eq_ignore_ascii_case(b"entriesread") && at + 1 < args.len() {
                options.read = match parse_integer(args.at(at + 1)).ok_or(Stop::refused(NOT_AN_INTEGER))? {
                    -1 => None,
                    read => Some(u64::try_from(read).map_err(|_| Stop::refused("ERR value for ENTRIESREAD must be positive or -1"))?),
                };
                at += 2;
            } else {
                return Err(wrong_subcommand(p));
            }
        }
        Ok(options)
    }
}

/// The stream and the group, which have to exist.
fn existing<'a>(p: &mut Program<'a>) -> Result<(Stream<'a>, Group), Stop> {
    let stream = Stream::open(p, p.key(2))?.ok_or(no_key())?;
    let (key, name) = (p.args().at(2), p.args().at(3));
    let group = Group::get(p.txn, stream.value(), name)?.ok_or_else(|| no_such_group(name, key))?;
    Ok((stream, group))
}

/// There is no such group in this stream.
pub(super) fn no_such_group(group: &[u8], key: &[u8]) -> Stop {
    let cut = |text: &[u8]| text.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
    let parts = [b"NOGROUP No such consumer group '", &cut(group)[..], b"' for key name '", &cut(key), b"'"];
    Stop::RefusedBytes(parts.concat())
}

/// The arguments fit no subcommand.
pub(super) fn wrong_subcommand(p: &Program<'_>) -> Stop {
    let args = p.args();
    let subcommand = args.at(1).split(|&byte| byte == 0).next().unwrap_or_default();
    let subcommand = &subcommand[..subcommand.len().min(128)];
    let container = args.at(0).to_ascii_uppercase();
    let parts = [b"ERR unknown subcommand or wrong number of arguments for '", subcommand, b"'. Try ", &container, b" HELP."];
    Stop::RefusedBytes(parts.concat())
}

fn no_key() -> Stop {
    Stop::refused(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an \
         empty stream automatically.",
    )
}
