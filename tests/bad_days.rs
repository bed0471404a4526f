//! kill -9, a full disk, a port or a directory in use, a typo: a clear error, nothing acknowledged is lost, the process lives where it can.
#![allow(clippy::disallowed_methods, reason = "tests watch the real clock")]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Server, free_port};

#[test]
fn what_was_acknowledged_is_there_after_kill_9() {
    let dir = tempfile::tempdir().expect("a directory");
    for round in 0..3 {
        let server = Server::spawn(dir.path(), free_port(), &["--sync", "always"]);
        wait(&server);
        let mut client = server.client();
        for earlier in 0..round {
            for i in 0..200 {
                assert_eq!(client.call(&["GET", &format!("{earlier}:{i}")]), format!("${}\r\n{i}\r\n", i.to_string().len()));
            }
        }
        for i in 0..200 {
            assert_eq!(client.call(&["SET", &format!("{round}:{i}"), &i.to_string()]), "+OK\r\n");
        }
        assert_eq!(client.call(&["INCR", "rounds"]), format!(":{}\r\n", round + 1));
        assert_eq!(client.call(&["DBSIZE"]), format!(":{}\r\n", 200 * (round + 1) + 1));
        server.kill();
    }
}

#[test]
fn what_only_the_log_held_at_a_kill_9_counts_as_any_other_key() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::spawn(dir.path(), free_port(), &[]);
    wait(&server);
    // The last mutation of a partition is on its log, but nothing on the log says that it is committed.
    assert_eq!(server.client().call(&["SET", "only", "1"]), "+OK\r\n");
    server.kill();
    let server = Server::spawn(dir.path(), free_port(), &[]);
    wait(&server);
    let mut client = server.client();
    assert_eq!(client.call(&["DBSIZE"]), ":1\r\n");
    assert_eq!(client.call(&["DEL", "only"]), ":1\r\n");
    assert_eq!(client.call(&["SET", "only", "2"]), "+OK\r\n");
    assert_eq!(client.call(&["FLUSHALL"]), "+OK\r\n");
    assert_eq!(client.call(&["DBSIZE"]), ":0\r\n");
    assert_eq!(client.call(&["GET", "only"]), "$-1\r\n");
    server.stop();
}

#[test]
fn a_clean_stop_keeps_everything_even_without_sync() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::small(dir.path(), &["--sync", "no"]);
    let mut client = server.client();
    for i in 0..1000 {
        client.call(&["SET", &format!("k{i}"), "v", "EX", "1000"]);
    }
    server.stop();
    let server = Server::spawn(dir.path(), free_port(), &["--nodes", "1", "--replicas", "1", "--partitions", "4"]);
    wait(&server);
    assert_eq!(server.client().call(&["DBSIZE"]), ":1000\r\n");
    assert_eq!(server.client().call(&["GET", "k7"]), "$1\r\nv\r\n");
}

