//! Geo commands: places on the earth as scores of a sorted set.
//!
//! ```text
//! cell: places <-> scores      place: coordinates, distances      area: what is searched, and the cells that cover it
//!        add · get · search (query: what it is asked for, nearest: which of the found ones it keeps)
//! ```
//! There is no type of its own: the value is a sorted set, and every command of sorted sets works on it.

pub(crate) mod add;
pub(crate) mod get;
pub(crate) mod search;

mod area;
mod argument;
mod cell;
mod nearest;
mod place;
mod query;

#[cfg(test)]
mod tests;
