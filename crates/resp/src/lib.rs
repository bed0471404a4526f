//! The Redis protocol: a resumable request scanner and RESP2/RESP3 replies.
