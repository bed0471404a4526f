//! The Redis protocol: a resumable request scanner and RESP2/RESP3 replies.
//!
//! ```text
//!   from clients   read buffer ──▶ scan ──▶ batch ──▶ Args        (inline: requests as lines of text)
//!   to clients     reply ──▶ Vec<u8>                              (number: doubles and integers as text)
//!   between us     walk: the bytes of replies, to merge them      (decode: as trees, for tools and tests)
//! ```
//! Pure: bytes in, bytes out. It knows no command and no socket.
//!
//! # Why the hot path does not decode with `redis-protocol`
//!
//! That crate is our reference: tests compare with it, [`decode`] reads replies with it. Requests are found by the scanner alone:
//! - speed: 38 ns against 197 ns for a `SET` of 75 bytes (ranges against a zero-copy frame) when this was decided; measured since:
//!   18 ns for its ranges, 42 ns for its `Args` out of a pipeline of 16, without an allocation for each;
//! - safety: it recurses without a bound (30 KB of `*1\r\n` end the process), starts over at each read (an `MSET` of 160 000 arguments
//!   costs 0.2 s), waits without a bound for whatever length is announced, and knows no requests as lines of text;
//! - its writer pads integers just below powers of ten with a NUL and lets line breaks through in errors.
//!
//! `tests/defects.rs` has a test for each of these: that it cannot happen through this crate.

pub mod batch;
pub mod decode;
mod inline;
mod limits;
pub mod number;
mod refusal;
pub mod reply;
pub mod scan;
pub mod walk;
