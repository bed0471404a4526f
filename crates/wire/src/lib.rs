//! The bytes of our messages, versioned.
