//! The meta server: the production core over a store in memory, which survives what the core forgets.

use std::collections::BTreeMap;
use std::time::Duration;

use meta::cluster::Cluster;
use meta::core::{Bootstrap, Core, Handled, Options, Push};
use meta::store::memory::{Fault, Memory};
use types::group::GroupConfig;
use types::id::{Ballot, NodeId, PartitionId};
use types::time::Time;
use wire::rpc::{ControlRequest, ControlResponse, NodeReport};

use crate::settings::Settings;

/// What is recorded of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) ballot: Ballot,
    /// Who leads.
    pub(crate) primary: Option<NodeId>,
    /// The members with the process each place was given to.
    pub(crate) seats: Vec<(NodeId, u64)>,
}

/// The meta server.
pub(crate) struct Meta {
    core: Core,
    store: Memory,
    options: Options,
    /// What the store holds: ahead of what the core knows after a commit whose fate it did not learn.
    pub(crate) groups: BTreeMap<PartitionId, Record>,
    commits: u64,
    /// How many groups were sealed.
    pub(crate) seals: u64,
}

impl Meta {
    /// A cluster whose groups are new.
    pub(crate) fn new(ids: &[NodeId], settings: &Settings) -> Meta {
        let store = Memory::new();
        let options = Options {
            bootstrap: Some(Bootstrap {
                table: "t".to_owned(),
                partitions: settings.partitions as u32,
                replicas: settings.replicas as u32,
                nodes: ids.len() as u32,
            }),
            silent_after: Duration::from_millis(1500),
            dead_after: Duration::from_millis(2500),
            min_write_members: settings.floor,
            learns_max: 8,
            learns_per_node: 2,
        };
        let mut core = open(&store, &options, Time::default());
        for node in ids {
            let report =
                NodeReport { node: node.clone(), address: address(node), zone: String::new(), incarnation: 1, replicas: Vec::new() };
            core.handle(Time::default(), ControlRequest::Report(report));
        }
        let core = open(&store, &options, Time::default());
        let mut meta = Meta { core, store, options, groups: BTreeMap::new(), commits: 0, seals: 0 };
        meta.read();
        meta
    }

    /// It is started again: only records are left.
    pub(crate) fn restart(&mut self, now: Time) {
        self.core = open(&self.store, &self.options, now);
    }

    /// Answers a request.
    pub(crate) fn handle(&mut self, now: Time, request: ControlRequest) -> (ControlResponse, Vec<Push>) {
        let Handled { answer, pushes } = self.core.handle(now, request);
        self.read();
        (answer, pushes)
    }

    /// Looks after all groups.
    pub(crate) fn tick(&mut self, now: Time) -> Vec<Push> {
        let pushes = self.core.tick(now);
        self.read();
        pushes
    }

    /// The next commit fails, before or after it took effect; nothing does any more.
    pub(crate) fn fail(&mut self, fault: Option<Fault>) {
        self.store.fail(fault);
    }

    /// The recorded configuration of a group.
    pub(crate) fn config(&self, id: PartitionId) -> GroupConfig {
        let record = &self.groups[&id];
        let secondaries = record.seats.iter().map(|(node, _)| node.clone()).filter(|node| Some(node) != record.primary.as_ref()).collect();
        GroupConfig { ballot: record.ballot, primary: record.primary.clone(), secondaries }
    }

    fn read(&mut self) {
        if self.store.commits() == self.commits {
            return;
        }
        self.commits = self.store.commits();
        let cluster = Cluster::load(&self.store).expect("a store in memory can be read");
        for (id, group) in cluster.groups() {
            let seats = group.members.iter().map(|seat| (seat.node.clone(), seat.incarnation)).collect();
            let record = Record { ballot: group.ballot, primary: group.primary.clone(), seats };
            let before = self.groups.insert(id, record);
            self.seals += u64::from(group.primary.is_none() && before.is_some_and(|before| before.ballot < group.ballot));
        }
    }
}

/// Where a node is.
pub(crate) fn address(node: &NodeId) -> String {
    format!("{node}:1")
}

fn open(store: &Memory, options: &Options, now: Time) -> Core {
    Core::open(Box::new(store.clone()), options.clone(), now).expect("a store in memory can be read")
}
