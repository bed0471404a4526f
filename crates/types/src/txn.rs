//! Where a command meets its data: hash-key/sort-key operations on one partition.
//!
//! `replica` offers [`HashKeyTxn`] and calls a [`Coprocessor`]; it does not know Redis. `commands` is the coprocessor; it does not
//! know RocksDB, logs or peers. The primary evaluates each command once; what the transaction collected is replicated as
//! physical writes, so replicas never disagree about clocks or randomness.

use std::ops::{Bound, ControlFlow, RangeInclusive};

use bytes::Bytes;

use crate::args::Args;
use crate::limits::Limits;
use crate::reply::Reply;
use crate::root::Root;
use crate::slot::{Cursor, Slot};
use crate::time::UnixMs;

/// Number of a logical database (`SELECT n`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Database(pub u16);

/// A hash key: one Redis key of one logical database. Its slot must lie in the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashKey<'a> {
    /// The slot of `name`.
    pub slot: Slot,
    /// The logical database.
    pub database: Database,
    /// The key itself, any bytes.
    pub name: &'a [u8],
}

impl<'a> HashKey<'a> {
    /// The hash key `name` of `database`.
    pub fn new(database: Database, name: &'a [u8]) -> HashKey<'a> {
        HashKey { slot: Slot::of(name), database, name }
    }
}

/// The elements of one exploded value: what its root names with `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueId {
    /// The slot of its key. A value that moves to another slot gets new elements.
    pub slot: Slot,
    /// The logical database of its key. A value that moves to another database gets new elements.
    pub database: Database,
    /// The root's `id`.
    pub id: u64,
}

impl ValueId {
    /// The elements of the value of `key`, under `id`.
    pub fn of(key: &HashKey<'_>, id: u64) -> ValueId {
        ValueId { slot: key.slot, database: key.database, id }
    }
}

/// A range of sort keys and the direction to walk it in. Sort keys are ordered as bytes.
#[derive(Debug, Clone, Copy)]
pub struct SortKeys<'a> {
    /// Its lower end.
    pub from: Bound<&'a [u8]>,
    /// Its upper end.
    pub to: Bound<&'a [u8]>,
    /// Whether it is walked from the upper end to the lower.
    pub reverse: bool,
}

impl<'a> SortKeys<'a> {
    /// All sort keys at or after `from`, in order.
    pub fn from(from: &'a [u8]) -> SortKeys<'a> {
        SortKeys { from: Bound::Included(from), to: Bound::Unbounded, reverse: false }
    }

    /// The sort keys at or after `from` and before `to`, in order.
    pub fn between(from: &'a [u8], to: &'a [u8]) -> SortKeys<'a> {
        SortKeys { from: Bound::Included(from), to: Bound::Excluded(to), reverse: false }
    }

    /// The same range from its upper end.
    pub fn reversed(self) -> SortKeys<'a> {
        SortKeys { reverse: !self.reverse, ..self }
    }

    /// Whether no sort key can lie in it.
    pub fn is_empty(&self) -> bool {
        match (self.from, self.to) {
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
            _ => false,
        }
    }
}

/// Is shown a sort key and its value; says whether to go on. It cannot use the transaction meanwhile.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Why an evaluation stopped half-way. Whatever it wrote is dropped, nothing of its reply is used.
#[derive(Debug, thiserror::Error)]
pub enum Abort {
    /// The data is not in memory and this attempt must not wait for the disk. It is made again where it may.
    #[error("data is not in memory")]
    Cold,
    /// The storage engine failed. The replica is closed.
    #[error("storage engine: {0}")]
    Storage(String),
}

/// A key met by [`HashKeyTxn::scan`].
#[derive(Debug, Clone)]
pub struct Scanned {
    /// Its place in the order of keys.
    pub place: Cursor,
    /// The key.
    pub name: Bytes,
    /// Its root, with an empty `value`: a scan does not carry data. It may have expired: the caller decides what that means.
    pub root: Root,
}

/// One command's view of one partition: reads see all earlier commands and its own writes; writes take effect all or not at all.
pub trait HashKeyTxn {
    /// The primary's wall clock, read once for the whole command.
    fn now(&self) -> UnixMs;

    /// The slots of this partition.
    fn slots(&self) -> RangeInclusive<u16>;

    /// 64 random bits (SPOP, RANDOMKEY ...).
    fn random(&mut self) -> u64;

    /// An id for a new exploded value, unique in the partition for ever.
    fn next_id(&mut self) -> u64;

