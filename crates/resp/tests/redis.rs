//! The same bytes to a real redis-server: it has to take the same requests out of them and refuse with the same words.
//!
//! Needs `redis-server` on the path (7.0 was compared); without one the test says so and does nothing.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::BytesMut;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use resp::batch::Drained;
use resp::reply;
use resp::scan::{Limits, Scanner};
use resp::walk::{elements, parse_bulk, reply_len};
use types::args::Args;

#[test]
fn redis_reads_the_same_requests() {
    let Some(redis) = Redis::start() else {
        eprintln!("skipped: no redis-server on the path");
        return;
    };
    for sent in [
        "*-10\r\nRPUSH l a\r\n",
        "*0\r\nRPUSH l a\r\n",
        "\r\n \n\x0b\r\nRPUSH l a\n",
        "*3\r\n$5\r\nRPUSHxx$1\r\nlyy$1\r\nazzRPUSH l b\r\n",
        "*3\r$5\r\nRPUSH\r\n",
        "*3\rx$5\rxRPUSH\r\n$1\rxl\r\n$1\r\na\r\n",
        "RPUSH l a\r\n*+1\r\n",
        "RPUSH l a\r\n*3000000000\r\n",
        "RPUSH l a\r\n*99999999999999999999999999\r\n",
        "*1\r\n$2000000000\r\n",
        "*1\r\n$-1\r\n",
        "*1\r\n$01\r\n",
        "*1\r\nfoo\r\n",
        "*1\r\n\r\n",
        "*1\r\n\n\r\n",
        "RPUSH l 'a\r\n",
        "RPUSH l \"a\"b\r\n",
        "RPUSH l \"\\x41\\xzz\\x4\" 'it\\'s' \"\" a\"b c\" d'e'\r\n",
        "RPUSH l a\x0bb \x0b c\x0cd\r\n",
        "RPUSH l a\r\r\n",
        "RPUSH l \\x41\\n\r\n",
    ] {
        redis.compare(sent.as_bytes());
    }
    redis.compare(b"*1\r\n\xff\r\n");
    let long = "1".repeat(1 << 16);
    for start in ["", "*", "*1\r\n$", "\0\r\n", "*\0\r\n", "*1\r\n$\0\r\n"] {
        redis.compare(format!("RPUSH l a\r\n{start}{long}1").as_bytes());
    }
    let mut runner = TestRunner::new(Config { cases: 1500, failure_persistence: None, ..Config::default() });
    runner
        .run(&any_stream(), |stream| {
            redis.compare(&stream);
            Ok(())
        })
        .unwrap();
}

/// Pushes onto the list `l` in both forms, with damage: every argument that Redis takes for one can be read back.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![prop::collection::vec(any::<u8>(), 0..8), "[a-z\"' ]{0,6}".prop_map(String::into_bytes)];
    let array = prop::collection::vec(value, 1..4).prop_map(|values| {
        let mut out = Vec::new();
        reply::array(&mut out, values.len() + 2);
        reply::bulk(&mut out, b"RPUSH");
        reply::bulk(&mut out, b"l");
        values.iter().for_each(|value| reply::bulk(&mut out, value));
        out
    });
    let line = r#"RPUSH l( ?["'a-cnrx\\0-9\t])+"#;
    let line = (line, prop::sample::select(vec!["\n", "\r\n"])).prop_map(|(line, end)| (line + end).into_bytes());
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n$*0123456789-+\0 \"'".to_vec())];
    let damage = prop::collection::vec((any::<prop::sample::Index>(), byte), 0..3);
    (prop::collection::vec(prop_oneof![array, line], 1..6), damage).prop_map(|(pieces, damage)| {
        let mut stream = pieces.concat();
        for (at, byte) in damage {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        stream
    })
}

struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    fn start() -> Option<Redis> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--proto-max-bulk-len", "64mb", "--port", &port.to_string()])
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let redis = Redis { process, port };
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(redis);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("redis-server does not answer on port {port}");
    }

    /// Sends bytes and then nothing more; gives all that is answered.
    fn talk(&self, sent: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(sent).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answered = Vec::new();
        stream.read_to_end(&mut answered).unwrap();
        answered
    }

    fn compare(&self, sent: &[u8]) {
        assert!(self.talk(b"DEL l\r\n").starts_with(b":"));
        let answered = self.talk(sent);
        let kept = self.talk(b"LRANGE l 0 -1\r\n");
        let kept: Vec<&[u8]> = elements(&kept).unwrap().map(|value| parse_bulk(value).unwrap()).collect();

        let (requests, refusal) = ours(sent);
        let mut pushed = VecDeque::new();
        requests.iter().for_each(|request| push(request, &mut pushed));
        let pushed: Vec<&[u8]> = pushed.into();
        assert_eq!(shown(&kept), shown(&pushed), "{}", brief(sent));
        let last = last_reply(&answered).filter(|last| last.starts_with(b"-ERR Protocol error"));
        assert_eq!(shown(&last), shown(&refusal), "{}", brief(sent));
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn ours(sent: &[u8]) -> (Vec<Args>, Option<Vec<u8>>) {
    let limits = Limits { args_max: i32::MAX as usize, ..Limits::default() };
    let (mut scanner, mut buffer, mut out) = (Scanner::new(), BytesMut::from(sent), Vec::new());
    loop {
        match scanner.drain(&mut buffer, &limits, &mut out) {
            Ok(Drained::Full) => {}
            Ok(Drained::Empty { .. }) => return (out, None),
            Err(error) => {
                let mut text = Vec::new();
                error.reply(&mut text);
                return (out, Some(text));
            }
        }
    }
}

/// What a request pushes onto the list. Damage can make an LPUSH of an RPUSH.
fn push<'a>(args: &'a Args, list: &mut VecDeque<&'a [u8]>) {
    let pushes = |name: &[u8]| args.len() > 2 && args.at(0).eq_ignore_ascii_case(name) && args.at(1) == b"l";
    for value in args.iter().skip(2) {
        if pushes(b"RPUSH") {
            list.push_back(value);
        } else if pushes(b"LPUSH") {
            list.push_front(value);
        }
    }
}

fn last_reply(mut answered: &[u8]) -> Option<&[u8]> {
    let mut last = None;
    while let Some(len) = reply_len(answered) {
        let reply;
        (reply, answered) = answered.split_at(len);
        last = Some(reply);
    }
    assert!(answered.is_empty(), "redis answered {}", answered.escape_ascii());
    last
}

fn shown<'a, T: AsRef<[u8]> + 'a>(texts: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    texts.into_iter().map(|text| text.as_ref().escape_ascii().to_string()).collect()
}

/// The beginning of what was sent, for a failure to show.
fn brief(sent: &[u8]) -> String {
    sent[..sent.len().min(300)].escape_ascii().to_string()
}
