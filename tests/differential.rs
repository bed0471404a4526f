//! Random commands against us and a real redis-server: replies are compared byte for byte, in RESP2 and RESP3.
//!
//! `PEGASUS_DIFFERENTIAL=1000000 cargo test --release --test differential` runs many; a failure names its seed and the commands on the key.
#![allow(clippy::disallowed_methods, reason = "tests watch the real clock")]

mod common;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Client, Server, encode, free_port};

struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn redis(port: u16) -> Option<Redis> {
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let redis = Redis(child);
    for _ in 0..200 {
        if Client::try_connect(port).is_ok_and(|mut client| client.call(&["PING"]) == "+PONG\r\n") {
            return Some(redis);
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    None
}

#[test]
fn replies_are_those_of_redis() {
    let port = free_port();
    let Some(_redis) = redis(port) else {
        eprintln!("skipped: no redis-server on this machine");
        return;
    };
    let count: usize = std::env::var("PEGASUS_DIFFERENTIAL").ok().and_then(|n| n.parse().ok()).unwrap_or(60_000);
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::small(dir.path(), &["--sync", "no"]);
    for (proto, seed) in [(2, 1u64), (3, 2)] {
        let (mut ours, mut theirs) = (server.client(), Client::connect(port));
        ours.call(&["FLUSHALL"]);
        theirs.call(&["FLUSHALL"]);
        for client in [&mut ours, &mut theirs] {
            client.call(&["HELLO", &proto.to_string()]);
        }
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut history: Vec<Vec<String>> = Vec::new();
        for start in (0..count / 2).step_by(PIPELINE) {
            let commands: Vec<Vec<String>> = (0..PIPELINE).map(|_| random.command()).collect();
            let bytes: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
            ours.send(&bytes);
            theirs.send(&bytes);
            for command in &commands {
                let (our, their) = (ours.reply(), theirs.reply());
                history.push(command.clone());
                if our != their && !both_near(&our, &their, command) {
                    let keys: Vec<&String> = command.iter().skip(1).filter(|arg| arg.starts_with('k')).collect();
                    let trail: Vec<_> =
                        history.iter().rev().filter(|c| c.iter().any(|arg| keys.contains(&arg))).take(12).collect::<Vec<_>>();
                    panic!(
                        "RESP{proto} near command {start}: {command:?}\n ours  {our:?}\n redis {their:?}\n before, newest first: {trail:#?}"
                    );
                }
            }
        }
        assert_eq!(ours.call(&["DBSIZE"]), theirs.call(&["DBSIZE"]));
    }
}

/// Remaining times may differ by the time between two servers' clocks.
fn both_near(our: &str, their: &str, command: &[String]) -> bool {
    let number = |reply: &str| resp::walk::parse_integer(reply.as_bytes());
    let slack = match command[0].as_str() {
        "TTL" => 1,
        "PTTL" => 2000,
        "EXPIRETIME" => 1,
        "PEXPIRETIME" => 2000,
        _ => return false,
    };
    matches!((number(our), number(their)), (Some(a), Some(b)) if a > 0 && b > 0 && (a - b).abs() <= slack)
}

const PIPELINE: usize = 50;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    fn pick(&mut self, from: &[&str]) -> String {
        from[self.below(from.len() as u64) as usize].to_owned()
    }

    fn key(&mut self) -> String {
        format!("k{}", self.below(12))
    }

    fn value(&mut self) -> String {
        match self.below(8) {
            0 => self.below(1000).to_string(),
            1 => format!("-{}", self.below(100)),
            2 => self.pick(&[
                "9223372036854775807",
                "-9223372036854775808",
                "9223372036854775808",
                " 1",
                "1 ",
                "01",
                "-0",
                "+1",
                "3.5",
                "1e3",
                "inf",
                "nan",
                "",
            ]),
            3 => "x".repeat(self.below(200) as usize),
            4 => self.pick(&["a\r\nb", "\0\x01", "ohmytext", "mynewtext", "abcdef"]),
            _ => format!("v{}", self.below(50)),
        }
    }

    fn number(&mut self) -> String {
        match self.below(6) {
            0 => self.pick(&["9223372036854775807", "-9223372036854775808", "1.5", "abc", "", "-1", "0"]),
            1 => format!("-{}", self.below(30)),
            _ => self.below(40).to_string(),
        }
    }

    /// Long from now, or long ago: whether a key has expired never depends on the moment.
    fn span(&mut self) -> String {
        self.pick(&["100000", "200000", "-1", "0", "abc", "9223372036854775807", "500000"])
    }

    fn command(&mut self) -> Vec<String> {
        let (k, v) = (self.key(), self.value());
        let words = |line: &[&str]| line.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        match self.below(46) {
            0..=3 => words(&["SET", &k, &v]),
            4..=7 => {
                let mut command = words(&["SET", &k, &v]);
                for _ in 0..self.below(4) {
                    match self.below(6) {
                        0 => command.push(self.pick(&["NX", "XX", "nx"])),
                        1 => command.push("GET".to_owned()),
                        2 => command.push("KEEPTTL".to_owned()),
                        3 => command.extend(["EX".to_owned(), self.span()]),
                        4 => command.extend(["PX".to_owned(), self.span()]),
                        // Not in the past: Redis keeps such a key until it notices, and counts it.
                        _ => match self.below(3) {
                            0 => command.extend(["EXAT".to_owned(), self.pick(&["4000000000", "-5", "x"])]),
                            1 => command.extend(["PXAT".to_owned(), self.pick(&["4000000000000", "0", "x"])]),
                            _ => command.push("BOGUS".to_owned()),
                        },
                    }
                }
                command
            }
            8..=10 => words(&["GET", &k]),
            11 => words(&["GETSET", &k, &v]),
            12 => words(&["GETDEL", &k]),
            13 => {
                let mut command = words(&["GETEX", &k]);
                match self.below(4) {
                    0 => command.push("PERSIST".to_owned()),
                    1 => command.extend(["EX".to_owned(), self.span()]),
                    2 => command.extend(["PX".to_owned(), self.span(), "PERSIST".to_owned()]),
                    _ => {}
                }
                command
            }
            14 => words(&["SETNX", &k, &v]),
            15 => words(&[&self.pick(&["SETEX", "PSETEX"]), &k, &self.span(), &v]),
            16 => words(&["MGET", &k, &self.key(), &self.key()]),
            17 => words(&["MSET", &k, &v, &self.key(), &self.value()]),
            18 => words(&["MSET", &k, &v, &self.key()]),
            19 => words(&["MSETNX", "{t}1", &v, "{t}2", &self.value()]),
            20 => words(&["DEL", "{t}1", "{t}2"]),
            21 => words(&["APPEND", &k, &v]),
            22 => words(&["STRLEN", &k]),
            23 => words(&["SETRANGE", &k, &self.number(), &v]),
            24 => words(&[&self.pick(&["GETRANGE", "SUBSTR"]), &k, &self.number(), &self.number()]),
            25..=26 => words(&["INCR", &k]),
            27 => words(&["DECR", &k]),
            28 => words(&[&self.pick(&["INCRBY", "DECRBY"]), &k, &self.number()]),
            29 => words(&["INCRBYFLOAT", &k, &self.pick(&["1.5", "-0.25", "3", "abc", "10.125"])]),
            30 => words(&["LCS", "{t}a", "{t}b"]),
            31 => words(&["SET", &self.pick(&["{t}a", "{t}b"]), &v]),
            32 => words(&["LCS", "{t}a", "{t}b", &self.pick(&["LEN", "IDX", "BOGUS"])]),
            33 => words(&["LCS", "{t}a", "{t}b", "IDX", "WITHMATCHLEN", "MINMATCHLEN", &self.number()]),
            34 => words(&["TYPE", &k]),
            35 => words(&["EXISTS", &k, &self.key(), &k]),
            36 => words(&[&self.pick(&["DEL", "UNLINK", "TOUCH"]), &k, &self.key()]),
            37 => words(&["EXPIRE", &k, &self.span()]),
            38 => words(&[&self.pick(&["EXPIRE", "PEXPIRE"]), &k, &self.span(), &self.pick(&["NX", "XX", "GT", "LT", "ZZ"])]),
            39 => words(&[&self.pick(&["EXPIREAT", "PEXPIREAT"]), &k, &self.pick(&["4000000000", "4000000000000", "1", "-1", "x"])]),
            40 => words(&["EXPIRE", &k, &self.span(), "NX", &self.pick(&["XX", "GT", "NX"])]),
            41 => words(&[&self.pick(&["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]), &k]),
            42 => words(&["PERSIST", &k]),
            43 => words(&["OBJECT", "ENCODING", &k]),
            44 => words(&[&self.pick(&["GET", "SET", "INCR", "EXPIRE", "NOSUCH"]), &k, &k, &k, &k, &k]),
            _ => words(&["DBSIZE"]),
        }
    }
}
