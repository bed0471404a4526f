//! Making tables, and what names and numbers from outside have to look like.
//!
//! A table is more records than one commit holds, so it is made in this order: its number is taken, its groups are written, last
//! the table itself. Before that the table is not there; a number taken for nothing is never used again.

use placement::place::{self, NodeLoad, Observed, Policy, Unplaceable};
use types::id::{Ballot, NodeId, PartitionId, TableId};
use types::slot::SLOTS;
use types::time::Time;
use wire::rpc::NodeReport;

use crate::cluster::{Change, Group, NOBODY, Seat, Table};
use crate::core::Core;
use crate::store::CommitError;

/// Why a table was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateError {
    #[error("a table's name is 1 to {NAME_MAX} of A-Z a-z 0-9 _ . : -")]
    Name,
    #[error("table {0} exists")]
    Exists(String),
    #[error("a table has 1 to {SLOTS} partitions")]
    Partitions,
    #[error("not enough nodes are alive")]
    Unplaceable(#[from] Unplaceable),
    #[error("no table number is left")]
    Numbers,
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Makes a table on the nodes that are alive. Its partitions are returned: their members are to be told.
pub(crate) fn table(core: &mut Core, now: Time, name: &str, partitions: u32, replicas: u32) -> Result<Vec<PartitionId>, CreateError> {
    if !well_named(name) {
        return Err(CreateError::Name);
    }
    if core.cluster.table_named(name).is_some() {
        return Err(CreateError::Exists(name.to_owned()));
    }
    if partitions == 0 || partitions > u32::from(SLOTS) {
        return Err(CreateError::Partitions);
    }
    let plan = place::plan(&Policy { partitions, replicas }, &observed(core, now))?;
    let (id, next) = number(core).ok_or(CreateError::Numbers)?;
    let mut changes = vec![Change::NextTable(next)];
    let mut made = Vec::with_capacity(plan.groups.len());
    for (index, nodes) in plan.groups.into_iter().enumerate() {
        let partition = PartitionId { table: id, index: index as u32 };
        let members = nodes.into_iter().map(|node| Seat { node, incarnation: NOBODY }).collect();
        changes.push(Change::Group(partition, Group { ballot: Ballot(0), primary: None, members, forced: Ballot(0) }));
        made.push(partition);
    }
    changes.push(Change::Table(id, Table { name: name.to_owned(), partitions, replicas }));
    core.cluster.commit(&*core.store, changes)?;
    tracing::info!(table = name, %id, partitions, replicas, "table made");
    Ok(made)
}

/// Checks what a node says of itself.
pub(crate) fn check_report(report: &NodeReport) -> Result<(), String> {
    let plain = |text: &str| text.len() <= ADDRESS_MAX && text.bytes().all(|b| b.is_ascii_graphic());
    if !well_named(report.node.name()) {
        return Err(format!("a node's name is 1 to {NAME_MAX} of A-Z a-z 0-9 _ . : -"));
    }
    if !plain(&report.address) || !report.address.contains(':') {
        return Err("a node's address is host:port".to_owned());
    }
    if report.incarnation == NOBODY {
        return Err("a process is told apart by a number that is not 0".to_owned());
    }
    if !plain(&report.zone) {
        return Err("a node's zone is a word".to_owned());
    }
    Ok(())
}

fn well_named(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b))
}

/// The nodes that are alive, with what they hold.
fn observed(core: &Core, now: Time) -> Observed {
    let alive = core.cluster.nodes().filter(|(node, _)| core.nodes.alive(now, node));
    let load = |node: &NodeId, zone: &str| {
        let (mut primaries, mut secondaries) = (0, 0);
        for (_, group) in core.cluster.groups_with(node) {
            *(if group.lead() == Some(node) { &mut primaries } else { &mut secondaries }) += 1;
        }
        NodeLoad { node: node.clone(), zone: zone.to_owned(), primaries, secondaries }
    };
    Observed { nodes: alive.map(|(node, info)| load(node, &info.zone)).collect() }
}

/// A number no node knows a table of, be it from an earlier life of the cluster, and the one after it.
fn number(core: &Core) -> Option<(TableId, u32)> {
    let known = core.nodes.all().flat_map(|(_, seen)| seen.replicas()).map(|replica| replica.partition.table.0).max();
    let first = core.cluster.next_table().max(FIRST_TABLE);
    let id = known.map_or(Some(first), |known| Some(known.checked_add(1)?.max(first)))?;
    Some((TableId(id), id.checked_add(1)?))
}

const NAME_MAX: usize = 128;
const ADDRESS_MAX: usize = 256;
/// Tables are numbered from 1, as people count.
const FIRST_TABLE: u32 = 1;
