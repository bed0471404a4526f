//! Commands of the group `list`.

use crate::table::Command;

pub(super) const COMMANDS: &[Command] = &[];
