//! Commands of strings and bitmaps. [`text::Text`] hides how a string is laid out.

pub(crate) mod bitcount;
pub(crate) mod bitop;
pub(crate) mod bitpos;
pub(crate) mod bits;
pub(crate) mod count;
pub(crate) mod extend;
pub(crate) mod get;
pub(crate) mod many;
pub(crate) mod set;
pub(crate) mod text;

mod bit_range;
mod chunks;
mod options;

#[cfg(test)]
mod tests;
