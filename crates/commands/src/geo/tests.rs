//! Geo commands, as scripts: in every layout, and as redis-server 7.0.15 answers them where nothing else is said.

use types::limits::Limits;
use types::slot::Slot;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::testing::{NOW, check_layouts, show, words};

#[test]
fn geoadd_gives_members_the_scores_of_their_places() {
    check_layouts(
        r#"
        GEOADD k 13.361389 38.115556 Palermo 15.087269 37.502669 Catania -> 2
        ZRANGE k 0 -1 WITHSCORES       -> ["Palermo", "3479099956230698", "Catania", "3479447370796909"]
        GEOADD k 13.361389 38.115556 Palermo -> 0
        GEOADD k CH 13.361389 38.115556 Palermo 15 37 Catania 1 1 x -> 2
        GEOADD k NX CH 2 2 x 3 3 y     -> 1
        GEOADD k XX CH 2 2 x 3 3 z     -> 1
        GEOADD k xx ch xx 2 2 x        -> 0
        GEOADD k 1 1 "" 2 2 ""         -> 1
        GEOPOS k x y z ""              -> [["2.00000256299972534", "2.0000001856465488"], ["2.99999982118606567", "3.00000091215010656"], nil, ["2.00000256299972534", "2.0000001856465488"]]
        ZCARD k                        -> 5
        TYPE k                         -> zset
        GEOADD none XX 1 1 a           -> 0
        EXISTS none                    -> 0
        "#,
    );
}

#[test]
fn geoadd_refuses_in_the_order_of_redis_and_writes_nothing() {
    check_layouts(
        r#"
        SET str x                      -> OK
        GEOADD k 1 1                   -> ERR wrong number of arguments for 'geoadd' command
        GEOADD str foo 1 a             -> ERR value is not a valid float
        GEOADD str 1 1 a               -> WRONGTYPE Operation against a key holding the wrong kind of value
        GEOADD k 1 1 a 1               -> ERR syntax error
        GEOADD k ch ch ch              -> ERR syntax error
        GEOADD k nx xx x x a           -> ERR syntax error
        GEOADD k gt 1 1                -> ERR value is not a valid float
        GEOADD k 1 1 a x 1 b           -> ERR value is not a valid float
        GEOADD k 1 1 a 1 86 b          -> ERR invalid longitude,latitude pair 1.000000,86.000000
        GEOADD k 1 1 a -180.5 x b      -> ERR value is not a valid float
        GEOADD k -180.0000001 -1e-9 b  -> ERR invalid longitude,latitude pair -180.000000,-0.000000
        GEOADD k -inf 0 b              -> ERR invalid longitude,latitude pair -inf,0.000000
        GEOADD k nan 0 b               -> ERR value is not a valid float
        EXISTS k                       -> 0
        "#,
    );
}

#[test]
fn corners_of_the_map_have_scores_of_their_own() {
    check_layouts(
        r#"
        GEOADD k 180 85.05112878 ne -180 -85.05112878 sw 0 0 middle -> 3
        ZRANGE k 0 -1 WITHSCORES       -> ["sw", "0", "middle", "3377699720527872", "ne", "13510798882111488"]
        GEOPOS k ne sw middle          -> [["180", "85.0511287799999991"], ["-179.99999731779098511", "-85.05112751263942528"], ["0.00000268220901489", "0.00000126736058093"]]
        GEOHASH k ne sw middle         -> ["bp05b5048p0", "00bh0hbj200", "s0000000000"]
        GEOSEARCH k FROMLONLAT 180 85.05112878 BYRADIUS 0 m -> ["ne"]
        GEOSEARCH k FROMLONLAT 180 85.05112878 BYRADIUS inf m ASC -> ["ne", "middle"]
        GEOSEARCH k FROMLONLAT -180 -85.05112878 BYBOX inf inf mi DESC -> ["middle", "sw"]
        GEOSEARCH k FROMLONLAT 1 1 BYBOX inf inf mi ASC -> ["middle", "sw"]
        "#,
    );
}

