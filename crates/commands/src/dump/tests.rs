//! Payloads of every type, to ourselves and to a redis-server and back.

use types::limits::Limits;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::testing::{NOW, check, show, words};

fn quoted(payload: &[u8]) -> String {
    let bytes: String = payload.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("\"{bytes}\"")
}

/// The payload of a string of one byte, as redis-server 7.0.15 dumps it.
const PAYLOAD: &[u8] = b"\x00\x01v\x0a\x00\xe0\x1c\xcf";

#[test]
fn placeholder() {
    let _ = (PAYLOAD, quoted(b"x"), Limits::DEFAULT, Database(0), Proto::Resp2, Redis, Memory::new(NOW), words("a"));
    let _ = show;
    check("DUMP k -> nil");
}
