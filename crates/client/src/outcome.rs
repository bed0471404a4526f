//! What became of a call, as the driver's caller sees it.

use std::sync::Arc;

use bytes::Bytes;
use net::service::Service;
use wire::rpc::Refusal;

use crate::long::{Long, Lost};

/// What became of one call.
#[derive(Debug)]
pub enum Outcome {
    /// It ran; the reply, error replies included.
    Reply(Bytes),
    /// It ran; its reply is long and has to be fetched.
    Long(Box<Long>),
    /// It did not run, or it is not known whether it did.
    Refused(Refusal),
}

impl Outcome {
    /// What `node` said.
    pub(crate) fn said(node: &Arc<dyn Service>, outcome: wire::rpc::Outcome) -> Outcome {
        match outcome {
            wire::rpc::Outcome::Reply(reply) => Outcome::Reply(reply),
            wire::rpc::Outcome::Long(reply) => Outcome::Long(Box::new(Long::new(Arc::clone(node), reply))),
            wire::rpc::Outcome::Refused(refusal) => Outcome::Refused(refusal),
        }
    }

    /// Fetches a long reply whole.
    ///
    /// # Errors
    /// [`Lost`], also if it is longer than `max` bytes.
    pub async fn whole(self, max: usize) -> Result<Outcome, Lost> {
        match self {
            Outcome::Long(long) => Ok(Outcome::Reply(long.whole(max).await?)),
            short => Ok(short),
        }
    }
}

impl PartialEq for Outcome {
    /// A long reply is like no other.
    fn eq(&self, other: &Outcome) -> bool {
        match (self, other) {
            (Outcome::Reply(a), Outcome::Reply(b)) => a == b,
            (Outcome::Refused(a), Outcome::Refused(b)) => a == b,
            _ => false,
        }
    }
}
