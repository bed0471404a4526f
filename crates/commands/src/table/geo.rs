//! Commands of the group `geo`.

use crate::geo::{add, get, search};
use crate::table::argument::{Argument, block, double, integer, key, one_of, string, token};
use crate::table::{Category, Command, Flag, Group, KeySpec, Place};

const NEW: Command = Command { group: Group::Geo, since: "3.2.0", acl: &[Category::Geo], place: Place::Key, ..Command::NEW };

const READ: &[Flag] = &[Flag::ReadOnly];
const WRITE: &[Flag] = &[Flag::Write, Flag::DenyOom];
const STORE_MOVABLE: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::MovableKeys];

const RO_ACCESS: KeySpec = KeySpec::one(1, &["RO", "access"]);
const OW_UPDATE: &[&str] = &["OW", "update"];

const LONGITUDE: Argument = double("longitude");
const LATITUDE: Argument = double("latitude");
const UNIT: Argument = one_of("unit", &[token("m", "M"), token("km", "KM"), token("ft", "FT"), token("mi", "MI")]);
const FROM: Argument =
    one_of("from", &[string("member").after("FROMMEMBER"), block("longitude_latitude", &[LONGITUDE, LATITUDE]).after("FROMLONLAT")]);
const BY: Argument = one_of(
    "by",
    &[
        block("circle", &[double("radius").after("BYRADIUS"), UNIT]),
        block("box", &[double("width").after("BYBOX"), double("height"), UNIT]),
    ],
);
const ORDER: Argument = one_of("order", &[token("asc", "ASC"), token("desc", "DESC")]).optional();
const COUNT: Argument = block("count", &[integer("count").after("COUNT"), token("any", "ANY").optional()]).optional();
const COUNT_ANY_LATER: Argument =
    block("count", &[integer("count").after("COUNT"), token("any", "ANY").optional().since("6.2.0")]).optional();
const WITHCOORD: Argument = token("withcoord", "WITHCOORD").optional();
const WITHDIST: Argument = token("withdist", "WITHDIST").optional();
const WITHHASH: Argument = token("withhash", "WITHHASH").optional();
const STORE: Argument = key("key").of_spec(1).after("STORE").optional();
const STOREDIST: Argument = key("key").of_spec(2).after("STOREDIST").optional();

