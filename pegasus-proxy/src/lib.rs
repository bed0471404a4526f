//! The stateless RESP proxy: sessions, routing, merging of replies.
