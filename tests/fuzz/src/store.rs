//! A partition in memory that commands run over, each answered by a whole reply.

use commands::coprocessor::Redis;
use commands::memory::Memory;
use types::limits::Limits;
use types::time::UnixMs;
use types::txn::{Database, Proto};

use crate::reply::Reply;

pub(crate) struct Store(Memory);

impl Store {
    /// An empty one. The byte chooses how many elements may lie in a root before they get records of their own.
    pub(crate) fn new(layout: u8) -> Store {
        let mut memory = Memory::new(NOW);
        memory.set_limits(match layout % 4 {
            0 => Limits::DEFAULT,
            1 => Limits::exploding_at(0),
            2 => Limits::exploding_at(1),
            _ => Limits::exploding_at(3),
        });
        Store(memory)
    }

    /// Runs a command. Refusing it is fine, writing before that is not: the partition checks that.
    pub(crate) fn run(&mut self, args: &[&[u8]]) -> Reply {
        Reply::whole(&self.0.run(&Redis, Database(0), Proto::Resp2, args.iter().copied()))
    }

    /// The words of a line as a command.
    pub(crate) fn line(&mut self, line: &str) -> Reply {
        self.run(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }
}

/// Some time in 2023.
const NOW: UnixMs = UnixMs(1_700_000_000_000);
