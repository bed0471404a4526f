//! What every backend of [`MetaStore`] has to do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Barrier;

use bytes::Bytes;
use meta::store::embedded::Embedded;
use meta::store::memory::{Fault, Memory};
use meta::store::{CommitError, EDITS_MAX, Edit, MetaStore, Version, Versioned};

/// Runs the suite on stores that `make` makes empty.
fn conforms<S: MetaStore>(make: impl Fn() -> S) {
    what_was_committed_is_read_back(&make());
    a_commit_with_one_stale_version_changes_nothing(&make());
    versions_only_grow(&make());
    a_list_is_in_order_and_ends_with_the_prefix(&make());
    values_are_any_bytes(&make());
    a_commit_takes_as_many_edits_as_promised(&make());
    of_many_writers_one_wins(&make());
}

#[test]
fn memory_conforms() {
    conforms(Memory::new);
}

#[test]
fn embedded_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    conforms(|| {
        count.set(count.get() + 1);
        Embedded::open(&dir.path().join(count.get().to_string())).unwrap()
    });
}

#[test]
fn embedded_keeps_its_records_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let version = Embedded::open(dir.path()).unwrap().commit(&[put("a", Version::ABSENT, "1")]).unwrap();
    let store = Embedded::open(dir.path()).unwrap();
    assert_eq!(store.get("a").unwrap(), Some(record(version, "1")));
    assert!(store.commit(&[put("a", version, "2")]).unwrap() > version);
}

#[test]
fn memory_fails_as_told() {
    let store = Memory::new();
    store.fail(Some(Fault::Before));
    assert!(matches!(store.commit(&[put("a", Version::ABSENT, "1")]), Err(CommitError::Unknown(_))));
    assert_eq!(store.get("a").unwrap(), None);
    store.fail(Some(Fault::After));
    assert!(matches!(store.commit(&[put("a", Version::ABSENT, "1")]), Err(CommitError::Unknown(_))));
    assert!(store.get("a").unwrap().is_some());
    store.fail(Some(Fault::Down));
    assert!(store.get("a").is_err() && store.list("").is_err());
    assert_eq!(store.commits(), 1);
}

fn what_was_committed_is_read_back(store: &dyn MetaStore) {
    assert_eq!(store.get("a").unwrap(), None);
    let first = store.commit(&[put("a", Version::ABSENT, "1"), put("b", Version::ABSENT, "2")]).unwrap();
    assert_eq!(store.get("a").unwrap(), Some(record(first, "1")));
    assert_eq!(store.get("b").unwrap(), Some(record(first, "2")));
    let second = store.commit(&[put("a", first, "3"), remove("b", first)]).unwrap();
    assert_eq!(store.get("a").unwrap(), Some(record(second, "3")));
    assert_eq!(store.get("b").unwrap(), None);
}

fn a_commit_with_one_stale_version_changes_nothing(store: &dyn MetaStore) {
    let first = store.commit(&[put("a", Version::ABSENT, "1")]).unwrap();
    for stale in [put("a", Version::ABSENT, "x"), put("a", Version(first.0 + 7), "x"), put("c", first, "x"), remove("c", first)] {
        let key = stale.key.clone();
        let refused = store.commit(&[put("b", Version::ABSENT, "2"), stale]);
        assert!(matches!(refused, Err(CommitError::Conflict { key: found }) if found == key));
        assert_eq!(store.get("b").unwrap(), None);
        assert_eq!(store.get("a").unwrap(), Some(record(first, "1")));
    }
}

fn versions_only_grow(store: &dyn MetaStore) {
    let mut last = Version::ABSENT;
    for _ in 0..3 {
        let made = store.commit(&[put("a", Version::ABSENT, "1")]).unwrap();
        let removed = store.commit(&[remove("a", made)]).unwrap();
        assert!(last < made && made < removed);
        last = removed;
    }
}

fn a_list_is_in_order_and_ends_with_the_prefix(store: &dyn MetaStore) {
    let keys = ["a", "b/2", "b/10", "b/1", "b0", "c"];
    store.commit(&keys.map(|key| put(key, Version::ABSENT, key))).unwrap();
    let listed = |prefix: &str| store.list(prefix).unwrap().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(listed("b/"), ["b/1", "b/10", "b/2"]);
    assert_eq!(listed(""), ["a", "b/1", "b/10", "b/2", "b0", "c"]);
    assert_eq!(listed("d"), Vec::<String>::new());
    assert_eq!(store.list("c").unwrap()[0].1.value, "c");
}

fn values_are_any_bytes(store: &dyn MetaStore) {
    let all: Vec<u8> = (0..=255).collect();
    for value in [Bytes::new(), Bytes::from(all)] {
        let key = format!("k{}", value.len());
        store.commit(&[Edit { key: key.clone(), expected: Version::ABSENT, value: Some(value.clone()) }]).unwrap();
        assert_eq!(store.get(&key).unwrap().unwrap().value, value);
    }
}

fn a_commit_takes_as_many_edits_as_promised(store: &dyn MetaStore) {
    let edits: Vec<Edit> = (0..EDITS_MAX).map(|i| put(&format!("k{i}"), Version::ABSENT, "v")).collect();
    store.commit(&edits).unwrap();
    assert_eq!(store.list("k").unwrap().len(), EDITS_MAX);
}

fn of_many_writers_one_wins(store: &dyn MetaStore) {
    let start = Barrier::new(4);
    let add = |store: &dyn MetaStore| {
        start.wait();
        for _ in 0..25 {
            loop {
                let found = store.get("n").unwrap();
                let (version, n) =
                    found.map_or((Version::ABSENT, 0), |f| (f.version, std::str::from_utf8(&f.value).unwrap().parse().unwrap()));
                match store.commit(&[put("n", version, &(n + 1u32).to_string())]) {
                    Ok(_) => break,
                    Err(CommitError::Conflict { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| add(store));
        }
    });
    assert_eq!(store.get("n").unwrap().unwrap().value, "100");
}

fn put(key: &str, expected: Version, value: &str) -> Edit {
    Edit { key: key.to_owned(), expected, value: Some(Bytes::copy_from_slice(value.as_bytes())) }
}

fn remove(key: &str, expected: Version) -> Edit {
    Edit { key: key.to_owned(), expected, value: None }
}

fn record(version: Version, value: &str) -> Versioned {
    Versioned { version, value: Bytes::copy_from_slice(value.as_bytes()) }
}
