//! What connections know of each other: `CLIENT LIST`, `CLIENT KILL`, draining.
//!
//! Each connection keeps its own entry up to date with plain stores; the list of all entries is locked only when a connection comes,
//! goes, or asks for it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;

use commands::table;
use dashmap::DashMap;
use parking_lot::Mutex;
use types::time::Time;
use types::txn::CommandId;

/// One connection as others see it.
pub(crate) struct Client {
    pub(crate) id: u64,
    pub(crate) peer: Peer,
    pub(crate) connected: Time,
    /// When it last sent something, in milliseconds of the proxy's clock.
    pub(crate) active: AtomicU64,
    pub(crate) database: AtomicU16,
    /// 2 or 3.
    pub(crate) proto: AtomicU8,
    /// Its last command.
    pub(crate) command: AtomicU16,
    pub(crate) no_evict: AtomicBool,
    pub(crate) no_touch: AtomicBool,
    /// Bytes of a request that has not arrived completely.
    pub(crate) unread: AtomicUsize,
    /// Bytes it has not taken yet.
    pub(crate) unwritten: AtomicUsize,
    pub(crate) labels: Mutex<Labels>,
    signal: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The client's end.
    pub remote: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
}

/// What a client says about itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Labels {
    pub(crate) name: String,
    pub(crate) library: String,
    pub(crate) library_version: String,
}

/// What a connection is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Signal {
    /// Go on.
    None = 0,
    /// Finish what has arrived, then close.
    Drain = 1,
    /// Close.
    Kill = 2,
}

impl Client {
    pub(crate) fn new(id: u64, peer: Peer, now: Time) -> Client {
        Client {
            id,
            peer,
            connected: now,
            active: AtomicU64::new(millis(now)),
            database: AtomicU16::new(0),
            proto: AtomicU8::new(2),
            command: AtomicU16::new(u16::MAX),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            unread: AtomicUsize::new(0),
            unwritten: AtomicUsize::new(0),
            labels: Mutex::default(),
            signal: AtomicU8::new(Signal::None as u8),
            waker: Mutex::new(None),
        }
    }

    /// It did something.
    pub(crate) fn touch(&self, now: Time) {
        self.active.store(millis(now), Ordering::Relaxed);
    }

    pub(crate) fn idle(&self, now: Time) -> Duration {
        Duration::from_millis(millis(now).saturating_sub(self.active.load(Ordering::Relaxed)))
    }

    /// Tells the connection something, wherever it waits. What was said before is not taken back.
    pub(crate) fn send(&self, signal: Signal) {
        self.signal.fetch_max(signal as u8, Ordering::AcqRel);
        if let Some(waker) = self.waker.lock().take() {
            waker.wake();
        }
    }

    /// What the connection was told.
    pub(crate) fn signal(&self) -> Signal {
        match self.signal.load(Ordering::Acquire) {
            0 => Signal::None,
            1 => Signal::Drain,
            _ => Signal::Kill,
        }
    }

    /// The connection is about to wait: wake it when it is told something. Look at [`Client::signal`] once more after this.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut slot = self.waker.lock();
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    /// The line that `CLIENT LIST` has about it.
    pub(crate) fn describe(&self, now: Time, out: &mut String) {
        let labels = self.labels.lock().clone();
        let mut flags = String::new();
        for (set, flag) in [(&self.no_evict, 'e'), (&self.no_touch, 'T')] {
            if set.load(Ordering::Relaxed) {
                flags.push(flag);
            }
        }
        if flags.is_empty() {
            flags.push('N');
        }
        let unwritten = self.unwritten.load(Ordering::Relaxed);
        let unread = self.unread.load(Ordering::Relaxed);
        let command = table::by_id(CommandId(self.command.load(Ordering::Relaxed))).map_or("NULL", |command| command.name);
        let _ = write!(
            out,
            "id={} addr={} laddr={} fd=0 name={} age={} idle={} flags={flags} db={} sub=0 psub=0 ssub=0 multi=-1 watch=0 qbuf={unread} qbuf-free=0 \
             argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl={unwritten} oll=0 omem=0 tot-mem={} events=r cmd={command} user=default redir=-1 resp={} \
             lib-name={} lib-ver={}",
            self.id,
            self.peer.remote,
            self.peer.local,
            labels.name,
            now.since(self.connected).as_secs(),
            self.idle(now).as_secs(),
            self.database.load(Ordering::Relaxed),
            unread + unwritten + std::mem::size_of::<Client>(),
            self.proto.load(Ordering::Relaxed),
            labels.library,
            labels.library_version,
        );
    }
}

/// All connections, by id.
#[derive(Default)]
pub(crate) struct Clients {
    all: DashMap<u64, Arc<Client>>,
    last: AtomicU64,
}

impl Clients {
    pub(crate) fn next_id(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn add(&self, client: Arc<Client>) {
        self.all.insert(client.id, client);
    }

    pub(crate) fn remove(&self, id: u64) {
        self.all.remove(&id);
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn by_id(&self, id: u64) -> Option<Arc<Client>> {
        self.all.get(&id).map(|client| Arc::clone(&client))
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Client>> {
        let mut all: Vec<Arc<Client>> = self.all.iter().map(|client| Arc::clone(&client)).collect();
        all.sort_unstable_by_key(|client| client.id);
        all
    }
}

fn millis(time: Time) -> u64 {
    time.since_start().as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_not_taken_back_by_a_drain() {
        let any = SocketAddr::from(([127, 0, 0, 1], 1));
        let client = Client::new(1, Peer { remote: any, local: any }, Time::default());
        client.send(Signal::Kill);
        client.send(Signal::Drain);
        assert_eq!(client.signal(), Signal::Kill);
    }
}
