//! What is recorded of the cluster: tables, groups and nodes, as they are in the store.
//!
//! Every change goes to the store first, as a compare-and-swap of the version that was read; only what the store took is to be
//! seen here. So the copy in memory is never ahead of the store, and behind it only after a failed commit, when it has to be loaded again.

use std::collections::BTreeMap;

use types::group::GroupConfig;
use types::id::{Ballot, NodeId, PartitionId, TableId};

use crate::record::{self, Record};
use crate::store::{CommitError, EDITS_MAX, Edit, MetaStore, StoreError, Version};

/// The records, with their versions.
#[derive(Debug, Default)]
pub struct Cluster {
    tables: BTreeMap<TableId, Stored<Table>>,
    groups: BTreeMap<PartitionId, Stored<Group>>,
    nodes: BTreeMap<NodeId, Stored<NodeInfo>>,
    next_table: Stored<u32>,
    settings: Stored<Settings>,
    version: Version,
}

/// A record and the version a compare-and-swap of it has to expect.
#[derive(Debug, Clone, Default)]
pub struct Stored<T> {
    /// What it says.
    pub value: T,
    /// [`Version::ABSENT`] if it is not there.
    pub version: Version,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name, unique.
    pub name: String,
    /// Number of partitions.
    pub partitions: u32,
    /// Members of each group.
    pub replicas: u32,
}

/// One partition's group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// 0 until the first primary is appointed.
    pub ballot: Ballot,
    /// `None`: sealed, until a primary is appointed.
    pub primary: Option<NodeId>,
    /// All members, the primary among them, in the order in which they should lead if there is nothing else between them.
    pub members: Vec<Seat>,
    /// The last ballot under which an administrator had it go on without waiting for what was missing; 0: never.
    pub forced: Ballot,
}

/// One member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// The node.
    pub node: NodeId,
    /// The life of its process that the last appointment was made for: no other may act under that ballot.
    pub incarnation: u64,
}

/// The incarnation in the seats of a group that never had a primary. No process draws it.
pub(crate) const NOBODY: u64 = 0;

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// Where it is reached: `host:port`.
    pub address: String,
    /// Its failure domain; empty if not told.
    pub zone: String,
    /// Whether an administrator wants it to lead nothing.
    pub draining: bool,
}

/// What an administrator set for the whole cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// The guardian moves nothing.
    pub frozen: bool,
}

/// A record's new contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A node is new or changed.
    Node(NodeId, NodeInfo),
    /// Tables with lower numbers were made, or their making was begun.
    NextTable(u32),
    /// A group is new or changed.
    Group(PartitionId, Group),
    /// A table is made.
    Table(TableId, Table),
    /// An administrator set something.
    Settings(Settings),
}

impl Cluster {
    /// Reads everything.
    ///
    /// # Errors
    /// [`StoreError`], also if the records do not fit together.
    pub fn load(store: &dyn MetaStore) -> Result<Cluster, StoreError> {
        let mut cluster = Cluster::default();
        for (key, found) in store.list(record::NODES)? {
            cluster.put(found.version, Change::Node(record::parse_node(&key)?, NodeInfo::from_bytes(&key, &found.value)?));
        }
        if let Some(found) = store.get(record::NEXT_TABLE)? {
            cluster.put(found.version, Change::NextTable(u32::from_bytes(record::NEXT_TABLE, &found.value)?));
        }
        if let Some(found) = store.get(record::SETTINGS)? {
            cluster.put(found.version, Change::Settings(Settings::from_bytes(record::SETTINGS, &found.value)?));
        }
        for (key, found) in store.list(record::TABLES)? {
            cluster.put(found.version, Change::Table(record::parse_table(&key)?, Table::from_bytes(&key, &found.value)?));
        }
        for (key, found) in store.list(record::PARTITIONS)? {
            let id = record::parse_partition(&key)?;
            // Without its table it is what is left of a table whose making was cut short; its number is never used again.
            if let Some(table) = cluster.table(id.table) {
                if id.index >= table.partitions {
                    return Err(record::damaged(&key, "its table has fewer partitions"));
                }
                cluster.put(found.version, Change::Group(id, Group::from_bytes(&key, &found.value)?));
            }
        }
        cluster.complete()?;
        Ok(cluster)
    }

