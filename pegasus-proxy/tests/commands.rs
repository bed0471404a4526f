//! Commands through a real socket: over eight partitions on three nodes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::atomic::Ordering;

use client::router::Options as RouterOptions;
use common::{Cluster, Server, request, show};
use pegasus_proxy::settings::Settings;

#[tokio::test]
async fn strings_are_set_and_read_back() {
    let server = Server::start().await;
    let mut c = server.client().await;
    assert_eq!(c.run("SET k v").await, "OK");
    assert_eq!(c.run("get k").await, "\"v\"");
    assert_eq!(c.run("GET missing").await, "nil");
    assert_eq!(c.run("INCR n").await, "1");
    assert_eq!(c.run("NOSUCH l x").await, "-ERR unknown command 'NOSUCH', with args beginning with: 'l' 'x' ");
    assert_eq!(c.run("GET").await, "-ERR wrong number of arguments for 'get' command");
    assert_eq!(c.run("OBJECT nope k").await, "-ERR unknown subcommand 'nope'. Try OBJECT HELP.");
    assert_eq!(c.run("OBJECT ENCODING n").await, "\"int\"");
}

#[tokio::test]
async fn reads_of_several_partitions_are_gathered_and_writes_refused() {
    for (partitions, nodes) in [(1, 1), (8, 3), (1000, 5)] {
        let server = Server::with(Cluster::new(partitions, nodes), Settings::default(), RouterOptions::default()).await;
        let mut c = server.client().await;
        assert_eq!(c.run("SADD a 1 2 3").await, "3");
        assert_eq!(c.run("SADD b 2 3 4").await, "3");
        assert_eq!(c.run("ZADD z 1 2 5 x").await, "2");
        assert_eq!(c.run("PFADD p a b c").await, "1");
        assert_eq!(c.run("PFADD q c d").await, "1");
        assert_eq!(c.run("SUNION a b missing").await, "[\"1\" \"2\" \"3\" \"4\"]");
        assert_eq!(c.run("SINTER a b").await, "[\"2\" \"3\"]");
        assert_eq!(c.run("SINTERCARD 3 a b a LIMIT 1").await, "1");
        assert_eq!(c.run("ZINTER 2 z a WITHSCORES").await, "[\"2\" \"2\"]");
        assert_eq!(c.run("PFCOUNT p q").await, "4");
        assert_eq!(c.run("SUNION a z").await, "-WRONGTYPE Operation against a key holding the wrong kind of value");
        assert_eq!(c.run("SINTERCARD 2 a").await, "-ERR Number of keys can't be greater than number of args");
        let stored = c.run("SUNIONSTORE t a b").await;
        assert!(if partitions == 1 { stored == "4" } else { stored.starts_with("-CROSSSLOT") }, "{stored}");
        assert_eq!(c.run("SUNIONSTORE {a}t a {a}b").await, "3");
        assert_eq!(c.run("PFSELFTEST").await, "OK");
    }
}

#[tokio::test]
async fn streams_of_several_partitions_are_read_together() {
    for (partitions, nodes) in [(1, 1), (8, 3), (1000, 5)] {
        let server = Server::with(Cluster::new(partitions, nodes), Settings::default(), RouterOptions::default()).await;
        let mut c = server.client().await;
        for stream in ["s1", "s2", "s3"] {
            c.run(&format!("XADD {stream} 1-0 name {stream}")).await;
            c.run(&format!("XADD {stream} 2-0 name {stream}")).await;
        }
        let entry = |id, stream| format!("[\"{id}\" [\"name\" \"{stream}\"]]");
        let of = |stream, entries: &[String]| format!("[\"{stream}\" [{}]]", entries.join(" "));
        let expected = [of("s3", &[entry("2-0", "s3")]), of("s1", &[entry("1-0", "s1")]), of("s3", &[entry("1-0", "s3")])];
        assert_eq!(
            c.run("XREAD COUNT 1 STREAMS s3 s2 none s1 s3 1-0 2-0 0 0 0").await,
            format!("[{}]", expected.join(" ")),
            "in the order of the keys"
        );
        assert_eq!(c.run("XREAD STREAMS s1 s2 2-0 $").await, "nil");
        assert_eq!(
            c.run("XREAD STREAMS s1 s2 0").await,
            "-ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."
        );
        assert_eq!(c.run("XREAD STREAMS s1 s2 0 x").await, "-ERR Invalid stream ID specified as stream command argument");
        c.run("SET s4 text").await;
        assert_eq!(c.run("XREAD STREAMS s1 s4 0 0").await, "-WRONGTYPE Operation against a key holding the wrong kind of value");
    }
}

