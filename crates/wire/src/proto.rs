//! The protobuf messages. Never leaves this crate: the neighbours translate.
//!
//! Field numbers are for ever. A field may be added; one that is dropped leaves its number behind.

pub(crate) mod cluster;
pub(crate) mod data;
