//! Random commands, aborts, mutations, applies and crashes against a map.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow, RangeBounds};

use bytes::Bytes;
use engine::store::Tier;
use proptest::prelude::*;
use support::{Partition, scan_all};
use types::root::{Kind, Root};
use types::time::UnixMs;
use types::txn::{Abort, Database, HashKey, HashKeyTxn, KeyCount, SortKeys, ValueId};

/// What one command does, in order.
#[derive(Debug, Clone)]
enum Action {
    Put {
        database: u16,
        name: u8,
        value: u8,
        expire: Option<i64>,
        due: Option<i64>,
    },
    Delete {
        database: u16,
        name: u8,
    },
    Flush {
        database: u16,
    },
    /// A root with elements of its own.
    Explode {
        database: u16,
        name: u8,
    },
    /// An element of whatever exploded value the key has.
    PutElement {
        database: u16,
        name: u8,
        sort_key: u8,
        value: u8,
    },
    DeleteElement {
        database: u16,
        name: u8,
        sort_key: u8,
    },
    /// To the next name of the same slot.
    Rename {
        database: u16,
        name: u8,
    },
    Swap {
        a: u16,
        b: u16,
    },
    NextId,
}

#[derive(Debug, Clone)]
enum Step {
    Command { actions: Vec<Action>, aborts: bool },
    Seal,
    Apply(usize),
    Flush,
    Compact,
    Collect,
    Crash,
    Advance(i64),
}

fn action() -> impl Strategy<Value = Action> {
    let name = 0..10u8;
    let put = (0..3u16, name.clone(), any::<u8>(), proptest::option::of(0..400i64), proptest::option::weighted(0.2, 0..400i64));
    prop_oneof![
        8 => put.prop_map(|(database, name, value, expire, due)| Action::Put { database, name, value, expire, due }),
        4 => (0..3u16, name).prop_map(|(database, name)| Action::Delete { database, name }),
        1 => (0..3u16).prop_map(|database| Action::Flush { database }),
        2 => (0..3u16, 0..4u8).prop_map(|(database, name)| Action::Explode { database, name }),
        8 => (0..3u16, 0..4u8, 0..6u8, any::<u8>())
            .prop_map(|(database, name, sort_key, value)| Action::PutElement { database, name, sort_key, value }),
        4 => (0..3u16, 0..4u8, 0..6u8).prop_map(|(database, name, sort_key)| Action::DeleteElement { database, name, sort_key }),
        1 => (0..3u16, 0..4u8).prop_map(|(database, name)| Action::Rename { database, name }),
        1 => (0..3u16, 0..3u16).prop_map(|(a, b)| Action::Swap { a, b }),
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
        1 => Just(Step::Collect),
        1 => Just(Step::Crash),
        3 => (1..60i64).prop_map(Step::Advance),
    ]
}

/// A root: value, expiry and due, version.
type Stored = (Bytes, [Option<i64>; 2], u64);

/// Roots and elements.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    roots: BTreeMap<(u16, String), Stored>,
    /// Elements of exploded values, with their id.
    elements: BTreeMap<(u16, String), (u64, BTreeMap<u8, u8>)>,
    last_id: u64,
}

