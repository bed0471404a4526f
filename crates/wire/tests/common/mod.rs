//! What the tests of this crate share.
#![allow(dead_code, reason = "each test uses its part")]

use bytes::{Buf, Bytes, BytesMut};
use types::args::Args;
use types::txn::CommandId;
use wire::frame::{self, Draft, Frame, Limits};
use wire::outgoing::Outgoing;

/// The bytes of a frame.
pub fn bytes(draft: impl Draft, request: u64) -> Vec<u8> {
    let mut out = Outgoing::default();
    let length = draft.length();
    draft.write(request, &mut out);
    assert_eq!(out.remaining(), length);
    let mut bytes = vec![0; length];
    out.copy_to_slice(&mut bytes);
    bytes
}

/// The one frame that these bytes are.
pub fn frame(bytes: &[u8]) -> Frame {
    let mut buffer = BytesMut::from(bytes);
    let frame = frame::take(&mut buffer, &Limits::default()).expect("a frame").expect("all of it");
    assert!(buffer.is_empty());
    frame
}

/// Knows `SET` and `GET`.
pub fn resolve(args: &Args) -> Option<CommandId> {
    match args.at(0) {
        b"SET" => Some(CommandId(1)),
        b"GET" => Some(CommandId(2)),
        _ => None,
    }
}

/// Reads like a reader of frames does, in pieces.
pub fn frames_in_pieces(bytes: &[u8], cuts: &[usize]) -> Vec<(u64, Bytes, Bytes)> {
    let mut frames = Vec::new();
    let mut buffer = BytesMut::new();
    let mut start = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        buffer.extend_from_slice(&bytes[start..end]);
        start = end;
        while let Some(frame) = frame::take(&mut buffer, &Limits::default()).expect("frames") {
            frames.push((frame.request, Bytes::copy_from_slice(frame.head()), frame.payload()));
        }
    }
    assert!(buffer.is_empty());
    frames
}
