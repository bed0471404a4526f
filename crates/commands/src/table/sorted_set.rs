//! Commands of the group `sorted-set`.

use crate::table::Command;

pub(super) const COMMANDS: &[Command] = &[];