    /// The root of a key, also if it has expired.
    ///
    /// # Errors
    /// As every read here: [`Abort`].
    fn root(&mut self, key: &HashKey<'_>) -> Result<Option<Root>, Abort>;

    /// Creates or replaces the root of a key; sets its `version` and `written`. Keeps key counts and the expiry index right. If the old
    /// root had another `id`, its elements become garbage: nobody may use them again.
    ///
    /// # Errors
    /// [`Abort`], when the old root has to be read.
    fn put_root(&mut self, key: &HashKey<'_>, root: Root) -> Result<(), Abort>;

    /// Removes a key, if it is there. Its elements, if any, become garbage. To rename a value without touching its elements, put its root
    /// under the new name and [`HashKeyTxn::forget_root`] the old one.
    ///
    /// # Errors
    /// [`Abort`], when the old root has to be read.
    fn delete_root(&mut self, key: &HashKey<'_>) -> Result<(), Abort>;

    /// Removes a key whose elements, if any, live on under another key of the same slot and database.
    ///
    /// # Errors
    /// [`Abort`], when the old root has to be read.
    fn forget_root(&mut self, key: &HashKey<'_>) -> Result<(), Abort>;

    /// Up to `limit` keys of `database` at or after `from`, in the order of keys; looks at no more than `visit` records of any database.
    /// The second value is where to go on, `None` at the partition's end. Keys that share a place are never split.
    ///
    /// # Errors
    /// [`Abort`].
    fn scan(&mut self, database: Database, from: Cursor, limit: usize, visit: usize) -> Result<(Vec<Scanned>, Option<Cursor>), Abort>;

    /// Up to `limit` keys (of any database) whose [`Root::sweep_at`] is before `now`, earliest first: what the sweep has to look at.
    ///
    /// # Errors
    /// [`Abort`].
    fn sweepable(&mut self, limit: usize) -> Result<Vec<(Database, Bytes)>, Abort>;

    /// Number of keys in a logical database, and how many of them have an expiry; exact, expired keys that were not removed yet included.
    fn count(&self, database: Database) -> KeyCount;

    /// Empties a logical database at once, whatever its size.
    fn flush(&mut self, database: Database);

    /// The logical databases that hold keys.
    fn databases(&self) -> Vec<Database>;

    /// Makes each of two logical databases the other, whatever their size.
    ///
    /// # Errors
    /// [`Abort`].
    fn swap(&mut self, a: Database, b: Database) -> Result<(), Abort>;

    /// One element of an exploded value.
    ///
    /// # Errors
    /// [`Abort`]; where the disk must not be waited for, [`Abort::Cold`] after a thousand or so.
    fn get(&mut self, value: ValueId, sort_key: &[u8]) -> Result<Option<Bytes>, Abort>;

    /// Shows the elements of an exploded value whose sort keys lie in a range, until `visit` says that it has seen enough.
    /// A walk costs a search (a few microseconds) and then about as much as the elements it shows.
    ///
    /// # Errors
    /// [`Abort`]; where the disk must not be waited for, a walk past a thousand elements or so is [`Abort::Cold`].
    fn range(&mut self, value: ValueId, keys: &SortKeys<'_>, visit: &mut Visit<'_>) -> Result<(), Abort>;

    /// Creates or replaces one element.
    fn put(&mut self, value: ValueId, sort_key: &[u8], element: Bytes);

    /// Removes one element.
    fn delete(&mut self, value: ValueId, sort_key: &[u8]);
}

/// Keys of one logical database in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyCount {
    /// All keys.
    pub keys: u64,
    /// Those with an expiry.
    pub expires: u64,
}

/// Version of the Redis protocol a client speaks: the shape of its replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proto {
    /// RESP2, what every client starts with.
    #[default]
    Resp2,
    /// RESP3, after `HELLO 3`.
    Resp3,
}

/// Number of a command in the coprocessor's table. Only valid inside one process: on the wire a command is its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandId(pub u16);

/// One command on its way to a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which command `args[0]` names.
    pub command: CommandId,
    /// The session's logical database.
    pub database: Database,
    /// How to write the reply.
    pub proto: Proto,
    /// Name and arguments.
    pub args: Args,
    /// Bounds on what it may build, and where layouts change.
    pub limits: Limits,
}

/// What runs at a primary, next to the data.
pub trait Coprocessor: Send + Sync + 'static {
    /// The command that `args[0]` names, if it can run at a partition and its arity fits.
    fn resolve(&self, args: &Args) -> Option<CommandId>;

    /// Whether the command may write. What says no never calls a writing operation of the transaction.
    fn writes(&self, command: CommandId) -> bool;

    /// Runs one command and appends its whole reply, an error reply included, to `reply`.
    ///
    /// # Errors
    /// [`Abort`]: the evaluation has to be dropped; `reply` and the transaction's writes with it.
    fn execute(&self, txn: &mut dyn HashKeyTxn, call: &Call, reply: &mut Reply) -> Result<(), Abort>;

    /// The command that removes up to `limit` keys and fields that have expired: what the replica's sweep submits as an ordinary write.
    fn sweep(&self, limit: usize) -> Call;
}
