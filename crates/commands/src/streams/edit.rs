//! XDEL and XSETID.

use smallvec::SmallVec;
use types::txn::{Abort, HashKeyTxn, ValueId};

use crate::program::{NOT_AN_INTEGER, Program, Stop};
use crate::streams::group;
use crate::streams::id::{self, Id};
use crate::streams::stream::{Entry, Stream};

/// XDEL: removes entries and counts them.
pub(crate) fn xdel(p: &mut Program<'_>) -> Result<(), Stop> {
    let Some(mut stream) = Stream::open(p, p.key(1))? else {
        p.integer(0);
        return Ok(());
    };
    let ids = p.args().iter().skip(2).map(id::strict).collect::<Result<SmallVec<[Id; 8]>, Stop>>()?;
    let (mut deleted, mut first_deleted) = (0, false);
    for id in ids {
        let Some(record) = stream.entry(p.txn, id)? else { continue };
        let node = Entry::read(&record)?.node;
        stream.remove(p.txn, node, &[id]);
        stream.head.max_deleted = stream.head.max_deleted.max(id);
        stream.head.deletions = stream.head.deletions.saturating_add(1);
        deleted += 1;
        first_deleted |= id == stream.head.first;
    }
    if deleted > 0 {
        if first_deleted {
            stream.head.first = stream.edge(p.txn, false)?.map_or(Id::MIN, |(id, _)| id);
        }
        stream.renew(p.txn, pending)?;
        stream.save(p.txn)?;
    }
    p.integer(deleted);
    Ok(())
}

/// XSETID: sets the last id, and what else is known of entries that are not there.
pub(crate) fn xsetid(p: &mut Program<'_>) -> Result<(), Stop> {
    let args = p.args();
    let last = id::strict(args.at(2))?;
    let (mut added, mut max_deleted) = (None, Id::MIN);
    for at in (3..args.len()).step_by(2) {
        let (word, value) = (args.at(at), args.get(at + 1).ok_or(Stop::syntax())?);
        if word.eq_ignore_ascii_case(b"entriesadded") {
            let number = resp::number::parse_integer(value).ok_or(Stop::refused(NOT_AN_INTEGER))?;
            added = Some(u64::try_from(number).map_err(|_| Stop::refused("ERR entries_added must be positive"))?);
        } else if word.eq_ignore_ascii_case(b"maxdeletedid") {
            max_deleted = id::strict(value)?;
            if last < max_deleted {
                return Err(Stop::refused("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"));
            }
        } else {
            return Err(Stop::syntax());
        }
    }
    let Some(mut stream) = Stream::open(p, p.key(1))? else { return Err(Stop::refused("ERR no such key")) };
    if last < stream.head.max_deleted {
        return Err(Stop::refused("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"));
    }
    if let Some((top, _)) = stream.edge(p.txn, true)? {
        if last < top {
            return Err(Stop::refused("ERR The ID specified in XSETID is smaller than the target stream top item"));
        }
        if added.is_some_and(|added| added < stream.len()) {
            return Err(Stop::refused("ERR The entries_added specified in XSETID is smaller than the target stream length"));
        }
    }
    stream.head.last = last;
    stream.head.added = added.unwrap_or(stream.head.added);
    if max_deleted != Id::MIN {
        stream.head.max_deleted = max_deleted;
    }
    stream.save(p.txn)?;
    p.ok();
    Ok(())
}

/// How many records of groups there are beside the entries.
fn pending(txn: &mut dyn HashKeyTxn, value: ValueId) -> Result<u64, Abort> {
    let groups = group::all(txn, value)?;
    Ok(groups.iter().map(|(_, group)| 1 + group.pending + group.consumers).fold(0, u64::saturating_add))
}
