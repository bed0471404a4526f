//! SET and GET allocate nothing: what they store is a slice of the request, what they answer goes straight into the reply.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::RangeInclusive;

use bytes::Bytes;
use commands::coprocessor::Redis;
use types::args::Args;
use types::reply::Reply;
use types::root::{Kind, Root};
use types::slot::{Cursor, SLOTS};
use types::time::UnixMs;
use types::txn::{Abort, Call, Coprocessor, Database, HashKey, HashKeyTxn, KeyCount, Proto, Scanned, SortKeys, ValueId, Visit};

#[test]
fn set_and_get_allocate_nothing() {
    let redis = Redis;
    let mut txn = One { root: Root::inline(Kind::String, Bytes::from_static(&[b'x'; 64])) };
    let mut reply = Reply::default();
    reply.extend_from_slice(&[0; 1024]);
    for line in
        ["GET key", "SET key value", "SET key value EX 10 NX", "SET key value XX GET", "MGET key key", "DEL key", "TTL key", "EXISTS key"]
    {
        // Sharing a buffer of its own for the first time would allocate; a session's read buffer is shared already.
        let mut end = 0;
        let ranges = line.split(' ').map(|word| {
            let start = end;
            end = start + word.len() + 1;
            start..start + word.len()
        });
        let args = Args::new(Bytes::from_static(line.as_bytes()), ranges);
        let command = redis.resolve(&args).expect("runs at a partition");
        let call = Call { command, database: Database(0), proto: Proto::Resp2, args, limits: types::limits::Limits::DEFAULT };
        reply.truncate(0);
        let before = ALLOCATIONS.get();
        redis.execute(&mut txn, &call, &mut reply).expect("nothing fails");
        assert_eq!(ALLOCATIONS.get() - before, 0, "{line}");
        assert!(reply.len() > 0);
    }
}

/// A partition that holds the same root under every key and forgets what is written.
struct One {
    root: Root,
}

impl HashKeyTxn for One {
    fn now(&self) -> UnixMs {
        UnixMs(1)
    }

    fn slots(&self) -> RangeInclusive<u16> {
        0..=SLOTS - 1
    }

    fn random(&mut self) -> u64 {
        4
    }

    fn next_id(&mut self) -> u64 {
        1
    }

    fn root(&mut self, _: &HashKey<'_>) -> Result<Option<Root>, Abort> {
        Ok(Some(self.root.clone()))
    }

    fn put_root(&mut self, _: &HashKey<'_>, _: Root) -> Result<(), Abort> {
        Ok(())
    }

    fn delete_root(&mut self, _: &HashKey<'_>) -> Result<(), Abort> {
        Ok(())
    }

    fn scan(&mut self, _: Database, _: Cursor, _: usize, _: usize) -> Result<(Vec<Scanned>, Option<Cursor>), Abort> {
        Ok((Vec::new(), None))
    }

    fn sweepable(&mut self, _: usize) -> Result<Vec<(Database, Bytes)>, Abort> {
        Ok(Vec::new())
    }

    fn count(&self, _: Database) -> KeyCount {
        KeyCount::default()
    }

    fn flush(&mut self, _: Database) {}

    fn databases(&self) -> Vec<Database> {
        Vec::new()
    }

    fn forget_root(&mut self, _: &HashKey<'_>) -> Result<(), Abort> {
        Ok(())
    }

    fn swap(&mut self, _: Database, _: Database) -> Result<(), Abort> {
        Ok(())
    }

    fn get(&mut self, _: ValueId, _: &[u8]) -> Result<Option<Bytes>, Abort> {
        Ok(None)
    }

    fn range(&mut self, _: ValueId, _: &SortKeys<'_>, _: &mut Visit<'_>) -> Result<(), Abort> {
        Ok(())
    }

    fn put(&mut self, _: ValueId, _: &[u8], _: Bytes) {}

    fn delete(&mut self, _: ValueId, _: &[u8]) {}
}

/// The system's allocator, with a count per thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is the system allocator's doing; the count is a plain number of the thread and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
