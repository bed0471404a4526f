//! A redis-server that lives as long as a test.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use resp::walk;
use types::time::UnixMs;
use types::txn::Proto;

/// A redis-server of this test, reached through a socket file of its own: no port that another test could take.
pub(crate) struct Server {
    process: Child,
    socket: PathBuf,
    connection: BufReader<UnixStream>,
}

impl Server {
    pub(crate) fn start() -> Option<Server> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let name = format!("pegasus-commands-{}-{}.sock", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let socket = std::env::temp_dir().join(name);
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .stdout(Stdio::null())
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

    pub(crate) fn hello(&mut self, proto: Proto) {
        let version = if proto == Proto::Resp3 { b"3" } else { b"2" };
        self.replies(&[vec![b"hello".to_vec(), version.to_vec()]]);
    }

    pub(crate) fn time(&mut self) -> UnixMs {
        self.timed_replies(&[]).0
    }

    /// The server's time, and its replies to what it was sent right after.
    pub(crate) fn timed_replies(&mut self, commands: &[Vec<Vec<u8>>]) -> (UnixMs, Vec<Vec<u8>>) {
        let mut batch = vec![vec![b"time".to_vec()]];
        batch.extend_from_slice(commands);
        let mut replies = self.replies(&batch);
        let number = |bulk| String::from_utf8_lossy(walk::parse_bulk(bulk).expect("a bulk")).parse::<i64>().expect("a number");
        let parts: Vec<i64> = walk::elements(&replies.remove(0)).expect("two numbers").map(number).collect();
        (UnixMs(parts[0] * 1000 + parts[1] / 1000), replies)
    }

    /// Sends the commands in one go; one reply for each.
    pub(crate) fn replies(&mut self, commands: &[Vec<Vec<u8>>]) -> Vec<Vec<u8>> {
        let mut replies = Vec::new();
        for commands in commands.chunks(200) {
            let mut request = Vec::new();
            for command in commands {
                resp::reply::array(&mut request, command.len());
                command.iter().for_each(|word| resp::reply::bulk(&mut request, word));
            }
            self.connection.get_mut().write_all(&request).expect("send");
            for command in commands {
                let mut reply = Vec::new();
                if let Err(error) = self.read(&mut reply) {
                    let words: Vec<String> = command.iter().map(|word| word.escape_ascii().to_string()).collect();
                    panic!("no reply to {words:?}: {error}");
                }
                replies.push(reply);
            }
        }
        replies
    }

    fn read(&mut self, reply: &mut Vec<u8>) -> std::io::Result<()> {
        let start = reply.len();
        if self.connection.read_until(b'\n', reply)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let len = || std::str::from_utf8(&reply[start + 1..reply.len() - 2]).ok().and_then(|text| text.parse::<usize>().ok());
        match reply[start] {
            b'$' => {
                if let Some(len) = len() {
                    let end = reply.len() + len + 2;
                    reply.resize(end, 0);
                    self.connection.read_exact(&mut reply[end - len - 2..])?;
                }
            }
            kind @ (b'*' | b'~' | b'%') => {
                for _ in 0..len().unwrap_or(0) * if kind == b'%' { 2 } else { 1 } {
                    self.read(reply)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may be gone already
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}
