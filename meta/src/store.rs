//! Where the cluster's state is kept: a small map of versioned records, changed only by compare-and-swap.
//!
//! The interface is what etcd offers (its transactions and modification revisions), so that a cluster can use that; one machine uses
//! [`embedded::Embedded`], tests and simulations [`memory::Memory`]. All pass `tests/store.rs`.

#[cfg(feature = "embedded")]
pub mod embedded;
pub mod memory;

use std::error::Error;

use bytes::Bytes;

/// Keeps the cluster's state. Calls block until it is durable.
pub trait MetaStore: Send + Sync + 'static {
    /// The record at `key`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError>;

    /// All records whose key begins with `prefix`, in the order of keys.
    ///
    /// # Errors
    /// [`StoreError`].
    fn list(&self, prefix: &str) -> Result<Vec<(String, Versioned)>, StoreError>;

    /// Carries out all edits if every record still has the version its edit expects, else none. The version of all records written
    /// is returned: higher than any the store ever gave out.
    ///
    /// # Errors
    /// [`CommitError`].
    ///
    /// # Panics
    /// If there are more than [`EDITS_MAX`] edits or two for one key.
    fn commit(&self, edits: &[Edit]) -> Result<Version, CommitError>;
}

/// Edits one commit may hold: within what etcd allows by default (128 operations).
pub const EDITS_MAX: usize = 100;

/// Version of a record: grows with every commit of the whole store, never repeats for a key that was deleted and made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u64);

impl Version {
    /// The version of a record that is not there.
    pub const ABSENT: Version = Version(0);
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// What a compare-and-swap of it has to expect.
    pub version: Version,
    /// Its bytes.
    pub value: Bytes,
}

/// One compare-and-swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Which record.
    pub key: String,
    /// The version it was read with; [`Version::ABSENT`]: it must not be there.
    pub expected: Version,
    /// Its new bytes; `None` removes it.
    pub value: Option<Bytes>,
}

/// The store does not answer, or not sensibly.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It could not be opened.
    #[cfg(feature = "embedded")]
    #[error("open the meta store")]
    Open(#[source] engine::error::OpenError),
    /// It could not be read or written.
    #[error("{doing}")]
    Failed {
        /// Verb and object.
        doing: &'static str,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A record was written by a newer program.
    #[error("meta record {key} has format {found}, this program knows {known}")]
    Format {
        /// Its key.
        key: String,
        /// The format found.
        found: u8,
        /// The newest format this program knows.
        known: u8,
    },
    /// A record makes no sense.
    #[error("meta record {key} is damaged: {reason}")]
    Damaged {
        /// Its key.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

/// Why a commit has no version.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A record has another version than expected. Nothing was changed.
    #[error("meta record {key} was changed by someone else")]
    Conflict {
        /// The first such record.
        key: String,
    },
    /// It is not known whether the commit took effect: what is known of the store has to be read again.
    #[error("commit to the meta store")]
    Unknown(#[source] StoreError),
}

/// The rules every backend asserts.
fn check(edits: &[Edit]) {
    assert!(edits.len() <= EDITS_MAX, "{} edits in one commit", edits.len());
    let mut keys: Vec<&str> = edits.iter().map(|edit| edit.key.as_str()).collect();
    keys.sort_unstable();
    assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "two edits of one record in one commit");
}
