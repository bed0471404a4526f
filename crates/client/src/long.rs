//! A long reply: it lies at the node that evaluated its command, and is fetched piece by piece.
//!
//! Invariant: no more is in memory than the piece that was taken last and the one after it, which is on its way meanwhile.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use net::service::{CallError, Pending, Service};
use tokio::time::Instant;
use wire::rpc::{ControlRequest, ControlResponse};

use crate::clock;

/// A long reply on its way. Dropping it tells its node that it is not needed any more.
pub struct Long {
    node: Arc<dyn Service>,
    reply: u64,
    /// Bytes that were taken.
    read: u64,
    /// Length of all of it, once it is complete.
    total: Option<u64>,
    ahead: Option<Pending<ControlResponse>>,
    looked: Bytes,
    /// The first of the failures since something was taken last.
    failing: Option<Instant>,
    asked: Instant,
}

/// Why a piece cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The node says no: the text of an error reply.
    #[error("{0}")]
    Refused(String),
    /// The node is gone, or has forgotten the reply.
    #[error("a long reply cannot be fetched")]
    Gone(#[source] CallError),
    /// It is longer than whoever needs all of it at once can hold.
    #[error("a reply that is too long")]
    TooLong,
}

impl Long {
    pub(crate) fn new(node: Arc<dyn Service>, reply: u64) -> Long {
        Long { node, reply, read: 0, total: None, ahead: None, looked: Bytes::new(), failing: None, asked: clock::now() }
    }

    /// Whether something was taken.
    pub fn begun(&self) -> bool {
        self.read > 0
    }

    /// Bytes that were not taken, if it is known how many these are.
    pub fn left(&self) -> Option<u64> {
        self.total.map(|total| total - self.read)
    }

    /// Takes the next piece, `None` at the end. May be given up and called again.
    ///
    /// # Errors
    /// [`Lost`]: nothing more is to be had.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Lost> {
        if self.total.is_some_and(|total| self.read >= total) {
            return Ok(None);
        }
        let piece = self.piece(PIECE).await?;
        self.read += piece.len() as u64;
        if self.total.is_some_and(|total| self.read < total) {
            self.ahead = Some(self.ask(PIECE));
        }
        Ok(Some(piece))
    }

    /// Looks at the first bytes, not more than a piece, without taking them. Before anything is taken.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn look(&mut self, bytes: u32) -> Result<(), Lost> {
        self.looked = self.piece(bytes).await?;
        Ok(())
    }

    /// What was looked at.
    pub fn looked(&self) -> &[u8] {
        &self.looked
    }

    /// Leaves out the next bytes, which were looked at.
    pub fn skip(&mut self, bytes: usize) {
        self.read += bytes as u64;
    }

    /// All of it, if that is `max` bytes or less.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn whole(mut self, max: usize) -> Result<Bytes, Lost> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await? {
            if self.total.unwrap_or(0) > max as u64 {
                return Err(Lost::TooLong);
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.into())
    }

    /// Lets the node know that it is still needed. To be said more often than [`TOUCH`].
    pub fn touch(&self) {
        drop(self.node.control(ControlRequest::ReplyPiece { reply: self.reply, offset: self.read, bytes_max: 0 }, PATIENCE));
    }

    fn ask(&self, bytes_max: u32) -> Pending<ControlResponse> {
        self.node.control(ControlRequest::ReplyPiece { reply: self.reply, offset: self.read, bytes_max }, PATIENCE)
    }

    /// Bytes from `read` on: at least one, as there are more.
    async fn piece(&mut self, bytes_max: u32) -> Result<Bytes, Lost> {
        loop {
            if self.ahead.is_none() {
                self.asked = clock::now();
                self.ahead = Some(self.ask(bytes_max));
            }
            let pending = self.ahead.as_mut().expect("just asked for");
            // A node that is reached without a network has no clock of its own for this.
            let answer = tokio::time::timeout_at(self.asked + 2 * PATIENCE, pending).await.unwrap_or(Err(CallError::Timeout));
            self.ahead = None;
            let error = match answer {
                Ok(ControlResponse::ReplyPiece { bytes, total }) if self.sound(&bytes, total) => {
                    (self.failing, self.total) = (None, Some(total));
                    return Ok(bytes);
                }
                Ok(ControlResponse::Refused(text)) => return Err(Lost::Refused(text)),
                Ok(_) => return Err(Lost::Gone(CallError::NotOffered)),
                Err(error @ CallError::NotOffered) => return Err(Lost::Gone(error)),
                Err(error) => error,
            };
            // As long as it is being made, silence is no failure.
            let making = self.total.is_none() && error == CallError::Timeout;
            let since = *self.failing.get_or_insert(self.asked);
            if clock::now() > since + if making { MAKING_MAX } else { FAILING_MAX } {
                return Err(Lost::Gone(error));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn sound(&self, bytes: &Bytes, total: u64) -> bool {
        let end = self.read + bytes.len() as u64;
        !bytes.is_empty() && end <= total && self.total.is_none_or(|known| known == total)
    }
}

impl Drop for Long {
    fn drop(&mut self) {
        drop(self.node.control(ControlRequest::ReplyEnd { reply: self.reply }, PATIENCE));
    }
}

impl std::fmt::Debug for Long {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Long({:x})", self.reply)
    }
}

/// A long reply that nobody has asked for or touched in four times this time is forgotten.
pub const TOUCH: Duration = Duration::from_secs(15);
/// Bytes of a piece.
const PIECE: u32 = 256 << 10;
/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a node may take to make a reply complete.
const MAKING_MAX: Duration = Duration::from_secs(600);
/// How long a piece is asked for again and again when that fails.
const FAILING_MAX: Duration = Duration::from_secs(10);
/// Before it is asked for again.
const PAUSE: Duration = Duration::from_millis(50);
