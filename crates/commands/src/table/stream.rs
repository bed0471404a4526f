//! Commands of the group `stream`.

use crate::table::Command;

pub(super) const COMMANDS: &[Command] = &[];
