//! Payloads: written by servers, written by us and read by a server, damaged, and made up.

mod golden;
mod mutations;
mod redis;
mod values;
