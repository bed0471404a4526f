//! Commands of the group `set`.

use crate::table::Command;

pub(super) const COMMANDS: &[Command] = &[];
