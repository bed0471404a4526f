//! Commands of the group `hash`.

use crate::table::Command;

pub(super) const COMMANDS: &[Command] = &[];
