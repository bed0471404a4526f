//! Bytes of Redis values: the payloads of DUMP and RESTORE, which are the values of Redis' RDB format.
//!
//! ```text
//!   DUMP payload    type byte | value | RDB version (2, little endian) | CRC-64 (8, little endian)      payload
//!   value           strings and lengths; containers of their own inside strings                        value, list, set, zset, hash, stream
//!   containers      listpack | ziplist | zipmap | intset                                               one module each
//!   strings         raw | 8, 16, 32 bit integer | LZF                                                  input, output, lzf
//! ```
//! Decoding reads every value type that Redis wrote up to RDB version 12 (Redis 7.4), but for those of modules. Encoding writes the types
//! that Redis 7.0 restores (version 10), and newer ones only for values that need them.
//!
//! What is decoded comes from a stranger. Invariants:
//! - nothing here panics, whatever the bytes;
//! - memory is linear in the bytes, and bounded where the caller says so ([`payload::decode_within`]): a length or a count that the bytes left cannot hold is refused before anything is allocated for it, and
//!   what LZF unpacks to is at most [`lzf::RATIO_MAX`] times its input;
//! - a [`value::Value`] that was decoded keeps the promises written there (no duplicates, no NaN, nothing empty, streams in order).
//!
//! Pure: bytes in, bytes out. It knows no command, no key, no clock.

pub mod error;
pub mod hash;
mod input;
mod integer;
pub mod intset;
pub mod list;
pub mod listpack;
pub mod lzf;
mod output;
pub mod payload;
pub mod set;
pub mod stream;
pub mod value;
pub mod ziplist;
pub mod zipmap;
pub mod zset;
