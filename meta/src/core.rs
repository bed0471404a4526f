//! What the meta server does about each request: pure but for the store, which it is handed.
//!
//! ```text
//!   Report ──▶ node's record ──▶ what it reported ──▶ its groups: placement::elect ──▶ commit ──▶ Assignments, Push
//! ```
//! A group's next ballot depends only on reports of its members, so groups are looked at when a member reports, and at no other time.
//!
//! A node is told about a group only what it may act on: a configuration with a primary is for the very process it was issued for
//! (see [`placement::elect`]), and one beyond ballot 0 is only for a node that has its copy, so that a node whose disk was emptied cannot
//! begin again with nothing. Until then the group is missing in its answer.

use std::collections::BTreeMap;
use std::time::Duration;

use placement::elect::{self, Decision, Member, Obstacle};
use tracing::{debug, error, info};
use types::id::{NodeId, PartitionId};
use types::time::Time;
use wire::rpc::{Assignment, ControlRequest, ControlResponse, NodeReport, ReplicaReport, ReplicaState};

use crate::cluster::{Change, Cluster, Group, NodeInfo, Seat};
use crate::nodes::{Heard, Nodes};
use crate::store::{CommitError, MetaStore, StoreError};
use crate::told::Told;
use crate::{create, view};

/// What a meta server is told at its start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The table that is made when the cluster is new.
    pub bootstrap: Option<Bootstrap>,
    /// A node that has not reported for so long is not alive.
    pub silent_after: Duration,
}

/// A table that is made as soon as there are enough nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// Its name.
    pub table: String,
    /// Its partitions.
    pub partitions: u32,
    /// Members of each group.
    pub replicas: u32,
    /// How many nodes have to be alive; never fewer than `replicas`.
    pub nodes: u32,
}

/// The meta server without its thread.
pub struct Core {
    pub(crate) store: Box<dyn MetaStore>,
    pub(crate) cluster: Cluster,
    pub(crate) nodes: Nodes,
    pub(crate) options: Options,
    /// A commit failed: `cluster` has to be loaded again before anything else.
    stale: bool,
    /// What the groups that need a new ballot wait for.
    obstacles: BTreeMap<PartitionId, Vec<Obstacle>>,
    told: Told,
}

/// An answer, and what follows from the request for others.
#[derive(Debug, PartialEq, Eq)]
pub struct Handled {
    /// For who asked.
    pub answer: ControlResponse,
    /// For others. They hear the same as answer to their next report: this only saves time.
    pub pushes: Vec<Push>,
}

/// New configurations for one node.
#[derive(Debug, PartialEq, Eq)]
pub struct Push {
    /// The node.
    pub node: NodeId,
    /// Where it is.
    pub address: String,
    /// What it is to be told.
    pub assignments: Vec<Assignment>,
}

