//! Commands of the group `sorted-set`.

use crate::sorted_sets::{add, combine, get, pop, random, ranges, remove, scan};
use crate::table::argument::{Argument, block, double, integer, key, one_of, pattern, string, token};
use crate::table::{Category, Command, Flag, Group, KeySpec, Place};

const NEW: Command = Command { group: Group::SortedSet, acl: &[Category::SortedSet], place: Place::Key, ..Command::NEW };

const READ: &[Flag] = &[Flag::ReadOnly];
const READ_FAST: &[Flag] = &[Flag::ReadOnly, Flag::Fast];
const READ_MOVABLE: &[Flag] = &[Flag::ReadOnly, Flag::MovableKeys];
const ADD: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];
const REMOVE: &[Flag] = &[Flag::Write];
const REMOVE_FAST: &[Flag] = &[Flag::Write, Flag::Fast];
const STORE_MOVABLE: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::MovableKeys];

const RO_ACCESS: &[KeySpec] = &[KeySpec::one(1, &["RO", "access"])];
const RW_DELETE: &[KeySpec] = &[KeySpec::one(1, &["RW", "delete"])];
const RW_ACCESS_DELETE: &[KeySpec] = &[KeySpec::one(1, &["RW", "access", "delete"])];
const GATHERED: &[KeySpec] = &[KeySpec::counted(1, &["RO", "access"])];
const GATHERED_AND_STORED: &[KeySpec] = &[KeySpec::one(1, &["OW", "update"]), KeySpec::counted(2, &["RO", "access"])];

const WITHSCORES: Argument = token("withscores", "WITHSCORES").optional();
const LIMIT: Argument = block("limit", &[integer("offset"), integer("count")]).after("LIMIT").optional();
const SORTBY: Argument = one_of("sortby", &[token("byscore", "BYSCORE"), token("bylex", "BYLEX")]).optional();
const REV: Argument = token("rev", "REV").optional();
const WEIGHTS: Argument = double("weight").after("WEIGHTS").optional().multiple();
const AGGREGATE: Argument =
    one_of("aggregate", &[token("sum", "SUM"), token("min", "MIN"), token("max", "MAX")]).after("AGGREGATE").optional();
const SOURCES: Argument = key("key").of_spec(1).multiple();

const RANGE_COST: &str = "O(log(N)+M) where N is the number of members and M the number of members returned";
const REMOVE_COST: &str = "O(M*log(N)) where N is the number of members and M the number of members removed";
const DIFFERENCE_COST: &str = "O(L + K*log(K)) where L is the number of members of all sorted sets and K that of the result";
const UNION_COST: &str = "O(N + M*log(M)) where N is the number of members of all sorted sets and M that of the result";
const INTERSECTION_COST: &str =
    "O(N*K + M*log(M)) where N is the number of members of the smallest of K sorted sets and M that of the result";
