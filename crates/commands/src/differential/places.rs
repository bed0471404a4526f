//! Geo commands, whatever the layout is: random places, the poles, the date line, areas of no size and of any size.
//!
//! Many members of `t`, and of what is stored in `b`, are in the same place: there COUNT is sent with ANY only, because which of several
//! members at the same distance a cut leaves out, and their order, is chance in Redis. Scores are compared as numbers: the server at
//! hand (7.0) writes 17 digits.

use types::limits::Limits;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::differential::random::Random;
use crate::differential::server::Server;
use crate::memory::Memory;

#[test]
fn random_geo_commands_have_the_replies_of_redis() {
    if !cfg!(target_arch = "x86_64") {
        eprintln!("skipped: redis-server rounds differently where products and sums are one instruction");
        return;
    }
    for (proto, seed) in [(Proto::Resp2, 41), (Proto::Resp3, 42)] {
        let Some(mut server) = Server::start() else { return };
        server.hello(proto);
        let mut memories = [Limits::DEFAULT, Limits::exploding_at(0), Limits::exploding_at(4)].map(|limits| {
            let mut memory = Memory::new(server.time());
            memory.set_limits(limits);
            memory
        });
        let mut random = Random::new(seed);
        for _ in 0..10 {
            let batch: Vec<Vec<Vec<u8>>> = (0..200).map(|_| command(&mut random)).collect();
            for (command, theirs) in batch.iter().zip(server.replies(&batch)) {
                for (index, memory) in memories.iter_mut().enumerate() {
                    let ours = memory.run(&Redis, Database(0), proto, command);
                    let shown: Vec<String> = command.iter().map(|word| word.escape_ascii().to_string()).collect();
                    assert_eq!(comparable(command, &ours), comparable(command, &theirs), "{shown:?} (seed {seed}, limits {index})");
                }
            }
        }
    }
}

fn command(random: &mut Random) -> Vec<Vec<u8>> {
    let name = random.one_of(&[
        "GEOADD",
        "GEOADD",
        "GEOADD",
        "GEOADD",
        "ODD",
        "GEOPOS",
        "GEOHASH",
        "GEODIST",
        "GEOSEARCH",
        "GEOSEARCH",
        "GEOSEARCH",
        "geosearch",
        "GEOSEARCHSTORE",
        "GEORADIUS",
        "GEORADIUS",
        "GEORADIUS_RO",
        "GEORADIUSBYMEMBER",
        "GEORADIUSBYMEMBER_RO",
        "ZRANGE",
        "ZREM",
    ]);
    let key = key(random);
    let ties = key == b"t" || key == b"b";
    let words = match name.as_slice() {
        b"GEOADD" => {
            let mut words = vec![name, key];
            if random.below(4) == 0 {
                words.push(random.one_of(&["NX", "XX", "CH", "ch", "GT"]));
            }
            for _ in 0..1 + random.below(4) {
                words.extend(place(random, ties));
                words.push(member(random));
            }
            words
        }
        // Scores that no place has: only for questions about single members.
        b"ODD" => {
            let score =
                random.one_of(&["-1", "0.5", "1e300", "inf", "-inf", "9007199254740993", "4503599627370496", "-1e19", "9.3e18", "1e17"]);
            vec![b"ZADD".to_vec(), b"w".to_vec(), score, member(random)]
        }
        b"GEOPOS" | b"GEOHASH" => vec![name, key_or_w(random, key), member(random), member(random)],
        b"GEODIST" => {
            let mut words = vec![name, key_or_w(random, key), member(random), member(random)];
            if random.below(2) == 0 {
                words.push(unit(random));
            }
            words
        }
        b"ZRANGE" => {
            let key = random.one_of(&["d", "d", "a", "t"]);
            vec![name, key, b"0".to_vec(), b"-1".to_vec(), b"WITHSCORES".to_vec()]
        }
        b"ZREM" => vec![name, key, member(random)],
        _ => search(random, name, key, ties),
    };
    // Now and then a word is missing or one too many.
    let mut words = words;
    match random.below(60) {
        _ if ties => {}
        0 => drop(words.pop()),
        1 => words.push(b"foo".to_vec()),
        _ => {}
    }
    words
}

