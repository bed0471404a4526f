//! `docs/compatibility.md`: what works as in Redis, what works differently, what does not work yet. Drawn from the table.

use std::fmt::Write;

use crate::help::syntax;
use crate::table::{COMMANDS, Command, Merge, Place, by_name};

/// The whole page.
pub fn compatibility_markdown() -> String {
    let mut page = HEAD.to_string();
    let (have, known) = (COMMANDS.len(), COMMANDS.len() + missing().count());
    writeln!(page, "\n{have} of the {known} commands of Redis 7.4 (and the hash commands of 8.0) are there.\n")
        .expect("a String takes all");
    page.push_str("## Commands\n\n| command | since | runs | differs from Redis |\n| --- | --- | --- | --- |\n");
    for command in COMMANDS {
        row(&mut page, command);
        for subcommand in command.subcommands {
            row(&mut page, subcommand);
        }
    }
    page.push_str("\n## Not supported yet\n\nThese are answered with `ERR unknown command`.\n\n| group | commands |\n| --- | --- |\n");
    for (group, names) in ALL {
        let names: Vec<&str> = names.split(' ').filter(|name| is_missing(name)).collect();
        if !names.is_empty() {
            writeln!(page, "| {group} | {} |", names.join(" ")).expect("a String takes all");
        }
    }
    page.push_str("\nThese are answered with `ERR unknown subcommand`.\n\n| command | subcommands |\n| --- | --- |\n");
    for (container, names) in SUBCOMMANDS {
        let names: Vec<&str> = names.split(' ').filter(|name| by_name(format!("{container}|{name}").as_bytes()).is_none()).collect();
        if !names.is_empty() {
            writeln!(page, "| {container} | {} |", names.join(" ")).expect("a String takes all");
        }
    }
    page
}

fn row(page: &mut String, command: &Command) {
    if !command.subcommands.is_empty() && command.arity < -1 {
        return; // nothing but a container
    }
    let container = command.name.split_once('|').map(|(container, _)| format!("{} ", container.to_uppercase())).unwrap_or_default();
    let line = format!("{container}{}", syntax(command)).replace('|', "\\|");
    let deprecated = command.deprecated.map(|(_, instead)| format!("Deprecated; instead: {instead}. ")).unwrap_or_default();
    let remarks = format!("{deprecated}{}", command.differs);
    writeln!(page, "| `{line}` | {} | {} | {} |", command.since, place(command.place), remarks.trim_end()).expect("a String takes all");
}

fn place(place: Place) -> &'static str {
    match place {
        Place::Proxy => "in the proxy",
        Place::Key => "at the partition of its keys",
        Place::Gather => "at the partition of its keys, or over copies",
        Place::Split(Merge::Sum) => "at the partitions of its keys, added",
        Place::Split(_) => "at the partitions of its keys",
        Place::Every(Merge::Sum) => "at every partition, added",
        Place::Every(_) => "at every partition",
        Place::Cursor => "at the partition of its cursor",
        Place::Any => "at a random partition",
    }
}

fn missing() -> impl Iterator<Item = &'static str> {
    ALL.iter().flat_map(|(_, names)| names.split(' ')).filter(|name| is_missing(name))
}

fn is_missing(name: &str) -> bool {
    !COMMANDS.iter().any(|command| command.name == name)
}

const HEAD: &str = "# Compatibility

Pegasus behaves as Redis 7.4 does, command by command, down to the error texts; this page lists what is there and what differs.
It is generated from the command table (`crates/commands`, `UPDATE_DOCS=1 cargo test --release -p commands` rewrites it).

What holds for all commands:

- A table consists of partitions. A command runs atomically at one of them. Keys that have to be in one partition and are not:
  `CROSSSLOT`. A hash tag (`{...}`) puts keys into the same slot and so into the same partition. A table of one partition has no
  such limit.
- A key that has expired is absent to every command, and a background sweep removes it.
- A command that only reads and whose keys lie in several partitions (`SUNION`, `ZINTER`, `PFCOUNT` ...) runs over copies of their values: each
  is one state of its key, together they are not one state of the table; `XREAD` asks each partition for its streams. One that writes answers `CROSSSLOT`.
- Where a collection goes from one record to one record per element is said by `hash-max-listpack-entries` and its relatives, by default 128
  entries of 64 bytes for hashes too (Redis: 512), because an inline value is written whole with each change; lists are inline up to 1 KiB. `OBJECT ENCODING` tells what is stored.
- The longest value is that of `proto-max-bulk-len`, 512 MiB. A command that only reads may answer with a collection of any size: what is longer than 1 MiB reaches the
  client piece by piece. A reply that is a string may have 128 MiB (of what is pipelined to a partition together with writes, the replies before it are counted), and what one request writes 160 MiB.