impl Model {
    fn act(&mut self, action: &Action, decree: u64) {
        match action {
            Action::Put { database, name, value, expire, due } => {
                self.elements.remove(&(*database, key(*name)));
                self.roots.insert((*database, key(*name)), (Bytes::copy_from_slice(&[*value]), [*expire, *due], decree));
            }
            Action::Delete { database, name } => {
                self.elements.remove(&(*database, key(*name)));
                self.roots.remove(&(*database, key(*name)));
            }
            Action::Flush { database } => {
                self.roots.retain(|(d, _), _| d != database);
                self.elements.retain(|(d, _), _| d != database);
            }
            Action::Explode { database, name } => {
                self.elements.insert((*database, key(*name)), (self.last_id, BTreeMap::new()));
                self.roots.insert((*database, key(*name)), (Bytes::new(), [None; 2], decree));
            }
            Action::PutElement { database, name, sort_key, value } => {
                if let Some((_, elements)) = self.elements.get_mut(&(*database, key(*name))) {
                    elements.insert(*sort_key, *value);
                }
            }
            Action::DeleteElement { database, name, sort_key } => {
                if let Some((_, elements)) = self.elements.get_mut(&(*database, key(*name))) {
                    elements.remove(sort_key);
                }
            }
            Action::Rename { database, name } => {
                if let Some(root) = self.roots.remove(&(*database, key(*name))) {
                    let elements = self.elements.remove(&(*database, key(*name)));
                    let to = (*database, key(*name + 3));
                    self.elements.remove(&to);
                    self.roots.insert(to.clone(), (root.0, root.1, decree));
                    if let Some(elements) = elements {
                        self.elements.insert(to, elements);
                    }
                }
            }
            Action::Swap { a, b } => {
                let other = |d: u16| {
                    if d == *a {
                        *b
                    } else if d == *b {
                        *a
                    } else {
                        d
                    }
                };
                self.roots = std::mem::take(&mut self.roots).into_iter().map(|((d, name), root)| ((other(d), name), root)).collect();
                self.elements = std::mem::take(&mut self.elements).into_iter().map(|((d, name), e)| ((other(d), name), e)).collect();
            }
            Action::NextId => {}
        }
    }

    fn count(&self, database: u16) -> KeyCount {
        let of = || self.roots.iter().filter(move |((d, _), _)| *d == database);
        KeyCount { keys: of().count() as u64, expires: of().filter(|(_, root)| root.1[0].is_some()).count() as u64 }
    }

    fn keys(&self, database: u16) -> Vec<(Bytes, Bytes)> {
        let of = self.roots.iter().filter(|((d, _), _)| *d == database);
        of.map(|((_, name), root)| (Bytes::copy_from_slice(name.as_bytes()), root.0.clone())).collect()
    }

    fn sweepable(&self, now: i64) -> Vec<(i64, u16, String)> {
        let mut sweepable: Vec<_> =
            self.roots.iter().filter_map(|((d, name), root)| Some((sweep_at(root.1).filter(|&at| at < now)?, *d, name.clone()))).collect();
        sweepable.sort();
        sweepable
    }
}

/// The earlier of expiry and due.
fn sweep_at(times: [Option<i64>; 2]) -> Option<i64> {
    times.into_iter().flatten().min()
}

/// Three names in each of three slots, and a tenth one.
fn key(name: u8) -> String {
    format!("{{{}}}key:{name}", name % 3)
}

fn act(txn: &mut dyn HashKeyTxn, action: &Action, last_id: &mut u64) -> Result<(), Abort> {
    let mut next_id = |txn: &mut dyn HashKeyTxn| {
        let id = txn.next_id();
        assert!(id > *last_id, "id {id} after {last_id}");
        *last_id = id;
        id
    };
    match action {
        Action::Put { database, name, value, expire, due } => {
            let root =
                Root { expire: expire.map(UnixMs), due: due.map(UnixMs), ..Root::inline(Kind::String, Bytes::copy_from_slice(&[*value])) };
            txn.put_root(&HashKey::new(Database(*database), key(*name).as_bytes()), root)?;
        }
        Action::Delete { database, name } => txn.delete_root(&HashKey::new(Database(*database), key(*name).as_bytes()))?,
        Action::Flush { database } => txn.flush(Database(*database)),
        Action::Explode { database, name } => {
            let id = next_id(txn);
            let root = Root { id, ..Root::inline(Kind::Hash, Bytes::new()) };
            txn.put_root(&HashKey::new(Database(*database), key(*name).as_bytes()), root)?;
        }
        Action::PutElement { database, name, sort_key, value } => {
            if let Some(of) = elements_of(txn, *database, *name)? {
                txn.put(of, &[*sort_key], Bytes::copy_from_slice(&[*value]));
            }
        }
        Action::DeleteElement { database, name, sort_key } => {
            if let Some(of) = elements_of(txn, *database, *name)? {
                txn.delete(of, &[*sort_key]);
            }
        }
        Action::Rename { database, name } => {
            let (from, to) = (key(*name), key(*name + 3));
            let (from, to) = (HashKey::new(Database(*database), from.as_bytes()), HashKey::new(Database(*database), to.as_bytes()));
            if let Some(root) = txn.root(&from)? {
                txn.put_root(&to, root)?;
                txn.forget_root(&from)?;
            }
        }
        Action::Swap { a, b } => txn.swap(Database(*a), Database(*b))?,
        Action::NextId => {
            next_id(txn);
        }
    }
    Ok(())
}

