//! FLUSHDB, FLUSHALL and the sweep of what has expired.

use types::root::Kind;
use types::txn::{Database, HashKey};

use crate::hashes;
use crate::program::{Program, Stop};
use crate::table::{Command, Flag};

/// Empties the session's logical database.
pub(crate) fn flushdb(p: &mut Program<'_>) -> Result<(), Stop> {
    check_mode(p)?;
    flush(p, p.call.database);
    p.ok();
    Ok(())
}

/// Empties all logical databases.
pub(crate) fn flushall(p: &mut Program<'_>) -> Result<(), Stop> {
    check_mode(p)?;
    for database in p.txn.databases() {
        flush(p, database);
    }
    p.ok();
    Ok(())
}

/// Deletes about a number of keys and fields of hashes that have expired and answers how many it deleted. Not a client's command.
pub(crate) fn sweep(p: &mut Program<'_>) -> Result<(), Stop> {
    let limit = p.integer_at(1)?;
    let (now, limits) = (p.txn.now(), p.limits());
    let mut deleted = 0;
    for (database, name) in p.txn.sweepable(usize::try_from(limit).map_err(|_| Stop::syntax())?)? {
        let key = HashKey::new(database, &name);
        // The index names the candidates, the root decides: what lives is never deleted.
        let Some(root) = p.txn.root(&key)? else { continue };
        if root.expired(now) {
            p.txn.delete_root(&key)?;
            deleted += 1;
        } else if root.kind == Kind::Hash && root.due.is_some_and(|due| due < now) {
            deleted += hashes::sweep(p.txn, key, root, limits)?.cast_signed();
        }
        if deleted >= limit {
            break;
        }
    }
    p.integer(deleted);
    Ok(())
}

/// What stands for the sweep where a table entry is wanted.
pub(crate) static SWEEP: Command = Command { name: "sweep", arity: 2, flags: &[Flag::Write], ..Command::NEW };

/// ASYNC or SYNC or nothing: emptying takes no time either way.
fn check_mode(p: &Program<'_>) -> Result<(), Stop> {
    match p.args().len() {
        1 => Ok(()),
        2 if [b"async".as_slice(), b"sync"].iter().any(|mode| p.args().at(1).eq_ignore_ascii_case(mode)) => Ok(()),
        _ => Err(Stop::syntax()),
    }
}

fn flush(p: &mut Program<'_>, database: Database) {
    if p.txn.count(database).keys > 0 {
        p.txn.flush(database);
    }
}
