//! Replies on their way to a client: small ones gathered in one buffer, large ones as they came, long ones piece by piece when it is their turn.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use client::long::Long;
use tokio::io::AsyncWrite;

/// What a client has to be sent, in order: `front`, then `tail`.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Pieces that are not copied together. Empty unless a large reply was met.
    front: VecDeque<Part>,
    /// Long replies among them.
    longs: usize,
    /// Where replies are written.
    tail: Vec<u8>,
    /// Bytes of the first piece that are written already.
    written: usize,
    /// Bytes of all pieces of `front`, but for long replies.
    queued: usize,
}

#[derive(Debug)]
enum Part {
    Bytes(Bytes),
    Long(Box<Long>),
}

impl Output {
    /// Where to write replies.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// Appends a reply that is there already. A large one is not copied.
    #[inline]
    pub(crate) fn push(&mut self, reply: Bytes) {
        if reply.len() < LARGE {
            self.tail.extend_from_slice(&reply);
        } else {
            self.seal();
            self.queued += reply.len();
            self.front.push_back(Part::Bytes(reply));
        }
    }

    /// Appends a long reply, of which nothing is here.
    pub(crate) fn push_long(&mut self, reply: Box<Long>) {
        self.seal();
        self.longs += 1;
        self.front.push_back(Part::Long(reply));
    }

    /// The long reply whose turn it is: everything before it is written.
    pub(crate) fn turn(&mut self) -> Option<&mut Long> {
        match self.front.front_mut() {
            Some(Part::Long(long)) => Some(long),
            _ => None,
        }
    }

    /// Puts a piece of the long reply whose turn it is in front of the rest of it.
    pub(crate) fn insert(&mut self, piece: Bytes) {
        self.queued += piece.len();
        self.front.push_front(Part::Bytes(piece));
    }

    /// The long reply whose turn it is has come to its end.
    pub(crate) fn end_turn(&mut self) {
        if self.turn().is_some() {
            self.front.pop_front();
            self.longs -= 1;
        }
    }

    /// All long replies.
    pub(crate) fn longs(&mut self) -> impl Iterator<Item = &mut Long> {
        let parts = if self.longs == 0 { 0 } else { self.front.len() };
        self.front.iter_mut().take(parts).filter_map(|part| if let Part::Long(long) = part { Some(&mut **long) } else { None })
    }

    /// Bytes that are not written yet.
    pub(crate) fn len(&self) -> usize {
        self.queued + self.tail.len() - self.written + if self.longs == 0 { 0 } else { self.long_len() }
    }

    /// A long reply whose length is not known counts as a short one could.
    fn long_len(&self) -> usize {
        let len = |part: &Part| if let Part::Long(long) = part { long.left().unwrap_or(LONG) as usize } else { 0 };
        self.front.iter().map(len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.longs == 0 && self.len() == 0
    }

    /// Writes until nothing is left before the next long reply, or the client does not take more. Tells how many bytes it took this time, 0 at the end.
    pub(crate) fn poll_write<S: AsyncWrite + Unpin>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.is_empty() {
            self.clear();
            return Poll::Ready(Ok(0));
        }
        let count = if self.front.is_empty() {
            ready!(Pin::new(stream).poll_write(cx, &self.tail[self.written..]))?
        } else {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let pieces = self.front.iter().map(Some).chain([None]).map_while(|part| match part {
                Some(Part::Bytes(piece)) => Some(&piece[..]),
                Some(Part::Long(_)) => None,
                None => Some(&self.tail[..]),
            });
            let mut used = 0;
            for (slice, piece) in slices.iter_mut().zip(pieces) {
                *slice = IoSlice::new(if used == 0 { &piece[self.written..] } else { piece });
                used += 1;
            }
            ready!(Pin::new(stream).poll_write_vectored(cx, &slices[..used]))?
        };
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(count);
        Poll::Ready(Ok(count))
    }

    /// Forgets everything, and gives back what a large reply took.
    pub(crate) fn clear(&mut self) {
        self.front.clear();
        self.tail.clear();
        self.tail.shrink_to(KEPT);
        (self.written, self.queued, self.longs) = (0, 0, 0);
    }

    fn advance(&mut self, count: usize) {
        self.written += count;
        while let Some(Part::Bytes(piece)) = self.front.front() {
            if self.written < piece.len() {
                return;
            }
            self.written -= piece.len();
            self.queued -= piece.len();
            self.front.pop_front();
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.queued += self.tail.len();
            self.front.push_back(Part::Bytes(std::mem::take(&mut self.tail).into()));
        }
    }
}

/// From here on a reply costs more to copy than to name in a vectored write.
const LARGE: usize = 32 << 10;
/// What a long reply of unknown length has at least.
const LONG: u64 = 1 << 20;
/// Pieces of one write.
const SLICES: usize = 16;
/// Room that is kept for the next batch.
const KEPT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn small_and_large_replies_arrive_in_order_whatever_the_writes() {
        for room in [1, 7, 1000, 1 << 20] {
            let (mut ours, mut theirs) = tokio::io::duplex(room);
            let mut output = Output::default();
            let mut expected = Vec::new();
            for round in 0..40usize {
                let len = if round % 5 == 0 { LARGE + round } else { round };
                let reply = vec![round as u8; len];
                expected.extend_from_slice(&reply);
                output.push(reply.into());
                output.tail().extend_from_slice(b"tail");
                expected.extend_from_slice(b"tail");
            }
            assert_eq!(output.len(), expected.len());
            let write = async {
                while std::future::poll_fn(|cx| output.poll_write(&mut ours, cx)).await.expect("written") > 0 {}
                drop(ours);
            };
            let mut got = Vec::new();
            let (_, read) = tokio::join!(write, theirs.read_to_end(&mut got));
            read.expect("read");
            assert!(got == expected, "room {room}");
        }
    }
}
