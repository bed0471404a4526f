//! Random commands, aborts, mutations, applies and crashes against a map.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use bytes::Bytes;
use engine::store::Tier;
use proptest::prelude::*;
use support::{Partition, scan_all};
use types::root::{Kind, Root};
use types::slot::Slot;
use types::time::UnixMs;
use types::txn::{Abort, Database, HashKey, HashKeyTxn, KeyCount};

/// What one command does, in order.
#[derive(Debug, Clone)]
enum Action {
    Put { database: u16, name: u8, value: u8, expire: Option<i64> },
    Delete { database: u16, name: u8 },
    Flush { database: u16 },
    PutElement { id: u64, sort_key: u8, value: u8 },
    DeleteElement { id: u64, sort_key: u8 },
    NextId,
}

#[derive(Debug, Clone)]
enum Step {
    Command { actions: Vec<Action>, aborts: bool },
    Seal,
    Apply(usize),
    Flush,
    Compact,
    Crash,
    Advance(i64),
}

fn action() -> impl Strategy<Value = Action> {
    let name = 0..10u8;
    let put = (0..3u16, name.clone(), any::<u8>(), proptest::option::of(0..400i64));
    prop_oneof![
        8 => put.prop_map(|(database, name, value, expire)| Action::Put { database, name, value, expire }),
        4 => (0..3u16, name).prop_map(|(database, name)| Action::Delete { database, name }),
        1 => (0..3u16).prop_map(|database| Action::Flush { database }),
        2 => (0..2u64, 0..4u8, any::<u8>()).prop_map(|(id, sort_key, value)| Action::PutElement { id, sort_key, value }),
        1 => (0..2u64, 0..4u8).prop_map(|(id, sort_key)| Action::DeleteElement { id, sort_key }),
        1 => Just(Action::NextId),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let command = (proptest::collection::vec(action(), 1..4), proptest::bool::weighted(0.2));
    prop_oneof![
        20 => command.prop_map(|(actions, aborts)| Step::Command { actions, aborts }),
        8 => Just(Step::Seal),
        8 => (1..4usize).prop_map(Step::Apply),
        2 => Just(Step::Flush),
        1 => Just(Step::Compact),
        1 => Just(Step::Crash),
        3 => (1..60i64).prop_map(Step::Advance),
    ]
}

/// Roots without what the transaction sets, and elements.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    roots: BTreeMap<(u16, String), (Bytes, Option<i64>, u64)>,
    elements: BTreeMap<(u64, u8), u8>,
    last_id: u64,
}

impl Model {
    fn act(&mut self, action: &Action, decree: u64) {
        match action {
            Action::Put { database, name, value, expire } => {
                self.roots.insert((*database, key(*name)), (Bytes::copy_from_slice(&[*value]), *expire, decree));
            }
            Action::Delete { database, name } => drop(self.roots.remove(&(*database, key(*name)))),
            Action::Flush { database } => self.roots.retain(|(d, _), _| d != database),
            Action::PutElement { id, sort_key, value } => drop(self.elements.insert((*id, *sort_key), *value)),
            Action::DeleteElement { id, sort_key } => drop(self.elements.remove(&(*id, *sort_key))),
            Action::NextId => {}
        }
    }

    fn count(&self, database: u16) -> KeyCount {
        let of = || self.roots.iter().filter(move |((d, _), _)| *d == database);
        KeyCount { keys: of().count() as u64, expires: of().filter(|(_, root)| root.1.is_some()).count() as u64 }
    }

    fn keys(&self, database: u16) -> Vec<(Bytes, Bytes)> {
        let of = self.roots.iter().filter(|((d, _), _)| *d == database);
        of.map(|((_, name), root)| (Bytes::copy_from_slice(name.as_bytes()), root.0.clone())).collect()
    }

    fn expired(&self, now: i64) -> Vec<(i64, u16, String)> {
        let mut expired: Vec<_> =
            self.roots.iter().filter_map(|((d, name), root)| root.1.filter(|&at| at < now).map(|at| (at, *d, name.clone()))).collect();
        expired.sort();
        expired
    }
}

fn key(name: u8) -> String {
    format!("key:{name}")
}