impl Core {
    /// A meta server over `store`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(store: Box<dyn MetaStore>, options: Options, now: Time) -> Result<Core, StoreError> {
        let cluster = Cluster::load(&*store)?;
        let nodes = Nodes::new(now, options.silent_after);
        Ok(Core { store, cluster, nodes, options, stale: false, obstacles: BTreeMap::new(), told: Told::default() })
    }

    /// Carries out a request.
    pub fn handle(&mut self, now: Time, request: ControlRequest) -> Handled {
        let handled = self.fresh().and_then(|()| match request {
            ControlRequest::Ping => Ok(Handled::quiet(ControlResponse::Done)),
            ControlRequest::Report(report) => self.report(now, report),
            ControlRequest::Route { table, known } => Ok(Handled::quiet(view::route(self.routing(&table).as_ref(), &table, known))),
            ControlRequest::CreateTable { name, partitions, replicas } => {
                let made = create::table(self, now, &name, partitions, replicas).map_err(|error| match error {
                    create::CreateError::Commit(error) => self.failed(&error),
                    error => Refused(chain(&error)),
                })?;
                Ok(Handled { answer: ControlResponse::Done, pushes: self.pushes(&made, None) })
            }
            ControlRequest::Cluster => Ok(Handled::quiet(ControlResponse::Cluster(view::cluster(&self.cluster, &self.nodes, now)))),
            ControlRequest::Configure(_) => Err(Refused("this is a meta server: it is not configured by others".to_owned())),
        });
        handled.unwrap_or_else(|Refused(reason)| Handled::quiet(ControlResponse::Refused(reason)))
    }

    /// To be called now and then: says in the log what lasts.
    pub fn tick(&mut self, now: Time) {
        if self.fresh().is_ok() {
            self.told.silent(now, &self.cluster, &self.nodes);
            self.told.waiting(&self.obstacles);
        }
    }

    /// What is recorded.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What groups that need a new ballot wait for.
    pub fn obstacles(&self) -> &BTreeMap<PartitionId, Vec<Obstacle>> {
        &self.obstacles
    }

    /// The routing table of a table.
    pub fn routing(&self, table: &str) -> Option<types::group::TableRouting> {
        self.cluster.table_named(table).map(|id| view::routing(&self.cluster, id))
    }

    fn report(&mut self, now: Time, report: NodeReport) -> Result<Handled, Refused> {
        create::check_report(&report).map_err(Refused)?;
        let heard = self.nodes.check(now, &report).map_err(|rejected| {
            debug!(node = %report.node, address = report.address, %rejected, "report");
            Refused(rejected.to_string())
        })?;
        let node = report.node.clone();
        let info = NodeInfo { address: report.address.clone(), zone: report.zone.clone() };
        let recorded = self.cluster.node(&node).map(|stored| &stored.value);
        if recorded != Some(&info) {
            if recorded.is_none() && self.cluster.nodes().count() >= NODES_MAX {
                return Err(Refused(format!("a cluster has at most {NODES_MAX} nodes")));
            }
            info!(%node, address = info.address, zone = info.zone, new = recorded.is_none(), "node");
            let changed = self.cluster.commit(&*self.store, vec![Change::Node(node.clone(), info)]);
            changed.map_err(|error| self.failed(&error))?;
        }
        match heard {
            Heard::First => info!(%node, replicas = report.replicas.len(), "node reports"),
            Heard::Restarted => info!(%node, replicas = report.replicas.len(), "node restarted"),
            Heard::Again => {}
        }
        Told::failed(&self.nodes, &report);
        self.nodes.hear(now, report);
        let mut changed = self.bootstrap(now)?;
        changed.extend(self.review(now, &node)?);
        Ok(Handled { answer: ControlResponse::Assignments(self.assignments(&node)), pushes: self.pushes(&changed, Some(&node)) })
    }

    /// Issues ballots for the groups of `node` that need one and can have one.
    fn review(&mut self, now: Time, node: &NodeId) -> Result<Vec<PartitionId>, Refused> {
        let mut changes = Vec::new();
        for (id, group) in self.cluster.groups_with(node) {
            let decision = elect::decide(group.ballot, group.primary.as_ref(), &self.members(now, id, group));
            self.obstacles.remove(&id);
            match decision {
                Decision::Keep => {}
                Decision::Wait(obstacles) => drop(self.obstacles.insert(id, obstacles)),
                Decision::Seal => changes.push((id, Group { ballot: group.ballot.next(), primary: None, members: group.members.clone() })),
                Decision::Appoint(primary) => {
                    let incarnation = |node: &NodeId| self.nodes.seen(node).expect("only who reported is appointed").incarnation;
                    let seat = |seat: &Seat| Seat { node: seat.node.clone(), incarnation: incarnation(&seat.node) };
                    let members = group.members.iter().map(seat).collect();
                    changes.push((id, Group { ballot: group.ballot.next(), primary: Some(primary), members }));
                }
            }
        }
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let changed: Vec<PartitionId> = changes.iter().map(|(id, _)| *id).collect();
        let changes = changes.into_iter().map(|(id, group)| Change::Group(id, group)).collect();
        self.cluster.commit(&*self.store, changes).map_err(|error| self.failed(&error))?;
        for (id, group) in changed.iter().filter_map(|id| Some((id, self.cluster.group(*id)?))) {
            info!(partition = %id, ballot = %group.ballot, primary = group.primary.as_ref().map(NodeId::name), "new ballot");
        }
        Ok(changed)
    }

    /// What is known of a group's members.
    fn members(&self, now: Time, id: PartitionId, group: &Group) -> Vec<Member> {
        let member = |seat: &Seat| {
            let seen = self.nodes.seen(&seat.node);
            Member {
                node: seat.node.clone(),
                alive: self.nodes.alive(now, &seat.node),
                restarted: seen.is_some_and(|seen| seen.incarnation != seat.incarnation),
                copy: seen.and_then(|seen| seen.replica(id)).map(copy),
            }
        };
        group.members.iter().map(member).collect()
    }

    /// Makes the first table once there are enough nodes for it.
    fn bootstrap(&mut self, now: Time) -> Result<Vec<PartitionId>, Refused> {
        let Some(Bootstrap { table, partitions, replicas, nodes }) = self.options.bootstrap.clone() else { return Ok(Vec::new()) };
        let alive = self.nodes.all().filter(|(node, _)| self.nodes.alive(now, node)).count();
        if self.cluster.table_named(&table).is_some() || alive < nodes.max(replicas) as usize {
            return Ok(Vec::new());
        }
        let stranger = self.nodes.all().find(|(_, seen)| seen.replicas().any(|r| self.cluster.table(r.partition.table).is_none()));
        if let Some((node, _)) = stranger {
            let why =
                format!("{node} holds tables that this meta server does not know: its own data directory is another one or was emptied");
            self.told.bootstrap(why);
            return Ok(Vec::new());
        }
        match create::table(self, now, &table, partitions, replicas) {
            Ok(made) => Ok(made),
            Err(create::CreateError::Commit(error)) => Err(self.failed(&error)),
            Err(error) => {
                self.told.bootstrap(chain(&error));
                Ok(Vec::new())
            }
        }
    }

    /// What `node` may act on now.
    fn assignments(&self, node: &NodeId) -> Vec<Assignment> {
        let mine = self.cluster.groups_with(node).filter(|(id, group)| self.may_know(node, *id, group));
        mine.map(|(id, group)| view::assignment(&self.cluster, node, id, group)).collect()
    }

    /// `changed` groups for all members that may know, except who is being answered.
    fn pushes(&self, changed: &[PartitionId], except: Option<&NodeId>) -> Vec<Push> {
        let mut by_node: BTreeMap<&NodeId, Vec<Assignment>> = BTreeMap::new();
        for (id, group) in changed.iter().filter_map(|id| Some((*id, self.cluster.group(*id)?))) {
            for node in group.members.iter().map(|seat| &seat.node) {
                if Some(node) != except && self.may_know(node, id, group) {
                    by_node.entry(node).or_default().push(view::assignment(&self.cluster, node, id, group));
                }
            }
        }
        let push = |(node, assignments): (&NodeId, Vec<Assignment>)| {
            let address = self.cluster.node(node)?.value.address.clone();
            Some(Push { node: node.clone(), address, assignments })
        };
        by_node.into_iter().filter_map(push).collect()
    }

    fn may_know(&self, node: &NodeId, id: PartitionId, group: &Group) -> bool {
        let (Some(seat), Some(seen)) = (group.seat(node), self.nodes.seen(node)) else { return false };
        let has_copy = group.ballot.0 == 0 || seen.replica(id).is_some();
        has_copy && (group.primary.is_none() || seat.incarnation == seen.incarnation)
    }

    /// Loads the cluster again if a commit failed since.
    fn fresh(&mut self) -> Result<(), Refused> {
        if self.stale {
            self.cluster = Cluster::load(&*self.store).map_err(|error| Refused(chain(&error)))?;
            self.stale = false;
            info!(version = self.cluster.version().0, "meta store read again");
        }
        Ok(())
    }

    fn failed(&mut self, error: &CommitError) -> Refused {
        if !self.stale {
            error!(error = chain(error), "meta store");
        }
        self.stale = true;
        Refused(chain(error))
    }
}

impl Handled {
    fn quiet(answer: ControlResponse) -> Handled {
        Handled { answer, pushes: Vec::new() }
    }
}

/// A no, in words for a person.
struct Refused(String);

fn copy(report: &ReplicaReport) -> elect::Copy {
    elect::Copy {
        ballot: report.ballot,
        prepared_ballot: report.prepared_ballot,
        prepared: report.prepared,
        committed: report.committed,
        failed: report.state == ReplicaState::Failed,
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// More nodes than any cluster has; it bounds what strangers can make us remember.
const NODES_MAX: usize = 1000;
