//! Replies far above a MiB: whole and in order, whatever the client's pace, and at the price of little memory.
#![allow(clippy::disallowed_methods, reason = "tests watch the real clock")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{Server, encode};

/// A reply, taken apart as it arrives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Line(String),
    Bulk(Option<Vec<u8>>),
    Many(char, Vec<Value>),
}

/// A client that reads without keeping more than it makes of it.
struct Reader(BufReader<TcpStream>);

impl Reader {
    fn new(server: &Server) -> Reader {
        Reader(BufReader::with_capacity(1 << 16, server.client().stream))
    }

    fn send<A: AsRef<[u8]>>(&mut self, commands: &[Vec<A>]) {
        let bytes: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
        self.0.get_mut().write_all(&bytes).expect("sent");
    }

    fn value(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        let text = line.strip_suffix("\r\n").unwrap_or_else(|| panic!("closed at {line:?}"));
        let number = || text[1..].parse::<i64>().expect("a length");
        match text.as_bytes()[0] {
            b'$' if number() < 0 => Value::Bulk(None),
            b'$' => {
                let mut bytes = vec![0; number() as usize + 2];
                self.0.read_exact(&mut bytes).expect("a string");
                assert_eq!(bytes.split_off(bytes.len() - 2), b"\r\n");
                Value::Bulk(Some(bytes))
            }
            kind @ (b'*' | b'~' | b'%') => {
                let count = number() * if kind == b'%' { 2 } else { 1 };
                Value::Many(kind as char, (0..count).map(|_| self.value()).collect())
            }
            _ => Value::Line(text.to_owned()),
        }
    }

    fn call(&mut self, command: &[&str]) -> Value {
        self.send(&[command.to_vec()]);
        self.value()
    }
}

fn line(text: &str) -> Value {
    Value::Line(text.to_owned())
}

fn bulk(text: impl AsRef<[u8]>) -> Value {
    Value::Bulk(Some(text.as_ref().to_vec()))
}

fn field(number: usize) -> String {
    format!("field:{number:07}")
}

fn text(number: usize) -> String {
    format!("{number:064}")
}

/// Sends a command many times with a hundred or so arguments each, and wants no error.
fn fill(server: &Server, head: &[&str], items: impl Iterator<Item = Vec<String>>) {
    let mut client = Reader::new(server);
    let items: Vec<Vec<String>> = items.collect();
    for many in items.chunks(1000 * 100) {
        let commands: Vec<Vec<String>> = many
            .chunks(1000)
            .map(|some| head.iter().map(|word| (*word).to_owned()).chain(some.iter().flatten().cloned()).collect())
            .collect();
        client.send(&commands);
        for _ in commands {
            assert!(!matches!(client.value(), Value::Line(error) if error.starts_with('-')));
        }
    }
}

fn hash(server: &Server, key: &str, count: usize) {
    fill(server, &["HSET", key], (0..count).map(|n| vec![field(n), text(n)]));
}

fn resident(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).expect("a number").parse::<usize>().expect("a number") << 10
}

/// Files of long replies that the process holds.
fn spools(server: &Server) -> usize {
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.child.id())).expect("a process");
    files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok()).filter(|path| path.to_string_lossy().contains("/spool/")).count()
}

fn wait_for_no_spools(server: &Server) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while spools(server) > 0 {
        assert!(Instant::now() < deadline, "{} replies are kept that nobody wants", spools(server));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn pairs(value: Value, kind: char) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let Value::Many(got, elements) = value else { panic!("{value:?}") };
    assert_eq!(got, kind);
    let bytes = |value: &Value| if let Value::Bulk(Some(bytes)) = value { bytes.clone() } else { panic!("{value:?}") };
    elements.chunks(2).map(|pair| (bytes(&pair[0]), bytes(&pair[1]))).collect()
}

fn small(test: impl FnOnce(&Server)) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::small(dir.path(), &["--sync", "no"]);
    test(&server);
    server.assert_well();
    wait_for_no_spools(&server);
    server.stop();
}

