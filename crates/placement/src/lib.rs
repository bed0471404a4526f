//! Cluster state to plan: which node holds which replica ([`place`]), what a living group needs ([`guardian`]), and which
//! member leads a group that nobody leads ([`elect`]).
//!
//! Pure, and it changes nothing: the meta server tells it what it knows and carries out what it says. The same input gives the
//! same plan, in whatever order the nodes are listed.

pub mod elect;
pub mod guardian;
pub mod place;
