//! A node as its shards see it: what they cannot do on their own thread, or not for one partition alone.

use std::sync::{Arc, OnceLock, Weak};

use types::group::GroupConfig;
use types::id::PartitionId;
use wire::rpc::Assignment;

use crate::learn::Sought;
use crate::node::Node;
use crate::shard::Inbox;

/// A reference to the node, which does not keep it.
#[derive(Clone, Default)]
pub(crate) struct Home(Arc<OnceLock<Weak<Node>>>);

impl Home {
    /// The node is there now.
    pub(crate) fn settle(&self, node: &Arc<Node>) {
        assert!(self.0.set(Arc::downgrade(node)).is_ok(), "a node settles once");
    }

    /// Makes the ballots durable, then tells the partitions' owners.
    pub(crate) fn adopt(&self, configs: Vec<(PartitionId, GroupConfig, bool)>) {
        self.on_pool(move |node| node.adopt(configs));
    }

    /// Carries out what the meta server said.
    pub(crate) fn configure(&self, assignments: Vec<Assignment>) {
        self.on_pool(move |node| node.configure(assignments));
    }

    /// Has a report sent now: its answer says what is new.
    pub(crate) fn wake_reporter(&self) {
        if let Some(node) = self.node() {
            node.wake_reporter();
        }
    }

    /// Fetches what a learner lacks, and tells its owner of the end, unless the node is gone.
    pub(crate) fn fetch(&self, sought: Sought, inbox: Inbox) {
        if let Some(node) = self.node() {
            node.fetch(sought, inbox);
        }
    }

    /// The node, while it is there.
    pub(crate) fn node(&self) -> Option<Arc<Node>> {
        self.0.get().and_then(Weak::upgrade)
    }

    /// A full pool drops the job: whoever wanted it says it again, as after a lost message.
    fn on_pool(&self, job: impl FnOnce(&Arc<Node>) + Send + 'static) {
        if let Some(node) = self.node() {
            let worker = Arc::clone(&node);
            let _ = node.pool.submit(move || job(&worker));
        }
    }
}
