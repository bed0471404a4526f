//! The body of a mutation: the physical writes of a batch, and the requests they answer with their replies.
//!
//! ```text
//! version u8 | writes: u32 length, bytes | requests: u32 count, each { session u64 | number u64 | replies u32 count | ends u32.. | bytes }
//! ```
//! Integers are little-endian. It comes back from logs and networks, so every length is checked.

use bytes::{Buf, Bytes};
use types::id::RequestId;

use crate::frame::Replies;

/// A decoded body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Body {
    /// A finished `WriteSet`; empty if the batch wrote nothing.
    pub(crate) writes: Bytes,
    /// Every request whose writes are here, with its replies.
    pub(crate) requests: Vec<(RequestId, Replies)>,
}

/// A body that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("damaged mutation body")]
pub(crate) struct DamagedBody;

impl Body {
    pub(crate) fn encode(&self) -> Bytes {
        let replies: usize = self.requests.iter().map(|(_, r)| 20 + 4 * r.ends.len() + r.bytes.len()).sum();
        let mut out = Vec::with_capacity(9 + self.writes.len() + replies);
        out.push(VERSION);
        out.extend_from_slice(&(self.writes.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.writes);
        out.extend_from_slice(&(self.requests.len() as u32).to_le_bytes());
        for (id, replies) in &self.requests {
            out.extend_from_slice(&id.session.to_le_bytes());
            out.extend_from_slice(&id.number.to_le_bytes());
            out.extend_from_slice(&(replies.ends.len() as u32).to_le_bytes());
            for end in &replies.ends {
                out.extend_from_slice(&end.to_le_bytes());
            }
            out.extend_from_slice(&replies.bytes);
        }
        out.into()
    }

    /// Takes a body apart without copying what it holds. An empty one (a fence) holds nothing.
    pub(crate) fn decode(mut bytes: Bytes) -> Result<Body, DamagedBody> {
        if bytes.is_empty() {
            return Ok(Body::default());
        }
        if bytes.get_u8() != VERSION {
            return Err(DamagedBody);
        }
        let length = bytes.try_get_u32_le().map_err(|_| DamagedBody)? as usize;
        let writes = split(&mut bytes, length)?;
        let count = bytes.try_get_u32_le().map_err(|_| DamagedBody)? as usize;
        if count > bytes.len() / REQUEST_BYTES_MIN {
            return Err(DamagedBody);
        }
        let mut requests = Vec::with_capacity(count);
        for _ in 0..count {
            let session = bytes.try_get_u64_le().map_err(|_| DamagedBody)?;
            let number = bytes.try_get_u64_le().map_err(|_| DamagedBody)?;
            requests.push((RequestId { session, number }, decode_replies(&mut bytes)?));
        }
        if bytes.is_empty() { Ok(Body { writes, requests }) } else { Err(DamagedBody) }
    }
}

fn decode_replies(bytes: &mut Bytes) -> Result<Replies, DamagedBody> {
    let count = bytes.try_get_u32_le().map_err(|_| DamagedBody)? as usize;
    if count > bytes.len() / 4 {
        return Err(DamagedBody);
    }
    let mut ends = smallvec::SmallVec::with_capacity(count);
    let mut last = 0;
    for _ in 0..count {
        let end = bytes.get_u32_le();
        if end < last {
            return Err(DamagedBody);
        }
        last = end;
        ends.push(end);
    }
    Ok(Replies { bytes: split(bytes, last as usize)?, ends })
}

fn split(bytes: &mut Bytes, length: usize) -> Result<Bytes, DamagedBody> {
    if length > bytes.len() {
        return Err(DamagedBody);
    }
    Ok(bytes.split_to(length))
}

const VERSION: u8 = 1;
const REQUEST_BYTES_MIN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Body {
        let replies = Replies { bytes: Bytes::from_static(b"+OK\r\n:1\r\n"), ends: [5, 9].into_iter().collect() };
        Body {
            writes: Bytes::from_static(b"writes"),
            requests: vec![(RequestId { session: 7, number: 1 }, replies), (RequestId { session: 8, number: 9 }, Replies::default())],
        }
    }

    #[test]
    fn a_body_survives_the_round_trip() {
        assert_eq!(Body::decode(body().encode()), Ok(body()));
        assert_eq!(Body::decode(Body::default().encode()), Ok(Body::default()));
        assert_eq!(Body::decode(Bytes::new()), Ok(Body::default()));
    }

    #[test]
    fn a_body_cut_anywhere_is_damaged() {
        let whole = body().encode();
        for cut in 1..whole.len() {
            assert_eq!(Body::decode(whole.slice(..cut)), Err(DamagedBody), "cut at {cut}");
        }
    }

    #[test]
    fn any_changed_byte_is_decoded_or_refused_without_panic() {
        let whole = body().encode();
        for place in 0..whole.len() {
            for value in [0, 1, 127, 255] {
                let mut bytes = whole.to_vec();
                bytes[place] = value;
                let _ = Body::decode(bytes.into());
            }
        }
    }
}
