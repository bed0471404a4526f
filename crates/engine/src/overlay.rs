//! What has been evaluated and is not applied yet: the state that the next command has to see.
//!
//! Belongs to the primary of a partition and is made when it begins to serve, at which moment all that is prepared is applied.
//! Bounded by the window of mutations in flight: what is applied is retired.

use bytes::Bytes;
use types::id::Decree;
use types::root::Root;
use types::time::UnixMs;
use types::txn::Abort;

use crate::databases::Databases;
use crate::keys::{ELEMENT_PREFIX, Key, Physical, RootKey};
use crate::ordered::Ordered;
use crate::scan;
use crate::store::{Store, Tier, read_options};
use crate::versions::Versions;
use crate::walk::Walk;

/// Newest roots and elements of mutations in flight, and the counters as evaluation sees them.
pub struct Overlay {
    roots: Versions<Option<Root>>,
    elements: Ordered<Option<Bytes>>,
    pub(crate) databases: Databases,
    /// The databases before the command that runs, once it changed them.
    before: Option<Databases>,
    spare: Databases,
    /// Per database: no entry of the store's expiry index lies before. Keeps the sweep from stepping over the
    /// tombstones of what it removed.
    expiry_floors: Vec<(Physical, UnixMs)>,
    random: u64,
}

/// Where a command began.
#[derive(Clone, Copy)]
pub(crate) struct Savepoint {
    roots: u64,
    elements: u64,
}

impl Overlay {
    /// An overlay without writes over `store`; `seed` starts the random numbers that commands ask for.
    ///
    /// Everything that is prepared has to be applied: the overlay's counters are the store's.
    pub fn new(store: &Store, seed: u64) -> Overlay {
        let databases = store.databases();
        Overlay {
            roots: Versions::new(),
            elements: Ordered::new(),
            spare: databases.clone(),
            databases,
            before: None,
            expiry_floors: Vec::new(),
            random: seed,
        }
    }

    /// Forgets what decrees through `upto` wrote, because the store has it now.
    pub fn retire(&mut self, upto: Decree) {
        self.roots.retire(upto);
        self.elements.retire(upto);
    }

    /// Number of writes held.
    pub fn len(&self) -> usize {
        self.roots.len() + self.elements.len()
    }

    /// Whether everything evaluated is applied.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// 64 random bits.
    pub(crate) fn random(&mut self) -> u64 {
        random(&mut self.random)
    }

    /// The newest root of `key` if it is held: `Some(None)` says that it was removed.
    pub(crate) fn root(&self, key: &RootKey<'_>, encoded: &[u8]) -> Option<Option<&Root>> {
        self.roots.get(root_hash(key), encoded).map(Option::as_ref)
    }

    pub(crate) fn put_root(&mut self, decree: Decree, key: &RootKey<'_>, encoded: Key, root: Option<Root>) {
        if let Some(at) = root.as_ref().and_then(Root::sweep_at) {
            self.lower_expiry_floor(key.database, at);
        }
        self.roots.push(decree, root_hash(key), encoded, root);
    }

    pub(crate) fn element(&self, key: &[u8]) -> Option<Option<&Bytes>> {
        self.elements.get(key).map(Option::as_ref)
    }

    pub(crate) fn put_element(&mut self, decree: Decree, key: Key, value: Option<Bytes>) {
        self.elements.push(decree, key, value);
    }

    /// The newest elements held in the range of `walk`, in its direction, with their sort keys; `None` for one that was removed.
    pub(crate) fn elements(&self, walk: &Walk) -> impl Iterator<Item = (&[u8], Option<&Bytes>)> {
        let range = if self.elements.len() == 0 {
            None
        } else {
            let (from, to) = walk.bounds();
            Some(self.elements.range(from.as_ref().map(|key| &key[..]), to.as_ref().map(|key| &key[..])))
        };
        let mut range = range.into_iter().flatten();
        let reverse = walk.reverse();
        let newest = std::iter::from_fn(move || if reverse { range.next_back() } else { range.next() });
        newest.map(|(key, element)| (&key[ELEMENT_PREFIX..], element.as_ref()))
    }

    /// The newest version of every root held.
    pub(crate) fn roots(&self) -> impl Iterator<Item = (&[u8], Option<&Root>)> {
        self.roots.iter().map(|(key, root)| (key, root.as_ref()))
    }

    pub(crate) fn savepoint(&self) -> Savepoint {
        Savepoint { roots: self.roots.savepoint(), elements: self.elements.savepoint() }
    }

    /// Must precede the first change a command makes to [`Overlay::databases`].
    pub(crate) fn save_databases(&mut self) {
        if self.before.is_none() {
            let mut before = std::mem::replace(&mut self.spare, Databases::new());
            before.copy_from(&self.databases);
            self.before = Some(before);
        }
    }

    /// The command that began at `savepoint` never ran.
    pub(crate) fn rollback(&mut self, savepoint: Savepoint) {
        self.roots.rollback(savepoint.roots);
        self.elements.rollback(savepoint.elements);
        // Set while this command hid what comes back now.
        self.expiry_floors.clear();
        if let Some(before) = self.before.take() {
            // Ids given out stay given: a value that was dropped may have been seen under its id.
            let next_id = self.databases.next_id;
            self.spare = std::mem::replace(&mut self.databases, before);
            self.databases.next_id = next_id;
        }
    }

    /// The command that runs is done.
    pub(crate) fn commit(&mut self) {
        if let Some(before) = self.before.take() {
            self.spare = before;
        }
    }

    /// Whether the sweep has something to do at `now`: see [`types::txn::HashKeyTxn::sweepable`].
    ///
    /// # Errors
    /// [`Abort`], as a transaction with [`Tier::Memory`].
    pub fn is_sweep_due(&mut self, store: &Store, now: UnixMs) -> Result<bool, Abort> {
        let databases = self.databases.clone();
        let found = scan::sweepable(store, || read_options(Tier::Memory), Some(self), &databases, now, 1)?;
        Ok(!found.is_empty())
    }

    pub(crate) fn expiry_floor(&self, database: Physical) -> UnixMs {
        self.expiry_floors.iter().find(|(d, _)| *d == database).map_or(UnixMs(i64::MIN), |&(_, at)| at)
    }

    /// Nothing in the store's index of `database` stands before `at`, nor does anything held here.
    pub(crate) fn set_expiry_floor(&mut self, database: Physical, at: UnixMs) {
        self.expiry_floors.retain(|&(d, _)| d != database && self.databases.logical(d).is_some());
        self.expiry_floors.push((database, at));
    }

    fn lower_expiry_floor(&mut self, database: Physical, at: UnixMs) {
        if let Some((_, floor)) = self.expiry_floors.iter_mut().find(|(d, _)| *d == database) {
            *floor = at.min(*floor);
        }
    }
}

/// SplitMix64: good enough for SPOP, and one multiplication less than anybody notices.
pub(crate) fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The place is a hash already; the database keeps keys of one name in several databases apart.
fn root_hash(key: &RootKey<'_>) -> u64 {
    key.place.0 ^ (u64::from(key.database.0) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
