//! What a node sends when there is no answer to a request.

use prost::Message;

use crate::error::DecodeError;
use crate::frame::{Draft, Frame, Kind, Parts};
use crate::proto::data as proto;

/// Instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What happened.
    pub reason: Reason,
    /// Whom it is about, or words for a person.
    pub text: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The node does not offer this, or does not know it.
    NotOffered,
    /// It was not carried out in time.
    Timeout,
    /// Too much is under way; nothing was done.
    Overloaded,
    /// Somebody it would have had to ask is not reachable; nothing was done.
    Unreachable,
    /// It may or may not have been carried out.
    Broken,
}

/// Drafts the frame.
pub fn draft(failed: &Failed, checked: bool) -> impl Draft + use<> {
    let reason = match failed.reason {
        Reason::NotOffered => 1,
        Reason::Timeout => 2,
        Reason::Overloaded => 3,
        Reason::Unreachable => 4,
        Reason::Broken => 5,
    };
    Parts::new(Kind::FAILED, proto::Failed { reason, text: failed.text.clone() }, std::iter::empty(), checked)
}

/// What a frame of kind [`Kind::FAILED`] says. A reason this version does not know counts as [`Reason::Broken`].
///
/// # Errors
/// If the frame says nothing of the sort.
pub fn decode(frame: &Frame) -> Result<Failed, DecodeError> {
    let head = proto::Failed::decode(frame.head()).map_err(|source| DecodeError::Head { message: "Failed", source })?;
    let reason = match head.reason {
        1 => Reason::NotOffered,
        2 => Reason::Timeout,
        3 => Reason::Overloaded,
        4 => Reason::Unreachable,
        _ => Reason::Broken,
    };
    Ok(Failed { reason, text: head.text })
}
