//! Payloads of every type: to another key of ours, and to a redis-server and back.

use bytes::Bytes;
use rdb::lzf;
use rdb::payload;
use rdb::value::Value;
use types::limits::Limits;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::differential::server::Server;
use crate::memory::Memory;
use crate::testing::{NOW, check, check_with, show, words};

/// What makes a value under the key `k`, and what shows all of it.
const VALUES: &[(&[&str], &[&str])] = &[
    (&["SET k 12345"], &["GET k", "OBJECT ENCODING k"]),
    (&["SET k \"a\\x00b \\xff and more than forty-four bytes, so that it is raw\""], &["GET k", "OBJECT ENCODING k"]),
    (&["RPUSH k a b 3 \"\" d a"], &["LRANGE k 0 -1"]),
    (&["SADD k 3 1 2"], &["SORT k"]),
    (&["SADD k c b a \"\""], &["SORT k ALPHA"]),
    (&["ZADD k 1 a 2.5 b -inf c 1 d inf e"], &["ZRANGE k 0 -1", "ZRANGE k 0 -1 WITHSCORES"]),
    (&["HSET k f 1 g 2 \"\" 3"], &["HGET k f", "HGET k g", "HGET k \"\"", "HLEN k"]),
    (
        &[
            "XADD k 1-1 f v g w",
            "XADD k 2-1 f v",
            "XADD k 2-2 h i",
            "XDEL k 2-2",
            "XGROUP CREATE k g 0",
            "XREADGROUP GROUP g c COUNT 1 STREAMS k >",
            "XGROUP CREATE k other $",
        ],
        &["XRANGE k - +", "XPENDING k g", "XLEN k", "XREADGROUP GROUP g c STREAMS k 0", "XADD k 2-2 a b"],
    ),
    (&["XADD k 1-1 f v", "XDEL k 1-1"], &["XLEN k", "XADD k 1-1 f v"]),
];

fn layouts() -> impl Iterator<Item = Limits> {
    [Limits::exploding_at(0), Limits::exploding_at(1), Limits::exploding_at(3), Limits::DEFAULT].into_iter()
}

fn run<I: AsRef<[u8]>>(memory: &mut Memory, args: impl IntoIterator<Item = I>) -> Vec<u8> {
    memory.run(&Redis, Database(0), Proto::Resp2, args)
}

fn dumped(memory: &mut Memory) -> Vec<u8> {
    let reply = run(memory, ["DUMP", "k"]);
    resp::walk::parse_bulk(&reply).expect("a payload").to_vec()
}

#[test]
fn values_of_every_type_survive_in_every_layout() {
    for from in layouts() {
        for to in layouts() {
            for (make, show_all) in VALUES.iter().chain([&(
                &["HSET k f 1 g 2", "HPEXPIRE k 50000 FIELDS 1 g"][..],
                &["HGET k f", "HGET k g", "HLEN k", "HPTTL k FIELDS 2 f g"][..],
            )]) {
                let mut memory = Memory::new(NOW);
                memory.set_limits(from);
                for line in *make {
                    run(&mut memory, words(line));
                }
                let payload = dumped(&mut memory);
                let all = |memory: &mut Memory| show_all.iter().map(|line| show(&run(memory, words(line)))).collect::<Vec<_>>();
                let mut restored = Memory::new(NOW);
                restored.set_limits(to);
                let restore = [b"RESTORE".as_slice(), b"k", b"0", &payload];
                assert_eq!(run(&mut restored, restore), b"+OK\r\n");
                assert_eq!(all(&mut restored), all(&mut memory), "{make:?}");
            }
        }
    }
}

#[test]
fn a_redis_server_reads_what_we_write_and_we_read_what_it_writes() {
    let Some(mut server) = Server::start() else { return };
    for limits in layouts() {
        for (make, show_all) in VALUES {
            let mut memory = Memory::new(server.time());
            memory.set_limits(limits);
            for line in *make {
                run(&mut memory, words(line));
            }
            let restore = |payload: Vec<u8>| vec![b"RESTORE".to_vec(), b"k".to_vec(), b"0".to_vec(), payload, b"REPLACE".to_vec()];
            let shows: Vec<Vec<Vec<u8>>> = show_all.iter().map(|line| words(line)).collect();

            let there = server.replies(&[restore(dumped(&mut memory)), words("DUMP k")]);
            assert_eq!(show(&there[0]), "OK", "{make:?}");
            let back = resp::walk::parse_bulk(&there[1]).expect("a payload").to_vec();
            let theirs: Vec<String> = server.replies(&shows).iter().map(|reply| show(reply)).collect();

            let mut returned = Memory::new(server.time());
            returned.set_limits(limits);
            assert_eq!(show(&run(&mut returned, restore(back))), "OK", "{make:?}");
            for ours in [&mut memory, &mut returned] {
                let ours: Vec<String> = shows.iter().map(|line| show(&run(ours, line))).collect();
                assert_eq!(ours, theirs, "{make:?}");
            }
        }
    }
}