#[tokio::test]
async fn commands_with_keys_in_several_partitions_are_split_and_merged() {
    for (partitions, nodes) in [(1, 1), (8, 3), (1000, 5)] {
        let server = Server::with(Cluster::new(partitions, nodes), Settings::default(), RouterOptions::default()).await;
        let mut c = server.client().await;
        assert_eq!(c.run("MSET a 1 b 2 c 3 d 4 a 5").await, "OK");
        assert_eq!(c.run("MGET d x a b d").await, "[\"4\" nil \"5\" \"2\" \"4\"]");
        assert_eq!(c.run("DBSIZE").await, "4");
        assert_eq!(c.run("EXISTS a b x a").await, "3");
        assert_eq!(c.run("TOUCH a b x").await, "2");
        assert_eq!(c.run("MSET a 1 b").await, "-ERR wrong number of arguments for 'mset' command");
        assert_eq!(c.run("DEL a b x").await, "2");
        let mut keys: Vec<String> = c.run("KEYS *").await.trim_matches(['[', ']']).split(' ').map(str::to_owned).collect();
        keys.sort();
        assert_eq!(keys, ["\"c\"", "\"d\""]);
        assert_eq!(c.run("FLUSHALL").await, "OK");
        assert_eq!(c.run("DBSIZE").await, "0");
        let expected = if partitions == 1 { "1" } else { "-CROSSSLOT Keys in request don't hash to the same slot" };
        assert_eq!(c.run("MSETNX a 1 b 2 c 3").await, expected);
        assert_eq!(c.run("MSETNX {t}a 1 {t}b 2").await, "1");
    }
}

#[tokio::test]
async fn a_pipeline_is_answered_in_order_whatever_it_is_made_of() {
    let server = Server::start().await;
    for slow in [false, true] {
        server.cluster.slow.store(slow, Ordering::Relaxed);
        let mut c = server.client().await;
        let (mut sent, mut expected) = (Vec::new(), Vec::new());
        for i in 0..500 {
            for (command, reply) in [
                (format!("SET key:{i} {i}"), "OK".to_owned()),
                ("PING".to_owned(), "PONG".to_owned()),
                (format!("GET key:{i}"), format!("\"{i}\"")),
                (format!("ECHO {i}"), format!("\"{i}\"")),
                (format!("MGET key:{i} none key:{}", i / 2), format!("[\"{i}\" nil \"{}\"]", i / 2)),
                ("NOSUCH".to_owned(), "-ERR unknown command 'NOSUCH', with args beginning with: ".to_owned()),
                (format!("SELECT {}", i % 16), "OK".to_owned()),
                (format!("DEL key:{i}"), if i % 16 == 0 { "1" } else { "0" }.to_owned()),
                ("SELECT 0".to_owned(), "OK".to_owned()),
                (format!("SET key:{i} {i}"), "OK".to_owned()),
            ] {
                sent.extend(request(&command));
                expected.push(reply);
            }
        }
        c.send(sent).await;
        for (at, expected) in expected.into_iter().enumerate() {
            assert_eq!(show(&c.reply().await), expected, "reply {at}");
        }
    }
}