#[test]
fn members_are_asked_about() {
    check_layouts(
        r#"
        GEOADD k 13.361389 38.115556 Palermo 15.087269 37.502669 Catania -> 2
        GEODIST k Palermo Catania      -> "166274.1516"
        GEODIST k Palermo Catania km   -> "166.2742"
        GEODIST k Catania Palermo MI   -> "103.3182"
        GEODIST k Palermo Catania Ft   -> "545518.8700"
        GEODIST k Palermo Palermo      -> "0.0000"
        GEODIST k Palermo x            -> nil
        GEODIST none a b               -> nil
        GEOHASH k Palermo x Catania    -> ["sqc8b49rny0", nil, "sqdtr74hyu0"]
        GEOHASH none a                 -> [nil]
        GEOHASH k                      -> []
        GEOPOS none                    -> []
        GEOPOS k Palermo x             -> [["13.36138933897018433", "38.11555639549629859"], nil]
        proto 3
        GEOPOS k Palermo x             -> [[,13.36138933897018433, ,38.11555639549629859], nil]
        GEODIST k Palermo Catania km   -> "166.2742"
        GEODIST k Palermo x            -> nil
        "#,
    );
}

#[test]
fn questions_are_refused_in_the_order_of_redis() {
    check_layouts(
        r#"
        SET str x                      -> OK
        GEODIST str a b foo            -> ERR unsupported unit provided. please use M, KM, FT, MI
        GEODIST str a b m x            -> ERR syntax error
        GEODIST str a b                -> WRONGTYPE Operation against a key holding the wrong kind of value
        GEOHASH str a                  -> WRONGTYPE Operation against a key holding the wrong kind of value
        GEOPOS str                     -> WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn scores_that_no_place_has_stand_for_something() {
    check_layouts(
        r#"
        ZADD k -1 a 1.5 b 1e300 c inf d -inf e 9007199254740993 f -> 6
        GEOPOS k a b c d e f           -> [["180", "85.0511287799999991"], ["-179.99999731779098511", "-85.05112497791824921"], ["-179.99999731779098511", "-85.05112751263942528"], ["-179.99999731779098511", "-85.05112751263942528"], ["180", "-85.05112751263942528"], ["180", "-85.05112751263942528"]]
        GEODIST k d e                  -> "0.0257"
        GEOSEARCH k FROMMEMBER b BYRADIUS 10 km WITHHASH -> [["b", 1]]
        "#,
    );
}

#[test]
fn searches_find_what_lies_in_the_area() {
    check_layouts(
        r#"
        GEOADD k 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 12.758489 38.788135 edge1 17.241510 38.788135 edge2 -> 4
        GEOSEARCH k FROMLONLAT 15 37 BYRADIUS 200 km ASC -> ["Catania", "Palermo"]
        GEOSEARCH k FROMLONLAT 15 37 BYBOX 400 400 km DESC -> ["edge1", "edge2", "Palermo", "Catania"]
        GEOSEARCH k FROMLONLAT 15 37 BYBOX 400 400 km ASC COUNT 3 -> ["Catania", "Palermo", "edge2"]
        GEOSEARCH k FROMLONLAT 15 37 BYBOX 400 400 km COUNT 1 -> ["Catania"]
        GEOSEARCH k FROMLONLAT 15 37 BYBOX 400 400 km COUNT 2 DESC -> ["edge1", "edge2"]
        GEOSEARCH k FROMLONLAT 15 37 BYBOX 400 400 km COUNT 2 ANY -> ["Palermo", "edge1"]
        GEOSEARCH k FROMLONLAT 15 37 BYBOX 400 400 km COUNT 9223372036854775807 -> ["Catania", "Palermo", "edge2", "edge1"]
        GEOSEARCH k FROMMEMBER Palermo BYRADIUS 0 m -> ["Palermo"]
        GEOSEARCH k FROMMEMBER Palermo BYBOX 0 0 ft -> ["Palermo"]
        GEOSEARCH k FROMMEMBER Palermo BYRADIUS 167 km WITHDIST ASC -> [["Palermo", "0.0000"], ["edge1", "91.4007"], ["Catania", "166.2742"]]
        GEOSEARCH k WITHHASH BYRADIUS 60 KM FROMLONLAT 15 37 WITHCOORD WITHDIST -> [["Catania", "56.4413", 3479447370796909, ["15.08726745843887329", "37.50266842333162032"]]]
        GEOSEARCH none FROMMEMBER a BYRADIUS 1 m -> []
        GEORADIUS k 15 37 200 km ASC   -> ["Catania", "Palermo"]
        GEORADIUS_RO k 15 37 200 km DESC COUNT 1 WITHDIST -> [["Palermo", "190.4424"]]
        GEORADIUSBYMEMBER k Palermo 167 km ASC -> ["Palermo", "edge1", "Catania"]
        GEORADIUSBYMEMBER_RO k Palermo 57 mi DESC -> ["edge1", "Palermo"]
        proto 3
        GEOSEARCH k FROMLONLAT 15 37 BYRADIUS 60 km WITHCOORD WITHDIST -> [["Catania", "56.4413", [,15.08726745843887329, ,37.50266842333162032]]]
        "#,
    );
}

#[test]
fn searches_go_on_beyond_the_date_line() {
    check_layouts(
        r#"
        GEOADD k 179.9 0 east -179.9 0 west 0 0 far 179.95 84.9 north -179.5 85 polar -> 5
        GEOSEARCH k FROMLONLAT 179.95 0 BYRADIUS 20 km ASC -> ["east", "west"]
        GEOSEARCH k FROMLONLAT -180 0 BYBOX 40 40 km ASC COUNT 2 -> ["east", "west"]
        GEOSEARCH k FROMMEMBER north BYRADIUS 20 km ASC -> ["north", "polar"]
        "#,
    );
}

#[test]
fn results_are_stored() {
    check_layouts(
        r#"
        GEOADD k 13.361389 38.115556 Palermo 15.087269 37.502669 Catania -> 2
        SET d x EX 100                 -> OK
        GEOSEARCHSTORE d k FROMLONLAT 15 37 BYRADIUS 200 km -> 2
        TTL d                          -> -1
        ZRANGE d 0 -1 WITHSCORES       -> ["Palermo", "3479099956230698", "Catania", "3479447370796909"]
        GEOSEARCHSTORE d k FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1 STOREDIST -> 1
        ZRANGE d 0 -1 WITHSCORES       -> ["Catania", "56.4412578701582"]
        GEORADIUS k 15 37 200 km STORE d -> 2
        ZCARD d                        -> 2
        GEORADIUSBYMEMBER k Palermo 1 m STORE x STOREDIST d -> 1
        EXISTS x                       -> 0
        ZRANGE d 0 -1 WITHSCORES       -> ["Palermo", "0"]
        GEOSEARCHSTORE k k FROMMEMBER Palermo BYRADIUS 1 m -> 1
        ZRANGE k 0 -1                  -> ["Palermo"]
        GEOSEARCHSTORE d k FROMLONLAT 0 0 BYRADIUS 1 m -> 0
        EXISTS d                       -> 0
        SET d x                        -> OK
        GEORADIUS none 1 1 1 m STORE d -> 0
        EXISTS d                       -> 0
        "#,
    );
}

#[test]
fn searches_are_refused_in_the_order_of_redis() {
    check_layouts(
        r#"
        SET str x                      -> OK
        GEOADD k 1 1 a                 -> 1
        GEORADIUS str a b c d          -> WRONGTYPE Operation against a key holding the wrong kind of value
        GEORADIUS k a b c d            -> ERR value is not a valid float
        GEORADIUS k 181 0 c d          -> ERR invalid longitude,latitude pair 181.000000,0.000000
        GEORADIUS k 1 1 x foo          -> ERR need numeric radius
        GEORADIUS k 1 1 -1 foo         -> ERR radius cannot be negative
        GEORADIUS k 1 1 1 foo          -> ERR unsupported unit provided. please use M, KM, FT, MI
        GEORADIUS k 1 1 1 m foo        -> ERR syntax error
        GEORADIUS k 1 1 1 m store      -> ERR syntax error
        GEORADIUS k 1 1 1 m frommember a -> ERR syntax error
        GEORADIUS k 1 1 1 m store d withdist foo -> ERR syntax error
        GEORADIUS k 1 1 1 m store d withdist any -> ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options
        GEORADIUS k 1 1 1 m any        -> ERR the ANY argument requires COUNT argument
        GEORADIUS k 1 1 1 m count x    -> ERR value is not an integer or out of range
        GEORADIUS k 1 1 1 m count 0 foo -> ERR COUNT must be > 0
        GEORADIUS k 1 1 1 m count      -> ERR syntax error
        GEORADIUS_RO k 1 1 1 m store d -> ERR syntax error
        GEORADIUSBYMEMBER_RO k a 1 m storedist d -> ERR syntax error
        GEORADIUSBYMEMBER none a x foo -> []
        GEORADIUSBYMEMBER none a x foo any -> ERR the ANY argument requires COUNT argument
        GEORADIUSBYMEMBER k b x foo    -> ERR could not decode requested zset member
        GEORADIUSBYMEMBER k a x foo    -> ERR need numeric radius
        GEOSEARCH none frommember x byradius foo bar -> ERR need numeric radius
        GEOSEARCH none frommember x fromlonlat 1 2 -> ERR syntax error
        GEOSEARCH k fromlonlat 1 1 byradius 1 m bybox 1 1 m -> ERR syntax error
        GEOSEARCH k fromlonlat 1 1 bybox 1 1 m byradius 1 m -> ERR syntax error
        GEOSEARCH k frommember b bybox x 1 m -> ERR could not decode requested zset member
        GEOSEARCH k frommember a bybox x 1 m -> ERR need numeric width
        GEOSEARCH k frommember a bybox 1 x m -> ERR need numeric height
        GEOSEARCH k frommember a bybox -1 1 foo -> ERR height or width cannot be negative
        GEOSEARCH k frommember a bybox 1 1 foo -> ERR unsupported unit provided. please use M, KM, FT, MI
        GEOSEARCH k frommember a asc bybox 1 m -> ERR syntax error
        GEOSEARCH k frommember a byradius 1 m storedist -> ERR syntax error
        geoSearch k count 1 any byradius 1 m -> ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geoSearch
        geoSearch k FROMMEMBER a count 1 any any -> ERR exactly one of BYRADIUS and BYBOX can be specified for geoSearch
        GEOSEARCH k FROMMEMBER a byradius 1 m any -> ERR the ANY argument requires COUNT argument
        GEOSEARCHSTORE d none frommember x byradius 1 m withdist -> ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options
        GEOSEARCHSTORE d none frommember x byradius 1 m storedist store x -> ERR syntax error
        EXISTS d                       -> 0
        "#,
    );
}

#[test]
fn a_key_that_was_not_routed_is_refused() {
    // The first STORE is the one that routing sees, the last one counts.
    let slots = 8192..=16383;
    let tag = |inside: bool| (b'a'..=b'z').map(char::from).find(|tag| slots.contains(&Slot::of(&[*tag as u8]).number()) == inside).unwrap();
    let (near, far) = (tag(true), tag(false));
    let mut memory = Memory::with_slots(NOW, slots.clone());
    let mut run = |line: &str| show(&memory.run(&Redis, Database(0), Proto::Resp2, words(line)));
    assert_eq!(run(&format!("GEOADD {{{near}}}k 1 1 a")), "1");
    assert_eq!(run(&format!("GEORADIUS {{{near}}}k 1 1 1 km STORE {{{near}}}1 STORE {{{near}}}2")), "1");
    assert_eq!(
        run(&format!("GEORADIUS {{{near}}}k 1 1 1 km STORE {{{near}}}1 STORE {{{far}}}2")),
        "CROSSSLOT Keys in request don't hash to the same slot"
    );
    assert_eq!(run(&format!("ZCARD {{{near}}}2")), "1");
    assert_eq!(run(&format!("EXISTS {{{near}}}1")), "0");
}

#[test]
fn a_search_reads_no_more_than_its_cells() {
    let mut memory = Memory::new(NOW);
    memory.set_limits(Limits::exploding_at(0));
    let run = |memory: &mut Memory, line: &str| show(&memory.run(&Redis, Database(0), Proto::Resp2, words(line)));
    for index in 0..1600 {
        run(&mut memory, &format!("GEOADD k {} {} m{index}", index % 40 * 9 - 179, index / 40 * 4 - 80));
    }
    let mut reads = |line: &str| {
        let before = memory.got() + memory.visited();
        let reply = run(&mut memory, line);
        (reply, memory.got() + memory.visited() - before)
    };
    let (all, most) = reads("GEOSEARCH k FROMLONLAT 1 0 BYRADIUS 30000 km");
    assert_eq!(all.matches('m').count(), 1600);
    let (one, few) = reads("GEOSEARCH k FROMLONLAT 1 0 BYRADIUS 1 km");
    assert_eq!(one, "[\"m820\"]");
    assert!(few < most / 3, "{few} of {most} records");
    let (some, few) = reads("GEOSEARCH k FROMLONLAT 1 0 BYRADIUS 30000 km COUNT 3 ANY");
    assert_eq!(some.matches('m').count(), 3);
    assert!(few < most / 3, "nobody goes on once there are enough: {few} of {most} records");
}

/// The bytes of docs/data-model.md.
#[test]
fn the_page_of_the_data_model_shows_what_is_written() {
    let page = include_str!("../../../../docs/data-model.md");
    let mut memory = Memory::new(NOW);
    memory.run(&Redis, Database(0), Proto::Resp2, words("GEOADD k 13.361389 38.115556 Palermo"));
    let root = memory.root_of(Database(0), b"k").unwrap();
    let bytes: Vec<String> = root.value.iter().map(|byte| format!("{byte:02x}")).collect();
    let line = format!("GEOADD k 13.361389 38.115556 Palermo     id {}, count {}, value {}", root.id, root.count, bytes.join(" "));
    assert!(page.lines().any(|shown| shown == line), "{line}");
}
