//! turmoil's network under our connections, with what it does not offer: directions that are held up, and connections that die of silence.
//!
//! A direction that is held delivers nothing; what is sent meanwhile arrives when it is released, as TCP would send it again. A
//! connection over a direction that was held for longer than [`SILENCE_MAX`] fails on both sides, as keepalives would let it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use net::tcp::transport::{Connect, Listen};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream};

/// All directions between hosts.
#[derive(Clone, Default)]
pub struct Links(Arc<Mutex<BTreeMap<(String, String), Direction>>>);

#[derive(Default)]
struct Direction {
    /// Held by so many faults.
    held: usize,
    /// The streams whose data travels this way; who reads them waits here.
    streams: Vec<Weak<Mutex<End>>>,
}

/// The reading end of a stream.
#[derive(Default)]
struct End {
    waker: Option<Waker>,
    broken: bool,
}

impl Links {
    /// Holds up what goes from `from` to `to`.
    pub fn hold(&self, from: &str, to: &str) {
        self.direction(from, to, |direction| direction.held += 1);
    }

    /// Takes a hold back.
    pub fn release(&self, from: &str, to: &str) {
        self.direction(from, to, |direction| {
            direction.held = direction.held.saturating_sub(1);
            direction.wake();
        });
    }

    /// Breaks every connection between two hosts, for both.
    pub fn break_between(&self, a: &str, b: &str) {
        for (from, to) in [(a, b), (b, a)] {
            self.direction(from, to, |direction| {
                direction.streams.iter().filter_map(Weak::upgrade).for_each(|end| end.lock().broken = true);
                direction.wake();
            });
        }
    }

    /// Whether nothing gets from `from` to `to`.
    pub fn is_held(&self, from: &str, to: &str) -> bool {
        self.direction(from, to, |direction| direction.held > 0)
    }

    fn direction<T>(&self, from: &str, to: &str, change: impl FnOnce(&mut Direction) -> T) -> T {
        change(self.0.lock().entry((from.to_owned(), to.to_owned())).or_default())
    }

    fn stream(&self, inner: TcpStream, here: &str, there: &str) -> Stream {
        let end = Arc::new(Mutex::new(End::default()));
        self.direction(there, here, |direction| {
            direction.streams.retain(|stream| stream.strong_count() > 0);
            direction.streams.push(Arc::downgrade(&end));
        });
        Stream { inner, end, links: self.clone(), here: here.to_owned(), there: there.to_owned() }
    }
}

impl Direction {
    fn wake(&self) {
        for end in self.streams.iter().filter_map(Weak::upgrade) {
            if let Some(waker) = end.lock().waker.take() {
                waker.wake();
            }
        }
    }
}

/// One end of a connection.
pub struct Stream {
    inner: TcpStream,
    end: Arc<Mutex<End>>,
    links: Links,
    here: String,
    there: String,
}

impl Stream {
    /// Address of the other side.
    ///
    /// # Errors
    /// turmoil's.
    pub fn peer(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }

    fn check(&self) -> io::Result<()> {
        if self.end.lock().broken { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        self.end.lock().waker = Some(cx.waker().clone());
        if self.links.is_held(&self.there, &self.here) {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Opens connections from one host.
#[derive(Clone)]
pub struct Connector {
    /// All directions.
    pub links: Links,
    /// The host's name.
    pub here: String,
}

impl Connect for Connector {
    type Stream = Stream;

    async fn connect(&self, address: &str) -> io::Result<Stream> {
        let there = address.split(':').next().unwrap_or_default().to_owned();
        while self.links.is_held(&self.here, &there) || self.links.is_held(&there, &self.here) {
            tokio::time::sleep(SYN_AGAIN).await;
        }
        let inner = TcpStream::connect(address).await?;
        Ok(self.links.stream(inner, &self.here, &there))
    }
}

/// Takes connections at one host.
pub struct Listener {
    inner: TcpListener,
    links: Links,
    here: String,
}

impl Listener {
    /// Listens on `port` of the host `here`, on which this is called.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn bind(links: &Links, here: &str, port: u16) -> io::Result<Listener> {
        let inner = TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, port)).await?;
        Ok(Listener { inner, links: links.clone(), here: here.to_owned() })
    }
}

impl Listen for Listener {
    type Stream = Stream;

    async fn accept(&mut self) -> io::Result<(Stream, String)> {
        let (inner, from) = self.inner.accept().await?;
        let there = turmoil::reverse_lookup(from.ip()).unwrap_or_default();
        Ok((self.links.stream(inner, &self.here, &there), there))
    }
}

/// A connection that hears nothing for so long is given up: `net::tcp` asks the kernel for it.
pub const SILENCE_MAX: Duration = Duration::from_secs(8);
const SYN_AGAIN: Duration = Duration::from_millis(20);
