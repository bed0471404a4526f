//! Commands that read keys of several partitions (`SUNION`, `PFCOUNT` ...): copies of the values meet here, and the command's own program runs
//! over them.
//!
//! Each value is one state of its key; together they are not one state of the table, as with every command that asks several partitions.

use commands::coprocessor::Redis;
use commands::memory::Memory;
use commands::table;
use resp::walk;
use types::args::Args;
use types::slot::Slot;
use types::time::UnixMs;
use types::txn::{Call, Proto};

use crate::scan::{Failed, Walker, reply_of};

impl Walker<'_> {
    /// Runs a command over copies of the values of its keys.
    pub(crate) async fn gather(&mut self, call: &Call, keys: &[usize], now: UnixMs, out: &mut Vec<u8>) -> Result<(), Failed> {
        let mut names: Vec<&[u8]> = keys.iter().map(|&index| call.args.at(index)).collect();
        names.sort_unstable();
        names.dedup();
        let routes = self.router.routes();
        let calls: Vec<(u32, Call)> =
            names.iter().map(|name| (routes.partition_of(Slot::of(name)), self::call(call, &[b"dump", name]))).collect();
        let outcomes = self.router.execute(self.session, &calls).await;
        let mut memory = Memory::new(now);
        let mut left = BYTES_MAX;
        for (name, outcome) in names.into_iter().zip(outcomes) {
            let reply = reply_of(outcome, left + FRAMING_MAX).await?;
            let Some(payload) = walk::parse_bulk(&reply) else { continue };
            left = left.checked_sub(payload.len()).ok_or_else(|| Failed::Error(TOO_LARGE.into()))?;
            let restored = memory.call(&Redis, &self::call(call, &[b"restore", name, b"0", payload]));
            if restored.first() != Some(&b'+') {
                return Err(Failed::Malformed);
            }
        }
        out.extend_from_slice(&memory.call(&Redis, call));
        Ok(())
    }
}

/// Another command in the same database.
fn call(original: &Call, words: &[&[u8]]) -> Call {
    let command = table::lookup(words[0]).expect("the table has it").0;
    Call { command, proto: Proto::Resp2, args: Args::copied(words), ..original.clone() }
}

/// Bytes of all values that are copied for one command.
const BYTES_MAX: usize = 256 << 20;
/// What a payload has around it in a reply.
const FRAMING_MAX: usize = 32;
const TOO_LARGE: &[u8] = b"-ERR the values of this command are too large to be gathered from several partitions\r\n";
