//! Commands that choose their partition one after another: SCAN and RANDOMKEY.

use bytes::Bytes;
use client::outcome::Outcome;
use client::router::Router;
use client::session::Session;
use resp::{reply, walk};
use types::args::Args;
use types::slot::Cursor;
use types::txn::{Call, CommandId};
use wire::rpc::Refusal;

use crate::errors;

/// The ways to partitions of one session.
pub(crate) struct Walker<'a> {
    pub(crate) router: &'a Router,
    pub(crate) session: &'a mut Session,
}

/// Why there is no reply.
pub(crate) enum Failed {
    Refused(Refusal),
    /// An error reply, whole.
    Error(Bytes),
    Malformed,
}

impl Walker<'_> {
    async fn ask(&mut self, partition: u32, call: Call) -> Result<Bytes, Failed> {
        match self.router.execute(self.session, &[(partition, call)]).await.pop() {
            Some(outcome) => reply_of(outcome, PAGE_MAX).await,
            None => Err(Failed::Malformed),
        }
    }

    /// SCAN from `cursor`. Where a partition ends before it has given as many keys as were asked for, the next one goes on: a small
    /// table is scanned in one call, as in Redis.
    pub(crate) async fn scan(&mut self, call: &Call, mut cursor: Cursor, out: &mut Vec<u8>) -> Result<(), Failed> {
        let wanted = count(&call.args);
        let mut keys = Vec::new();
        let mut found = 0;
        for _ in 0..PARTITIONS_MAX {
            let Some(partition) = self.partition(cursor) else { break };
            let args = Args::copied(call.args.iter().enumerate().map(|(index, arg)| match index {
                1 => cursor.0.to_string().into_bytes(),
                _ => arg.to_vec(),
            }));
            let reply = self.ask(partition, Call { args, ..call.clone() }).await?;
            let (next, page) = page(&reply).ok_or(Failed::Malformed)?;
            for key in page {
                keys.extend_from_slice(key);
                found += 1;
            }
            cursor = next;
            if cursor.0 == 0 || found >= wanted || self.partition(cursor) == Some(partition) {
                break;
            }
        }
        reply::array(out, 2);
        reply::bulk(out, itoa::Buffer::new().format(cursor.0).as_bytes());
        reply::array(out, found);
        out.extend_from_slice(&keys);
        Ok(())
    }

    /// RANDOMKEY: a partition is chosen by the number of its keys, then one of its keys. `random` chooses.
    pub(crate) async fn random_key(&mut self, call: &Call, random: u64, out: &mut Vec<u8>) -> Result<(), Failed> {
        let sizes = self.sizes(call).await?;
        let total: u64 = sizes.iter().sum();
        if total > 0 {
            let mut at = random % total;
            let chosen = sizes.iter().position(|size| {
                let here = at < *size;
                at = at.saturating_sub(*size);
                here
            });
            // Keys that have expired count until they are removed: if the chosen partition has no other, the next one is asked.
            let start = chosen.unwrap_or(0);
            for turn in 0..sizes.len() {
                let partition = (start + turn) % sizes.len();
                if sizes[partition] == 0 {
                    continue;
                }
                let reply = self.ask(partition as u32, call.clone()).await?;
                if walk::parse_bulk(&reply).is_some() {
                    out.extend_from_slice(&reply);
                    return Ok(());
                }
            }
        }
        reply::null(out, call.proto);
        Ok(())
    }

    /// DBSIZE of each partition, for the database of `call`.
    async fn sizes(&mut self, call: &Call) -> Result<Vec<u64>, Failed> {
        let partitions = self.router.routes().partitions();
        let calls: Vec<(u32, Call)> = (0..partitions).map(|partition| (partition, dbsize(call))).collect();
        self.router.execute(self.session, &calls).await.into_iter().map(size).collect()
    }

    fn partition(&self, cursor: Cursor) -> Option<u32> {
        cursor.slot().map(|slot| self.router.routes().partition_of(slot))
    }
}

/// The reply, of `max` bytes at most, if it is no error.
pub(crate) async fn reply_of(outcome: Outcome, max: usize) -> Result<Bytes, Failed> {
    let lost = |lost| {
        let mut error = Vec::new();
        reply::error(&mut error, &errors::lost(&lost));
        Failed::Error(error.into())
    };
    match outcome.whole(max).await.map_err(lost)? {
        Outcome::Reply(reply) if walk::is_error(&reply) => Err(Failed::Error(reply)),
        Outcome::Reply(reply) => Ok(reply),
        Outcome::Long(_) => Err(Failed::Malformed), // none is left
        Outcome::Refused(refusal) => Err(Failed::Refused(refusal)),
    }
}

/// DBSIZE, else as `call`.
fn dbsize(call: &Call) -> Call {
    Call { command: dbsize_id(), args: Args::copied(["dbsize"]), ..call.clone() }
}

/// The number that DBSIZE answered.
fn size(outcome: Outcome) -> Result<u64, Failed> {
    match outcome {
        Outcome::Reply(reply) => walk::parse_integer(&reply).and_then(|size| u64::try_from(size).ok()).ok_or(Failed::Malformed),
        Outcome::Long(_) => Err(Failed::Malformed),
        Outcome::Refused(refusal) => Err(Failed::Refused(refusal)),
    }
}

fn dbsize_id() -> CommandId {
    commands::table::lookup(b"dbsize").map(|(id, _)| id).expect("DBSIZE is in the table")
}

/// Cursor and keys of what a partition answered to SCAN.
fn page(reply: &[u8]) -> Option<(Cursor, walk::Elements<'_>)> {
    let mut parts = walk::elements(reply)?;
    let cursor = std::str::from_utf8(walk::parse_bulk(parts.next()?)?).ok()?.parse().ok()?;
    Some((Cursor(cursor), walk::elements(parts.next()?)?))
}

/// How many keys the client asked for.
fn count(args: &Args) -> usize {
    let at = (2..args.len()).step_by(2).find(|at| args.at(*at).eq_ignore_ascii_case(b"count"));
    at.and_then(|at| args.get(at + 1)).and_then(resp::number::parse_integer).and_then(|n| usize::try_from(n).ok()).unwrap_or(COUNT_DEFAULT)
}

/// Bytes of what one partition answers.
const PAGE_MAX: usize = 256 << 20;
/// Keys that Redis looks at where the client does not say.
const COUNT_DEFAULT: usize = 10;
/// Partitions that one SCAN walks over.
const PARTITIONS_MAX: usize = 64;
