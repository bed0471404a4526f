//! Clients: they speak RESP to a proxy over the simulated network, and write down what they heard.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use history::event::{Event, Heard, Op};
use net::tcp::transport::Connect;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::time::{sleep, timeout};

use crate::clock::elapsed;
use crate::cluster::{CLIENTS, Cluster, PROXIES};
use crate::network::{Connector, Stream};
use crate::random::Random;
use crate::scribbles;

/// Keys by what is done to them.
pub const KEYS: [(&str, Kind); 6] = [
    ("set:a", Kind::Set),
    ("set:b", Kind::Set),
    ("count:a", Kind::Incr),
    ("count:b", Kind::Incr),
    ("list:a", Kind::Append),
    ("list:b", Kind::Append),
];

/// What is done to a key, beside reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `SET`.
    Set,
    /// `INCR`.
    Incr,
    /// `APPEND`.
    Append,
}

/// One client.
pub struct Client {
    cluster: Arc<Cluster>,
    number: usize,
    connector: Connector,
    connection: Option<BufStream<Stream>>,
    random: Random,
    done: u64,
}

impl Client {
    /// Client `number` of the cluster.
    pub fn new(cluster: &Arc<Cluster>, number: usize) -> Client {
        Client {
            cluster: Arc::clone(cluster),
            number,
            connector: Connector { links: cluster.links.clone(), here: CLIENTS.to_owned() },
            connection: None,
            random: Random::new(cluster.seed, &format!("client {number}")),
            done: 0,
        }
    }

    /// Does this and that until the cluster's clients are told to stop.
    pub async fn run(mut self) {
        while !self.cluster.stop_clients.is_cancelled() {
            if self.random.chance(0.5) {
                self.scribble().await;
                sleep(self.random.millis(1, 60)).await;
                continue;
            }
            let (key, kind) = *self.random.pick(&KEYS);
            let op = if self.random.chance(0.4) { Op::Get } else { self.write(kind) };
            self.one(key, op).await;
            sleep(self.random.millis(1, 60)).await;
        }
    }

    /// Changes collections of all types. Nobody judges the replies; in the end all members have to hold the same bytes.
    async fn scribble(&mut self) {
        let words = scribbles::command(&mut self.random);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if self.connect().await.is_err() {
            return;
        }
        let called = elapsed();
        let reply = match timeout(PATIENCE, self.call(&words)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) | Err(_) => {
                self.connection = None;
                return;
            }
        };
        if reply.starts_with('-') && !scribbles::may_be_refused(&reply) {
            drop(self.understand(&reply));
        }
        self.cluster.trace.note(words[1], &words.join(" "), &[self.number as u64, called.as_micros() as u64, reply.len() as u64]);
    }

    /// Writes and reads every key, each until it is answered.
    pub async fn last_word(&mut self) {
        for (key, kind) in KEYS {
            loop {
                let op = self.write(kind);
                if self.one(key, op).await && self.one(key, Op::Get).await {
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    fn write(&mut self, kind: Kind) -> Op {
        self.done += 1;
        let unique = format!("{}.{};", self.number, self.done);
        match kind {
            Kind::Set => Op::Set(unique),
            Kind::Incr => Op::Incr,
            Kind::Append => Op::Append(unique),
        }
    }

    /// Does one operation and writes it down. Whether it was answered.
    async fn one(&mut self, key: &str, op: Op) -> bool {
        let called = elapsed();
        let words: Vec<&str> = match &op {
            Op::Get => vec!["GET", key],
            Op::Set(value) => vec!["SET", key, value],
            Op::SetNew(value) => vec!["SET", key, value, "NX"],
            Op::Del => vec!["DEL", key],
            Op::Incr => vec!["INCR", key],
            Op::Append(piece) => vec!["APPEND", key, piece],
        };
        if self.connect().await.is_err() {
            return false;
        }
        let heard = match timeout(PATIENCE, self.call(&words)).await {
            Ok(Ok(reply)) => self.understand(&reply),
            Ok(Err(_)) | Err(_) => {
                self.connection = None;
                Some(Heard::Nothing)
            }
        };
        let returned = elapsed();
        let Some(heard) = heard else { return false };
        let answered = heard != Heard::Nothing;
        let size = if let Heard::Value(value) = &heard { value.len() as u64 } else { u64::from(answered) };
        self.cluster.trace.note(key, &format!("{op:?} {}", u64::from(answered)), &[self.number as u64, called.as_micros() as u64, size]);
        self.cluster.history.lock().push(Event { key: key.to_owned(), client: self.number, op, called, returned, heard });
        answered
    }

    /// What a reply says; nothing if it says that the command was not run.
    fn understand(&mut self, reply: &str) -> Option<Heard> {
        if let Some(error) = reply.strip_prefix('-') {
            if error.contains("not known") || error.starts_with("TRYAGAIN No answer") {
                return Some(Heard::Nothing);
            }
            const REFUSED: [&str; 4] = ["CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "LOADING"];
            assert!(REFUSED.iter().any(|known| error.starts_with(known)), "unexpected error {error:?}");
            return None;
        }
        Some(match reply.split_at(1) {
            ("+", "OK") => Heard::Done,
            (":", number) => Heard::Number(number.parse().unwrap_or_else(|_| panic!("{reply:?} is no number"))),
            ("$", value) => Heard::Value(value.to_owned()),
            _ => panic!("unexpected reply {reply:?}"),
        })
    }

    /// Connects to one of the proxies, unless there is a connection.
    async fn connect(&mut self) -> io::Result<()> {
        if self.connection.is_none() {
            let proxy = format!("{}:6379", self.random.pick(&PROXIES));
            let connecting = timeout(Duration::from_secs(1), self.connector.connect(&proxy)).await;
            let stream = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
            self.connection = Some(BufStream::new(stream));
        }
        Ok(())
    }

    /// Sends a command and reads its reply: the first byte and the rest, without line ends; of a bulk string its content, of an array those of
    /// its elements.
    async fn call(&mut self, words: &[&str]) -> io::Result<String> {
        let connection = self.connection.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let mut request = format!("*{}\r\n", words.len());
        words.iter().for_each(|word| request += &format!("${}\r\n{word}\r\n", word.len()));
        connection.write_all(request.as_bytes()).await?;
        connection.flush().await?;
        let mut reply = String::new();
        let mut left = 1usize;
        while left > 0 {
            left -= 1;
            let mut line = String::new();
            if connection.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if let Some(elements) = line.strip_prefix('*') {
                left += elements.parse::<usize>().unwrap_or(0);
            }
            match line.strip_prefix('$').map(str::parse::<usize>) {
                Some(Ok(length)) => {
                    let mut value = vec![0; length + 2];
                    connection.read_exact(&mut value).await?;
                    value.truncate(length);
                    reply += "$";
                    reply += &String::from_utf8_lossy(&value);
                }
                Some(Err(_)) => reply += "$",
                None => reply += line,
            }
        }
        Ok(reply)
    }
}

/// Longer than a proxy's patience.
const PATIENCE: Duration = Duration::from_secs(11);
