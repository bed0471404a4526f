//! The node's replicated log: group commit, recovery, trimming.
