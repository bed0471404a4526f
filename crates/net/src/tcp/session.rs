//! A connection that stands, server side: reads requests, calls the service in their order, writes answers as they come.
//!
//! **Invariant:** requests reach the service in the order of their frames; while too many are under way, or too many bytes wait to be
//! written, nothing is read, so that the peer's queue fills and not our memory.

use std::future::{Future, poll_fn};
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use futures_util::stream::{FuturesUnordered, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::io::{poll_read_buf, poll_write_buf};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use wire::control;
use wire::error::DecodeError;
use wire::execute::{self, ExecuteDecoder};
use wire::failed::{self, Failed, Reason};
use wire::frame::{self, Draft, Frame, FrameError, HEADER, Kind};
use wire::outgoing::Outgoing;
use wire::replicate::ReplicateDecoder;
use wire::rpc::{ControlResponse, Executed};

use super::server::{Server, is_goodbye};
use super::socket::{FLOCK, READ, READ_MIN};
use crate::service::{CallError, Pending};

/// The connection has to be given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error("connection failed")]
    Io(#[from] io::Error),
    #[error("not a frame")]
    Frame(#[from] FrameError),
    #[error("not a request")]
    Decode(#[from] DecodeError),
}

/// A connection of a server.
pub(super) struct Session<'a, S> {
    stream: S,
    server: &'a Server,
    read: BytesMut,
    out: Outgoing,
    unflushed: bool,
    /// Requests that were not answered at once.
    waiting: FuturesUnordered<Waiting>,
    execute: ExecuteDecoder,
    replicate: ReplicateDecoder,
    /// No more requests are read: the peer has closed, or we are about to.
    deaf: bool,
    /// There may be complete requests in `read` that had to wait.
    stalled: bool,
    /// The last turn saw answers and left others time to join them.
    gathered: bool,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    /// `read`: what has arrived already.
    pub(super) fn new(stream: S, read: BytesMut, server: &'a Server) -> Session<'a, S> {
        Session {
            stream,
            server,
            read,
            out: Outgoing::default(),
            unflushed: false,
            waiting: FuturesUnordered::new(),
            execute: ExecuteDecoder::default(),
            replicate: ReplicateDecoder::default(),
            deaf: false,
            stalled: false,
            gathered: false,
        }
    }

    /// Serves until the peer closes, or until `stop` and the last answer.
    pub(super) async fn run(mut self, stop: &CancellationToken) -> Result<(), SessionError> {
        // What came together with the greeting.
        self.dispatch()?;
        let served = tokio::select! {
            biased;
            served = poll_fn(|cx| self.poll(cx)) => Some(served),
            () = stop.cancelled() => None,
        };
        let served = match served {
            Some(served) => served,
            None => {
                self.deaf = true;
                // Whoever does not get its answer in this time finds the connection closed: it does not know, and asks again.
                timeout(self.server.options.drain, poll_fn(|cx| self.poll(cx))).await.unwrap_or(Ok(()))
            }
        };
        match served {
            Err(SessionError::Io(error)) if is_goodbye(&error) => Ok(()),
            served => served,
        }
    }

    /// Moves bytes either way until nothing moves.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SessionError>> {
        for _ in 0..TURNS_MAX {
            let mut moved = false;
            if self.stalled && self.hears() {
                self.dispatch()?;
                moved = true;
            }
            if self.hears() {
                if self.read.capacity() - self.read.len() < READ_MIN {
                    self.read.reserve(READ);
                }
                match poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.read)? {
                    // A client closes when it has no use for answers: nothing is left to do.
                    Poll::Ready(0) => return Poll::Ready(Ok(())),
                    Poll::Ready(_) => {
                        self.dispatch()?;
                        moved = true;
                    }
                    Poll::Pending => {}
                }
            }
            let flock = self.waiting.len() >= FLOCK;
            if self.collect(cx) {
                // Answers come in flocks. One turn later more of them go out with the same write.
                if flock && !mem::replace(&mut self.gathered, true) {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                moved = true;
            }
            self.gathered = false;
            while self.out.has_remaining() {
                match poll_write_buf(Pin::new(&mut self.stream), cx, &mut self.out)? {
                    Poll::Ready(0) => return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into())),
                    Poll::Ready(_) => (moved, self.unflushed) = (true, true),
                    Poll::Pending => break,
                }
            }
            if self.unflushed && Pin::new(&mut self.stream).poll_flush(cx)?.is_ready() {
                self.unflushed = false;
            }
            if self.deaf && self.waiting.is_empty() && !self.out.has_remaining() && !self.unflushed {
                return Poll::Ready(Ok(()));
            }
            if !moved {
                return Poll::Pending;
            }
        }
        // Others want the thread, too.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn hears(&self) -> bool {
        !self.deaf && self.waiting.len() < self.server.options.in_flight_max && self.out.remaining() < self.server.options.queue_bytes_max
    }

    /// Hands the requests that have arrived completely to the service, as long as there is room for their answers.
    fn dispatch(&mut self) -> Result<(), SessionError> {
        self.stalled = false;
        while let Some(frame) = frame::take(&mut self.read, &self.server.options.limits)? {
            self.request(&frame)?;
            if !self.hears() {
                self.stalled = true;
                break;
            }
        }
        Ok(())
    }

    fn request(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let service = &self.server.service;
        match frame.kind {
            Kind::EXECUTE => {
                let request = self.execute.decode(frame, &*self.server.resolve)?;
                match service.execute(request) {
                    Pending::Ready(answer) => self.executed(frame.request, answer.unwrap_or_else(taken)),
                    waiting => self.waiting.push(Waiting::Execute(frame.request, waiting)),
                }
            }
            Kind::REPLICATE => service.replicate(self.replicate.decode(frame)?),
            Kind::CONTROL => match control::decode(frame) {
                Ok((request, patience)) => match service.control(request, patience) {
                    Pending::Ready(answer) => self.controlled(frame.request, answer.unwrap_or_else(taken)),
                    waiting => self.waiting.push(Waiting::Control(frame.request, waiting)),
                },
                Err(DecodeError::Unknown(_)) => self.failed(frame.request, CallError::NotOffered),
                Err(error) => return Err(error.into()),
            },
            // A request of a newer version; what has no id is not answered.
            _ if frame.request != 0 => self.failed(frame.request, CallError::NotOffered),
            _ => {}
        }
        Ok(())
    }

    /// Encodes the answers that have come meanwhile.
    fn collect(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while !self.waiting.is_empty() {
            match Pin::new(&mut self.waiting).poll_next(cx) {
                Poll::Ready(Some(Answer::Execute(id, answer))) => self.executed(id, answer),
                Poll::Ready(Some(Answer::Control(id, answer))) => self.controlled(id, answer),
                Poll::Ready(None) | Poll::Pending => break,
            }
            any = true;
        }
        any
    }

    fn executed(&mut self, id: u64, answer: Result<Executed, CallError>) {
        let options = &self.server.options;
        let mut executed = match answer {
            Ok(executed) => executed,
            Err(error) => return self.failed(id, error),
        };
        let draft = execute::draft_executed(&executed, options.checked);
        if draft.fits(&options.limits) {
            return draft.write(id, &mut self.out);
        }
        drop(draft);
        let room = options.limits.frame_max.saturating_sub(HEADER + options.limits.head_max);
        let replaced = execute::curtail(&mut executed, room);
        warn!(replaced, "replies too large for a frame");
        let draft = execute::draft_executed(&executed, options.checked);
        if draft.fits(&options.limits) {
            draft.write(id, &mut self.out);
        } else {
            self.failed(id, CallError::Broken("an answer too large for a frame".to_owned()));
        }
    }

    fn controlled(&mut self, id: u64, answer: Result<ControlResponse, CallError>) {
        let options = &self.server.options;
        match answer {
            Ok(response) => {
                let draft = control::draft_response(&response, options.checked);
                if draft.fits(&options.limits) {
                    return draft.write(id, &mut self.out);
                }
                warn!(bytes = draft.length(), "control answer too large for a frame");
                self.failed(id, CallError::Broken("an answer too large for a frame".to_owned()));
            }
            Err(error) => self.failed(id, error),
        }
    }

    fn failed(&mut self, id: u64, error: CallError) {
        let (reason, text) = match error {
            CallError::NotOffered => (Reason::NotOffered, String::new()),
            CallError::Timeout => (Reason::Timeout, String::new()),
            CallError::Overloaded => (Reason::Overloaded, String::new()),
            CallError::Unreachable(whom) => (Reason::Unreachable, whom),
            CallError::Broken(whom) => (Reason::Broken, whom),
        };
        failed::draft(&Failed { reason, text }, self.server.options.checked).write(id, &mut self.out);
    }
}

/// A request without an answer yet.
enum Waiting {
    Execute(u64, Pending<Executed>),
    Control(u64, Pending<ControlResponse>),
}

enum Answer {
    Execute(u64, Result<Executed, CallError>),
    Control(u64, Result<ControlResponse, CallError>),
}

impl Future for Waiting {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        match self.get_mut() {
            Waiting::Execute(id, pending) => Pin::new(pending).poll(cx).map(|answer| Answer::Execute(*id, answer)),
            Waiting::Control(id, pending) => Pin::new(pending).poll(cx).map(|answer| Answer::Control(*id, answer)),
        }
    }
}

/// A service that returns an answer somebody has taken already broke its word; the caller hears that nothing is known.
fn taken<T>() -> Result<T, CallError> {
    Err(CallError::Broken("a node that lost the answer".to_owned()))
}

/// Reads and writes before the thread is given to another task.
const TURNS_MAX: usize = 8;