- A field of a hash that has expired is absent to every command. It leaves the disk with the next write to the hash, or with the background sweep.
- Blocking forms (`BLPOP`, `XREAD BLOCK` ...) are not there yet.
- An option that is not listed is a syntax error, never ignored.

Redis' own tests (7.0.15, external mode, one partition, no test-only behaviour) pass in unit/keyspace, scan, expire, bitfield, geo, dump, type/incr, type/string, type/hash
and type/list-3. On eight partitions, in the suite's cluster mode, the same pass and the same fail. What fails in the others:

| unit | tests | why |
| --- | --- | --- |
| sort | SORT sorted set BY nosort should retain ordering; ... works as expected from scripts | `MULTI`, `EVAL` |
| bitops | SETBIT/BITFIELD only increase dirty when the value changed | `INFO` does not count changes (`rdb_changes_since_last_save`) |
| hyperloglog | PFADD / PFCOUNT cache invalidation works | `PFCOUNT` writes nothing, see there |
| other | RESET clears client state, MONITOR, MULTI, Pub/Sub, authenticated state | those commands |
| type/set | SMOVE only notify dstset when the addition is successful | `WATCH` |
| type/list, type/zset, type/stream, type/stream-cgroups | all that block or use `MULTI` | blocking forms, `MULTI` |
| type/zset | ZMPOP readraw in RESP3 | the blocking test before it fails, and the suite's new connection speaks RESP2 |
| type/stream | XRANGE COUNT, XREVRANGE COUNT, XRANGE can be used to iterate the whole stream, XREAD with non empty stream, XRANGE fuzzing | their streams are filled within `MULTI` |
";

/// All commands of Redis by group, ours included.
const ALL: &[(&str, &str)] = &[
    (
        "string",
        "append decr decrby get getdel getex getrange getset incr incrby incrbyfloat lcs mget mset msetnx psetex set setex setnx \
         setrange strlen substr",
    ),
    (
        "generic",
        "copy del dump exists expire expireat expiretime keys migrate move object persist pexpire pexpireat pexpiretime pttl randomkey \
         rename renamenx restore scan sort sort_ro touch ttl type unlink wait waitaof",
    ),
    ("hash", "hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset hsetnx hstrlen hvals"),
    ("hash fields with expiry", "hexpire hexpireat hexpiretime hgetdel hgetex hpersist hpexpire hpexpireat hpexpiretime hpttl hsetex httl"),
    (
        "list",
        "blmove blmpop blpop brpop brpoplpush lindex linsert llen lmove lmpop lpop lpos lpush lpushx lrange lrem lset ltrim rpop \
         rpoplpush rpush rpushx",
    ),
    (
        "set",
        "sadd scard sdiff sdiffstore sinter sintercard sinterstore sismember smembers smismember smove spop srandmember srem sscan \
         sunion sunionstore",
    ),
    (
        "sorted set",
        "bzmpop bzpopmax bzpopmin zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop zmscore \
         zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex zremrangebyrank \
         zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion zunionstore",
    ),
    ("stream", "xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xread xreadgroup xrevrange xsetid xtrim"),
    ("bitmap", "bitcount bitfield bitfield_ro bitop bitpos getbit setbit"),
    ("hyperloglog", "pfadd pfcount pfdebug pfmerge pfselftest"),
    ("geo", "geoadd geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch geosearchstore"),
    ("pubsub", "psubscribe publish pubsub punsubscribe spublish ssubscribe subscribe sunsubscribe unsubscribe"),
    ("transactions", "discard exec multi unwatch watch"),
    ("scripting", "eval eval_ro evalsha evalsha_ro fcall fcall_ro function script"),
    ("connection", "auth client echo hello ping quit reset select"),
    (
        "server",
        "acl bgrewriteaof bgsave command config dbsize debug failover flushall flushdb info lastsave latency lolwut memory module \
         monitor replicaof role save shutdown slaveof slowlog swapdb time",
    ),
    ("cluster", "asking cluster readonly readwrite"),
];

/// All subcommands that Redis has of the containers that are there (DEBUG aside, which nobody documents), ours included.
const SUBCOMMANDS: &[(&str, &str)] = &[
    (
        "client",
        "caching getname getredir help id info kill list no-evict no-touch pause reply setinfo setname tracking trackinginfo unblock unpause",
    ),
    ("command", "count docs getkeys getkeysandflags help info list"),
    ("config", "get help resetstat rewrite set"),
    ("memory", "doctor help malloc-stats purge stats usage"),
    ("object", "encoding freq help idletime refcount"),
    ("xgroup", "create createconsumer delconsumer destroy help setid"),
    ("xinfo", "consumers groups help stream"),
];

#[cfg(test)]
mod tests;
