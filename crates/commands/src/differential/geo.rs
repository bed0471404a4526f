//! Places on the earth, in sorted sets.

use crate::differential::campaign::Type;

pub(super) const TYPE: Type = Type {
    name: "geo",
    templates: &[
        "10 GEOADD key (longitude latitude member)+",
        "2 GEOADD key {NX|XX|CH} (longitude latitude member)+",
        "2 GEODIST key member member [unit]",
        "2 GEOHASH key member*",
        "2 GEOPOS key member*",
        "4 GEOSEARCH key (FROMMEMBER member|FROMLONLAT longitude latitude) (BYRADIUS distance unit|BYBOX distance distance unit) (ASC|DESC) {WITHDIST|WITHCOORD|WITHHASH|COUNT count}",
        "2 GEOSEARCH key {FROMMEMBER member|FROMLONLAT longitude latitude|BYRADIUS distance unit|BYBOX distance distance unit|WITHDIST|FOO}",
        "2 GEOSEARCHSTORE key key (FROMMEMBER member|FROMLONLAT longitude latitude) (BYRADIUS distance unit|BYBOX distance distance unit) {ASC|STOREDIST}",
        "2 GEORADIUS key longitude latitude distance unit {WITHDIST|WITHCOORD|WITHHASH|ASC|DESC}",
        "GEORADIUS key longitude latitude distance unit (STORE|STOREDIST) key",
        "2 GEORADIUSBYMEMBER key member distance unit {WITHDIST|WITHCOORD|WITHHASH|ASC|DESC}",
        "GEORADIUSBYMEMBER key member distance unit (STORE|STOREDIST) key",
        "GEORADIUS_RO key longitude latitude distance unit {WITHDIST|ASC|STORE key}",
        "GEORADIUSBYMEMBER_RO key member distance unit {WITHDIST|ASC|STORE key}",
        "ZREM key member+",
        "ZRANGE key index index WITHSCORES",
    ],
    ..Type::NEW
};