fn search(random: &mut Random, name: Vec<u8>, key: Vec<u8>, ties: bool) -> Vec<Vec<u8>> {
    let mut words = vec![name.clone()];
    let mut options: Vec<Vec<Vec<u8>>> = Vec::new();
    match name.to_ascii_uppercase().as_slice() {
        b"GEOSEARCH" | b"GEOSEARCHSTORE" => {
            if name.ends_with(b"STORE") {
                words.push(random.one_of(&["d", "d", "d", "b"]));
            }
            words.push(key);
            for _ in 0..if random.below(20) == 0 { 2 } else { 1 } {
                options.push(match random.below(3) {
                    0 => vec![b"FROMMEMBER".to_vec(), member(random)],
                    _ => [vec![b"FROMLONLAT".to_vec()], place(random, false)].concat(),
                });
            }
            for _ in 0..if random.below(20) == 0 { 2 } else { 1 } {
                options.push(match random.below(2) {
                    0 => vec![b"BYRADIUS".to_vec(), length(random), unit(random)],
                    _ => vec![b"BYBOX".to_vec(), length(random), length(random), unit(random)],
                });
            }
            if name.ends_with(b"STORE") && random.below(2) == 0 {
                options.push(vec![b"STOREDIST".to_vec()]);
            }
        }
        name => {
            words.push(key);
            match name.starts_with(b"GEORADIUSBYMEMBER") {
                true => words.push(member(random)),
                false => words.extend(place(random, false)),
            }
            words.extend([length(random), unit(random)]);
            if random.below(4) == 0 {
                options.push(vec![random.one_of(&["STORE", "STOREDIST"]), b"d".to_vec()]);
            }
        }
    }
    if !name.ends_with(b"STORE") {
        for with in ["WITHDIST", "WITHHASH", "WITHCOORD"] {
            if random.below(4) == 0 {
                options.push(vec![with.as_bytes().to_vec()]);
            }
        }
    }
    match random.below(4) {
        0 => options.push(vec![b"ASC".to_vec()]),
        1 => options.push(vec![b"DESC".to_vec()]),
        _ => {}
    }
    if random.below(3) == 0 {
        options.push(vec![b"COUNT".to_vec(), random.one_of(&["1", "2", "5", "30", "9223372036854775807"])]);
        if ties || random.below(2) == 0 {
            options.push(vec![b"ANY".to_vec()]);
        }
    }
    while !options.is_empty() {
        let chosen = random.below(options.len());
        words.extend(options.swap_remove(chosen));
    }
    words
}

fn key(random: &mut Random) -> Vec<u8> {
    random.one_of(&["a", "a", "a", "a", "a", "b", "t", "t", "none"])
}

fn key_or_w(random: &mut Random, key: Vec<u8>) -> Vec<u8> {
    if random.below(3) == 0 { b"w".to_vec() } else { key }
}

fn member(random: &mut Random) -> Vec<u8> {
    format!("m{}", random.below(180)).into_bytes()
}

/// A longitude and a latitude: anywhere, in a small region, at an edge, or (for members that are to be together) on a coarse grid.
fn place(random: &mut Random, coarse: bool) -> Vec<Vec<u8>> {
    let mut between = |min: f64, max: f64| min + (max - min) * random.below(1 << 40) as f64 / f64::from(1 << 20) / f64::from(1 << 20);
    let (longitude, latitude) = (between(-180.0, 180.0), between(-85.05, 85.05));
    let text = |longitude: f64, latitude: f64| vec![longitude.to_string().into_bytes(), latitude.to_string().into_bytes()];
    match random.below(12) {
        _ if coarse => {
            let longitude = random.one_of(&["-180", "180", "0", "179.99", "15", "-179.99"]);
            vec![longitude, random.one_of(&["85.05112878", "-85.05112878", "0", "85", "-85", "37"])]
        }
        0..4 => text(15.0 + longitude / 100.0, 37.0 + latitude / 100.0),
        4 => text(15.0 + longitude / 1e6, 37.0 + latitude / 1e6),
        5 => text(longitude, 85.05 - latitude.abs() / 50.0),
        6 => text(longitude, -85.05 + latitude.abs() / 50.0),
        7 => text(180f64.copysign(longitude) - longitude / 1000.0, latitude / 100.0),
        8 => text(15.0, latitude),
        9 if random.below(5) == 0 => vec![random.one_of(&["181", "x", "nan", "-inf", "-180"]), random.one_of(&["85.1", "1", "", "-85.06"])],
        _ => text(longitude, latitude),
    }
}

fn length(random: &mut Random) -> Vec<u8> {
    match random.below(16) {
        0 => random.one_of(&["0", "-0", "-1", "x", "inf", "1e300", "1e-320", "40000000"]),
        1..4 => random.below(20_000_000).to_string().into_bytes(),
        4..10 => format!("{}.{}", random.below(3000), random.below(1000)).into_bytes(),
        _ => random.below(300_000).to_string().into_bytes(),
    }
}

fn unit(random: &mut Random) -> Vec<u8> {
    random.one_of(&["m", "m", "km", "km", "km", "km", "ft", "mi", "KM", "Mi", "m", "km", "km", "x"])
}

/// A reply, with its numbers as numbers where they are scores.
fn comparable(command: &[Vec<u8>], reply: &[u8]) -> String {
    let text = reply.escape_ascii().to_string();
    if command[0] != b"ZRANGE" {
        return text;
    }
    let leaves = text.split("\\r\\n").map(|line| line.trim_start_matches(','));
    // Lengths of texts that become numbers do not count.
    let shown =
        leaves.filter(|line| !line.starts_with('$')).map(|line| line.parse::<f64>().map_or(line.to_string(), |number| number.to_string()));
    shown.collect::<Vec<_>>().join(" ")
}