#[test]
fn long_replies_are_whole_and_in_their_places_among_others() {
    const COUNT: usize = 60_000;
    small(|server| {
        hash(server, "{k}hash", COUNT);
        fill(server, &["SADD", "{k}set"], (0..COUNT).map(|n| vec![text(n)]));
        fill(server, &["RPUSH", "{k}list"], (0..COUNT).map(|n| vec![text(n)]));
        fill(server, &["ZADD", "{k}zset"], (0..COUNT).map(|n| vec![n.to_string(), text(n)]));
        let mut client = Reader::new(server);
        for (proto, map, set) in [("2", '*', '*'), ("3", '%', '~')] {
            client.call(&["HELLO", proto]);
            // Reads among writes to the same partition: each sees what came before it and nothing of what comes after.
            let more = [&field(COUNT), "more"];
            client.send(&[
                vec!["SET", "{k}a", "1"],
                vec!["HGETALL", "{k}hash"],
                vec!["HSET", "{k}hash", more[0], more[1]],
                vec!["GET", "{k}a"],
                vec!["HGETALL", "{k}hash"],
                vec!["HDEL", "{k}hash", more[0]],
                vec!["HLEN", "{k}hash"],
                vec!["SMEMBERS", "{k}set"],
                vec!["INCR", "{k}a"],
                vec!["LRANGE", "{k}list", "0", "-1"],
                vec!["ZRANGE", "{k}zset", "0", "-1"],
                vec!["GET", "{k}a"],
            ]);
            assert_eq!(client.value(), line("+OK"));
            let mut expected: BTreeMap<Vec<u8>, Vec<u8>> = (0..COUNT).map(|n| (field(n).into(), text(n).into())).collect();
            assert!(pairs(client.value(), map) == expected, "HGETALL");
            assert_eq!(client.value(), line(":1"));
            assert_eq!(client.value(), bulk("1"));
            expected.insert(more[0].into(), more[1].into());
            assert!(pairs(client.value(), map) == expected, "HGETALL after HSET");
            assert_eq!(client.value(), line(":1"));
            assert_eq!(client.value(), line(&format!(":{COUNT}")));
            let texts: Vec<Value> = (0..COUNT).map(|n| bulk(text(n))).collect();
            let Value::Many(kind, mut members) = client.value() else { panic!("no set") };
            members.sort();
            assert!(kind == set && members == texts, "SMEMBERS");
            assert_eq!(client.value(), line(":2"));
            assert!(client.value() == Value::Many('*', texts.clone()), "LRANGE");
            assert!(client.value() == Value::Many('*', texts), "ZRANGE");
            assert_eq!(client.value(), bulk("2"));
        }
        // And without anything else around them.
        assert!(pairs(client.call(&["HGETALL", "{k}hash"]), '%').len() == COUNT);
        client.send(&[vec!["HGETALL", "{k}hash"], vec!["PING"], vec!["SMEMBERS", "{k}set"]]);
        assert!(pairs(client.value(), '%').len() == COUNT);
        assert_eq!(client.value(), line("+PONG"));
        assert!(matches!(client.value(), Value::Many('~', members) if members.len() == COUNT));
    });
}