/// The elements of the exploded value that a key has.
fn elements_of(txn: &mut dyn HashKeyTxn, database: u16, name: u8) -> Result<Option<ValueId>, Abort> {
    let name = key(name);
    let key = HashKey::new(Database(database), name.as_bytes());
    Ok(txn.root(&key)?.filter(|root| root.id != 0).map(|root| ValueId::of(&key, root.id)))
}

/// Whether `txn` shows exactly what `model` holds.
fn check(txn: &mut dyn HashKeyTxn, model: &Model, now: UnixMs) -> Result<(), Abort> {
    for database in 0..3u16 {
        for name in 0..10u8 {
            let root = txn.root(&HashKey::new(Database(database), key(name).as_bytes()))?;
            let expected = model.roots.get(&(database, key(name)));
            assert_eq!(
                root.map(|r| (r.value, [r.expire, r.due].map(|at| at.map(|at| at.0)), r.version)).as_ref(),
                expected,
                "{database}/{name}"
            );
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
    let sweepable = model.sweepable(now.0);
    let mut found = txn.sweepable(100)?;
    let mut wanted: Vec<_> = sweepable.iter().map(|(_, d, name)| (Database(*d), Bytes::copy_from_slice(name.as_bytes()))).collect();
    let first = txn.sweepable(1)?;
    assert_eq!(first.len(), wanted.len().min(1));
    for (database, name) in first {
        let name = String::from_utf8(name.to_vec()).unwrap();
        assert_eq!(sweep_at(model.roots[&(database.0, name)].1), Some(sweepable[0].0), "the earliest comes first");
    }
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    for database in 0..3u16 {
        for name in 0..10u8 {
            let expected = model.elements.get(&(database, key(name)));
            let of = elements_of(txn, database, name)?;
            assert_eq!(of.map(|of| of.id), expected.map(|(id, _)| *id), "{database}/{name}");
            let (Some(of), Some((_, expected))) = (of, expected) else { continue };
            for sort_key in 0..6u8 {
                assert_eq!(txn.get(of, &[sort_key])?.map(|v| v[0]), expected.get(&sort_key).copied());
            }
            let all = SortKeys::from(b"");
            let middle = SortKeys { from: Bound::Excluded(&[0]), to: Bound::Included(&[4]), reverse: false };
            let before = SortKeys::between(b"", &[2]);
            for keys in [all, all.reversed(), middle, middle.reversed(), before, before.reversed()] {
                let inside = |sort_key: &u8| {
                    let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (keys.from, keys.to);
                    RangeBounds::<[u8]>::contains(&bounds, &[*sort_key][..])
                };
                let mut wanted: Vec<(u8, u8)> = expected.iter().filter(|(k, _)| inside(k)).map(|(&k, &v)| (k, v)).collect();
                if keys.reverse {
                    wanted.reverse();
                }
                for limit in [1, 2, usize::MAX] {
                    let mut seen = Vec::new();
                    txn.range(of, &keys, &mut |sort_key, element| {
                        seen.push((sort_key[0], element[0]));
                        if seen.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                    })?;
                    assert_eq!(seen, wanted[..wanted.len().min(limit)], "{keys:?}");
                }
            }
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
            Step::Collect => partition.store().collect(&|| false).unwrap(),
            Step::Compact => partition.store().compact(&|| false).unwrap(),
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
