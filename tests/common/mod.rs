//! A pegasus process on loopback, and a client that speaks bytes.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests watch the real clock")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running process, killed when dropped.
pub struct Server {
    pub child: Child,
    pub port: u16,
    pub log: PathBuf,
}

/// A port nobody listens on at the moment.
pub fn free_port() -> u16 {
    // Below the ephemeral range, so that no outgoing connection takes it meanwhile.
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    loop {
        let offset = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let port = 12_000 + ((std::process::id() as u16 % 1000) * 17 + offset) % 18_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Server {
    /// A onebox of one replica over `data`, which is serving.
    pub fn small(data: &Path, extra: &[&str]) -> Server {
        let mut args = vec!["--nodes", "1", "--replicas", "1", "--partitions", "4"];
        args.extend(extra);
        Server::onebox(data, &args)
    }

    /// A onebox over `data`, which is serving.
    pub fn onebox(data: &Path, extra: &[&str]) -> Server {
        let port = free_port();
        let mut server = Server::spawn(data, port, extra);
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = server.child.try_wait().unwrap() {
                panic!("the server left with {status}:\n{}", server.log_text());
            }
            if let Ok(mut client) = Client::try_connect(port) {
                let answers: Vec<_> = (0..32).map(|i| client.call(&["SET", &format!("probe:{i}"), "1"])).collect();
                if answers.iter().all(|a| a == "+OK\r\n") {
                    client.call(&["FLUSHALL"]);
                    return server;
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server does not serve:\n{}", server.log_text());
    }

    /// A onebox process, not waited for.
    pub fn spawn(data: &Path, port: u16, extra: &[&str]) -> Server {
        let log = data.join(format!("process-{port}.log"));
        std::fs::create_dir_all(data).unwrap();
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_pegasus"))
            .args(["onebox", "--port", &port.to_string(), "--data"])
            .arg(data.join("data"))
            .args(extra)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Server { child, port, log }
    }

    pub fn client(&self) -> Client {
        Client::connect(self.port)
    }

    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; the process must leave by itself, with success.
    pub fn stop(mut self) {
        signal(&self.child, "TERM");
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "left with {status}:\n{}", self.log_text());
                return;
            }
            assert!(Instant::now() < deadline, "does not stop on SIGTERM:\n{}", self.log_text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The process lives and answers others.
    pub fn assert_well(&mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "the process died:\n{}", self.log_text());
        assert_eq!(self.client().call(&["PING"]), "+PONG\r\n");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal by name.
pub fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

/// A connection that speaks bytes.
pub struct Client {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub fn connect(port: u16) -> Client {
        Client::try_connect(port).unwrap()
    }

    pub fn try_connect(port: u16) -> std::io::Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, buffer: Vec::new() })
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// One command and its reply, as text.
    pub fn call(&mut self, args: &[&str]) -> String {
        self.send(&encode(args));
        self.reply()
    }

    /// The next reply, as text; empty if the server closed the connection.
    pub fn reply(&mut self) -> String {
        let mut chunk = [0; 65_536];
        loop {
            if let Some(length) = resp::walk::reply_len(&self.buffer) {
                let rest = self.buffer.split_off(length);
                let reply = std::mem::replace(&mut self.buffer, rest);
                return String::from_utf8_lossy(&reply).into_owned();
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return String::new(),
                Ok(n) => self.buffer.extend_from_slice(&chunk[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return String::new(),
                Err(e) => panic!("no reply: {e}"),
            }
        }
    }

    /// Everything until the server closes the connection.
    pub fn until_closed(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.buffer);
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => rest.extend_from_slice(&chunk[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(e) => panic!("the server does not close: {e}; it said {:?}", String::from_utf8_lossy(&rest)),
            }
        }
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// A command as an array of bulk strings.
pub fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}
