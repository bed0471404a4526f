//! What a client may ask of the memory of its connection.

use crate::refusal::ProtocolError;
use crate::scan::LINE_END;

/// The bounds of what a [`Scanner`](crate::scan::Scanner) accepts.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of one argument: `proto-max-bulk-len`.
    pub bulk_max: usize,
    /// Arguments of one command, its name included.
    pub args_max: usize,
    /// Bytes of one line: a whole inline request, or a length, for which Redis has the same bound.
    pub inline_max: usize,
    /// Bytes of one request: `client-query-buffer-limit`. More than 2 GiB is taken as that.
    pub request_max: usize,
    /// Whether the client may do more than authenticate. If not, ten arguments of 16 KiB have to suffice.
    pub authenticated: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bulk_max: 64 << 20, args_max: 1 << 20, inline_max: 64 << 10, request_max: 1 << 30, authenticated: true }
    }
}

impl Limits {
    /// Whether a request may have so many arguments.
    pub(crate) fn check_count(&self, count: usize) -> Result<(), ProtocolError> {
        if count > self.args_max {
            Err(ProtocolError::InvalidMultibulkLength)
        } else if count > UNAUTHENTICATED_ARGS_MAX && !self.authenticated {
            Err(ProtocolError::UnauthenticatedMultibulkLength)
        } else {
            Ok(())
        }
    }

    /// Whether an argument may have `len` bytes, `before` bytes of its request being there already.
    pub(crate) fn check_bulk(&self, len: usize, before: usize) -> Result<(), ProtocolError> {
        let request = before + len + LINE_END; // the terms have 32, 63 and 2 bits
        if len > self.bulk_max {
            Err(ProtocolError::InvalidBulkLength)
        } else if len > UNAUTHENTICATED_BULK_MAX && !self.authenticated {
            Err(ProtocolError::UnauthenticatedBulkLength)
        } else if request > self.request_max.min(REQUEST_CEILING) {
            Err(ProtocolError::TooBigRequest)
        } else {
            Ok(())
        }
    }
}

/// No request is longer, whatever the limits say: offsets of arguments have 32 bits.
const REQUEST_CEILING: usize = 1 << 31;
/// Redis' bounds for clients that have to authenticate first.
const UNAUTHENTICATED_ARGS_MAX: usize = 10;
const UNAUTHENTICATED_BULK_MAX: usize = 16 << 10;