/// `RESTORE k` of a string's payload with these arguments; as redis-server 7.0.15 answers.
#[test]
fn options_and_times_of_restore() {
    let payload = payload::encode(&Value::String(Bytes::from_static(b"v"))).unwrap();
    let quoted: String = payload.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    let mut memory = Memory::new(NOW);
    check_with(
        Redis,
        &mut memory,
        &r#"
        RESTORE k 0 "PAYLOAD"                       -> OK
        GET k                                       -> "v"
        TTL k                                       -> -1
        RESTORE k 0 "PAYLOAD"                       -> BUSYKEY Target key name already exists.
        RESTORE k x x                               -> BUSYKEY Target key name already exists.
        RESTORE k x x FOO                           -> ERR syntax error
        RESTORE k x x REPLACE                       -> ERR value is not an integer or out of range
        RESTORE k -1 x REPLACE                      -> ERR Invalid TTL value, must be >= 0
        RESTORE k 0 x REPLACE                       -> ERR DUMP payload version or checksum are wrong
        RESTORE k 0 "PAYLOAD" IDLETIME              -> ERR syntax error
        RESTORE k 0 "PAYLOAD" IDLETIME -1           -> ERR Invalid IDLETIME value, must be >= 0
        RESTORE k 0 "PAYLOAD" IDLETIME x            -> ERR value is not an integer or out of range
        RESTORE k 0 "PAYLOAD" FREQ 256              -> ERR Invalid FREQ value, must be >= 0 and <= 255
        RESTORE k 0 "PAYLOAD" IDLETIME 1 FREQ 1     -> ERR syntax error
        RESTORE k 0 "PAYLOAD" IDLETIME 9 REPLACE    -> OK
        RESTORE k 0 "PAYLOAD" REPLACE FREQ 255      -> OK
        RESTORE k 5000 "PAYLOAD" replace            -> OK
        PTTL k                                      -> 5000
        RESTORE k 1001000 "PAYLOAD" REPLACE ABSTTL  -> OK
        PTTL k                                      -> 1000
        RESTORE k 9223372036854775807 "PAYLOAD" REPLACE ABSTTL -> OK
        EXISTS k                                    -> 1
        RESTORE k 1000000 "PAYLOAD" ABSTTL REPLACE  -> OK
        EXISTS k                                    -> 0
        RESTORE k 1 "PAYLOAD" ABSTTL                -> OK
        EXISTS k                                    -> 0
        SET k old PX 5                              -> OK
        wait 6
        RESTORE k 0 "PAYLOAD"                       -> OK
        RESTORE k 0                                 -> ERR wrong number of arguments for 'restore' command
        "#
        .replace("PAYLOAD", &quoted),
    );
    check("DUMP k -> nil");
}

#[test]
fn what_is_no_value_is_refused() {
    let mut memory = Memory::new(NOW);
    let mut refused = |payload: Vec<u8>, limits: Limits| {
        memory.set_limits(limits);
        let reply = show(&run(&mut memory, [b"RESTORE".as_slice(), b"k", b"0", &payload]));
        assert_eq!(show(&run(&mut memory, ["EXISTS", "k"])), "0");
        reply
    };
    let whole = payload::encode(&Value::List(vec![Bytes::from_static(b"a")])).unwrap();
    for index in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[index] ^= 1;
        assert_eq!(refused(damaged, Limits::DEFAULT), "ERR DUMP payload version or checksum are wrong");
    }
    assert_eq!(refused(payload::seal(b"\x01\x00".to_vec(), 10), Limits::DEFAULT), "ERR Bad data format", "an empty list");
    assert_eq!(refused(payload::seal(b"\x63\x00".to_vec(), 10), Limits::DEFAULT), "ERR Bad data format", "no type");
    let string = payload::encode(&Value::String(Bytes::from_static(b"longer"))).unwrap();
    let short = Limits { value_max: 5, ..Limits::DEFAULT };
    assert_eq!(refused(string, short), "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    // Few bytes that unpack to many, again and again.
    let len = 1 << 20;
    let packed = lzf::compress(&vec![b'x'; len], len).expect("it shrinks");
    let long = |length: usize| [&[0x80][..], &(length as u32).to_be_bytes()].concat();
    let one = [&[0xC3][..], &long(packed.len()), &long(len), &packed].concat();
    for pieces in [129, 513] {
        let bomb = [vec![1], long(pieces), one.repeat(pieces)].concat();
        assert_eq!(refused(payload::seal(bomb, 10), Limits::DEFAULT), crate::value::TOO_LARGE);
    }
}

#[test]
fn what_one_mutation_could_not_carry_is_refused() {
    let members = (0..=1_000_000).map(|number| Bytes::from(number.to_string())).collect();
    let payload = payload::encode(&Value::List(members)).unwrap();
    let mut memory = Memory::new(NOW);
    let restore = [b"RESTORE".as_slice(), b"k", b"0", &payload];
    assert_eq!(show(&run(&mut memory, restore)), crate::value::TOO_LARGE);
}

/// A member of a set, or of a sorted set, is written twice.
#[test]
fn members_that_are_written_twice_take_room_twice() {
    let member = Bytes::from(vec![b'x'; 32 << 20]);
    let fits = |value: Value| crate::value::check_new(&value).is_ok();
    for (members, once, twice) in [(2, true, true), (3, true, false), (4, true, false), (5, false, false)] {
        let strings = || vec![member.clone(); members];
        assert_eq!(fits(Value::List(strings())), once);
        assert_eq!(fits(Value::Set(strings())), twice);
        assert_eq!(fits(Value::ZSet(strings().into_iter().map(|member| (member, 1.0)).collect())), twice);
    }
}
