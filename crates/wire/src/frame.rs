//! A frame: the unit of what goes over a connection after the hello.
//!
//! ```text
//!   0        4    5     6        8          16            20            24         28
//!   ┌────────┬────┬─────┬────────┬──────────┬─────────────┬─────────────┬──────────┬──────┬─────────┐
//!   │ length │kind│flags│ zero   │ request  │ head length │ payload crc │ head crc │ head │ payload │
//!   └────────┴────┴─────┴────────┴──────────┴─────────────┴─────────────┴──────────┴──────┴─────────┘
//!   little endian; `length` counts everything behind itself
//! ```
//! The head is a protobuf message with the small fields; the payload is the large ones, raw, one after the other, so that neither
//! side copies them. `head crc` covers bytes `0..24` and the head, `payload crc` the payload; both are CRC-32C if flag [`CHECKED`] is
//! set, else 0: TCP's own 16-bit sum lets one in 65 536 damaged segments pass.
//!
//! **Invariant:** nothing is allocated for a length before it has been compared with a limit, and never more than twice what arrived.

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;

use crate::outgoing::Outgoing;

/// What a frame is. Unknown numbers are kept: whoever receives one says that it does not offer that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(pub u8);

impl Kind {
    /// [`crate::rpc::Execute`].
    pub const EXECUTE: Kind = Kind(1);
    /// [`crate::rpc::Executed`].
    pub const EXECUTED: Kind = Kind(2);
    /// [`crate::rpc::Replicate`]; not answered.
    pub const REPLICATE: Kind = Kind(3);
    /// [`crate::rpc::ControlRequest`].
    pub const CONTROL: Kind = Kind(4);
    /// [`crate::rpc::ControlResponse`].
    pub const CONTROLLED: Kind = Kind(5);
    /// [`crate::failed::Failed`]: instead of an answer.
    pub const FAILED: Kind = Kind(6);
}

/// One frame as it arrived: a slice of the read buffer.
#[derive(Debug, Clone)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// Which request it is or answers; 0 if it is not answered.
    pub request: u64,
    body: Bytes,
    head: usize,
}

impl Frame {
    /// The protobuf part.
    pub fn head(&self) -> &[u8] {
        &self.body[..self.head]
    }

    /// The raw part, sharing the read buffer.
    pub fn payload(&self) -> Bytes {
        self.body.slice(self.head..)
    }
}

/// What a receiver puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one frame.
    pub frame_max: usize,
    /// Bytes of its head: decoding one takes several times as much memory.
    pub head_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        // Four values of the largest size a client may send (64 MiB), and the lengths of over a million arguments.
        Limits { frame_max: 256 << 20, head_max: 16 << 20 }
    }
}

/// What arrived is not a frame: the connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than the limit.
    #[error("frame of {length} bytes, at most {limit} are taken")]
    TooLong {
        /// What it claims.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The lengths contradict each other.
    #[error("frame with a head of {head} in {length} bytes")]
    Malformed {
        /// Claimed length of the head.
        head: usize,
        /// Claimed length of the frame.
        length: usize,
    },
    /// A checksum does not match.
    #[error("frame damaged on its way: checksum mismatch")]
    Damaged,
}

/// Takes the first frame off `buffer`, if all of it has arrived; otherwise makes room for what is missing.
///
/// # Errors
/// [`FrameError`]: close the connection.
pub fn take(buffer: &mut BytesMut, limits: &Limits) -> Result<Option<Frame>, FrameError> {
    if buffer.len() < HEADER {
        return Ok(None);
    }
    let length = u32_at(buffer, 0) as usize + LENGTH;
    let head = u32_at(buffer, 16) as usize;
    if length > limits.frame_max {
        return Err(FrameError::TooLong { length, limit: limits.frame_max });
    }
    if head > limits.head_max {
        return Err(FrameError::TooLong { length: head, limit: limits.head_max });
    }
    if length < HEADER || head > length - HEADER {
        return Err(FrameError::Malformed { head, length });
    }
    if buffer.len() < length {
        // Doubling with what has really arrived, so a header alone cannot claim much memory.
        buffer.reserve((length - buffer.len()).min(buffer.len().max(GROWTH_MIN)));
        return Ok(None);
    }
    let (kind, flags) = (Kind(buffer[4]), buffer[5]);
    if flags & CHECKED != 0 {
        let sum = crc32c::crc32c_append(crc32c::crc32c(&buffer[..HEAD_SUM]), &buffer[HEADER..HEADER + head]);
        if sum != u32_at(buffer, HEAD_SUM) || crc32c::crc32c(&buffer[HEADER + head..length]) != u32_at(buffer, PAYLOAD_SUM) {
            return Err(FrameError::Damaged);
        }
    } else if u32_at(buffer, HEAD_SUM) != 0 || u32_at(buffer, PAYLOAD_SUM) != 0 {
        // The flag itself was damaged: who does not sum leaves the sums at 0.
        return Err(FrameError::Damaged);
    }
    let request = u64::from_le_bytes(buffer[8..16].try_into().expect("8 bytes"));
    let mut body = buffer.split_to(length).freeze();
    body.advance(HEADER);
    Ok(Some(Frame { kind, request, body, head }))
}