    /// Changes records, in this order, up to [`EDITS_MAX`] at a time; each such part takes effect as a whole.
    ///
    /// # Errors
    /// [`CommitError`]: the first part that failed. What came before it has taken effect.
    pub(crate) fn commit(&mut self, store: &dyn MetaStore, changes: Vec<Change>) -> Result<(), CommitError> {
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            let part: Vec<Change> = changes.by_ref().take(EDITS_MAX).collect();
            let edits: Vec<Edit> = part.iter().map(|change| self.edit(change)).collect();
            let version = store.commit(&edits)?;
            for change in part {
                self.put(version, change);
            }
        }
        Ok(())
    }

    /// The highest version of all records: it grows with every change.
    pub fn version(&self) -> Version {
        self.version
    }

    /// A table.
    pub fn table(&self, id: TableId) -> Option<&Table> {
        self.tables.get(&id).map(|stored| &stored.value)
    }

    /// All tables.
    pub fn tables(&self) -> impl Iterator<Item = (TableId, &Stored<Table>)> {
        self.tables.iter().map(|(id, stored)| (*id, stored))
    }

    /// The table called `name`.
    pub fn table_named(&self, name: &str) -> Option<TableId> {
        self.tables().find(|(_, table)| table.value.name == name).map(|(id, _)| id)
    }

    /// The number the next table gets.
    pub fn next_table(&self) -> u32 {
        self.next_table.value
    }

    /// What an administrator set.
    pub fn settings(&self) -> Settings {
        self.settings.value
    }

    /// A group.
    pub fn group(&self, id: PartitionId) -> Option<&Group> {
        self.groups.get(&id).map(|stored| &stored.value)
    }

    /// All groups, by partition.
    pub fn groups(&self) -> impl Iterator<Item = (PartitionId, &Group)> {
        self.groups.iter().map(|(id, stored)| (*id, &stored.value))
    }

    /// The groups of one table, by index.
    pub fn groups_of(&self, table: TableId) -> impl Iterator<Item = (PartitionId, &Stored<Group>)> {
        let range = PartitionId { table, index: 0 }..=PartitionId { table, index: u32::MAX };
        self.groups.range(range).map(|(id, stored)| (*id, stored))
    }

    /// The groups `node` is a member of.
    pub fn groups_with<'a>(&'a self, node: &'a NodeId) -> impl Iterator<Item = (PartitionId, &'a Group)> {
        self.groups().filter(move |(_, group)| group.seat(node).is_some())
    }

    /// A node.
    pub fn node(&self, id: &NodeId) -> Option<&Stored<NodeInfo>> {
        self.nodes.get(id)
    }

    /// All nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeId, &NodeInfo)> {
        self.nodes.iter().map(|(id, stored)| (id, &stored.value))
    }

    fn edit(&self, change: &Change) -> Edit {
        let (key, expected, value) = match change {
            Change::Node(id, info) => (record::node_key(id), version(self.nodes.get(id)), info.to_bytes()),
            Change::NextTable(next) => (record::NEXT_TABLE.to_owned(), self.next_table.version, next.to_bytes()),
            Change::Group(id, group) => (record::partition_key(*id), version(self.groups.get(id)), group.to_bytes()),
            Change::Table(id, table) => (record::table_key(*id), version(self.tables.get(id)), table.to_bytes()),
            Change::Settings(settings) => (record::SETTINGS.to_owned(), self.settings.version, settings.to_bytes()),
        };
        Edit { key, expected, value: Some(value) }
    }

    fn put(&mut self, version: Version, change: Change) {
        self.version = self.version.max(version);
        match change {
            Change::Node(id, value) => drop(self.nodes.insert(id, Stored { value, version })),
            Change::NextTable(value) => self.next_table = Stored { value, version },
            Change::Group(id, value) => {
                let before = self.groups.insert(id, Stored { value, version });
                let (before, after) = (before.map(|stored| stored.value.ballot), self.groups[&id].value.ballot);
                assert!(before.is_none_or(|before| before < after), "ballot of {id} went from {before:?} to {after}");
            }
            Change::Table(id, value) => drop(self.tables.insert(id, Stored { value, version })),
            Change::Settings(value) => self.settings = Stored { value, version },
        }
    }

    fn complete(&self) -> Result<(), StoreError> {
        for (id, table) in self.tables() {
            let found = self.groups_of(id).count();
            if found != table.value.partitions as usize {
                let reason = format!("{found} of its {} partitions are there", table.value.partitions);
                return Err(record::damaged(&record::table_key(id), &reason));
            }
            if id.0 >= self.next_table() {
                return Err(record::damaged(record::NEXT_TABLE, &format!("table {id} exists")));
            }
        }
        Ok(())
    }
}

impl Group {
    /// The group as nodes and clients see it.
    pub fn config(&self) -> GroupConfig {
        let others = self.members.iter().map(|seat| &seat.node).filter(|node| Some(*node) != self.primary.as_ref());
        GroupConfig { ballot: self.ballot, primary: self.primary.clone(), secondaries: others.cloned().collect() }
    }

    /// The place of `node` in the group, if it has one.
    pub fn seat(&self, node: &NodeId) -> Option<&Seat> {
        self.members.iter().find(|seat| seat.node == *node)
    }

    /// The member that leads, or, while none does, the one that would if there is nothing else between them.
    pub fn lead(&self) -> Option<&NodeId> {
        self.primary.as_ref().or_else(|| self.members.first().map(|seat| &seat.node))
    }
}

fn version<T>(stored: Option<&Stored<T>>) -> Version {
    stored.map_or(Version::ABSENT, |stored| stored.version)
}
