//! A store in memory, for tests and simulations. Clones share it, as processes share a cluster's store; it can be told to fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{CommitError, Edit, MetaStore, StoreError, Version, Versioned, check};

/// A map that forgets everything when the last clone is gone.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
}

/// What [`Memory`] can be told to do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The next commit fails and changes nothing; who made it cannot know.
    Before,
    /// The next commit fails after it took effect.
    After,
    /// Everything fails until another fault is set.
    Down,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<String, (Version, Bytes)>,
    last: Version,
    fault: Option<Fault>,
    commits: u64,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// From now on, or (`None`) no longer.
    pub fn fail(&self, fault: Option<Fault>) {
        self.state.lock().fault = fault;
    }

    /// Commits that took effect.
    pub fn commits(&self) -> u64 {
        self.state.lock().commits
    }
}

impl MetaStore for Memory {
    fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        let state = self.state.lock();
        state.up()?;
        Ok(state.records.get(key).map(versioned))
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, Versioned)>, StoreError> {
        let state = self.state.lock();
        state.up()?;
        let found = state.records.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, record)| (key.clone(), versioned(record))).collect())
    }

    fn commit(&self, edits: &[Edit]) -> Result<Version, CommitError> {
        check(edits);
        let mut state = self.state.lock();
        state.up().map_err(CommitError::Unknown)?;
        let fault = state.fault.take();
        if fault == Some(Fault::Before) {
            return Err(CommitError::Unknown(failed()));
        }
        for edit in edits {
            let version = state.records.get(&edit.key).map_or(Version::ABSENT, |record| record.0);
            if version != edit.expected {
                return Err(CommitError::Conflict { key: edit.key.clone() });
            }
        }
        let version = Version(state.last.0 + 1);
        state.last = version;
        state.commits += 1;
        for edit in edits {
            match &edit.value {
                Some(value) => state.records.insert(edit.key.clone(), (version, value.clone())),
                None => state.records.remove(&edit.key),
            };
        }
        if fault == Some(Fault::After) { Err(CommitError::Unknown(failed())) } else { Ok(version) }
    }
}

impl State {
    fn up(&self) -> Result<(), StoreError> {
        if self.fault == Some(Fault::Down) { Err(failed()) } else { Ok(()) }
    }
}

fn versioned((version, value): &(Version, Bytes)) -> Versioned {
    Versioned { version: *version, value: value.clone() }
}

fn failed() -> StoreError {
    StoreError::Failed { doing: "reach the store in memory", source: "it was told to fail".into() }
}