const RADIUS_COST: &str = "O(N+log(M)) where N is the number of members in the cells that cover the circle and M that of all members";
const SEARCH_COST: &str = "O(N+log(M)) where N is the number of members in the cells that cover the area and M that of all members";
const EQUALS: &str = "With COUNT, the order of members at the same distance and which of them are left out may differ.";
const STORED: &str = "All keys have to be in one partition. With COUNT, the order of members at the same distance and which of them are left out may differ.";

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "geoadd",
        summary: "Adds members with their places to a geo index, which is a sorted set; creates the key if there is none.",
        complexity: "O(log(N)) for each member, where N is the number of members",
        arity: -5,
        flags: WRITE,
        keys: &[KeySpec::one(1, &["RW", "update"])],
        arguments: &[
            key("key"),
            one_of("condition", &[token("nx", "NX"), token("xx", "XX")]).optional().since("6.2.0"),
            token("change", "CH").optional().since("6.2.0"),
            block("longitude_latitude_member", &[LONGITUDE, LATITUDE, string("member")]).multiple(),
        ],
        run: Some(add::geoadd),
        ..NEW
    },
    Command {
        name: "geodist",
        summary: "Returns the distance between two members.",
        complexity: "O(1)",
        arity: -4,
        flags: READ,
        keys: &[RO_ACCESS],
        arguments: &[key("key"), string("member1"), string("member2"), UNIT.optional()],
        run: Some(get::geodist),
        ..NEW
    },
    Command {
        name: "geohash",
        summary: "Returns the places of members as standard geohash strings.",
        complexity: "O(N) where N is the number of members asked for",
        arity: -2,
        flags: READ,
        keys: &[RO_ACCESS],
        arguments: &[key("key"), string("member").optional().multiple()],
        run: Some(get::geohash),
        ..NEW
    },
    Command {
        name: "geopos",
        summary: "Returns the longitudes and latitudes of members.",
        complexity: "O(N) where N is the number of members asked for",
        arity: -2,
        flags: READ,
        keys: &[RO_ACCESS],
        arguments: &[key("key"), string("member").optional().multiple()],
        run: Some(get::geopos),
        ..NEW
    },
    Command {
        name: "georadius",
        summary: "Returns or stores the members within a distance of a place.",
        complexity: RADIUS_COST,
        arity: -6,
        flags: STORE_MOVABLE,
        keys: &[RO_ACCESS, KeySpec::keyword("STORE", 6, OW_UPDATE), KeySpec::keyword("STOREDIST", 6, OW_UPDATE)],
        arguments: &[
            key("key"),
            LONGITUDE,
            LATITUDE,
            double("radius"),
            UNIT,
            WITHCOORD,
            WITHDIST,
            WITHHASH,
            COUNT_ANY_LATER,
            ORDER,
            STORE,
            STOREDIST,
        ],
        deprecated: Some(("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")),
        differs: STORED,
        run: Some(search::georadius),
        ..NEW
    },
    Command {
        name: "georadius_ro",
        since: "3.2.10",
        summary: "Returns the members within a distance of a place.",
        complexity: RADIUS_COST,
        arity: -6,
        flags: READ,
        keys: &[RO_ACCESS],
        arguments: &[key("key"), LONGITUDE, LATITUDE, double("radius"), UNIT, WITHCOORD, WITHDIST, WITHHASH, COUNT_ANY_LATER, ORDER],
        deprecated: Some(("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")),
        differs: EQUALS,
        run: Some(search::georadius_ro),
        ..NEW
    },
    Command {
        name: "georadiusbymember",
        summary: "Returns or stores the members within a distance of a member.",
        complexity: RADIUS_COST,
        arity: -5,
        flags: STORE_MOVABLE,
        keys: &[RO_ACCESS, KeySpec::keyword("STORE", 5, OW_UPDATE), KeySpec::keyword("STOREDIST", 5, OW_UPDATE)],
        arguments: &[key("key"), string("member"), double("radius"), UNIT, WITHCOORD, WITHDIST, WITHHASH, COUNT, ORDER, STORE, STOREDIST],
        deprecated: Some(("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments")),
        differs: STORED,
        run: Some(search::georadiusbymember),
        ..NEW
    },
    Command {
        name: "georadiusbymember_ro",
        since: "3.2.10",
        summary: "Returns the members within a distance of a member.",
        complexity: RADIUS_COST,
        arity: -5,
        flags: READ,
        keys: &[RO_ACCESS],
        arguments: &[key("key"), string("member"), double("radius"), UNIT, WITHCOORD, WITHDIST, WITHHASH, COUNT, ORDER],
        deprecated: Some(("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")),
        differs: EQUALS,
        run: Some(search::georadiusbymember_ro),
        ..NEW
    },
    Command {
        name: "geosearch",
        since: "6.2.0",
        summary: "Returns the members in a circle or a box around a place or a member.",
        complexity: SEARCH_COST,
        arity: -7,
        flags: READ,
        keys: &[RO_ACCESS],
        arguments: &[key("key"), FROM, BY, ORDER, COUNT, WITHCOORD, WITHDIST, WITHHASH],
        differs: EQUALS,
        run: Some(search::geosearch),
        ..NEW
    },
    Command {
        name: "geosearchstore",
        since: "6.2.0",
        summary: "Stores the members in a circle or a box around a place or a member in another key.",
        complexity: SEARCH_COST,
        arity: -8,
        flags: WRITE,
        keys: &[KeySpec::one(1, OW_UPDATE), KeySpec::one(2, &["RO", "access"])],
        arguments: &[key("destination"), key("source").of_spec(1), FROM, BY, ORDER, COUNT, token("storedist", "STOREDIST").optional()],
        differs: STORED,
        run: Some(search::geosearchstore),
        ..NEW
    },
];
