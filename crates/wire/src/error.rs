//! Why a frame's content could not be understood.

/// A frame arrived whole, but what it says is not a message of its kind.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The head is not protobuf, or a field has another type.
    #[error("decode the head of {message}")]
    Head {
        /// Which message.
        message: &'static str,
        /// What is wrong with it.
        source: prost::DecodeError,
    },
    /// The fields contradict each other or leave their range.
    #[error("{message} is malformed: {fault}")]
    Malformed {
        /// Which message.
        message: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A request or an answer that this version does not have; a newer peer may send one.
    #[error("unknown {0}")]
    Unknown(&'static str),
}
