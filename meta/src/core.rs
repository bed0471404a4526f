//! What the meta server does about each request: pure but for the store, which it is handed.
//!
//! ```text
//!   Report ──▶ node's record ──▶ what it reported ──▶ its groups: placement::elect ──▶ commit ──▶ Assignments, Push
//! ```
//! A group that has a member which lives changes only because that member asks (`change.rs`): what the guardian would like ([`placement::guardian`]) it
//! suggests to the primary. A group whose processes are all over gets its next ballots here, from what their successors report; such groups are looked
//! at when a member reports, and when an administrator forces them.
//!
//! What nodes are told is in `assign.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pacifica::mutant;
use placement::elect::{self, Decision, Force, Member, Obstacle};
use placement::guardian::Order;
use tracing::{debug, error, info};
use types::id::{Ballot, Decree, NodeId, PartitionId};
use types::time::Time;
use wire::rpc::{Assignment, ChangeRequest, ClusterView, ControlRequest, ControlResponse, NodeReport, ReplicaReport, ReplicaState};

use crate::cluster::{Change, Cluster, Group, NodeInfo, Seat};
use crate::guard::Care;
use crate::nodes::{Heard, Nodes};
use crate::store::{CommitError, MetaStore, StoreError};
use crate::told::Told;
use crate::{change, create, view};

