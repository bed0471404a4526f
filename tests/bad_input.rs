//! What strangers send to the port: each gets a clear error or is closed, nobody else notices, the process lives.
#![allow(clippy::disallowed_methods, reason = "tests watch the real clock")]

mod common;

use std::io::Write;
use std::time::{Duration, Instant};

use common::{Client, Server, encode};

fn with_server(test: impl FnOnce(&mut Server)) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::small(dir.path(), &["--sync", "no"]);
    test(&mut server);
    server.assert_well();
    server.stop();
}

#[test]
fn protocol_errors_have_redis_words_and_close_the_connection() {
    with_server(|server| {
        for (bytes, answer) in [
            (&b"*1\r\n$4000000000\r\n"[..], "-ERR Protocol error: invalid bulk length\r\n"),
            (b"*1\r\n$9223372036854775807\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
            (b"*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
            (b"*3000000000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
            (b"*99999999999999999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
            (b"*1\r\nfoo\r\n", "-ERR Protocol error: expected '$', got 'f'\r\n"),
            (b"*1\r\n*1\r\n$4\r\nPING\r\n", "-ERR Protocol error: expected '$', got '*'\r\n"),
            (b"SET \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
        ] {
            let mut client = server.client();
            client.send(bytes);
            assert_eq!(client.until_closed(), answer, "{}", bytes.escape_ascii());
        }
    });
}

#[test]
fn garbage_http_and_nested_arrays_close_only_their_connection() {
    with_server(|server| {
        let mut garbage = Vec::new();
        let mut state = 1u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            garbage.push((state >> 33) as u8);
        }
        let nested = b"*1\r\n".repeat(100_000);
        let line = vec![b'*'; 200_000];
        for bytes in [&garbage[..], &nested, &line, b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
            let mut client = server.client();
            // The server may close before it has read everything.
            let _ = client.stream.write_all(bytes);
            let _ = client.stream.shutdown(std::net::Shutdown::Write);
            client.until_closed();
            server.assert_well();
        }
    });
}

#[test]
fn a_million_arguments_are_read_in_linear_time_and_more_are_refused() {
    with_server(|server| {
        let mut client = server.client();
        let count = 1_000_000;
        let mut bytes = format!("*{count}\r\n$3\r\nDEL\r\n").into_bytes();
        for i in 1..count {
            bytes.extend_from_slice(format!("${}\r\n{i}\r\n", i.to_string().len()).as_bytes());
        }
        let start = Instant::now();
        client.send(&bytes);
        assert_eq!(client.reply(), ":0\r\n");
        assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
        let mut client = server.client();
        client.send(b"*1048577\r\n");
        assert_eq!(client.until_closed(), "-ERR Protocol error: invalid multibulk length\r\n");
    });
}

#[test]
fn half_a_command_and_then_silence_harms_nobody() {
    with_server(|server| {
        let mut halves: Vec<Client> = (0..50).map(|_| server.client()).collect();
        for (i, half) in halves.iter_mut().enumerate() {
            half.send(&encode(&["SET", "half", "value"])[..i % 30]);
        }
        assert_eq!(server.client().call(&["SET", "whole", "1"]), "+OK\r\n");
        assert_eq!(server.client().call(&["EXISTS", "half"]), ":0\r\n");
        // The rest of the command still counts.
        let whole = encode(&["SET", "half", "value"]);
        halves[7].send(&whole[7..]);
        assert_eq!(halves[7].reply(), "+OK\r\n");
    });
}

#[test]
fn a_value_above_the_limit_is_refused_and_one_at_the_limit_is_kept() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::small(dir.path(), &["--sync", "no", "--set", "proxy.bulk_max=1048576"]);
    let limit = "x".repeat(1 << 20);
    assert_eq!(server.client().call(&["SET", "big", &limit]), "+OK\r\n");
    assert_eq!(server.client().call(&["STRLEN", "big"]), format!(":{}\r\n", 1 << 20));
    let mut client = server.client();
    client.send(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$1048577\r\n");
    assert_eq!(client.until_closed(), "-ERR Protocol error: invalid bulk length\r\n");
    let grown = server.client().call(&["APPEND", "big", "x"]);
    assert!(grown.starts_with("-ERR string exceeds maximum allowed size"), "{grown}");
    assert_eq!(server.client().call(&["STRLEN", "big"]), format!(":{}\r\n", 1 << 20));
    server.assert_well();
}

#[test]
fn large_pipelines_are_answered_in_order() {
    with_server(|server| {
        let mut client = server.client();
        let mut reader = client.stream.try_clone().expect("a second handle");
        let count = 50_000;
        let writer = std::thread::spawn(move || {
            for i in 0..count {
                let number = i.to_string();
                reader.write_all(&encode(&["SET", &format!("k{}", i % 100), &number])).expect("sent");
                reader.write_all(&encode(&["GET", &format!("k{}", i % 100)])).expect("sent");
            }
        });
        for i in 0..count {
            assert_eq!(client.reply(), "+OK\r\n");
            let number = i.to_string();
            assert_eq!(client.reply(), format!("${}\r\n{number}\r\n", number.len()), "a pipelined read sees the write before it");
        }
        writer.join().expect("writer");
    });
}

#[test]
fn ten_thousand_connections_are_served() {
    rlimit::increase_nofile_limit(24_000).expect("file descriptors");
    if rlimit::getrlimit(rlimit::Resource::NOFILE).expect("limit").0 < 10_500 {
        eprintln!("skipped: this machine does not allow 10,500 open files");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::small(dir.path(), &["--sync", "no", "--set", "proxy.maxclients=10000"]);
    let mut clients: Vec<Client> = (0..9_990).map(|_| server.client()).collect();
    for (i, client) in clients.iter_mut().enumerate() {
        client.send(&encode(&["SET", &format!("c{i}"), "1"]));
    }
    for client in &mut clients {
        assert_eq!(client.reply(), "+OK\r\n");
    }
    assert_eq!(clients[0].call(&["DBSIZE"]), ":9990\r\n");
    // One above the limit is told so.
    let more: Vec<Client> = (0..20).map(|_| server.client()).collect();
    let refused = more.into_iter().map(|mut c| {
        let _ = c.stream.write_all(b"PING\r\n");
        c.reply()
    });
    let refused: Vec<String> = refused.filter(|r| r != "+PONG\r\n").collect();
    assert!(refused.iter().any(|r| r == "-ERR max number of clients reached\r\n"), "{refused:?}");
    drop(clients);
    std::thread::sleep(Duration::from_millis(500));
    server.assert_well();
}