#[test]
fn replies_of_several_partitions_and_headers_that_come_last() {
    const COUNT: usize = 60_000;
    small(|server| {
        let mut client = Reader::new(server);
        // KEYS: long replies of all partitions are chained.
        fill(server, &["MSET"], (0..COUNT).map(|n| vec![format!("key:{n:030}"), "v".to_owned()]));
        let Value::Many('*', mut keys) = client.call(&["KEYS", "key:*"]) else { panic!("no keys") };
        keys.sort();
        assert!(keys == (0..COUNT).map(|n| bulk(format!("key:{n:030}"))).collect::<Vec<_>>());
        assert_eq!(client.call(&["KEYS", "none*"]), Value::Many('*', Vec::new()));
        // MGET over partitions: elements go to the places of their keys.
        let value = |name: &str| name.repeat(3 << 20);
        for name in ["a", "b", "c", "d"] {
            client.send(&[vec!["SET".to_owned(), name.to_owned(), value(name)]]);
            assert_eq!(client.value(), line("+OK"));
        }
        let wanted = ["d", "a", "none", "c", "b", "a"].map(|name| if name == "none" { Value::Bulk(None) } else { bulk(value(name)) });
        assert!(client.call(&["MGET", "d", "a", "none", "c", "b", "a"]) == Value::Many('*', wanted.to_vec()));
        // Copies of values meet at the proxy, each of them long.
        fill(server, &["SADD", "s1"], (0..60_000).map(|n| vec![text(n)]));
        fill(server, &["SADD", "s2"], (30_000..90_000).map(|n| vec![text(n)]));
        let Value::Many(_, union) = client.call(&["SUNION", "s1", "s2"]) else { panic!("no set") };
        assert_eq!(union.len(), 90_000);
        // How many there are is put in front of them at the end.
        fill(server, &["SADD", "{s1}"], (0..60_000).map(|n| vec![text(n)]));
        fill(server, &["SADD", "{s1}other"], (30_000..90_000).map(|n| vec![text(n)]));
        let Value::Many(_, mut common) = client.call(&["SINTER", "s1", "{s1}other"]) else { panic!("no set") };
        common.sort();
        assert!(common == (30_000..60_000).map(|n| bulk(text(n))).collect::<Vec<_>>());
        for start in (0..50_000).step_by(1000) {
            let entries: Vec<Vec<String>> = (start..start + 1000)
                .map(|n| ["XADD", "stream", &format!("{}-0", n + 1), "f", &text(n)].map(str::to_owned).to_vec())
                .collect();
            client.send(&entries);
            entries.iter().for_each(|_| assert!(matches!(client.value(), Value::Bulk(Some(_)))));
        }
        let entries: Vec<Value> = (0..50_000)
            .map(|n| Value::Many('*', vec![bulk(format!("{}-0", n + 1)), Value::Many('*', vec![bulk("f"), bulk(text(n))])]))
            .collect();
        assert!(client.call(&["XRANGE", "stream", "-", "+"]) == Value::Many('*', entries.clone()), "XRANGE");
        let read = Value::Many('*', vec![Value::Many('*', vec![bulk("stream"), Value::Many('*', entries)])]);
        assert!(client.call(&["XREAD", "STREAMS", "stream", "0"]) == read, "XREAD");
        // A long string.
        let long = "0123456789".repeat(3 << 20);
        client.send(&[vec!["SET", "long", &long]]);
        assert_eq!(client.value(), line("+OK"));
        assert!(client.call(&["GET", "long"]) == bulk(&long));
        client.send(&[vec!["CLIENT", "REPLY", "SKIP"], vec!["GET", "long"], vec!["PING"]]);
        assert_eq!(client.value(), line("+PONG"));
    });
}

