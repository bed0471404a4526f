//! Commands of the group `hyperloglog`.

use crate::table::Command;

pub(super) const COMMANDS: &[Command] = &[];
