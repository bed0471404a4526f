//! Replies as trees, for tools and tests: the `redis-protocol` crate behind a guard.
//!
//! Its decoders recurse without a bound, wait for ever for absurd lengths and have modes for streams that no server sends. So they are
//! only given what [`reply_len`] has measured: one whole reply, well-formed, nested at most [`DEPTH_MAX`](crate::walk::DEPTH_MAX) deep.

use bytes::{Buf, Bytes};
pub use redis_protocol::resp2::types::BytesFrame as Frame2;
pub use redis_protocol::resp3::types::BytesFrame as Frame3;
use redis_protocol::{resp2, resp3};

use crate::walk::reply_len;

/// Takes the RESP2 reply off the front of `bytes`. Nothing, and `bytes` as it was, if there is no whole reply that RESP2 knows.
pub fn take_resp2(bytes: &mut Bytes) -> Option<Frame2> {
    let whole = bytes.slice(..reply_len(bytes)?);
    let (frame, len) = resp2::decode::decode_bytes(&whole).ok()??;
    (len == whole.len()).then(|| {
        bytes.advance(len);
        frame
    })
}

/// Takes the RESP3 reply off the front of `bytes`. Nothing, and `bytes` as it was, if there is no whole reply that the decoder knows.
/// It does not know the null array of RESP2, and loses the order of maps and sets.
pub fn take_resp3(bytes: &mut Bytes) -> Option<Frame3> {
    let whole = bytes.slice(..reply_len(bytes)?);
    let (frame, len) = resp3::decode::complete::decode_bytes(&whole).ok()??;
    (len == whole.len()).then(|| {
        bytes.advance(len);
        frame
    })
}
