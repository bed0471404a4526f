//! The census: how many keys each logical database has in a partition. INFO asks every partition for it.
//!
//! Not a client's command: a proxy takes commands from the table, which has no such name, so only a proxy itself asks a partition for
//! it. Unlike the sweep, which never leaves its node, it travels, and so it has a name that nodes know.

use resp::{reply, walk};
use types::args::Args;
use types::limits::Limits;
use types::txn::{Call, CommandId, Database, KeyCount, Proto};

use crate::program::{Program, Stop};
use crate::table::{Command, Flag};

/// What a partition is asked.
pub fn call() -> Call {
    Call { command: ID, database: Database(0), proto: Proto::Resp2, args: Args::copied([CENSUS.name]), limits: Limits::DEFAULT }
}

/// What a partition answered; `None` if it is no census, such as the error of a node that does not know it.
pub fn read(reply: &[u8]) -> Option<Vec<(Database, KeyCount)>> {
    let mut numbers = walk::elements(reply)?.map(|number| walk::parse_integer(number).and_then(|number| u64::try_from(number).ok()));
    let mut counts = Vec::with_capacity(numbers.len() / FIELDS);
    while let Some(database) = numbers.next() {
        let database = Database(u16::try_from(database?).ok()?);
        counts.push((database, KeyCount { keys: numbers.next()??, expires: numbers.next()?? }));
    }
    Some(counts)
}

/// Answers number, keys and keys with an expiry of each logical database that has any. As in DBSIZE, keys that expired and were not
/// removed yet count.
pub(crate) fn take(p: &mut Program<'_>) -> Result<(), Stop> {
    let databases = p.txn.databases();
    reply::array(p.out, FIELDS * databases.len());
    for database in databases {
        let KeyCount { keys, expires } = p.txn.count(database);
        p.integer(i64::from(database.0));
        p.integer(i64::try_from(keys).unwrap_or(i64::MAX));
        p.integer(i64::try_from(expires).unwrap_or(i64::MAX));
    }
    Ok(())
}

/// Whether these arguments ask for it.
pub(crate) fn is_named(args: &Args) -> bool {
    args.len() == 1 && args.at(0) == CENSUS.name.as_bytes()
}

/// What stands for it where a table entry is wanted.
pub(crate) static CENSUS: Command = Command { name: "pegasus.census", arity: 1, flags: &[Flag::ReadOnly], ..Command::NEW };
/// Its number: below that of the sweep.
pub(crate) const ID: CommandId = CommandId(u16::MAX - 2);
/// Numbers for each logical database.
const FIELDS: usize = 3;

#[cfg(test)]
mod tests {
    use types::txn::Coprocessor;

    use super::*;
    use crate::coprocessor::Redis;
    use crate::memory::Memory;
    use crate::table;
    use crate::testing::{NOW, check_with};

    #[test]
    fn keys_and_expiries_of_all_databases_are_counted() {
        let redis = Redis;
        let mut memory = Memory::new(NOW);
        assert_eq!(read(&memory.call(&redis, &call())), Some(Vec::new()));
        check_with(
            redis,
            &mut memory,
            r#"
            MSET a 1 b 2 c 3           -> OK
            EXPIRE a 10                -> 1
            PEXPIRE b 1                -> 1
            database 9
            SET a 1 EX 10              -> OK
            wait 5
            "#,
        );
        // `b` expired and was not removed: it counts, as in Redis.
        let expected = vec![(Database(0), KeyCount { keys: 3, expires: 2 }), (Database(9), KeyCount { keys: 1, expires: 1 })];
        assert_eq!(read(&memory.call(&redis, &call())), Some(expected));
    }

    #[test]
    fn nodes_know_it_and_clients_do_not() {
        let redis = Redis;
        assert_eq!(redis.resolve(&call().args), Some(ID));
        assert!(!redis.writes(ID));
        assert_eq!(table::lookup(CENSUS.name.as_bytes()), None);
        assert!(table::find(&call().args).is_err());
        assert_eq!(table::by_id(ID), None);
        assert_eq!(redis.resolve(&Args::copied([CENSUS.name, "x"])), None);
    }

    #[test]
    fn what_is_no_census_is_none() {
        for reply in
            ["", "+OK\r\n", "-ERR unknown command\r\n", "*2\r\n:1\r\n:1\r\n", "*3\r\n:1\r\n:-1\r\n:0\r\n", "*3\r\n:65536\r\n:1\r\n:0\r\n"]
        {
            assert_eq!(read(reply.as_bytes()), None, "{reply:?}");
        }
    }
}