fn act(txn: &mut dyn HashKeyTxn, action: &Action, last_id: &mut u64) -> Result<(), Abort> {
    let slot = Slot::new(5).unwrap();
    match action {
        Action::Put { database, name, value, expire } => {
            let root = Root { expire: expire.map(UnixMs), ..Root::inline(Kind::String, Bytes::copy_from_slice(&[*value])) };
            txn.put_root(&HashKey::new(Database(*database), key(*name).as_bytes()), root)?;
        }
        Action::Delete { database, name } => txn.delete_root(&HashKey::new(Database(*database), key(*name).as_bytes()))?,
        Action::Flush { database } => txn.flush(Database(*database)),
        Action::PutElement { id, sort_key, value } => txn.put(slot, *id, &[*sort_key], Bytes::copy_from_slice(&[*value])),
        Action::DeleteElement { id, sort_key } => txn.delete(slot, *id, &[*sort_key]),
        Action::NextId => {
            let id = txn.next_id();
            assert!(id > *last_id, "id {id} after {last_id}");
            *last_id = id;
        }
    }
    Ok(())
}

/// Whether `txn` shows exactly what `model` holds.
fn check(txn: &mut dyn HashKeyTxn, model: &Model, now: UnixMs) -> Result<(), Abort> {
    for database in 0..3u16 {
        for name in 0..10u8 {
            let root = txn.root(&HashKey::new(Database(database), key(name).as_bytes()))?;
            let expected = model.roots.get(&(database, key(name)));
            assert_eq!(root.map(|r| (r.value, r.expire.map(|at| at.0), r.version)).as_ref(), expected, "{database}/{name}");
        }
        assert_eq!(txn.count(Database(database)), model.count(database));
        for (limit, visit) in [(1, 1), (3, 100), (100, 100)] {
            let mut keys: Vec<Bytes> = scan_all(txn, Database(database), limit, visit)?.into_iter().map(|(name, _)| name).collect();
            keys.sort();
            assert_eq!(keys, model.keys(database).into_iter().map(|(name, _)| name).collect::<Vec<_>>());
        }
    }
    let in_use: Vec<Database> = (0..3).filter(|&d| model.count(d).keys > 0).map(Database).collect();
    assert_eq!(txn.databases(), in_use);
    let expired = model.expired(now.0);
    let mut found = txn.expired(100)?;
    let mut wanted: Vec<_> = expired.iter().map(|(_, d, name)| (Database(*d), Bytes::copy_from_slice(name.as_bytes()))).collect();
    let first = txn.expired(1)?;
    assert_eq!(first.len(), wanted.len().min(1));
    for (database, name) in first {
        let name = String::from_utf8(name.to_vec()).unwrap();
        assert_eq!(model.roots[&(database.0, name)].1, Some(expired[0].0), "the oldest comes first");
    }
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    for id in 0..2u64 {
        for sort_key in 0..4u8 {
            let value = txn.get(Slot::new(5).unwrap(), id, &[sort_key])?;
            assert_eq!(value.map(|v| v[0]), model.elements.get(&(id, sort_key)).copied());
        }
    }
    Ok(())
}

fn run(steps: &[Step]) {
    let mut partition = Partition::new();
    partition.now = UnixMs(0);
    // What evaluation sees, and what was applied: the models after each sealed mutation.
    let mut model = Model::default();
    let mut sealed = vec![Model::default()];
    for step in steps {
        match step {
            Step::Command { actions, aborts } => {
                let mut after = model.clone();
                let decree = partition.next_decree().0;
                let now = partition.now;
                let result = partition.run(|txn| {
                    for action in actions {
                        act(txn, action, &mut after.last_id)?;
                        after.act(action, decree);
                    }
                    check(txn, &after, now)?;
                    if *aborts { Err(Abort::Cold) } else { Ok(()) }
                });
                match result {
                    Ok(()) => model = after,
                    Err(_) => model.last_id = after.last_id,
                }
            }
            Step::Seal => {
                partition.seal();
                sealed.push(model.clone());
            }
            Step::Apply(count) => partition.apply(*count),
            Step::Flush => {
                let durable = partition.store().flush().unwrap();
                assert_eq!(durable, partition.store().applied());
            }
            Step::Compact => partition.store().compact(),
            Step::Crash => {
                partition.seal();
                sealed.push(model.clone());
                let durable = partition.store().durable().unwrap();
                assert_eq!(partition.crash(), durable, "what was durable survived, and nothing else");
                // Ids that only lost commands had are free again.
                model.last_id = 0;
            }
            Step::Advance(by) => partition.now = UnixMs(partition.now.0 + by),
        }
        let now = partition.now;
        partition.run(|txn| check(txn, &model, now)).unwrap();
        let applied = &sealed[partition.store().applied().0 as usize];
        check(&mut partition.reader(Tier::Disk), applied, now).unwrap();
        // A compaction may have put other files in the place of those just read.
        match check(&mut partition.reader(Tier::Memory), applied, now) {
            Ok(()) | Err(Abort::Cold) => {}
            Err(e) => panic!("{e}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn a_partition_is_a_map(steps in proptest::collection::vec(step(), 1..60)) {
        run(&steps);
    }
}
