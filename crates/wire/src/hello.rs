//! The first words on a connection, either way.
//!
//! ```text
//!   client ── "PEGANET\n" | length u32 | crc u32 | Hello   ──▶ server
//!   client ◀─ "PEGANET\n" | length u32 | crc u32 | Welcome ─── server      then frames, both ways
//! ```
//! This format never changes; what comes behind it has the version that both agreed on. A connection to another cluster, to another
//! node than the one meant (an address that was given away) or to something that is not a node at all ends here.

use std::ops::RangeInclusive;

use bytes::{Buf, BytesMut};
use prost::Message;

use crate::proto::data as proto;

/// What a client says first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Versions of the protocol it speaks.
    pub versions: RangeInclusive<u32>,
    /// What it will use the connection for.
    pub lane: Lane,
    /// Name of its cluster.
    pub cluster: String,
    /// Its own name; empty for a client that is not a node.
    pub node: String,
    /// Name of the node it wants; empty for whoever is there.
    pub expected: String,
}

/// What a connection is used for. Each has its own, so that a large reply does not hold up a prepare, nor either of them a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// [`crate::rpc::Execute`].
    Data,
    /// [`crate::rpc::Replicate`].
    Replication,
    /// [`crate::rpc::ControlRequest`].
    Control,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Welcome {
    /// Go ahead.
    Accepted {
        /// The version of everything that follows.
        version: u32,
        /// The server's name.
        node: String,
    },
    /// No, and why, for a person. The connection is closed.
    Refused {
        /// The server's name.
        node: String,
        /// The reason.
        reason: String,
    },
}

/// The peer does not speak our language.
#[derive(Debug, thiserror::Error)]
pub enum HelloError {
    /// It does not start with the magic bytes.
    #[error("the peer does not speak the protocol between nodes")]
    Magic,
    /// Too long.
    #[error("greeting of {0} bytes")]
    TooLong(usize),
    /// The checksum does not match.
    #[error("greeting damaged on its way: checksum mismatch")]
    Damaged,
    /// It is not protobuf.
    #[error("decode the greeting")]
    Decode(#[from] prost::DecodeError),
}

impl Hello {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let lane = match self.lane {
            Lane::Data => 0,
            Lane::Replication => 1,
            Lane::Control => 2,
        };
        envelope(&proto::Hello {
            version_min: *self.versions.start(),
            version_max: *self.versions.end(),
            lane,
            cluster: self.cluster.clone(),
            node: self.node.clone(),
            expected: self.expected.clone(),
        })
    }

    /// Takes it off the front of `buffer`; `None` if it has not arrived completely.
    ///
    /// # Errors
    /// [`HelloError`].
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Hello>, HelloError> {
        Ok(open::<proto::Hello>(buffer)?.map(|hello| Hello {
            versions: hello.version_min..=hello.version_max,
            lane: match hello.lane {
                1 => Lane::Replication,
                2 => Lane::Control,
                // Lanes only say what to expect: a kind this version does not know is served like data.
                _ => Lane::Data,
            },
            cluster: hello.cluster,
            node: hello.node,
            expected: hello.expected,
        }))
    }

    /// What a server called `node` of `cluster` answers.
    pub fn answer(&self, cluster: &str, node: &str) -> Welcome {
        let refused = |reason| Welcome::Refused { node: node.to_owned(), reason };
        let version = *self.versions.end().min(VERSIONS.end());
        if version < *self.versions.start().max(VERSIONS.start()) {
            return refused(format!("protocol versions {:?} and {VERSIONS:?} have none in common", self.versions));
        }
        if self.cluster != cluster {
            return refused(format!("this is cluster {cluster:?}, not {:?}", self.cluster));
        }
        if !self.expected.is_empty() && self.expected != node {
            return refused(format!("this is node {node:?}, not {:?}", self.expected));
        }
        Welcome::Accepted { version, node: node.to_owned() }
    }
}

impl Welcome {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        envelope(&match self {
            Welcome::Accepted { version, node } => proto::Welcome { version: *version, node: node.clone(), refusal: String::new() },
            Welcome::Refused { node, reason } => proto::Welcome { version: 0, node: node.clone(), refusal: reason.clone() },
        })
    }

    /// Takes it off the front of `buffer`; `None` if it has not arrived completely.
    ///
    /// # Errors
    /// [`HelloError`].
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Welcome>, HelloError> {
        Ok(open::<proto::Welcome>(buffer)?.map(|welcome| match welcome {
            proto::Welcome { version, node, .. } if VERSIONS.contains(&version) => Welcome::Accepted { version, node },
            proto::Welcome { node, refusal, .. } => Welcome::Refused { node, reason: refusal },
        }))
    }
}

fn envelope(message: &impl Message) -> Vec<u8> {
    let body = message.encode_to_vec();
    let mut bytes = Vec::with_capacity(PREFIX + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

fn open<M: Message + Default>(buffer: &mut BytesMut) -> Result<Option<M>, HelloError> {
    let seen = buffer.len().min(MAGIC.len());
    if buffer[..seen] != MAGIC[..seen] {
        return Err(HelloError::Magic);
    }
    if buffer.len() < PREFIX {
        return Ok(None);
    }
    let number = |at: usize| u32::from_le_bytes(buffer[at..at + 4].try_into().expect("4 bytes"));
    let (length, sum) = (number(8) as usize, number(12));
    if length > LENGTH_MAX {
        return Err(HelloError::TooLong(length));
    }
    if buffer.len() < PREFIX + length {
        return Ok(None);
    }
    buffer.advance(PREFIX);
    let body = buffer.split_to(length);
    if crc32c::crc32c(&body) != sum {
        return Err(HelloError::Damaged);
    }
    Ok(Some(M::decode(&body[..])?))
}

/// Versions of the protocol this program speaks.
pub const VERSIONS: RangeInclusive<u32> = 1..=1;
const MAGIC: &[u8; 8] = b"PEGANET\n";
const PREFIX: usize = MAGIC.len() + 8;
/// Names are short; a stranger gets no more than this from us.
const LENGTH_MAX: usize = 4096;