/// A frame to be: measured and summed, so that all that is left to do is to copy it behind the frames before it.
pub trait Draft {
    /// Bytes of the whole frame.
    fn length(&self) -> usize;

    /// Whether a receiver with these limits takes it.
    fn fits(&self, limits: &Limits) -> bool;

    /// Appends the frame, as request `request` or the answer to it.
    ///
    /// # Panics
    /// If it is 4 GiB or longer: check [`Draft::fits`] first.
    fn write(self, request: u64, out: &mut Outgoing);
}

/// The draft of a frame with head `M` and the payload that `P` strings together.
pub(crate) struct Parts<M, P> {
    kind: Kind,
    head: M,
    head_length: usize,
    payload: P,
    payload_length: usize,
    /// Checksum of the payload; `None` sends the frame unchecked.
    sum: Option<u32>,
}

impl<'a, M, P> Parts<M, P>
where
    M: Message,
    P: Iterator<Item = Piece<'a>> + Clone,
{
    pub(crate) fn new(kind: Kind, head: M, payload: P, checked: bool) -> Parts<M, P> {
        let mut payload_length = 0;
        let mut sum = 0;
        for piece in payload.clone() {
            payload_length += piece.bytes().len();
            if checked {
                sum = crc32c::crc32c_append(sum, piece.bytes());
            }
        }
        Parts { kind, head_length: head.encoded_len(), head, payload, payload_length, sum: checked.then_some(sum) }
    }
}

impl<'a, M, P> Draft for Parts<M, P>
where
    M: Message,
    P: Iterator<Item = Piece<'a>> + Clone,
{
    fn length(&self) -> usize {
        HEADER + self.head_length + self.payload_length
    }

    fn fits(&self, limits: &Limits) -> bool {
        self.length() <= limits.frame_max && self.head_length <= limits.head_max
    }

    fn write(self, request: u64, out: &mut Outgoing) {
        let length = u32::try_from(self.length() - LENGTH).expect("frames that fit are shorter");
        let mark = out.mark();
        let mut header = [0u8; HEADER];
        header[..LENGTH].copy_from_slice(&length.to_le_bytes());
        header[4] = self.kind.0;
        header[5] = if self.sum.is_some() { CHECKED } else { 0 };
        header[8..16].copy_from_slice(&request.to_le_bytes());
        header[16..20].copy_from_slice(&(self.head_length as u32).to_le_bytes());
        header[PAYLOAD_SUM..HEAD_SUM].copy_from_slice(&self.sum.unwrap_or(0).to_le_bytes());
        out.copy(&header);
        out.append(|copied| self.head.encode(copied).expect("a vector grows"));
        if self.sum.is_some() {
            let copied = out.since(mark);
            let sum = crc32c::crc32c_append(crc32c::crc32c(&copied[..HEAD_SUM]), &copied[HEADER..]);
            copied[HEAD_SUM..HEADER].copy_from_slice(&sum.to_le_bytes());
        }
        for piece in self.payload {
            match piece {
                Piece::Copied(bytes) => out.copy(bytes),
                Piece::Shared(bytes) => out.share(bytes),
            }
        }
    }
}

/// A stretch of a payload.
#[derive(Debug, Clone)]
pub(crate) enum Piece<'a> {
    /// To be copied.
    Copied(&'a [u8]),
    /// To be shared, not copied.
    Shared(Bytes),
}

impl Piece<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Copied(bytes) => bytes,
            Piece::Shared(bytes) => bytes,
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

/// Flag: the checksums are there and have to match.
pub const CHECKED: u8 = 1;
/// Bytes before the head.
pub const HEADER: usize = 28;
const LENGTH: usize = 4;
const PAYLOAD_SUM: usize = 20;
const HEAD_SUM: usize = 24;
/// Room that is made for a frame of which only the beginning has arrived.
const GROWTH_MIN: usize = 256 * 1024;