#[test]
fn slow_clients_cost_little_memory_and_those_that_go_away_nothing() {
    const COUNT: usize = 500_000; // a reply of 46 MB
    const CLIENTS: usize = 8;
    let dir = tempfile::tempdir().expect("a directory");
    let cache = ["--set", "store.cache_mib=32", "--set", "store.memtables_mib=64", "--set", "store.rows_mib=16"];
    let mut server = Server::small(dir.path(), &[&["--sync", "no"], &cache[..]].concat());
    hash(&server, "hash", COUNT);
    // Whatever is cached is cached now.
    assert_eq!(pairs(Reader::new(&server).call(&["HGETALL", "hash"]), '*').len(), COUNT);
    std::thread::sleep(Duration::from_secs(1));
    let before = resident(&server);
    let mut clients: Vec<Reader> = (0..CLIENTS).map(|_| Reader::new(&server)).collect();
    for client in &mut clients {
        client.send(&[vec!["HGETALL", "hash"], vec!["ECHO", "after"]]);
    }
    let (mut most, mut held) = (0, 0);
    for round in 0..60 {
        std::thread::sleep(Duration::from_millis(50));
        most = most.max(resident(&server));
        held = held.max(spools(&server));
        for client in &mut clients {
            let mut some = vec![0; 64 << 10];
            if round % 10 == 9 {
                client.0.read_exact(&mut some).expect("it goes on");
            }
        }
        server.assert_well();
    }
    assert_eq!(held, CLIENTS, "all of them wait");
    let grown = most.saturating_sub(before);
    assert!(grown < 48 << 20, "{} MiB more for {CLIENTS} replies of 44 MiB", grown >> 20);
    // Half of them go away; the others get all of it. 6 x 64 KiB are read already.
    let rest = clients.split_off(CLIENTS / 2);
    drop(clients);
    let line = format!("*{}\r\n", 2 * COUNT).len();
    let whole = line + COUNT * (encode(&[field(0), text(0)]).len() - "*2\r\n".len());
    for mut client in rest {
        let mut left = whole - 6 * (64 << 10);
        let mut some = vec![0; 1 << 20];
        while left > 0 {
            let part = left.min(some.len());
            client.0.read_exact(&mut some[..part]).expect("all of it");
            left -= part;
        }
        assert_eq!(client.value(), bulk("after"));
    }
    wait_for_no_spools(&server);
    server.assert_well();
    server.stop();
}

#[test]
fn what_does_not_fit_is_an_error_reply_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::small(dir.path(), &["--sync", "no", "--set", "reply.spool_max_mib=4"]);
    hash(&server, "hash", 100_000);
    let mut client = Reader::new(&server);
    for _ in 0..3 {
        client.send(&[vec!["SET", "a", "1"], vec!["HGETALL", "hash"], vec!["GET", "a"], vec!["HSTRLEN", "hash", &field(7)]]);
        assert_eq!(client.value(), line("+OK"));
        let Value::Line(error) = client.value() else { panic!("it is longer than 4 MiB") };
        assert!(error.starts_with("-ERR") && error.contains("reply.spool_max_mib"), "{error}");
        assert_eq!(client.value(), bulk("1"));
        assert_eq!(client.value(), line(":64"));
    }
    hash(&server, "other", 20_000);
    assert_eq!(pairs(client.call(&["HGETALL", "other"]), '*').len(), 20_000, "what failed takes no room");
    server.assert_well();
    server.stop();
}

#[test]
fn a_full_disk_is_an_error_reply_and_writes_go_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=192m", "tmpfs"]).arg(dir.path()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: mounting a tmpfs needs root");
        return;
    }
    let small = ["--sync", "always", "--set", "log.segment_mib=4", "--set", "log.size_max_mib=16"];
    let mut server = Server::small(dir.path(), &small);
    hash(&server, "hash", 200_000);
    let mut client = Reader::new(&server);
    assert_eq!(pairs(client.call(&["HGETALL", "hash"]), '*').len(), 200_000);
    // All but 30 MiB are taken: the last eighth is not for replies.
    let free = || {
        let out = std::process::Command::new("df").args(["-k", "--output=avail"]).arg(dir.path()).output().expect("df");
        String::from_utf8_lossy(&out.stdout).lines().nth(1).expect("a line").trim().parse::<usize>().expect("a number") << 10
    };
    let ballast = std::fs::File::create(dir.path().join("ballast")).expect("a file");
    let mut zeros = &ballast;
    while free() > 30 << 20 {
        zeros.write_all(&vec![1; 1 << 20]).expect("room");
    }
    let Value::Line(error) = client.call(&["HGETALL", "hash"]) else { panic!("it has no room") };
    assert!(error.starts_with("-MISCONF"), "{error}");
    for n in 0..100 {
        assert_eq!(client.call(&["SET", &format!("k{n}"), "v"]), line("+OK"), "the log has room");
    }
    ballast.set_len(0).expect("room again");
    assert_eq!(pairs(client.call(&["HGETALL", "hash"]), '*').len(), 200_000);
    server.assert_well();
    server.stop();
    let _ = std::process::Command::new("umount").arg("-l").arg(dir.path()).status();
}
