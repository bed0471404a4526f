//! String commands. A string lies whole in its key's root, so each of them reads and writes roots only.

pub(crate) mod bits;
pub(crate) mod count;
pub(crate) mod extend;
pub(crate) mod get;
pub(crate) mod many;
pub(crate) mod set;

mod options;

#[cfg(test)]
mod tests;