#[tokio::test]
async fn a_pipeline_travels_as_one_frame_to_each_node() {
    let server = Server::start().await;
    let mut c = server.client().await;
    c.run("PING").await;
    let before = server.cluster.frames.load(Ordering::Relaxed);
    let sent: Vec<u8> = (0..30).flat_map(|i| request(&format!("SET key:{i} v"))).collect();
    c.send(sent).await;
    for _ in 0..30 {
        assert_eq!(c.reply().await, "+OK\r\n");
    }
    assert_eq!(server.cluster.frames.load(Ordering::Relaxed) - before, 3);
}

#[tokio::test]
async fn scan_walks_over_all_partitions_and_a_small_table_fits_one_call() {
    let server = Server::start().await;
    let mut c = server.client().await;
    for i in 0..50 {
        c.run(&format!("SET key:{i} v")).await;
    }
    c.run("SET other v").await;
    let all = c.run("SCAN 0 COUNT 1000 MATCH key:*").await;
    assert!(all.starts_with("[\"0\" [") && all.matches("key:").count() == 50, "{all}");
    let (mut cursor, mut seen, mut turns) = ("0".to_owned(), Vec::new(), 0);
    loop {
        let page = c.run(&format!("SCAN {cursor} COUNT 3")).await;
        let (next, keys) = page.trim_start_matches("[\"").split_once("\" [").unwrap();
        seen.extend(keys.trim_end_matches(']').split_ascii_whitespace().map(str::to_owned));
        cursor = next.to_owned();
        turns += 1;
        if cursor == "0" {
            break;
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 51);
    assert!(turns > 5, "{turns}");
    assert_eq!(c.run("SCAN x").await, "-ERR invalid cursor");
    assert_eq!(c.run("SCAN 0 COUNT 0").await, "-ERR syntax error");
}

#[tokio::test]
async fn randomkey_finds_keys_wherever_they_are() {
    let server = Server::start().await;
    let mut c = server.client().await;
    assert_eq!(c.run("RANDOMKEY").await, "nil");
    for key in ["a", "b", "c", "d"] {
        c.run(&format!("SET {key} v")).await;
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        seen.insert(c.run("RANDOMKEY").await);
    }
    assert_eq!(seen.len(), 4);
}

#[tokio::test]
async fn hello_switches_the_protocol_within_a_pipeline() {
    let server = Server::start().await;
    let mut c = server.client().await;
    let sent: Vec<u8> = ["GET x", "HELLO 3", "GET x", "HELLO 2", "GET x"].into_iter().flat_map(request).collect();
    c.send(sent).await;
    assert_eq!(c.reply().await, "$-1\r\n");
    let hello = c.reply().await;
    assert!(hello.starts_with("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n"), "{hello}");
    assert!(hello.ends_with("$7\r\nmodules\r\n*0\r\n"), "{hello}");
    assert_eq!(c.reply().await, "_\r\n");
    assert!(c.reply().await.starts_with("*14\r\n"));
    assert_eq!(c.reply().await, "$-1\r\n");
    assert_eq!(c.run("HELLO 9").await, "-NOPROTO unsupported protocol version");
    assert_eq!(c.run("HELLO a").await, "-ERR Protocol version is not an integer or out of range");
    assert_eq!(c.run("HELLO 3 foo").await, "-ERR Syntax error in HELLO option 'foo'");
    assert_eq!(c.run("HELLO 3 SETNAME a").await.split(' ').next(), Some("[\"server\""));
    assert_eq!(c.run("CLIENT GETNAME").await, "\"a\"");
}

#[tokio::test]
async fn databases_are_apart() {
    let server = Server::start().await;
    let mut c = server.client().await;
    c.run("SET k 0").await;
    assert_eq!(c.run("SELECT 3").await, "OK");
    assert_eq!(c.run("GET k").await, "nil");
    c.run("SET k 3").await;
    assert_eq!(c.run("SELECT 16").await, "-ERR DB index is out of range");
    assert_eq!(c.run("SELECT a").await, "-ERR value is not an integer or out of range");
    c.run("MSET a 1 b 2 c 3 d 4 e 5").await;
    for key in ["a", "c", "e"] {
        assert_eq!(c.run(&format!("EXPIRE {key} 100")).await, "1");
    }
    assert_eq!(c.run("PERSIST c").await, "1");
    let info = c.run("INFO keyspace").await;
    assert_eq!(info, "\"# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\ndb3:keys=6,expires=2,avg_ttl=0\r\n\"");
    assert!(c.run("pegasus.census").await.starts_with("-ERR unknown command 'pegasus.census'"));
    assert_eq!(c.run("RESET").await, "RESET");
    assert_eq!(c.run("GET k").await, "\"0\"");
}

#[tokio::test]
async fn client_reply_turns_replies_off_and_on() {
    let server = Server::start().await;
    let mut c = server.client().await;
    let sent: Vec<u8> = [
        "SET k 1",
        "CLIENT REPLY SKIP",
        "GET k",
        "GET k",
        "CLIENT REPLY OFF",
        "PING",
        "INCR k",
        "NOSUCH",
        "MGET k x",
        "SCAN 0",
        "CLIENT REPLY ON",
        "GET k",
    ]
    .into_iter()
    .flat_map(request)
    .collect();
    c.send(sent).await;
    for expected in ["OK", "\"1\"", "OK", "\"2\""] {
        assert_eq!(show(&c.reply().await), expected);
    }
}

#[tokio::test]
async fn clients_are_listed_named_and_killed() {
    let server = Server::start().await;
    let (mut a, mut b) = (server.client().await, server.client().await);
    let id = a.run("CLIENT ID").await;
    assert_eq!(b.run("CLIENT SETNAME bob").await, "OK");
    assert_eq!(b.run("CLIENT SETINFO LIB-NAME lib").await, "OK");
    assert_eq!(b.run("CLIENT SETNAME a\nb").await, "-ERR Client names cannot contain spaces, newlines or special characters.");
    let list = a.run("CLIENT LIST").await;
    assert_eq!(list.matches("addr=127.0.0.1:").count(), 4, "{list}"); // addr and laddr of two
    assert!(list.contains("name=bob") && list.contains("lib-name=lib") && list.contains(&format!("id={id} ")), "{list}");
    assert_eq!(a.run(&format!("CLIENT LIST ID {id}")).await.matches("id=").count(), 1);
    assert!(a.run("CLIENT INFO").await.contains("cmd=client|info"));
    let bob = b.run("CLIENT ID").await;
    assert_eq!(a.run(&format!("CLIENT KILL ID {bob}")).await, "1");
    assert_eq!(b.rest().await, "");
    assert_eq!(a.run("CLIENT KILL 1.2.3.4:5").await, "-ERR No such client");
    assert_eq!(a.run("CLIENT KILL TYPE nothing").await, "-ERR Unknown client type 'nothing'");
    let address = a.stream.local_addr().unwrap();
    assert_eq!(a.run(&format!("CLIENT KILL {address}")).await, "OK");
    assert_eq!(a.rest().await, "");
}

#[tokio::test]
async fn a_pause_holds_back_writes_until_it_ends() {
    let server = Server::start().await;
    let (mut a, mut b) = (server.client().await, server.client().await);
    assert_eq!(a.run("CLIENT PAUSE 60000 WRITE").await, "OK");
    assert_eq!(b.run("GET k").await, "nil");
    b.send(request("SET k v")).await;
    assert!(tokio::time::timeout(std::time::Duration::from_millis(100), b.reply()).await.is_err());
    assert_eq!(a.run("CLIENT UNPAUSE").await, "OK");
    assert_eq!(b.reply().await, "+OK\r\n");
    assert_eq!(a.run("CLIENT PAUSE 50").await, "OK");
    assert_eq!(b.run("GET k").await, "\"v\"");
}

#[tokio::test]
async fn authentication_is_asked_for_and_checked() {
    let server = Server::with_settings(Settings { requirepass: "secret".into(), ..Settings::default() }).await;
    let mut c = server.client().await;
    assert_eq!(c.run("GET k").await, "-NOAUTH Authentication required.");
    assert!(c.run("HELLO 3").await.starts_with("-NOAUTH HELLO must be called with the client already authenticated"));
    assert_eq!(c.run("AUTH wrong").await, "-WRONGPASS invalid username-password pair or user is disabled.");
    assert_eq!(c.run("AUTH alice secret").await, "-WRONGPASS invalid username-password pair or user is disabled.");
    let sent: Vec<u8> = ["AUTH secret", "SET k v", "GET k"].into_iter().flat_map(request).collect();
    c.send(sent).await;
    for expected in ["OK", "OK", "\"v\""] {
        assert_eq!(show(&c.reply().await), expected);
    }
    let mut d = server.client().await;
    assert!(d.run("HELLO 2 AUTH default secret SETNAME d").await.starts_with("[\"server\""));
    assert_eq!(d.run("CLIENT GETNAME").await, "\"d\"");
    assert_eq!(d.run("CONFIG SET requirepass \"\"").await, "OK");
    assert_eq!(server.client().await.run("GET k").await, "\"v\"");
    assert!(d.run("AUTH x").await.starts_with("-ERR AUTH <password> called without any password configured"));
}

#[tokio::test]
async fn before_authentication_requests_are_small() {
    let server = Server::with_settings(Settings { requirepass: "secret".into(), ..Settings::default() }).await;
    let mut c = server.client().await;
    c.send("*11\r\n").await;
    assert_eq!(c.rest().await, "-ERR Protocol error: unauthenticated multibulk length\r\n");
    let mut c = server.client().await;
    c.send("*1\r\n$20000\r\n").await;
    assert_eq!(c.rest().await, "-ERR Protocol error: unauthenticated bulk length\r\n");
    let mut c = server.client().await;
    let sent = [request("AUTH secret"), request(&format!("MSET a 1 b 2 c 3 d 4 e 5 f {}", "x".repeat(20_000)))].concat();
    c.send(sent).await;
    assert_eq!((c.reply().await, c.reply().await), ("+OK\r\n".into(), "+OK\r\n".into()));
}

#[tokio::test]
async fn the_configuration_is_read_and_changed() {
    let server = Server::start().await;
    let mut c = server.client().await;
    assert_eq!(c.run("CONFIG GET maxclients").await, "[\"maxclients\" \"10000\"]");
    assert_eq!(c.run("CONFIG SET maxclients 3 hz 20").await, "OK");
    assert_eq!(c.run("CONFIG GET hz MAXCLIENTS").await, "[\"hz\" \"20\" \"maxclients\" \"3\"]");
    assert_eq!(c.run("CONFIG SET nope 1").await, "-ERR Unknown option or number of arguments for CONFIG SET - 'nope'");
    assert_eq!(c.run("CONFIG SET a b c").await, "-ERR syntax error");
    let (mut second, mut third) = (server.client().await, server.client().await);
    assert_eq!((second.run("PING").await, third.run("PING").await), ("PONG".into(), "PONG".into()));
    assert_eq!(server.client().await.rest().await, "-ERR max number of clients reached\r\n");
    assert!(c.run("CONFIG GET *").await.len() > 2000);
    assert_eq!(c.run("CONFIG SET proto-max-bulk-len 1mb").await, "OK");
    c.send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n").await;
    assert_eq!(c.rest().await, "-ERR Protocol error: invalid bulk length\r\n");
}

#[tokio::test]
async fn info_has_what_tools_look_for() {
    let server = Server::start().await;
    let mut c = server.client().await;
    for command in ["SET k v", "GET k", "GET none", "GET", "NOSUCH", "CONFIG GET save"] {
        c.run(command).await;
    }
    let info = c.run("INFO everything").await;
    for line in [
        "redis_version:7.4.0",
        "redis_mode:standalone",
        "loading:0",
        "blocked_clients:0",
        "connected_clients:1",
        "role:master",
        "aof_enabled:0",
        "keyspace_hits:1",
        "keyspace_misses:1",
        "total_error_replies:2",
        "errorstat_ERR:count=2",
        "cluster_enabled:0",
        "db0:keys=1,expires=0,avg_ttl=0",
        "# Commandstats\r\n",
        "rejected_calls=1,failed_calls=0",
        "cmdstat_config|get:calls=1,",
        "pegasus_partitions:8",
    ] {
        assert!(info.contains(line), "{line} is missing in {info}");
    }
    assert!(!c.run("INFO").await.contains("cmdstat_"));
    assert_eq!(c.run("INFO cluster").await, "\"# Cluster\r\ncluster_enabled:0\r\n\"");
    assert_eq!(c.run("CONFIG RESETSTAT").await, "OK");
    assert!(c.run("INFO stats").await.contains("keyspace_hits:0"));
}

#[tokio::test]
async fn tools_learn_about_commands() {
    let server = Server::start().await;
    let mut c = server.client().await;
    let count: usize = c.run("COMMAND COUNT").await.parse().unwrap();
    assert!(count > 50);
    c.send(request("COMMAND")).await;
    assert!(c.reply().await.starts_with(&format!("*{count}\r\n")));
    assert_eq!(c.run("COMMAND GETKEYS MSET a 1 b 2").await, "[\"a\" \"b\"]");
    assert!(c.run("COMMAND INFO get nosuch").await.starts_with("[[\"get\" 2 ["));
    assert!(c.run("COMMAND DOCS get").await.starts_with("[\"get\" [\"summary\""));
    assert!(c.run("COMMAND LIST FILTERBY PATTERN ge*").await.contains("\"getex\""));
    assert!(c.run("COMMAND HELP").await.contains("DOCS"));
    assert!(c.run("OBJECT HELP").await.contains("ENCODING"));
}

#[tokio::test]
async fn small_commands_of_the_proxy() {
    let server = Server::start().await;
    let mut c = server.client().await;
    assert_eq!(c.run("PING hello").await, "\"hello\"");
    assert_eq!(c.run("PING a b").await, "-ERR wrong number of arguments for 'ping' command");
    assert_eq!(c.run("WAIT 1 100").await, "2");
    assert_eq!(c.run("WAIT 1 -1").await, "-ERR timeout is negative");
    assert_eq!(c.run("TIME").await.split(' ').count(), 2);
    assert!(c.run("LOLWUT").await.contains("Redis ver. 7.4.0"));
    assert_eq!(c.run("DEBUG SLEEP 0.01").await, "OK");
    assert_eq!(c.run("DEBUG JMAP").await, "OK");
    assert_eq!(c.run("DEBUG STRINGMATCH-LEN 1000 a*").await, "1");
    assert!(c.run("DEBUG PROTOCOL bignum").await.contains("1234567999999999999999999999999999999"));
    assert_eq!(c.run("SET k v").await, "OK");
    assert!(c.run("DEBUG OBJECT k").await.contains("encoding:"));
    assert_eq!(c.run("CLIENT UNBLOCK 5").await, "0");
    assert_eq!(c.run("SETBIT bits 7 1").await, "0");
    assert_eq!(c.run("GETBIT bits 7").await, "1");
    assert_eq!(c.run("MEMORY USAGE bits").await, "37");
    assert_eq!(c.run("MEMORY USAGE missing").await, "nil");
    assert!(c.run("MEMORY HELP").await.contains("USAGE key [SAMPLES count]"));
    assert!(c.run("MEMORY DOCTOR").await.contains("INFO memory"));
    assert_eq!(c.run("MEMORY PURGE").await, "OK");
    assert!(c.run("MEMORY STATS").await.starts_with("[\"peak.allocated\" "));
    assert_eq!(c.run("QUIT").await, "OK");
    assert_eq!(c.rest().await, "");
}

#[tokio::test]
async fn debug_is_off_unless_enabled() {
    let server = Server::with_settings(Settings::default()).await;
    let mut c = server.client().await;
    for command in ["DEBUG JMAP", "DEBUG OBJECT k", "DEBUG SLEEP 0"] {
        assert!(c.run(command).await.starts_with("-ERR DEBUG command not allowed"), "{command}");
    }
}
