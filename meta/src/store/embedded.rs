//! The store of a cluster with one meta server: [`StateStore`], a directory of this process alone.
//!
//! Record `r/<key>`: `format u8 | version u64 LE | value`. Record `version`: `format u8 | version u64 LE`, the highest ever given out.

use std::path::Path;

use bytes::{Buf, Bytes};
use engine::error::StorageFailure;
use engine::state::StateStore;
use parking_lot::Mutex;

use super::{CommitError, Edit, MetaStore, StoreError, Version, Versioned, check};

/// A store in a directory. A second process that opens it is refused.
pub struct Embedded {
    state: StateStore,
    /// The highest version given out. Its lock makes reading versions and writing one step.
    last: Mutex<Version>,
}

impl Embedded {
    /// Opens the store in `dir`, making it if need be.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(dir: &Path) -> Result<Embedded, StoreError> {
        let state = StateStore::open(dir).map_err(StoreError::Open)?;
        let last = match state.get(LAST).map_err(failed("read the meta store"))? {
            Some(bytes) => decode("version", &bytes)?.version,
            None => Version::ABSENT,
        };
        Ok(Embedded { state, last: Mutex::new(last) })
    }
}

impl MetaStore for Embedded {
    fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        let found = self.state.get(&physical(key)).map_err(failed("read the meta store"))?;
        found.map(|bytes| decode(key, &bytes)).transpose()
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, Versioned)>, StoreError> {
        let found = self.state.list(&physical(prefix)).map_err(failed("list the meta store"))?;
        let entry = |(key, bytes): (Vec<u8>, Vec<u8>)| {
            let key = String::from_utf8_lossy(&key[RECORD.len()..]).into_owned();
            decode(&key, &bytes).map(|record| (key, record))
        };
        found.into_iter().map(entry).collect()
    }

    fn commit(&self, edits: &[Edit]) -> Result<Version, CommitError> {
        check(edits);
        let mut last = self.last.lock();
        for edit in edits {
            let version = self.get(&edit.key).map_err(CommitError::Unknown)?.map_or(Version::ABSENT, |record| record.version);
            if version != edit.expected {
                return Err(CommitError::Conflict { key: edit.key.clone() });
            }
        }
        let version = Version(last.0 + 1);
        let keys: Vec<Vec<u8>> = edits.iter().map(|edit| physical(&edit.key)).collect();
        let values: Vec<Option<Vec<u8>>> = edits.iter().map(|edit| edit.value.as_ref().map(|value| encode(version, value))).collect();
        let high = encode(version, &[]);
        let mut writes: Vec<(&[u8], Option<&[u8]>)> = keys.iter().zip(&values).map(|(k, v)| (k.as_slice(), v.as_deref())).collect();
        writes.push((LAST, Some(&high)));
        // Whatever comes of the write, this version is used up: after an error it may turn out to be on the disk.
        *last = version;
        self.state.write(&writes).map_err(|error| CommitError::Unknown(failed("write the meta store")(error)))?;
        Ok(version)
    }
}

fn physical(key: &str) -> Vec<u8> {
    [RECORD, key.as_bytes()].concat()
}

fn encode(version: Version, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + value.len());
    bytes.push(FORMAT);
    bytes.extend_from_slice(&version.0.to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

fn decode(key: &str, bytes: &[u8]) -> Result<Versioned, StoreError> {
    let mut bytes = Bytes::copy_from_slice(bytes);
    match bytes.first() {
        Some(&FORMAT) if bytes.len() >= HEADER => {}
        Some(&found) if found != FORMAT => return Err(StoreError::Format { key: key.to_owned(), found, known: FORMAT }),
        _ => return Err(StoreError::Damaged { key: key.to_owned(), reason: format!("{} bytes", bytes.len()) }),
    }
    bytes.advance(1);
    let version = Version(bytes.get_u64_le());
    Ok(Versioned { version, value: bytes })
}

fn failed(doing: &'static str) -> impl Fn(StorageFailure) -> StoreError {
    move |source| StoreError::Failed { doing, source: Box::new(source) }
}

const FORMAT: u8 = 1;
const HEADER: usize = 1 + size_of::<u64>();
const RECORD: &[u8] = b"r/";
const LAST: &[u8] = b"version";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_record_of_an_unknown_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Embedded::open(dir.path()).unwrap();
        store.state.write(&[(b"r/a", Some(b"\x09whatever")), (b"r/b", Some(b"\x01short"))]).unwrap();
        assert!(matches!(store.get("a"), Err(StoreError::Format { key, found: 9, known: 1 }) if key == "a"));
        assert!(matches!(store.list("b"), Err(StoreError::Damaged { key, .. }) if key == "b"));
        store.state.write(&[(LAST, Some(b"\x02xxxxxxxx"))]).unwrap();
        drop(store);
        assert!(matches!(Embedded::open(dir.path()), Err(StoreError::Format { found: 2, .. })));
    }

    #[test]
    fn versions_grow_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let edit = |expected, value| [Edit { key: "a".to_owned(), expected, value }];
        let store = Embedded::open(dir.path()).unwrap();
        let first = store.commit(&edit(Version::ABSENT, Some(Bytes::from_static(b"1")))).unwrap();
        let removed = store.commit(&edit(first, None)).unwrap();
        drop(store);
        let store = Embedded::open(dir.path()).unwrap();
        let again = store.commit(&edit(Version::ABSENT, Some(Bytes::from_static(b"2")))).unwrap();
        assert!(first < removed && removed < again);
        assert_eq!(store.get("a").unwrap(), Some(Versioned { version: again, value: Bytes::from_static(b"2") }));
        assert!(matches!(Embedded::open(dir.path()), Err(StoreError::Open(_))), "in use");
    }
}