#[test]
fn a_full_disk_refuses_writes_serves_reads_and_recovers() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(_mount) = Tmpfs::mount(dir.path(), "160m") else {
        eprintln!("skipped: mounting a tmpfs needs root");
        return;
    };
    let ballast = dir.path().join("ballast");
    let small = ["--sync", "always", "--set", "log.segment_mib=4", "--set", "log.size_max_mib=16", "--set", "proxy.patience=2s"];
    let mut server = Server::small(dir.path(), &small);
    let mut client = server.client();
    let value = "v".repeat(10_000);
    assert_eq!(client.call(&["SET", "before", &value]), "+OK\r\n");
    fill(&ballast);
    let mut kept = Vec::new();
    let mut refused = None;
    for i in 0..5_000 {
        let reply = client.call(&["SET", &format!("k{i}"), &value]);
        if reply == "+OK\r\n" {
            kept.push(i);
        } else {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("a full disk refuses writes");
    assert!(refused.starts_with('-'), "{refused}");
    server.assert_well();
    assert_eq!(client.call(&["GET", "before"]), format!("$10000\r\n{value}\r\n"), "reads go on");
    // Room again: writes resume by themselves.
    std::fs::remove_file(&ballast).expect("remove the ballast");
    let deadline = Instant::now() + Duration::from_secs(20);
    while client.call(&["SET", "after", "1"]) != "+OK\r\n" {
        assert!(Instant::now() < deadline, "writes do not resume:\n{}", server.log_text());
        std::thread::sleep(Duration::from_millis(100));
    }
    for i in &kept {
        assert_eq!(client.call(&["STRLEN", &format!("k{i}")]), ":10000\r\n");
    }
    server.kill();
    let mut server = Server::spawn(dir.path(), free_port(), &["--nodes", "1", "--replicas", "1", "--partitions", "4"]);
    wait(&server);
    let mut client = server.client();
    for i in &kept {
        assert_eq!(client.call(&["STRLEN", &format!("k{i}")]), ":10000\r\n", "k{i} was acknowledged");
    }
    server.assert_well();
}

#[test]
fn a_port_in_use_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let _listener = std::net::TcpListener::bind(("127.0.0.1", port)).expect("a port");
    let text = fails(Server::spawn(dir.path(), port, &["--nodes", "1", "--replicas", "1"]));
    assert!(text.contains(&port.to_string()) && text.contains("in use"), "{text}");
}

#[test]
fn a_data_directory_in_use_is_refused_and_its_owner_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut first = Server::small(dir.path(), &[]);
    let text = fails(Server::spawn(dir.path(), free_port(), &["--nodes", "1", "--replicas", "1", "--partitions", "4"]));
    assert!(text.contains("in use") || text.contains("lock"), "{text}");
    first.assert_well();
}

#[test]
fn a_data_directory_of_another_version_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::small(dir.path(), &[]);
    server.stop();
    let marker = dir.path().join("data/node-1/NODE");
    let text = std::fs::read_to_string(&marker).expect("the marker").replace("version 1", "version 99");
    std::fs::write(&marker, text).expect("written");
    let text = fails(Server::spawn(dir.path(), free_port(), &["--nodes", "1", "--replicas", "1", "--partitions", "4"]));
    assert!(text.contains("version 99"), "{text}");
}

#[test]
fn a_typo_in_the_configuration_is_refused_with_its_place() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pegasus.toml");
    std::fs::write(&file, "[proxy]\nprot = 7000\n").expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_pegasus")).args(["proxy", "--config"]).arg(&file).output().expect("runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("prot") && text.contains("line 2"), "{text}");
}

fn wait(server: &Server) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Ok(mut client) = common::Client::try_connect(server.port)
            && (0..32).all(|i| client.call(&["EXISTS", &format!("probe:{i}")]) == ":0\r\n")
            && client.call(&["SETRANGE", "no-such-key", "0", ""]) == ":0\r\n"
        {
            return;
        }
        assert!(Instant::now() < deadline, "the server does not serve:\n{}", server.log_text());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The process must leave by itself with an error; what it said.
fn fails(mut server: Server) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(status) = server.child.try_wait().expect("a child") {
            assert!(!status.success(), "it must not succeed");
            return server.log_text();
        }
        assert!(Instant::now() < deadline, "it does not give up:\n{}", server.log_text());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn fill(path: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).expect("ballast");
    let chunk = vec![1u8; 1 << 20];
    while file.write_all(&chunk).is_ok() {}
    let small = vec![1u8; 4096];
    while file.write_all(&small).is_ok() {}
}

/// A small file system of its own, taken away when dropped.
struct Tmpfs<'a>(&'a Path);

impl<'a> Tmpfs<'a> {
    fn mount(path: &'a Path, size: &str) -> Option<Tmpfs<'a>> {
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(path).status().ok()?;
        status.success().then_some(Tmpfs(path))
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}
