//! Commands of the group `hash`.

use crate::hashes;
use crate::table::argument::{Argument, block, double, integer, key, one_of, pattern, string, token, unix_time};
use crate::table::{Category, Command, Flag, Group, KeySpec, Place};

const NEW: Command = Command { group: Group::Hash, acl: &[Category::Hash], place: Place::Key, since: "2.0.0", ..Command::NEW };

const WRITE_FAST: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];
const SHRINK_FAST: &[Flag] = &[Flag::Write, Flag::Fast];
const READ: &[Flag] = &[Flag::ReadOnly];
const READ_FAST: &[Flag] = &[Flag::ReadOnly, Flag::Fast];

const RO: &[KeySpec] = &[KeySpec::one(1, &["RO"])];
const RO_ACCESS: &[KeySpec] = &[KeySpec::one(1, &["RO", "access"])];
const RW_UPDATE: &[KeySpec] = &[KeySpec::one(1, &["RW", "update"])];
const RW_ACCESS_UPDATE: &[KeySpec] = &[KeySpec::one(1, &["RW", "access", "update"])];

const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const ANY_OUTPUT: &[&str] = &["nondeterministic_output"];

const DATA: Argument = block("data", &[string("field"), string("value")]).multiple();
const FIELDS: Argument = block("fields", &[integer("numfields"), string("field").multiple()]).after("FIELDS");
const CONDITION: Argument = one_of("condition", &[token("nx", "NX"), token("xx", "XX"), token("gt", "GT"), token("lt", "LT")]).optional();
const EX: Argument = integer("seconds").after("EX");
const PX: Argument = integer("milliseconds").after("PX");
const EXAT: Argument = unix_time("unix-time-seconds").after("EXAT");
const PXAT: Argument = unix_time("unix-time-milliseconds").after("PXAT");

