//! What a client can do wrong in the protocol itself, in Redis' words.

use crate::reply;

/// Why a connection cannot be read any further. Shown, it is the text that Redis has after `Protocol error: `.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The number of arguments is not a number, or above the limit.
    #[error("invalid multibulk length")]
    InvalidMultibulkLength,
    /// The length of an argument is not a number, is negative, or above the limit.
    #[error("invalid bulk length")]
    InvalidBulkLength,
    /// An argument is something else than a string.
    #[error("expected '$', got '{}'", shown(*.0))]
    ExpectedBulk(u8),
    /// A line of text does not end.
    #[error("too big inline request")]
    TooBigInline,
    /// The line with the number of arguments does not end.
    #[error("too big mbulk count string")]
    TooBigMultibulkCount,
    /// The line with the length of an argument does not end.
    #[error("too big bulk count string")]
    TooBigBulkCount,
    /// A quote in a line of text is not closed, or goes on behind its end.
    #[error("unbalanced quotes in request")]
    UnbalancedQuotes,
    /// More arguments than a client needs to authenticate.
    #[error("unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// A longer argument than a client needs to authenticate.
    #[error("unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// The request exceeds what a connection may hold. Redis closes such a connection without a word.
    #[error("too big request")]
    TooBigRequest,
}

impl ProtocolError {
    /// Writes the error reply, the last thing the connection is sent.
    pub fn reply(&self, out: &mut Vec<u8>) {
        match *self {
            // The byte as it came: it need not be a character.
            ProtocolError::ExpectedBulk(got) => {
                let text = [b"ERR Protocol error: expected '$', got '".as_slice(), &[got], b"'"].concat();
                reply::error_bytes(out, &text);
            }
            other => reply::error(out, &format!("ERR Protocol error: {other}")),
        }
    }
}

fn shown(byte: u8) -> char {
    match byte {
        b'\r' | b'\n' => ' ',
        byte => char::from(byte),
    }
}