/// What a meta server is told at its start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The table that is made when the cluster is new.
    pub bootstrap: Option<Bootstrap>,
    /// A node that has not reported for so long is not alive.
    pub silent_after: Duration,
    /// One that has not for so long is replaced.
    pub dead_after: Duration,
    /// Members that a write needs, where the table has as many.
    pub min_write_members: usize,
    /// Learners at once, in all.
    pub learns_max: usize,
    /// Learners at once that a node may be the source or the target of.
    pub learns_per_node: usize,
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
    /// What the groups are asked for.
    pub(crate) care: Care,
    /// Groups that an administrator wants to go on with what is there, since when.
    pub(crate) forced: BTreeMap<PartitionId, (Force, Time)>,
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
        Ok(Core {
            store,
            cluster,
            nodes,
            options,
            stale: false,
            obstacles: BTreeMap::new(),
            care: Care::default(),
            forced: BTreeMap::new(),
            told: Told::default(),
        })
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
            ControlRequest::Cluster => Ok(Handled::quiet(ControlResponse::Cluster(self.view(now)))),
            ControlRequest::Change(request) => self.change(request),
            ControlRequest::MovePrimary { partition, to } => self.order(now, partition, Order::Lead(to)),
            ControlRequest::AddReplica { partition, node } => self.order(now, partition, Order::Add(node)),
            ControlRequest::RemoveReplica { partition, node } => self.order(now, partition, Order::Remove(node)),
            ControlRequest::Drain { node, on } => self.drain(now, &node, on),
            ControlRequest::Freeze { on } => self.freeze(now, on),
            ControlRequest::Force { partition, node } => self.force(now, partition, node),
            ControlRequest::LearnBegin { .. }
            | ControlRequest::LearnFetch { .. }
            | ControlRequest::LearnEnd { .. }
            | ControlRequest::ReplyPiece { .. }
            | ControlRequest::ReplyEnd { .. } => Err(Refused("this is a meta server: it holds no copies".to_owned())),
            ControlRequest::Configure(_) => Err(Refused("this is a meta server: it is not configured by others".to_owned())),
        });
        handled.unwrap_or_else(|Refused(reason)| Handled::quiet(ControlResponse::Refused(reason)))
    }

    /// To be called now and then: looks after the groups, and says in the log what lasts.
    pub fn tick(&mut self, now: Time) -> Vec<Push> {
        if self.fresh().is_err() {
            return Vec::new();
        }
        self.told.silent(now, &self.cluster, &self.nodes);
        self.told.waiting(&self.obstacles);
        self.guard(now)
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
        let recorded = self.cluster.node(&node).map(|stored| &stored.value);
        let draining = recorded.is_some_and(|info| info.draining);
        let info = NodeInfo { address: report.address.clone(), zone: report.zone.clone(), draining };
        if recorded != Some(&info) {
            if recorded.is_none() && self.cluster.nodes().count() >= NODES_MAX {
                return Err(Refused(format!("a cluster has at most {NODES_MAX} nodes")));
            }
            info!(%node, address = info.address, zone = info.zone, new = recorded.is_none(), "node");
            self.commit(vec![Change::Node(node.clone(), info)])?;
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
        if heard == Heard::Restarted {
            // The groups it led need not wait until they are sure by themselves that it is gone.
            let led = self.cluster.groups_with(&node).filter(|(_, group)| group.primary.as_ref() == Some(&node));
            changed.extend(led.map(|(id, _)| id));
        }
        Ok(Handled { answer: ControlResponse::Assignments(self.assignments(&node)), pushes: self.pushes(&changed, Some(&node)) })
    }

    /// Issues ballots for the groups of `node` that need one and can have one.
    fn review(&mut self, now: Time, node: &NodeId) -> Result<Vec<PartitionId>, Refused> {
        let groups: Vec<PartitionId> = self.cluster.groups_with(node).map(|(id, _)| id).collect();
        self.elect(now, &groups)
    }

    /// Issues ballots for those of `groups` that need one and can have one.
    pub(crate) fn elect(&mut self, now: Time, groups: &[PartitionId]) -> Result<Vec<PartitionId>, Refused> {
        let mut changes = Vec::new();
        for (id, group) in groups.iter().filter_map(|id| Some((*id, self.cluster.group(*id)?))) {
            let decision = elect::decide(
                group.ballot,
                group.primary.as_ref(),
                &self.members(now, id, group),
                self.forced.get(&id).map(|(force, _)| force),
            );
            self.obstacles.remove(&id);
            match decision {
                Decision::Keep => drop(self.forced.remove(&id)),
                Decision::Wait(obstacles) => drop(self.obstacles.insert(id, obstacles)),
                Decision::Seal => changes.push((id, Group { ballot: group.ballot.next(), primary: None, ..group.clone() })),
                Decision::Appoint(primary, fit) => {
                    let incarnation = |node: &NodeId| self.nodes.seen(node).expect("only who reported is appointed").incarnation;
                    let seat = |seat: &Seat| Seat { node: seat.node.clone(), incarnation: incarnation(&seat.node) };
                    let mut members: Vec<Seat> = group.members.iter().filter(|seat| fit.contains(&seat.node)).map(seat).collect();
                    members.sort_by_key(|seat| seat.node != primary);
                    let ballot = group.ballot.next();
                    let forced = if self.forced.remove(&id).is_some() { ballot } else { group.forced };
                    changes.push((id, Group { ballot, primary: Some(primary), members, forced }));
                }
            }
        }
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let changed: Vec<PartitionId> = changes.iter().map(|(id, _)| *id).collect();
        let changes = changes.into_iter().map(|(id, group)| Change::Group(id, group)).collect();
        self.commit(changes)?;
        for (id, group) in changed.iter().filter_map(|id| Some((id, self.cluster.group(*id)?))) {
            info!(partition = %id, ballot = %group.ballot, primary = group.primary.as_ref().map(NodeId::name), "new ballot");
        }
        Ok(changed)
    }

    /// What is known of a group's members.
    pub(crate) fn members(&self, now: Time, id: PartitionId, group: &Group) -> Vec<Member> {
        let member = |seat: &Seat| {
            let seen = self.nodes.seen(&seat.node);
            Member {
                node: seat.node.clone(),
                alive: self.nodes.alive(now, &seat.node),
                restarted: seen.is_some_and(|seen| seen.incarnation != seat.incarnation),
                certain: self.nodes.over(seat),
                copy: seen.and_then(|seen| seen.replica(id)).map(copy),
            }
        };
        let members = group.members.iter().map(member);
        if mutant!(AnyMemberLeads) {
            let any = |copy| elect::Copy { prepared_ballot: Ballot(0), prepared: Decree(0), committed: Decree(0), ..copy };
            return members.filter(|m| m.alive).map(|m| Member { copy: m.copy.map(any), ..m }).collect();
        }
        members.collect()
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

    /// A member asks for a change of its group.
    fn change(&mut self, request: ChangeRequest) -> Result<Handled, Refused> {
        let ChangeRequest { partition: id, ref node, ballot, .. } = request;
        let group = self.cluster.group(id).ok_or_else(|| Refused(format!("there is no partition {id}")))?;
        if group.ballot != ballot && !mutant!(ChangeWithoutCompare) {
            return Ok(Handled::quiet(self.group_answer(node, id, None)));
        }
        let wanted = self.cluster.table(id.table).map_or(0, |table| table.replicas as usize);
        let next = match change::apply(group, &request, &self.nodes, wanted, |node| self.care.is_candidate(id, node)) {
            Ok(next) => next,
            Err(reason) => {
                info!(partition = %id, %ballot, %node, change = ?request.change, reason, "change refused");
                return Ok(Handled::quiet(self.group_answer(node, id, Some(reason))));
            }
        };
        // Those that are out are told, too: they would find out by asking.
        let stays = |seat: &&Seat| seat.node == *node || next.seat(&seat.node).is_some();
        let mut news: BTreeSet<(NodeId, PartitionId)> =
            group.members.iter().filter(|seat| !stays(seat)).map(|seat| (seat.node.clone(), id)).collect();
        news.extend(next.members.iter().filter(|seat| seat.node != *node).map(|seat| (seat.node.clone(), id)));
        let members: Vec<String> = next.members.iter().map(|seat| seat.node.name().to_owned()).collect();
        let (ballot, primary) = (next.ballot, next.primary.clone());
        self.commit(vec![Change::Group(id, next)])?;
        info!(partition = %id, %ballot, primary = primary.as_ref().map(NodeId::name), ?members, change = ?request.change, by = %node, "group changed");
        self.care.changed(id);
        Ok(Handled { answer: self.group_answer(node, id, None), pushes: self.tell(news) })
    }

    fn group_answer(&self, node: &NodeId, id: PartitionId, refused: Option<String>) -> ControlResponse {
        let group = self.cluster.group(id).expect("asked about");
        ControlResponse::Group { assignment: self.assignment(node, id, group), refused }
    }

    /// Looks after the groups: what has changed of what is asked of nodes is told.
    pub(crate) fn guard(&mut self, now: Time) -> Vec<Push> {
        self.forced.retain(|_, (_, since)| now.since(*since) < FORCE_PATIENCE);
        let news = self.care.look(now, &self.cluster, &self.nodes, &self.options);
        self.tell(news)
    }

    fn view(&self, now: Time) -> ClusterView {
        let mut view = view::cluster(&self.cluster, &self.nodes, now);
        for partition in &mut view.partitions {
            let obstacles = self.obstacles.get(&partition.partition);
            partition.waits = obstacles.into_iter().flatten().map(ToString::to_string).collect();
            partition.waits.extend(self.care.words(partition.partition));
        }
        view
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

    /// Changes records, all or none of them, as long as they are not more than one commit holds.
    pub(crate) fn commit(&mut self, changes: Vec<Change>) -> Result<(), Refused> {
        self.cluster.commit(&*self.store, changes).map_err(|error| self.failed(&error))
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
    pub(crate) fn quiet(answer: ControlResponse) -> Handled {
        Handled { answer, pushes: Vec::new() }
    }
}

/// A no, in words for a person.
pub(crate) struct Refused(pub(crate) String);

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

/// For so long an administrator's word that writes may be lost holds; it may take the members a moment to report.
const FORCE_PATIENCE: Duration = Duration::from_secs(60);
/// More nodes than any cluster has; it bounds what strangers can make us remember.
const NODES_MAX: usize = 1000;
