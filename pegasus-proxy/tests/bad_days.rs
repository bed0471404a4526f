//! Bad input, clients that misbehave, partitions that do not answer, and the end of the proxy.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use client::router::Options as RouterOptions;
use common::{Cluster, Server, request, show};
use pegasus_proxy::settings::{OutputLimit, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::rpc::Refusal;

fn impatient() -> RouterOptions {
    RouterOptions { patience: Duration::from_millis(300), ..RouterOptions::default() }
}

#[tokio::test]
async fn what_is_not_the_protocol_is_told_and_ends_the_connection() {
    let server = Server::start().await;
    for (sent, told) in [
        ("*1\r\n:5\r\n", "expected '$', got ':'"),
        ("*2\r\n$4\r\nPING\r\n*1\r\n", "expected '$', got '*'"),
        ("*1048577\r\n", "invalid multibulk length"),
        ("*1\r\n$4294967296\r\n", "invalid bulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("SET k \"v\r\n", "unbalanced quotes in request"),
    ] {
        let mut c = server.client().await;
        c.send(request("PING")).await;
        c.send(sent).await;
        assert_eq!(c.rest().await, format!("+PONG\r\n-ERR Protocol error: {told}\r\n"), "{sent:?}");
    }
    let mut c = server.client().await;
    c.send("*1\r\n".repeat(10_000)).await; // arrays in arrays
    assert_eq!(c.rest().await, "-ERR Protocol error: expected '$', got '*'\r\n");
    let mut c = server.client().await;
    c.send("x".repeat(70_000)).await;
    assert_eq!(c.rest().await, "-ERR Protocol error: too big inline request\r\n");
}

#[tokio::test]
async fn the_last_reply_reaches_a_client_that_is_still_sending() {
    let server = Server::start().await;
    let mut c = server.client().await;
    let mut sent = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$600000000\r\n".to_vec();
    sent.resize(8 << 20, b'x');
    c.send(sent).await;
    assert_eq!(c.rest().await, "-ERR Protocol error: invalid bulk length\r\n");
}

#[tokio::test]
async fn http_is_closed_without_a_word() {
    let server = Server::start().await;
    for sent in ["POST / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\nSET k v\r\n"] {
        let mut c = server.client().await;
        c.send(sent).await;
        let rest = c.rest().await;
        assert!(!rest.contains("OK") && !rest.contains("unknown command"), "{rest}");
    }
    assert_eq!(server.client().await.run("GET k").await, "nil");
}

#[tokio::test]
async fn requests_may_arrive_in_any_pieces() {
    let server = Server::start().await;
    let mut c = server.client().await;
    c.stream.set_nodelay(true).unwrap();
    let value = "v".repeat(300);
    let all: Vec<u8> = [request(&format!("SET k {value}")), request("GET k"), b"PING\r\n".to_vec()].concat();
    for piece in [1, 3, 50] {
        for part in all.chunks(piece) {
            c.send(part).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(c.reply().await, "+OK\r\n");
        assert_eq!(show(&c.reply().await), format!("\"{value}\""));
        assert_eq!(c.reply().await, "+PONG\r\n");
    }
}

#[tokio::test]
async fn large_values_go_in_and_out() {
    let server = Server::start().await;
    let mut c = server.client().await;
    for size in [100, 40_000, 1 << 20, 20 << 20] {
        let value = "x".repeat(size);
        assert_eq!(c.run(&format!("SET big {value}")).await, "OK");
        let sent: Vec<u8> = ["STRLEN big", "GET big", "PING", "GET big"].into_iter().flat_map(request).collect();
        c.send(sent).await;
        assert_eq!(show(&c.reply().await), size.to_string());
        assert!(show(&c.reply().await).len() == size + 2);
        assert_eq!(c.reply().await, "+PONG\r\n");
        assert!(show(&c.reply().await).len() == size + 2);
    }
}

#[tokio::test]
async fn a_client_that_closes_its_side_still_gets_its_replies() {
    let server = Server::start().await;
    server.cluster.slow.store(true, Ordering::Relaxed);
    let mut c = server.client().await;
    let sent: Vec<u8> = (0..100).flat_map(|i| request(&format!("SET k {i}"))).collect();
    c.send(sent).await;
    c.stream.shutdown().await.unwrap();
    assert_eq!(c.rest().await, "+OK\r\n".repeat(100));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_read_and_costs_bounded_memory() {
    let server = Server::start().await;
    let mut c = server.client().await;
    c.run(&format!("SET k {}", "x".repeat(100_000))).await;
    let (mut reader, mut writer) = c.stream.into_split();
    let sending = tokio_util::task::TaskTracker::new().spawn(async move {
        let pipeline = request("GET k").repeat(1000);
        for _ in 0..1000 {
            if tokio::time::timeout(Duration::from_millis(300), writer.write_all(&pipeline)).await.is_err() {
                return true; // the server does not read on
            }
        }
        false
    });
    assert!(sending.await.unwrap(), "a million requests were taken from a client that reads nothing");
    let waiting = server.client().await.run("CLIENT LIST").await;
    let pending: usize = waiting.split("obl=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(pending > 0 && pending < 16 << 20, "{pending} bytes wait");
    let mut first = vec![0; 1 << 20];
    reader.read_exact(&mut first).await.unwrap(); // and it goes on when it reads
}

#[tokio::test]
async fn a_client_above_its_output_limit_is_closed() {
    let output = OutputLimit { hard: 1 << 20, ..OutputLimit::default() };
    let server = Server::with_settings(Settings { output, ..Settings::default() }).await;
    let mut c = server.client().await;
    c.run(&format!("SET k {}", "x".repeat(700_000))).await;
    assert_eq!(c.run("GET k").await.len(), 700_002);
    c.send(request("MGET k k")).await;
    assert_eq!(c.rest().await, "");
}

#[tokio::test]
async fn an_idle_client_is_closed_after_the_timeout() {
    let server = Server::with_settings(Settings { timeout: Duration::from_millis(200), ..Settings::default() }).await;
    let (mut idle, mut busy) = (server.client().await, server.client().await);
    idle.run("PING").await;
    let keep_busy = async {
        for _ in 0..20 {
            assert_eq!(busy.run("PING").await, "PONG");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (rest, ()) = tokio::join!(idle.rest(), keep_busy);
    assert_eq!(rest, "");
}

#[tokio::test]
async fn refusals_are_told_apart_when_patience_ends() {
    let server = Server::with(Cluster::new(4, 2), Settings::default(), impatient()).await;
    let mut c = server.client().await;
    for (refusal, command, told) in [
        (Refusal::NotPrimary, "GET k", "-CLUSTERDOWN The partition"),
        (Refusal::NotReady, "SET k v", "-CLUSTERDOWN The partition"),
        (Refusal::Busy, "SET k v", "-TRYAGAIN The partition of the key is overloaded"),
        (Refusal::DiskFull, "SET k v", "-MISCONF The disk is full"),
        (Refusal::TooFewMembers, "SET k v", "-NOREPLICAS Not enough good replicas to write."),
        (Refusal::TooLarge, "SET k v", "-ERR the command would write more"),
        (Refusal::Unknown, "SET k v", "-ERR no answer in time, it is not known whether the write took effect"),
        (Refusal::Unknown, "GET k", "-TRYAGAIN"),
        (Refusal::Busy, "MSET a 1 b 2 c 3", "-TRYAGAIN"),
        (Refusal::NotReady, "SCAN 0", "-CLUSTERDOWN"),
        (Refusal::NotReady, "RANDOMKEY", "-CLUSTERDOWN"),
        (Refusal::NotReady, "DBSIZE", "-CLUSTERDOWN"),
    ] {
        *server.cluster.refusing.lock() = Some(refusal);
        let reply = c.run(command).await;
        assert!(reply.starts_with(told), "{refusal:?} {command}: {reply}");
    }
    let info = c.run("INFO").await;
    assert!(info.contains("redis_version"), "INFO works without partitions");
    *server.cluster.refusing.lock() = None;
    assert_eq!(c.run("SET k v").await, "OK");
}

#[tokio::test]
async fn without_a_routing_table_commands_wait_then_say_so_and_local_ones_run() {
    let cluster = Cluster::new(4, 2);
    cluster.lost.store(true, Ordering::Relaxed);
    let server = Server::with(cluster, Settings::default(), impatient()).await;
    let mut c = server.client().await;
    assert_eq!(c.run("PING").await, "PONG");
    let sent: Vec<u8> = ["GET k", "ECHO a", "SCAN 0", "RANDOMKEY"].into_iter().flat_map(request).collect();
    c.send(sent).await;
    for expected in ["-CLUSTERDOWN The table's partitions are not known yet", "\"a\"", "-CLUSTERDOWN", "-CLUSTERDOWN"] {
        let reply = show(&c.reply().await);
        assert!(reply.starts_with(expected), "{reply}");
    }
    assert!(!server.proxy.ready());
    server.cluster.lost.store(false, Ordering::Relaxed);
    assert_eq!(c.run("SET k v").await, "OK");
    assert!(server.proxy.ready());
}

#[tokio::test]
async fn a_drain_lets_commands_finish_and_closes_everything() {
    let server = Server::start().await;
    server.cluster.slow.store(true, Ordering::Relaxed);
    let (mut idle, mut busy) = (server.client().await, server.client().await);
    idle.run("PING").await;
    busy.run("PING").await;
    let sent: Vec<u8> = (0..5000).flat_map(|i| request(&format!("SET k{i} v"))).collect();
    busy.send(sent).await;
    server.stop.cancel();
    assert!(server.proxy.drain(Duration::from_secs(5)).await);
    assert_eq!(idle.rest().await, "");
    let replies = busy.rest().await;
    assert_eq!(replies, "+OK\r\n".repeat(replies.len() / 5));
    assert_eq!(server.proxy.metrics().connections, 0);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let server = Server::start().await;
    let mut c = server.client().await;
    c.run("PING").await;
    c.send(request("DEBUG SLEEP 60")).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.cancel();
    assert!(!server.proxy.drain(Duration::from_millis(100)).await);
}

#[tokio::test]
async fn two_thousand_connections_are_served_and_then_forgotten() {
    let server = Server::start().await;
    let mut all = Vec::new();
    for _ in 0..2000 {
        all.push(server.client().await);
    }
    for c in &mut all {
        c.send("*2\r\n$3\r\nGE").await; // half a command
    }
    for c in &mut all {
        c.send("T\r\n$1\r\nk\r\n").await;
        assert_eq!(c.reply().await, "$-1\r\n");
    }
    assert_eq!(server.proxy.metrics().connections, 2000);
    drop(all);
    for _ in 0..100 {
        if server.proxy.metrics().connections == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} sessions are left", server.proxy.metrics().connections);
}

#[tokio::test]
async fn random_bytes_never_take_the_proxy_down() {
    let server = Server::start().await;
    let words: [&[u8]; 12] = [
        b"*3\r\n",
        b"$3\r\n",
        b"SET",
        b"\r\n",
        b"*-1\r\n",
        b"\0",
        b"GET k\r\n",
        b"\"",
        b"$0\r\n\r\n",
        b"CLIENT LIST\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\xff\xfe",
    ];
    let mut seed = 1u64;
    for _ in 0..300 {
        let mut c = server.client().await;
        let mut sent = Vec::new();
        for _ in 0..30 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sent.extend_from_slice(words[(seed >> 33) as usize % words.len()]);
        }
        c.send(sent).await;
        let _ = c.stream.shutdown().await;
        c.rest().await;
    }
    assert_eq!(server.client().await.run("PING").await, "PONG");
}

/// A server whose replies of 100 bytes and more are long, with a value that makes one of several pieces.
async fn long_replies(settings: Settings) -> Server {
    let server = Server::with_settings(settings).await;
    server.client().await.run(&format!("SET k {}", "x".repeat(1_000_000))).await;
    server.cluster.long_from.store(100, Ordering::Relaxed);
    server
}

#[tokio::test]
async fn long_replies_come_in_their_turn_and_are_given_up_when_they_were_written() {
    let server = long_replies(Settings::default()).await;
    let mut c = server.client().await;
    c.send(b"ECHO a\r\nGET k\r\nECHO b\r\nMGET k none k\r\nCLIENT REPLY SKIP\r\nGET k\r\nKEYS *\r\nQUIT\r\n".to_vec()).await;
    let value = format!("$1000000\r\n{}\r\n", "x".repeat(1_000_000));
    let expected = format!("$1\r\na\r\n{value}$1\r\nb\r\n*3\r\n{value}$-1\r\n{value}*1\r\n$1\r\nk\r\n+OK\r\n");
    assert!(c.rest().await == expected);
    let long = server.cluster.long.lock();
    assert!(long.len() >= 3 && long.iter().all(Option::is_none), "{} are kept", long.iter().flatten().count());
}

#[tokio::test]
async fn keys_of_several_partitions_are_chained_whether_long_or_not() {
    let server = long_replies(Settings::default()).await;
    let mut c = server.client().await;
    for key in 0..40 {
        c.run(&format!("SET {{a}}{key} v")).await; // all at one partition
    }
    let keys = c.run("KEYS *").await;
    assert_eq!(keys.split_whitespace().count(), 41, "{keys}");
    assert!(!server.cluster.long.lock().is_empty(), "one of the partitions had a long reply");
}

#[tokio::test]
async fn a_long_reply_that_is_lost_is_an_error_before_its_first_byte_and_the_end_after_it() {
    let server = long_replies(Settings::default()).await;
    server.cluster.forgets_from.store(0, Ordering::Relaxed);
    let mut c = server.client().await;
    c.send(b"ECHO a\r\nGET k\r\nECHO b\r\nQUIT\r\n".to_vec()).await;
    assert_eq!(c.rest().await, "$1\r\na\r\n-TRYAGAIN 0 is forgotten\r\n$1\r\nb\r\n+OK\r\n");
    server.cluster.forgets_from.store(300_000, Ordering::Relaxed);
    let mut c = server.client().await;
    c.send(b"GET k\r\nECHO b\r\n".to_vec()).await;
    let rest = c.rest().await;
    assert!(rest.starts_with("$1000000\r\nxxx") && rest.ends_with("xxx") && rest.len() < 1_000_000, "{} bytes", rest.len());
    assert_eq!(server.client().await.run("ECHO c").await, "\"c\"");
}

#[tokio::test]
async fn a_long_reply_counts_for_the_output_limit() {
    let output = OutputLimit { hard: 900_000, ..OutputLimit::default() };
    let server = long_replies(Settings { output, ..Settings::default() }).await;
    let mut c = server.client().await;
    c.send(b"GET k\r\n".to_vec()).await;
    assert_eq!(c.rest().await, "");
    let output = OutputLimit { hard: 1_100_000, ..OutputLimit::default() };
    let server = long_replies(Settings { output, ..Settings::default() }).await;
    assert_eq!(server.client().await.run("GET k").await.len(), 1_000_002);
}
