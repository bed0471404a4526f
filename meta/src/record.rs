//! The bytes of the records in the meta store: `format u8`, then a protobuf message.
//!
//! | key | record |
//! |---|---|
//! | `next_table` | number of the next table |
//! | `table/<id>` | name, partitions, replicas; written last when a table is made: without it the table is not there |
//! | `partition/<table>/<index>` | ballot, primary, members with the incarnation that has the seat, the ballot under which it was last forced |
//! | `node/<name>` | address, zone, whether it is to lead nothing |
//! | `settings` | whether the guardian moves nothing |
//!
//! Fields may be added (protobuf skips what it does not know); what an old program must not skip needs a new format number.

use bytes::Bytes;
use prost::Message;
use types::id::{Ballot, NodeId, PartitionId, TableId};

use crate::cluster::{Group, NodeInfo, Seat, Settings, Table};
use crate::store::StoreError;

/// Something that is kept as one record.
pub(crate) trait Record: Sized {
    /// Its bytes.
    fn to_bytes(&self) -> Bytes;

    /// What the record at `key` says.
    fn from_bytes(key: &str, bytes: &[u8]) -> Result<Self, StoreError>;
}

#[derive(Clone, PartialEq, Message)]
struct TableRecord {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    partitions: u32,
    #[prost(uint32, tag = "3")]
    replicas: u32,
}

#[derive(Clone, PartialEq, Message)]
struct GroupRecord {
    #[prost(uint64, tag = "1")]
    ballot: u64,
    /// Place of the primary among the members, counted from one; 0: none.
    #[prost(uint32, tag = "2")]
    primary: u32,
    #[prost(message, repeated, tag = "3")]
    members: Vec<SeatRecord>,
    #[prost(uint64, tag = "4")]
    forced: u64,
}

#[derive(Clone, PartialEq, Message)]
struct SeatRecord {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(fixed64, tag = "2")]
    incarnation: u64,
}

#[derive(Clone, PartialEq, Message)]
struct NodeRecord {
    #[prost(string, tag = "1")]
    address: String,
    #[prost(string, tag = "2")]
    zone: String,
    #[prost(bool, tag = "3")]
    draining: bool,
}

#[derive(Clone, PartialEq, Message)]
struct SettingsRecord {
    #[prost(bool, tag = "1")]
    frozen: bool,
}

#[derive(Clone, PartialEq, Message)]
struct CounterRecord {
    #[prost(uint32, tag = "1")]
    next: u32,
}

impl Record for Table {
    fn to_bytes(&self) -> Bytes {
        pack(&TableRecord { name: self.name.clone(), partitions: self.partitions, replicas: self.replicas })
    }

    fn from_bytes(key: &str, bytes: &[u8]) -> Result<Table, StoreError> {
        let TableRecord { name, partitions, replicas } = unpack(key, bytes)?;
        Ok(Table { name, partitions, replicas })
    }
}

impl Record for Group {
    fn to_bytes(&self) -> Bytes {
        let place = |primary: &NodeId| self.members.iter().position(|seat| seat.node == *primary).expect("the primary is a member");
        let seat = |seat: &Seat| SeatRecord { node: seat.node.name().to_owned(), incarnation: seat.incarnation };
        pack(&GroupRecord {
            ballot: self.ballot.0,
            primary: self.primary.as_ref().map_or(0, |primary| place(primary) as u32 + 1),
            members: self.members.iter().map(seat).collect(),
            forced: self.forced.0,
        })
    }

    fn from_bytes(key: &str, bytes: &[u8]) -> Result<Group, StoreError> {
        let record: GroupRecord = unpack(key, bytes)?;
        let seat = |seat: &SeatRecord| Seat { node: NodeId::new(&seat.node), incarnation: seat.incarnation };
        let members: Vec<Seat> = record.members.iter().map(seat).collect();
        let primary = match record.primary {
            0 => None,
            place => Some(members.get(place as usize - 1).ok_or_else(|| damaged(key, "its primary is no member"))?.node.clone()),
        };
        let twice = members.iter().enumerate().any(|(i, seat)| members[..i].iter().any(|other| other.node == seat.node));
        if members.is_empty() || twice {
            return Err(damaged(key, "members"));
        }
        Ok(Group { ballot: Ballot(record.ballot), primary, members, forced: Ballot(record.forced) })
    }
}