const SIGN_OF_ZERO: &str = "The score -0 is stored as 0, as Redis does in small sorted sets only.";

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "zadd",
        since: "1.2.0",
        summary: "Adds members to a sorted set or changes their scores; creates the key if there is none.",
        complexity: "O(log(N)) for each member, where N is the number of members",
        arity: -4,
        flags: ADD,
        keys: &[KeySpec::one(1, &["RW", "update"])],
        arguments: &[
            key("key"),
            one_of("condition", &[token("nx", "NX"), token("xx", "XX")]).optional().since("3.0.2"),
            one_of("comparison", &[token("gt", "GT"), token("lt", "LT")]).optional().since("6.2.0"),
            token("change", "CH").optional().since("3.0.2"),
            token("increment", "INCR").optional().since("3.0.2"),
            block("data", &[double("score"), string("member")]).multiple(),
        ],
        differs: SIGN_OF_ZERO,
        run: Some(add::zadd),
        ..NEW
    },
    Command {
        name: "zcard",
        since: "1.2.0",
        summary: "Returns the number of members of a sorted set.",
        arity: 2,
        flags: READ_FAST,
        keys: &[KeySpec::one(1, &["RO"])],
        arguments: &[key("key")],
        run: Some(get::zcard),
        ..NEW
    },
    Command {
        name: "zcount",
        since: "2.0.0",
        summary: "Counts the members with scores in a range.",
        complexity: "O(log(N)) where N is the number of members",
        arity: 4,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), double("min"), double("max")],
        run: Some(get::zcount),
        ..NEW
    },
    Command {
        name: "zdiff",
        since: "6.2.0",
        summary: "Returns the members of the first sorted set that are in none of the others.",
        complexity: DIFFERENCE_COST,
        arity: -3,
        flags: READ_MOVABLE,
        keys: GATHERED,
        arguments: &[integer("numkeys"), key("key").multiple(), WITHSCORES],
        place: Place::Gather,
        differs: GATHER,
        run: Some(combine::zdiff),
        ..NEW
    },
    Command {
        name: "zdiffstore",
        since: "6.2.0",
        summary: "Stores the members of the first sorted set that are in none of the others.",
        complexity: DIFFERENCE_COST,
        arity: -4,
        flags: STORE_MOVABLE,
        keys: GATHERED_AND_STORED,
        arguments: &[key("destination"), integer("numkeys"), SOURCES],
        differs: ONE_PARTITION,
        run: Some(combine::zdiffstore),
        ..NEW
    },
    Command {
        name: "zincrby",
        since: "1.2.0",
        summary: "Adds to the score of a member; a member that does not exist counts as 0.",
        complexity: "O(log(N)) where N is the number of members",
        arity: 4,
        flags: ADD,
        keys: &[KeySpec::one(1, &["RW", "access", "update"])],
        arguments: &[key("key"), double("increment"), string("member")],
        differs: SIGN_OF_ZERO,
        run: Some(add::zincrby),
        ..NEW
    },
    Command {
        name: "zinter",
        since: "6.2.0",
        summary: "Returns the members that all of several sorted sets have.",
        complexity: INTERSECTION_COST,
        arity: -3,
        flags: READ_MOVABLE,
        keys: GATHERED,
        arguments: &[integer("numkeys"), key("key").multiple(), WEIGHTS, AGGREGATE, WITHSCORES],
        place: Place::Gather,
        differs: GATHER,
        run: Some(combine::zinter),
        ..NEW
    },
    Command {
        name: "zintercard",
        since: "7.0.0",
        summary: "Counts the members that all of several sorted sets have.",
        complexity: "O(N*K) where N is the number of members of the smallest of K sorted sets",
        arity: -3,
        flags: READ_MOVABLE,
        keys: GATHERED,
        arguments: &[integer("numkeys"), key("key").multiple(), integer("limit").after("LIMIT").optional()],
        place: Place::Gather,
        differs: GATHER,
        run: Some(combine::zintercard),
        ..NEW
    },
    Command {
        name: "zinterstore",
        since: "2.0.0",
        summary: "Stores the members that all of several sorted sets have.",
        complexity: INTERSECTION_COST,
        arity: -4,
        flags: STORE_MOVABLE,
        keys: GATHERED_AND_STORED,
        arguments: &[key("destination"), integer("numkeys"), SOURCES, WEIGHTS, AGGREGATE],
        differs: ONE_PARTITION,
        run: Some(combine::zinterstore),
        ..NEW
    },
    Command {
        name: "zlexcount",
        since: "2.8.9",
        summary: "Counts the members between two members.",
        complexity: "O(log(N)) where N is the number of members",
        arity: 4,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), string("min"), string("max")],
        run: Some(get::zlexcount),
        ..NEW
    },
    Command {
        name: "zmpop",
        since: "7.0.0",
        summary: "Removes and returns members with the lowest or highest scores of the first sorted set that has members.",
        complexity: "O(K) + O(M*log(N)) where K is the number of keys, N that of members and M that of members removed",
        arity: -4,
        flags: &[Flag::Write, Flag::MovableKeys],
        keys: &[KeySpec::counted(1, &["RW", "access", "delete"])],
        arguments: &[
            integer("numkeys"),
            key("key").multiple(),
            one_of("where", &[token("min", "MIN"), token("max", "MAX")]),
            integer("count").after("COUNT").optional(),
        ],
        differs: ONE_PARTITION,
        run: Some(pop::zmpop),
        ..NEW
    },
    Command {
        name: "zmscore",
        since: "6.2.0",
        summary: "Returns the scores of members.",
        complexity: "O(N) where N is the number of members asked for",
        arity: -3,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), string("member").multiple()],
        run: Some(get::zmscore),
        ..NEW
    },
    Command {
        name: "zpopmax",
        since: "5.0.0",
        summary: "Removes and returns the members with the highest scores.",
        complexity: REMOVE_COST,
        arity: -2,
        flags: REMOVE_FAST,
        keys: RW_ACCESS_DELETE,
        arguments: &[key("key"), integer("count").optional()],
        run: Some(pop::zpopmax),
        ..NEW
    },
    Command {
        name: "zpopmin",
        since: "5.0.0",
        summary: "Removes and returns the members with the lowest scores.",
        complexity: REMOVE_COST,
        arity: -2,
        flags: REMOVE_FAST,
        keys: RW_ACCESS_DELETE,
        arguments: &[key("key"), integer("count").optional()],
        run: Some(pop::zpopmin),
        ..NEW
    },
    Command {
        name: "zrandmember",
        since: "6.2.0",
        summary: "Returns members chosen at random.",
        complexity: "O(N) where N is the number of members returned",
        arity: -2,
        flags: READ,
        tips: &["nondeterministic_output"],
        keys: RO_ACCESS,
        arguments: &[key("key"), block("options", &[integer("count"), WITHSCORES]).optional()],
        differs: "With a negative count, a reply longer than proto-max-bulk-len is refused.",
        run: Some(random::zrandmember),
        ..NEW
    },
    Command {
        name: "zrange",
        since: "1.2.0",
        summary: "Returns the members between two ranks, scores or members.",
        complexity: RANGE_COST,
        arity: -4,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[
            key("key"),
            string("start"),
            string("stop"),
            SORTBY.since("6.2.0"),
            REV.since("6.2.0"),
            LIMIT.since("6.2.0"),
            WITHSCORES,
        ],
        run: Some(ranges::zrange),
        ..NEW
    },
    Command {
        name: "zrangebylex",
        since: "2.8.9",
        summary: "Returns the members between two members.",
        complexity: RANGE_COST,
        arity: -4,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[key("key"), string("min"), string("max"), LIMIT],
        deprecated: Some(("6.2.0", "`ZRANGE` with the `BYLEX` argument")),
        run: Some(ranges::zrangebylex),
        ..NEW
    },
    Command {
        name: "zrangebyscore",
        since: "1.0.5",
        summary: "Returns the members with scores in a range.",
        complexity: RANGE_COST,
        arity: -4,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[key("key"), double("min"), double("max"), WITHSCORES.since("2.0.0"), LIMIT],
        deprecated: Some(("6.2.0", "`ZRANGE` with the `BYSCORE` argument")),
        run: Some(ranges::zrangebyscore),
        ..NEW
    },
    Command {
        name: "zrangestore",
        since: "6.2.0",
        summary: "Stores the members between two ranks, scores or members in another key.",
        complexity: "O(log(N)+M) where N is the number of members and M the number of members stored",
        arity: -5,
        flags: &[Flag::Write, Flag::DenyOom],
        keys: &[KeySpec::one(1, &["OW", "update"]), KeySpec::one(2, &["RO", "access"])],
        arguments: &[key("dst"), key("src").of_spec(1), string("min"), string("max"), SORTBY, REV, LIMIT],
        differs: ONE_PARTITION,
        run: Some(ranges::zrangestore),
        ..NEW
    },
    Command {
        name: "zrank",
        since: "2.0.0",
        summary: "Returns the rank of a member, counted from the lowest score.",
        complexity: "O(log(N)) where N is the number of members",
        arity: -3,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), string("member"), token("withscore", "WITHSCORE").optional().since("7.2.0")],
        run: Some(get::zrank),
        ..NEW
    },
    Command {
        name: "zrem",
        since: "1.2.0",
        summary: "Removes members of a sorted set.",
        complexity: REMOVE_COST,
        arity: -3,
        flags: REMOVE_FAST,
        keys: RW_DELETE,
        arguments: &[key("key"), string("member").multiple()],
        run: Some(remove::zrem),
        ..NEW
    },
    Command {
        name: "zremrangebylex",
        since: "2.8.9",
        summary: "Removes the members between two members.",
        complexity: REMOVE_COST,
        arity: 4,
        flags: REMOVE,
        keys: RW_DELETE,
        arguments: &[key("key"), string("min"), string("max")],
        run: Some(remove::zremrangebylex),
        ..NEW
    },
    Command {
        name: "zremrangebyrank",
        since: "2.0.0",
        summary: "Removes the members between two ranks.",
        complexity: REMOVE_COST,
        arity: 4,
        flags: REMOVE,
        keys: RW_DELETE,
        arguments: &[key("key"), integer("start"), integer("stop")],
        run: Some(remove::zremrangebyrank),
        ..NEW
    },
    Command {
        name: "zremrangebyscore",
        since: "1.2.0",
        summary: "Removes the members with scores in a range.",
        complexity: REMOVE_COST,
        arity: 4,
        flags: REMOVE,
        keys: RW_DELETE,
        arguments: &[key("key"), double("min"), double("max")],
        run: Some(remove::zremrangebyscore),
        ..NEW
    },
    Command {
        name: "zrevrange",
        since: "1.2.0",
        summary: "Returns the members between two ranks, counted from the highest score.",
        complexity: RANGE_COST,
        arity: -4,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[key("key"), integer("start"), integer("stop"), WITHSCORES],
        deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` argument")),
        run: Some(ranges::zrevrange),
        ..NEW
    },
    Command {
        name: "zrevrangebylex",
        since: "2.8.9",
        summary: "Returns the members between two members, the highest first.",
        complexity: RANGE_COST,
        arity: -4,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[key("key"), string("max"), string("min"), LIMIT],
        deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")),
        run: Some(ranges::zrevrangebylex),
        ..NEW
    },
    Command {
        name: "zrevrangebyscore",
        since: "2.2.0",
        summary: "Returns the members with scores in a range, the highest first.",
        complexity: RANGE_COST,
        arity: -4,
        flags: READ,
        keys: RO_ACCESS,
        arguments: &[key("key"), double("max"), double("min"), WITHSCORES, LIMIT],
        deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")),
        run: Some(ranges::zrevrangebyscore),
        ..NEW
    },
    Command {
        name: "zrevrank",
        since: "2.0.0",
        summary: "Returns the rank of a member, counted from the highest score.",
        complexity: "O(log(N)) where N is the number of members",
        arity: -3,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), string("member"), token("withscore", "WITHSCORE").optional().since("7.2.0")],
        run: Some(get::zrevrank),
        ..NEW
    },
    Command {
        name: "zscan",
        since: "2.8.0",
        summary: "Returns some of the members and scores, and a cursor to go on with.",
        complexity: "O(N) where N is the number of members returned",
        arity: -3,
        flags: READ,
        tips: &["nondeterministic_output"],
        keys: RO_ACCESS,
        arguments: &[
            key("key"),
            integer("cursor"),
            pattern("pattern").after("MATCH").optional(),
            integer("count").after("COUNT").optional(),
        ],
        differs: "COUNT is limited to 65536. Scores have the fewest digits that tell them apart, as everywhere; Redis gives those of large \
                  sorted sets 17 digits here.",
        run: Some(scan::zscan),
        ..NEW
    },
    Command {
        name: "zscore",
        since: "1.2.0",
        summary: "Returns the score of a member.",
        arity: 3,
        flags: READ_FAST,
        keys: RO_ACCESS,
        arguments: &[key("key"), string("member")],
        run: Some(get::zscore),
        ..NEW
    },
    Command {
        name: "zunion",
        since: "6.2.0",
        summary: "Returns the members that any of several sorted sets has.",
        complexity: UNION_COST,
        arity: -3,
        flags: READ_MOVABLE,
        keys: GATHERED,
        arguments: &[integer("numkeys"), key("key").multiple(), WEIGHTS, AGGREGATE, WITHSCORES],
        place: Place::Gather,
        differs: GATHER,
        run: Some(combine::zunion),
        ..NEW
    },
    Command {
        name: "zunionstore",
        since: "2.0.0",
        summary: "Stores the members that any of several sorted sets has.",
        complexity: UNION_COST,
        arity: -4,
        flags: STORE_MOVABLE,
        keys: GATHERED_AND_STORED,
        arguments: &[key("destination"), integer("numkeys"), SOURCES, WEIGHTS, AGGREGATE],
        differs: ONE_PARTITION,
        run: Some(combine::zunionstore),
        ..NEW
    },
];

const GATHER: &str = "Keys in several partitions: each is read at a moment of its own.";
const ONE_PARTITION: &str = "All keys have to be in one partition.";
