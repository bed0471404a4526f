//! Histories of what clients asked and heard ([`event`]), and whether one store that does one thing after the other could have answered
//! so ([`check`]). `check-history` reads histories that were written down as lines of JSON ([`record`]).

pub mod check;
pub mod event;
pub mod record;
