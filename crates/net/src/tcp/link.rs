//! A connection that stands, client side: writes what callers queued, hands answers to those who wait for them.

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::{poll_read_buf, poll_write_buf};
use wire::control;
use wire::error::DecodeError;
use wire::execute::ExecutedDecoder;
use wire::failed::{self, Failed, Reason};
use wire::frame::{self, Frame, FrameError, Kind};
use wire::outgoing::Outgoing;
use wire::rpc::{ControlResponse, Executed};

use super::in_flight::{Entry, Waiter};
use super::lane::Lane;
use super::socket::{FLOCK, READ, READ_MIN};
use crate::service::CallError;

/// The connection has to be given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("connection failed")]
    Io(#[from] io::Error),
    #[error("not a frame")]
    Frame(#[from] FrameError),
    #[error("not an answer")]
    Decode(#[from] DecodeError),
    #[error("an answer of another kind than the question")]
    Mismatch,
}

/// A connection of a lane.
pub(super) struct Link<'a, S> {
    stream: S,
    lane: &'a Lane,
    sending: Outgoing,
    /// Place of the first byte of `sending` in all that the lane ever queued.
    written: u64,
    unflushed: bool,
    /// The last turn saw frames in the queue and left others time to add to them.
    gathered: bool,
    /// How many answers came with the last read: their callers are likely to ask again, all of them now.
    flock: usize,
    read: BytesMut,
    decoder: ExecutedDecoder,
    /// Answers of this turn, and those who wait for them: kept for their memory.
    answers: Vec<(u64, Answer)>,
    delivered: Vec<(Entry, Answer)>,
}

enum Answer {
    Executed(Executed),
    Controlled(Result<ControlResponse, CallError>),
    Failed(CallError),
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Link<'a, S> {
    /// `read`: what has arrived already.
    pub(super) fn new(stream: S, read: BytesMut, lane: &'a Lane) -> Link<'a, S> {
        let written = lane.state.lock().handed_over();
        Link {
            stream,
            lane,
            sending: Outgoing::default(),
            written,
            unflushed: false,
            gathered: false,
            flock: 0,
            read,
            decoder: ExecutedDecoder::default(),
            answers: Vec::new(),
            delivered: Vec::new(),
        }
    }

    /// Of all that the lane ever queued, how much was written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Moves bytes either way until nothing moves. Ends with `None` when the lane was abandoned and the last answer is there.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<LinkError>> {
        self.turns(cx).map(Result::err)
    }

    fn turns(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        for _ in 0..TURNS_MAX {
            let mut moved = false;
            let mut gathering = false;
            if !self.sending.has_remaining() {
                match self.refill(cx) {
                    Refill::Done | Refill::Empty => {}
                    Refill::Gathering => gathering = true,
                    Refill::Abandoned => return Poll::Ready(Ok(())),
                }
            }
            while self.sending.has_remaining() {
                match poll_write_buf(Pin::new(&mut self.stream), cx, &mut self.sending)? {
                    Poll::Ready(0) => return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into())),
                    Poll::Ready(count) => self.written += count as u64,
                    Poll::Pending => break,
                }
                (moved, self.unflushed) = (true, true);
            }
            if self.unflushed && Pin::new(&mut self.stream).poll_flush(cx)?.is_ready() {
                self.unflushed = false;
            }
            if self.read.capacity() - self.read.len() < READ_MIN {
                self.read.reserve(READ);
            }
            match poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.read)? {
                Poll::Ready(0) => return Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())),
                Poll::Ready(_) => {
                    self.deliver()?;
                    moved = true;
                }
                Poll::Pending => {}
            }
            if gathering || !moved {
                return Poll::Pending;
            }
        }
        // Others want the thread, too.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes over what callers have queued.
    fn refill(&mut self, cx: &Context<'_>) -> Refill {
        let mut state = self.lane.state.lock();
        if !state.out.has_remaining() {
            if state.abandoned && state.in_flight.len() == 0 {
                return Refill::Abandoned;
            }
            if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                state.waker = Some(cx.waker().clone());
            }
            return Refill::Empty;
        }
        // Whoever woke us is the first of many: the tasks that are ready to run have calls, too. One turn later they all go out with
        // one write, which costs more than all the rest: 0.9 instead of 4 us CPU per request with 256 in flight (examples/roundtrips.rs).
        // A lone caller does not pay for it: giving up the turn can wake an idle thread, which takes longer than the write.
        if state.in_flight.len() + self.flock >= FLOCK && !mem::replace(&mut self.gathered, true) {
            drop(state);
            cx.waker().wake_by_ref();
            return Refill::Gathering;
        }
        self.gathered = false;
        mem::swap(&mut state.out, &mut self.sending);
        Refill::Done
    }

    fn deliver(&mut self) -> Result<(), LinkError> {
        while let Some(frame) = frame::take(&mut self.read, &self.lane.options.limits)? {
            if let Some(answer) = answer(&mut self.decoder, &frame)? {
                self.answers.push((frame.request, answer));
            }
        }
        if self.answers.is_empty() {
            return Ok(());
        }
        self.flock = self.answers.len();
        let mut state = self.lane.state.lock();
        // Nobody waits any more for an answer that comes after its deadline.
        self.delivered.extend(self.answers.drain(..).filter_map(|(id, answer)| Some((state.in_flight.take(id)?, answer))));
        drop(state);
        for (entry, answer) in self.delivered.drain(..) {
            match (entry.waiter, answer) {
                (Waiter::Execute(sender), Answer::Executed(executed)) => drop(sender.send(Ok(executed))),
                (Waiter::Control(sender), Answer::Controlled(response)) => drop(sender.send(response)),
                (waiter, Answer::Failed(error)) => waiter.fail(error),
                (waiter, _) => {
                    waiter.fail(CallError::Broken(self.lane.target()));
                    return Err(LinkError::Mismatch);
                }
            }
        }
        Ok(())
    }
}

enum Refill {
    /// There is something to send.
    Done,
    /// There is not.
    Empty,
    /// There is, but wait a turn.
    Gathering,
    /// There never will be.
    Abandoned,
}

/// What a frame answers; `None` if a newer peer sent something we do not know.
fn answer(decoder: &mut ExecutedDecoder, frame: &Frame) -> Result<Option<Answer>, DecodeError> {
    Ok(Some(match frame.kind {
        Kind::EXECUTED => Answer::Executed(decoder.decode(frame)?),
        Kind::CONTROLLED => Answer::Controlled(match control::decode_response(frame) {
            Ok(response) => Ok(response),
            Err(DecodeError::Unknown(_)) => Err(CallError::NotOffered),
            Err(error) => return Err(error),
        }),
        Kind::FAILED => Answer::Failed(call_error(failed::decode(frame)?)),
        _ => return Ok(None),
    }))
}

fn call_error(failed: Failed) -> CallError {
    match failed.reason {
        Reason::NotOffered => CallError::NotOffered,
        Reason::Timeout => CallError::Timeout,
        Reason::Overloaded => CallError::Overloaded,
        Reason::Unreachable => CallError::Unreachable(failed.text),
        Reason::Broken => CallError::Broken(failed.text),
    }
}

/// Reads and writes before the thread is given to another task.
const TURNS_MAX: usize = 8;
