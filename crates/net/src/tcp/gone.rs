//! Who wants to know that a node's process is gone.

use std::fmt;

use parking_lot::RwLock;
use types::id::NodeId;

use crate::service::OnGone;

/// The listeners of a pool.
#[derive(Default)]
pub(super) struct Gone(RwLock<Vec<OnGone>>);

impl Gone {
    pub(super) fn listen(&self, gone: OnGone) {
        self.0.write().push(gone);
    }

    pub(super) fn tell(&self, node: &str) {
        let listeners = self.0.read().clone();
        let node = NodeId::new(node);
        listeners.iter().for_each(|gone| gone(&node));
    }
}

impl fmt::Debug for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gone").field("listeners", &self.0.read().len()).finish()
    }
}