impl Record for NodeInfo {
    fn to_bytes(&self) -> Bytes {
        pack(&NodeRecord { address: self.address.clone(), zone: self.zone.clone(), draining: self.draining })
    }

    fn from_bytes(key: &str, bytes: &[u8]) -> Result<NodeInfo, StoreError> {
        let NodeRecord { address, zone, draining } = unpack(key, bytes)?;
        Ok(NodeInfo { address, zone, draining })
    }
}

impl Record for Settings {
    fn to_bytes(&self) -> Bytes {
        pack(&SettingsRecord { frozen: self.frozen })
    }

    fn from_bytes(key: &str, bytes: &[u8]) -> Result<Settings, StoreError> {
        let SettingsRecord { frozen } = unpack(key, bytes)?;
        Ok(Settings { frozen })
    }
}

/// The next table's number.
impl Record for u32 {
    fn to_bytes(&self) -> Bytes {
        pack(&CounterRecord { next: *self })
    }

    fn from_bytes(key: &str, bytes: &[u8]) -> Result<u32, StoreError> {
        unpack::<CounterRecord>(key, bytes).map(|record| record.next)
    }
}

/// Key of the counter of tables.
pub(crate) const NEXT_TABLE: &str = "next_table";
/// Key of what an administrator set.
pub(crate) const SETTINGS: &str = "settings";
/// What all keys of tables begin with.
pub(crate) const TABLES: &str = "table/";
/// What all keys of partitions begin with.
pub(crate) const PARTITIONS: &str = "partition/";
/// What all keys of nodes begin with.
pub(crate) const NODES: &str = "node/";

pub(crate) fn table_key(table: TableId) -> String {
    format!("{TABLES}{:010}", table.0)
}

pub(crate) fn partition_key(partition: PartitionId) -> String {
    format!("{PARTITIONS}{:010}/{:05}", partition.table.0, partition.index)
}

pub(crate) fn node_key(node: &NodeId) -> String {
    format!("{NODES}{node}")
}

pub(crate) fn parse_table(key: &str) -> Result<TableId, StoreError> {
    key.strip_prefix(TABLES).and_then(|id| id.parse().ok()).map(TableId).ok_or_else(|| damaged(key, "its key"))
}

pub(crate) fn parse_partition(key: &str) -> Result<PartitionId, StoreError> {
    let parse = || {
        let (table, index) = key.strip_prefix(PARTITIONS)?.split_once('/')?;
        Some(PartitionId { table: TableId(table.parse().ok()?), index: index.parse().ok()? })
    };
    parse().ok_or_else(|| damaged(key, "its key"))
}

pub(crate) fn parse_node(key: &str) -> Result<NodeId, StoreError> {
    key.strip_prefix(NODES).map(NodeId::new).ok_or_else(|| damaged(key, "its key"))
}

pub(crate) fn damaged(key: &str, reason: &str) -> StoreError {
    StoreError::Damaged { key: key.to_owned(), reason: reason.to_owned() }
}

fn pack(message: &impl Message) -> Bytes {
    let mut bytes = Vec::with_capacity(1 + message.encoded_len());
    bytes.push(FORMAT);
    message.encode_raw(&mut bytes);
    bytes.into()
}

fn unpack<M: Message + Default>(key: &str, bytes: &[u8]) -> Result<M, StoreError> {
    match bytes.split_first() {
        Some((&FORMAT, message)) => M::decode(message).map_err(|error| damaged(key, &error.to_string())),
        Some((&found, _)) => Err(StoreError::Format { key: key.to_owned(), found, known: FORMAT }),
        None => Err(damaged(key, "it is empty")),
    }
}

