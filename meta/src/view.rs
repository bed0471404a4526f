//! What is known, put into the words of [`wire::rpc`].

use std::collections::BTreeSet;

use types::group::TableRouting;
use types::id::{NodeId, PartitionId, TableId};
use types::time::Time;
use wire::rpc::{Assignment, ClusterView, ControlResponse, Duty, NodeView, PartitionView, ReplicaReport, ReplicaState, TableView};

use crate::cluster::{Cluster, Group, Table};
use crate::nodes::Nodes;

/// Where a table is. Its version is the highest of all records it is made of: it grows with each change of any of them, over
/// restarts too.
pub(crate) fn routing(cluster: &Cluster, table: TableId) -> TableRouting {
    let stored = cluster.tables().find(|(id, _)| *id == table).map(|(_, stored)| stored);
    let mut version = stored.map(|stored| stored.version).unwrap_or_default();
    let mut nodes = BTreeSet::new();
    let mut partitions = Vec::new();
    for (_, group) in cluster.groups_of(table) {
        version = version.max(group.version);
        nodes.extend(group.value.members.iter().map(|seat| &seat.node));
        partitions.push(group.value.config());
    }
    let mut addresses = Vec::with_capacity(nodes.len());
    for (node, stored) in nodes.into_iter().filter_map(|node| Some((node, cluster.node(node)?))) {
        version = version.max(stored.version);
        addresses.push((node.clone(), stored.value.address.clone()));
    }
    let name = stored.map(|stored| stored.value.name.clone()).unwrap_or_default();
    TableRouting { table, name, version: version.0, partitions, addresses }
}

/// The answer to who asks for the table called `name` and has version `known`.
pub(crate) fn route(routing: Option<&TableRouting>, name: &str, known: u64) -> ControlResponse {
    match routing {
        Some(routing) if routing.version == known => ControlResponse::Unchanged,
        Some(routing) => ControlResponse::Routing(routing.clone()),
        None => ControlResponse::Refused(format!("there is no table {name}")),
    }
}

/// What `node` needs to know of a group whose members, and `others`, it has to reach: as a member, without a suggestion.
pub(crate) fn assignment<'a>(
    cluster: &Cluster,
    node: &NodeId,
    partition: PartitionId,
    group: &'a Group,
    others: impl Iterator<Item = &'a NodeId>,
) -> Assignment {
    let others = group.members.iter().map(|seat| &seat.node).chain(others).filter(|member| *member != node);
    let addresses = others.filter_map(|member| Some((member.clone(), cluster.node(member)?.value.address.clone())));
    Assignment {
        partition,
        partition_count: cluster.table(partition.table).map_or(0, |table| table.partitions),
        config: group.config(),
        addresses: addresses.collect(),
        duty: Duty::Member,
        replicas: cluster.table(partition.table).map_or(0, |table| table.replicas),
        suggestion: None,
    }
}

/// Everything, for an administrator.
pub(crate) fn cluster(cluster: &Cluster, nodes: &Nodes, now: Time) -> ClusterView {
    let tables = cluster.tables().map(|(id, stored)| table_view(cluster, nodes, now, id, &stored.value)).collect();
    let partition = |(partition, group): (PartitionId, &Group)| {
        let replicas = nodes.all().filter_map(|(node, seen)| Some((node.clone(), *seen.replica(partition)?))).collect();
        PartitionView { partition, config: group.config(), replicas, waits: Vec::new() }
    };
    let mut views: Vec<NodeView> = cluster
        .nodes()
        .map(|(node, info)| NodeView {
            node: node.clone(),
            address: info.address.clone(),
            zone: info.zone.clone(),
            alive: nodes.alive(now, node),
            silent: nodes.silent(now, node),
            draining: info.draining,
            primaries: 0,
            secondaries: 0,
        })
        .collect();
    for (_, group) in cluster.groups() {
        for view in views.iter_mut().filter(|view| group.seat(&view.node).is_some()) {
            *(if group.primary.as_ref() == Some(&view.node) { &mut view.primaries } else { &mut view.secondaries }) += 1;
        }
    }
    let frozen = cluster.settings().frozen;
    ClusterView { nodes: views, tables, partitions: cluster.groups().map(partition).collect(), frozen }
}

fn table_view(cluster: &Cluster, nodes: &Nodes, now: Time, id: TableId, table: &Table) -> TableView {
    let whole = |group: &Group| group.members.len() >= table.replicas as usize;
    let healthy =
        cluster.groups_of(id).filter(|(partition, group)| whole(&group.value) && healthy(nodes, now, *partition, &group.value)).count();
    TableView { table: id, name: table.name.clone(), partitions: table.partitions, replicas: table.replicas, healthy: healthy as u32 }
}

/// Whether a group's primary serves with all members it has, as far as they said.
pub(crate) fn healthy(nodes: &Nodes, now: Time, partition: PartitionId, group: &Group) -> bool {
    let duty = |node: &NodeId| if group.primary.as_ref() == Some(node) { ReplicaState::Primary } else { ReplicaState::Secondary };
    group.primary.is_some() && group.members.iter().all(|seat| does(nodes, now, partition, group, &seat.node, duty(&seat.node)))
}

/// Whether `node` said that it does its duty under the group's ballot.
pub(crate) fn does(nodes: &Nodes, now: Time, partition: PartitionId, group: &Group, node: &NodeId, duty: ReplicaState) -> bool {
    let fits = |replica: &ReplicaReport| replica.ballot == group.ballot && replica.state == duty;
    nodes.alive(now, node) && nodes.seen(node).and_then(|seen| seen.replica(partition)).is_some_and(fits)
}
