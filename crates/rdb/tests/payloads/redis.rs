//! A real redis-server reads what we write, and never refuses what we accept. Skipped where there is none.
//!
//! `REDIS_SERVER` names another server than the one in the path: what a newer one knows is then compared as well.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rdb::payload::{decode, encode_for};
use rdb::stream::StreamId;
use rdb::value::Value;

use crate::mutations::damaged;
use crate::values::{in_order, value, value_of_redis_7_0};

/// A redis-server of this test, reached through a socket file of its own.
struct Server {
    process: Child,
    socket: PathBuf,
    connection: BufReader<UnixStream>,
}

impl Server {
    fn start() -> Option<Server> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let name = format!("pegasus-rdb-{}-{}.sock", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let socket = std::env::temp_dir().join(name);
        let program = std::env::var_os("REDIS_SERVER").unwrap_or("redis-server".into());
        let process = Command::new(program)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--sanitize-dump-payload", "yes", "--unixsocket"])
            .arg(&socket)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = process else {
            eprintln!("skipped: there is no redis-server");
            return None;
        };
        for _ in 0..100 {
            if let Ok(connection) = UnixStream::connect(&socket) {
                connection.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
                return Some(Server { process, socket, connection: BufReader::new(connection) });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("redis-server does not answer");
    }

    /// The bulk string, or the line, that a command is answered with.
    fn ask(&mut self, command: &[&[u8]]) -> Vec<u8> {
        let mut request = Vec::new();
        resp::reply::array(&mut request, command.len());
        command.iter().for_each(|word| resp::reply::bulk(&mut request, word));
        self.connection.get_mut().write_all(&request).expect("send");
        let mut line = Vec::new();
        self.connection.read_until(b'\n', &mut line).expect("a reply");
        line.truncate(line.len() - 2);
        if line.first() != Some(&b'$') || line == b"$-1" {
            return line;
        }
        let len: usize = String::from_utf8_lossy(&line[1..]).parse().expect("a length");
        let mut bulk = vec![0; len + 2];
        self.connection.read_exact(&mut bulk).expect("a reply");
        bulk.truncate(len);
        bulk
    }

    fn restore(&mut self, payload: &[u8]) -> Vec<u8> {
        self.ask(&[b"restore", b"key", b"0", payload, b"replace"])
    }

    fn version(&mut self) -> u16 {
        self.ask(&[b"set", b"key", b"value"]);
        let dump = self.ask(&[b"dump", b"key"]);
        u16::from_le_bytes([dump[dump.len() - 10], dump[dump.len() - 9]])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may be gone already
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// What a server makes of a value it restored: it leaves out what expired, and the times at which its consumers were active if it is old.
fn restored(value: Value, version: u16) -> Value {
    let mut value = in_order(value);
    if let Value::Stream(stream) = &mut value
        && version < 11
    {
        let consumers = stream.groups.iter_mut().flat_map(|group| &mut group.consumers);
        consumers.for_each(|consumer| consumer.active = Some(consumer.seen));
    }
    value
}

#[test]
fn a_server_restores_what_we_write() {
    let Some(mut server) = Server::start() else { return };
    let version = server.version();
    let mut runner = TestRunner::deterministic();
    let values = if version >= 12 { value().boxed() } else { value_of_redis_7_0().boxed() };
    for _ in 0..300 {
        let value = values.new_tree(&mut runner).expect("a value").current();
        let value = without_what_expires_soon(value);
        let payload = encode_for(&value, version.min(12)).expect("small, and not empty");
        assert_eq!(server.restore(&payload), b"+OK", "{}: {value:?}", payload.escape_ascii());
        let mut dump = server.ask(&[b"dump", b"key"]);
        if version > 12 {
            dump.truncate(dump.len() - 10);
            dump = rdb::payload::seal(dump, 12); // newer servers write the same kinds as far as they are of these versions
        }
        if dump[0] > 25 {
            continue; // a stream of Redis 8
        }
        assert_eq!(decode(&dump.into()).map(in_order), Ok(restored(value, version)), "{}", payload.escape_ascii());
    }
}

fn without_what_expires_soon(mut value: Value) -> Value {
    if let Value::Hash(fields) = &mut value {
        const YEAR_2100: i64 = 4_102_444_800_000;
        let soon = fields.iter_mut().filter_map(|field| field.expire.as_mut()).filter(|expire| **expire < YEAR_2100);
        soon.for_each(|expire| *expire += YEAR_2100);
    }
    value
}

#[test]
fn a_server_finds_in_its_commands_what_we_wrote() {
    let Some(mut server) = Server::start() else { return };
    let mut runs = |value: &Value, expected: &[(&[&str], &str)]| {
        let payload = encode_for(value, 10).expect("small, and not empty");
        assert_eq!(server.restore(&payload), b"+OK");
        for (command, reply) in expected {
            let words: Vec<&[u8]> = command.iter().map(|word| word.as_bytes()).collect();
            assert_eq!(String::from_utf8_lossy(&server.ask(&words)), *reply, "{command:?}");
        }
    };
    let strings = |strings: &[&str]| strings.iter().map(|string| Bytes::copy_from_slice(string.as_bytes())).collect::<Vec<_>>();
    runs(&Value::String("12345".into()), &[(&["incr", "key"], ":12346")]);
    let long = "long".repeat(5000);
    runs(
        &Value::List(strings(&["a", "-4096", &long, "z"])),
        &[(&["llen", "key"], ":4"), (&["lindex", "key", "1"], "-4096"), (&["lindex", "key", "2"], &long), (&["lindex", "key", "-1"], "z")],
    );
    runs(&Value::Set(strings(&["70000", "-1"])), &[(&["scard", "key"], ":2"), (&["sismember", "key", "-1"], ":1")]);
    runs(&Value::Set(strings(&["x", "-1"])), &[(&["scard", "key"], ":2"), (&["sismember", "key", "x"], ":1")]);
    let members = [("b", 2.0), ("a", 2.0), ("c", f64::NEG_INFINITY), ("d", 1.5)].map(|(member, score)| (Bytes::from(member), score));
    runs(
        &Value::ZSet(members.to_vec()),
        &[
            (&["zrank", "key", "c"], ":0"),
            (&["zrank", "key", "d"], ":1"),
            (&["zrank", "key", "a"], ":2"),
            (&["zrank", "key", "b"], ":3"),
            (&["zscore", "key", "d"], "1.5"),
            (&["zscore", "key", "c"], "-inf"),
        ],
    );
    let field = rdb::hash::Field { name: "field".into(), value: "value".into(), expire: None };
    runs(&Value::Hash(vec![field]), &[(&["hget", "key", "field"], "value"), (&["hlen", "key"], ":1")]);
    let id = |ms| StreamId { ms, seq: 0 };
    let entry = |ms, value: &'static str| rdb::stream::Entry { id: id(ms), fields: vec![("f".into(), value.into())] };
    let stream = rdb::stream::Stream {
        entries: vec![entry(5, "one"), entry(6, "two")],
        last_id: id(9),
        max_deleted_id: id(9),
        entries_added: 7,
        groups: vec![],
    };
    runs(&Value::Stream(stream), &[(&["xlen", "key"], ":2"), (&["xdel", "key", "6"], ":1"), (&["xadd", "key", "9-*", "f", "v"], "9-1")]);
}

#[test]
fn a_server_refuses_nothing_that_we_accept() {
    let Some(mut server) = Server::start() else { return };
    let mut runner = TestRunner::deterministic();
    let damaged = damaged();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..4000 {
        let payload = damaged.new_tree(&mut runner).expect("a payload").current();
        if payload[0] > 19 {
            continue; // Redis 7.0 knows no such kinds
        }
        let ours = decode(&Bytes::from(payload.clone()));
        let theirs = server.restore(&payload);
        match &ours {
            Ok(_) => {
                assert_eq!(String::from_utf8_lossy(&theirs), "+OK", "{}", payload.escape_ascii());
                accepted += 1;
            }
            Err(error) if theirs != b"+OK" => {
                assert_eq!(String::from_utf8_lossy(&theirs), format!("-{}", error.reply()), "{}", payload.escape_ascii());
                refused += 1;
            }
            Err(_) => {}
        }
    }
    assert!(accepted > 100 && refused > 1000, "{accepted} were accepted and {refused} refused");
}