const FORMAT: u8 = 1;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn group() -> Group {
        let seat = |name: &str, incarnation| Seat { node: NodeId::new(name), incarnation };
        Group { ballot: Ballot(300), primary: Some(NodeId::new("b")), members: vec![seat("a", 1), seat("b", 2)], forced: Ballot(0) }
    }

    #[test]
    fn the_bytes_of_format_1_stay_as_they_are() {
        let table = Table { name: "default".to_owned(), partitions: 8, replicas: 3 };
        assert_eq!(table.to_bytes(), &b"\x01\x0a\x07default\x10\x08\x18\x03"[..]);
        let seats = b"\x1a\x0c\x0a\x01a\x11\x01\0\0\0\0\0\0\0\x1a\x0c\x0a\x01b\x11\x02\0\0\0\0\0\0\0";
        assert_eq!(group().to_bytes(), [&b"\x01\x08\xac\x02\x10\x02"[..], seats].concat());
        let node = NodeInfo { address: "h:1".to_owned(), zone: "z".to_owned(), draining: false };
        assert_eq!(node.to_bytes(), &b"\x01\x0a\x03h:1\x12\x01z"[..]);
        assert_eq!(7u32.to_bytes(), &b"\x01\x08\x07"[..]);
        let forced = Group { forced: Ballot(5), ..group() };
        assert_eq!(forced.to_bytes(), [&group().to_bytes()[..], b"\x20\x05"].concat());
        let drained = NodeInfo { draining: true, ..node.clone() };
        assert_eq!(drained.to_bytes(), [&node.to_bytes()[..], b"\x18\x01"].concat());
        assert_eq!(Settings { frozen: true }.to_bytes(), &b"\x01\x08\x01"[..]);

        assert_eq!(Table::from_bytes("k", &table.to_bytes()).unwrap(), table);
        assert_eq!(Group::from_bytes("k", &group().to_bytes()).unwrap(), group());
        assert_eq!(Group::from_bytes("k", &forced.to_bytes()).unwrap(), forced);
        assert_eq!(NodeInfo::from_bytes("k", &node.to_bytes()).unwrap(), node);
        assert_eq!(NodeInfo::from_bytes("k", &drained.to_bytes()).unwrap(), drained);
        assert_eq!(Settings::from_bytes("k", &Settings { frozen: true }.to_bytes()).unwrap(), Settings { frozen: true });
        assert_eq!(u32::from_bytes("k", &7u32.to_bytes()).unwrap(), 7);
    }

    #[test]
    fn a_format_that_is_not_known_is_refused_and_nonsense_is_damage() {
        assert!(matches!(Table::from_bytes("table/1", b"\x02"), Err(StoreError::Format { key, found: 2, known: 1 }) if key == "table/1"));
        let damaged = |bytes: &[u8]| matches!(Group::from_bytes("k", bytes), Err(StoreError::Damaged { .. }));
        assert!(damaged(b""), "empty");
        assert!(damaged(b"\x01\xff"), "not protobuf");
        assert!(damaged(b"\x01\x08\x01"), "no members");
        assert!(damaged(b"\x01\x10\x05\x1a\x03\x0a\x01a"), "a primary that is no member");
        assert!(damaged(b"\x01\x1a\x03\x0a\x01a\x1a\x03\x0a\x01a"), "a member twice");
    }

    #[test]
    fn keys_name_what_they_hold() {
        let partition = PartitionId { table: TableId(7), index: 12 };
        assert_eq!(partition_key(partition), "partition/0000000007/00012");
        assert_eq!(parse_partition(&partition_key(partition)).unwrap(), partition);
        assert_eq!(parse_table(&table_key(TableId(7))).unwrap(), TableId(7));
        assert_eq!(parse_node(&node_key(&NodeId::new("n1"))).unwrap(), NodeId::new("n1"));
        assert!(parse_partition("partition/7").is_err() && parse_table("table/x").is_err());
    }
}
