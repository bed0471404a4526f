//! Commands of the group `geo`.

use crate::table::Command;

pub(super) const COMMANDS: &[Command] = &[];
