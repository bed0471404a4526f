//! The bytes of our messages, versioned.
//!
//! Only this crate knows the encoding; nobody but [`rpc`] is known to the rest of the program. Pure: no sockets, no tokio.
//!
//! A connection starts with a [`hello`] either way, then carries [`frame`]s. Small fields are protobuf (by `prost`'s derive, so the
//! build needs no `protoc`): an older peer skips a field it does not know, a newer one fills in the default for a field it misses.
//! Field numbers are never used twice; `tests/golden.rs` holds the bytes of each message.

pub mod control;
pub mod error;
pub mod execute;
pub mod failed;
pub mod frame;
pub mod hello;
pub mod outgoing;
pub mod replicate;
pub mod rpc;

mod limits;
mod proto;