const PER_FIELD: &str = "O(N) where N is the number of fields";
const WHOLE: &str = "O(N) where N is the size of the hash";

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "hdel",
        summary: "Removes fields from a hash; a hash without fields ceases to exist.",
        complexity: PER_FIELD,
        arity: -3,
        flags: SHRINK_FAST,
        keys: &[KeySpec::one(1, &["RW", "delete"])],
        arguments: &[key("key"), string("field").multiple()],
        differs: "A field that has expired is never counted.",
        run: Some(hashes::get::hdel),
        ..NEW
    },
    Command {
        name: "hexists",
        summary: "Says whether a hash has a field.",
        arity: 3,
        flags: READ_FAST,
        keys: RO,
        arguments: &[key("key"), string("field")],
        run: Some(hashes::get::hexists),
        ..NEW
    },
    Command {
        name: "hexpire",
        since: "7.4.0",
        summary: "Sets when fields of a hash expire, in seconds from now.",
        complexity: PER_FIELD,
        arity: -6,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key"), integer("seconds"), CONDITION, FIELDS],
        run: Some(hashes::deadline::hexpire),
        ..NEW
    },
    Command {
        name: "hexpireat",
        since: "7.4.0",
        summary: "Sets when fields of a hash expire, as a Unix time in seconds.",
        complexity: PER_FIELD,
        arity: -6,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key"), unix_time("unix-time-seconds"), CONDITION, FIELDS],
        run: Some(hashes::deadline::hexpireat),
        ..NEW
    },
    Command {
        name: "hexpiretime",
        since: "7.4.0",
        summary: "Returns when fields of a hash expire, as Unix times in seconds.",
        complexity: PER_FIELD,
        arity: -5,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), FIELDS],
        run: Some(hashes::deadline::hexpiretime),
        ..NEW
    },
    Command {
        name: "hget",
        summary: "Returns the value of a field of a hash.",
        arity: 3,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), string("field")],
        run: Some(hashes::get::hget),
        ..NEW
    },
    Command {
        name: "hgetall",
        summary: "Returns all fields and values of a hash.",
        complexity: WHOLE,
        arity: 2,
        flags: READ,
        tips: ANY_ORDER,
        keys: RO_ACCESS,
        arguments: &[key("key")],
        run: Some(hashes::whole::hgetall),
        ..NEW
    },
    Command {
        name: "hgetdel",
        since: "8.0.0",
        summary: "Returns the values of fields of a hash and removes them.",
        complexity: PER_FIELD,
        arity: -5,
        flags: SHRINK_FAST,
        keys: &[KeySpec::one(1, &["RW", "access", "delete"])],
        arguments: &[key("key"), FIELDS],
        run: Some(hashes::get::hgetdel),
        ..NEW
    },
    Command {
        name: "hgetex",
        since: "8.0.0",
        summary: "Returns the values of fields of a hash and sets or removes their expiries.",
        complexity: PER_FIELD,
        arity: -5,
        flags: SHRINK_FAST,
        keys: &[KeySpec { notes: "RW and UPDATE because it changes the TTL", ..KeySpec::one(1, &["RW", "access", "update"]) }],
        arguments: &[key("key"), one_of("expiration", &[EX, PX, EXAT, PXAT, token("persist", "PERSIST")]).optional(), FIELDS],
        run: Some(hashes::getex::hgetex),
        ..NEW
    },
    Command {
        name: "hincrby",
        summary: "Adds a number to the integer in a field of a hash; a field that does not exist counts as 0.",
        arity: 4,
        flags: WRITE_FAST,
        keys: RW_ACCESS_UPDATE,
        arguments: &[key("key"), string("field"), integer("increment")],
        run: Some(hashes::count::hincrby),
        ..NEW
    },
    Command {
        name: "hincrbyfloat",
        since: "2.6.0",
        summary: "Adds a number to the floating point number in a field of a hash; a field that does not exist counts as 0.",
        arity: 4,
        flags: WRITE_FAST,
        keys: RW_ACCESS_UPDATE,
        arguments: &[key("key"), string("field"), double("increment")],
        differs: "Numbers in hexadecimal notation are refused.",
        run: Some(hashes::count::hincrbyfloat),
        ..NEW
    },
    Command {
        name: "hkeys",
        summary: "Returns all fields of a hash.",
        complexity: WHOLE,
        arity: 2,
        flags: READ,
        tips: ANY_ORDER,
        keys: RO_ACCESS,
        arguments: &[key("key")],
        run: Some(hashes::whole::hkeys),
        ..NEW
    },
    Command {
        name: "hlen",
        summary: "Returns the number of fields of a hash.",
        complexity: "O(1), and O(N) where N is the number of fields that have expired and were not removed yet",
        arity: 2,
        flags: READ_FAST,
        keys: RO,
        arguments: &[key("key")],
        differs: "Fields that have expired do not count, removed or not.",
        run: Some(hashes::get::hlen),
        ..NEW
    },
    Command {
        name: "hmget",
        summary: "Returns the values of fields of a hash.",
        complexity: PER_FIELD,
        arity: -3,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), string("field").multiple()],
        run: Some(hashes::get::hmget),
        ..NEW
    },
    Command {
        name: "hmset",
        summary: "Sets fields of a hash.",
        complexity: PER_FIELD,
        arity: -4,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key"), DATA],
        deprecated: Some(("4.0.0", "`HSET` with multiple field-value pairs")),
        run: Some(hashes::set::hmset),
        ..NEW
    },
    Command {
        name: "hpersist",
        since: "7.4.0",
        summary: "Removes the expiries of fields of a hash.",
        complexity: PER_FIELD,
        arity: -5,
        flags: SHRINK_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key"), FIELDS],
        run: Some(hashes::deadline::hpersist),
        ..NEW
    },
    Command {
        name: "hpexpire",
        since: "7.4.0",
        summary: "Sets when fields of a hash expire, in milliseconds from now.",
        complexity: PER_FIELD,
        arity: -6,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key"), integer("milliseconds"), CONDITION, FIELDS],
        run: Some(hashes::deadline::hpexpire),
        ..NEW
    },
    Command {
        name: "hpexpireat",
        since: "7.4.0",
        summary: "Sets when fields of a hash expire, as a Unix time in milliseconds.",
        complexity: PER_FIELD,
        arity: -6,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key"), unix_time("unix-time-milliseconds"), CONDITION, FIELDS],
        run: Some(hashes::deadline::hpexpireat),
        ..NEW
    },
    Command {
        name: "hpexpiretime",
        since: "7.4.0",
        summary: "Returns when fields of a hash expire, as Unix times in milliseconds.",
        complexity: PER_FIELD,
        arity: -5,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), FIELDS],
        run: Some(hashes::deadline::hpexpiretime),
        ..NEW
    },
    Command {
        name: "hpttl",
        since: "7.4.0",
        summary: "Returns how long fields of a hash live, in milliseconds.",
        complexity: PER_FIELD,
        arity: -5,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), FIELDS],
        run: Some(hashes::deadline::hpttl),
        ..NEW
    },
    Command {
        name: "hrandfield",
        since: "6.2.0",
        summary: "Returns fields of a hash chosen at random.",
        complexity: "O(N) where N is the number of fields returned",
        arity: -2,
        flags: READ,
        tips: ANY_OUTPUT,
        keys: RO_ACCESS,
        arguments: &[key("key"), block("options", &[integer("count"), token("withvalues", "WITHVALUES").optional()]).optional()],
        differs: "With a negative count the reply may not be longer than `proto-max-bulk-len`.",
        run: Some(hashes::random::hrandfield),
        ..NEW
    },
    Command {
        name: "hscan",
        since: "2.8.0",
        summary: "Returns some fields and values of a hash, and a cursor to go on with.",
        complexity: "O(1) for every call, O(N) for a whole iteration where N is the size of the hash",
        arity: -3,
        flags: READ,
        tips: ANY_OUTPUT,
        keys: RO_ACCESS,
        arguments: &[
            key("key"),
            integer("cursor"),
            pattern("pattern").after("MATCH").optional(),
            integer("count").after("COUNT").optional(),
            token("novalues", "NOVALUES").since("7.4.0").optional(),
        ],
        run: Some(hashes::scan::hscan),
        ..NEW
    },
    Command {
        name: "hset",
        summary: "Sets fields of a hash; creates the hash if there is none.",
        complexity: PER_FIELD,
        arity: -4,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[key("key"), DATA],
        run: Some(hashes::set::hset),
        ..NEW
    },
    Command {
        name: "hsetex",
        since: "8.0.0",
        summary: "Sets fields of a hash and their expiry; on demand only if all or none of them exist.",
        complexity: PER_FIELD,
        arity: -6,
        flags: WRITE_FAST,
        keys: RW_UPDATE,
        arguments: &[
            key("key"),
            one_of("condition", &[token("fnx", "FNX"), token("fxx", "FXX")]).optional(),
            one_of("expiration", &[EX, PX, EXAT, PXAT, token("keepttl", "KEEPTTL")]).optional(),
            block("fields", &[integer("numfields"), DATA]).after("FIELDS"),
        ],
        run: Some(hashes::set::hsetex),
        ..NEW
    },
    Command {
        name: "hsetnx",
        summary: "Sets a field of a hash, if the field does not exist.",
        arity: 4,
        flags: WRITE_FAST,
        keys: &[KeySpec::one(1, &["RW", "insert"])],
        arguments: &[key("key"), string("field"), string("value")],
        run: Some(hashes::set::hsetnx),
        ..NEW
    },
    Command {
        name: "hstrlen",
        since: "3.2.0",
        summary: "Returns the length of the value of a field of a hash.",
        arity: 3,
        flags: READ_FAST,
        keys: RO,
        arguments: &[key("key"), string("field")],
        run: Some(hashes::get::hstrlen),
        ..NEW
    },
    Command {
        name: "httl",
        since: "7.4.0",
        summary: "Returns how long fields of a hash live, in seconds.",
        complexity: PER_FIELD,
        arity: -5,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), FIELDS],
        run: Some(hashes::deadline::httl),
        ..NEW
    },
    Command {
        name: "hvals",
        summary: "Returns all values of a hash.",
        complexity: WHOLE,
        arity: 2,
        flags: READ,
        tips: ANY_ORDER,
        keys: RO_ACCESS,
        arguments: &[key("key")],
        run: Some(hashes::whole::hvals),
        ..NEW
    },
];
