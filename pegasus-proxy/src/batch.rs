//! The requests of one read as a plan: what to ask of partitions, and how the outcomes and the replies of local commands become the
//! output, in the order of the requests.

use std::vec::IntoIter;

use bytes::Bytes;
use client::long::Lost;
use client::outcome::Outcome;
use commands::table::{Command, Flag, Merge, by_id};
use resp::reply;
use types::txn::{Call, CommandId};

use crate::errors;
use crate::merge::{chain, merge};
use crate::output::Output;
use crate::stats::{Shard, add};

/// What has been read and not answered yet. Reused from batch to batch.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// For the router, in order.
    calls: Vec<(u32, Call)>,
    /// One for each request, in order.
    steps: Vec<Step>,
    /// Replies of local commands that came after a call, one after the other.
    local: Vec<u8>,
    /// Places of elements, for the steps that interleave arrays.
    order: Vec<u32>,
    /// Bytes of the arguments of all calls.
    payload: usize,
}

/// One request.
#[derive(Debug)]
struct Step {
    command: CommandId,
    /// The client does not want the reply.
    silent: bool,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The reply is the next so many bytes of `local`.
    Local(usize),
    /// The reply is the next outcome.
    Call,
    /// The reply is made of the next `calls` outcomes and the next `keys` of `order`.
    Merge { merge: Merge, calls: usize, keys: usize },
}

impl Batch {
    /// Adds a command that runs at one partition.
    #[inline]
    pub(crate) fn call(&mut self, partition: u32, call: Call, silent: bool) {
        self.payload += call.args.payload();
        self.steps.push(Step { command: call.command, silent, what: What::Call });
        self.calls.push((partition, call));
    }

    /// Adds a command that runs at several.
    pub(crate) fn merged(
        &mut self,
        command: CommandId,
        merge: Merge,
        calls: impl Iterator<Item = (u32, Call)>,
        order: impl Iterator<Item = u32>,
        silent: bool,
    ) {
        let (calls_before, keys_before) = (self.calls.len(), self.order.len());
        for (partition, call) in calls {
            self.payload += call.args.payload();
            self.calls.push((partition, call));
        }
        self.order.extend(order);
        let what = What::Merge { merge, calls: self.calls.len() - calls_before, keys: self.order.len() - keys_before };
        self.steps.push(Step { command, silent, what });
    }

    /// Adds a reply that is there already and has to wait for its turn: `write` appends it.
    pub(crate) fn local(&mut self, command: CommandId, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.local.len();
        write(&mut self.local);
        self.steps.push(Step { command, silent: false, what: What::Local(self.local.len() - before) });
    }

    /// Whether nothing waits: a local reply can go out at once.
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// For the router.
    pub(crate) fn calls(&self) -> &[(u32, Call)] {
        &self.calls
    }

    /// Bytes of arguments under way.
    pub(crate) fn payload(&self) -> usize {
        self.payload
    }

    /// Whether one of the calls may write.
    pub(crate) fn writes(&self) -> bool {
        self.calls.iter().any(|(_, call)| by_id(call.command).is_some_and(|command| command.is(Flag::Write)))
    }

    /// Fetches what has to be known of long replies before [`Batch::finish`]: all of those that become one with others, but where they are
    /// only chained.
    pub(crate) async fn fetch(&self, outcomes: &mut [Outcome]) {
        let (mut rest, mut left) = (outcomes, MERGED_MAX);
        for step in &self.steps {
            let (calls, merge) = match step.what {
                What::Local(_) => continue,
                What::Call => (1, None),
                What::Merge { merge, calls, .. } => (calls, Some(merge)),
            };
            let (these, behind) = std::mem::take(&mut rest).split_at_mut(calls);
            rest = behind;
            let Some(merge) = merge else { continue };
            for outcome in these {
                let Outcome::Long(long) = outcome else { continue };
                let fetched = if merge == Merge::Concat {
                    long.look(HEADER_MAX).await
                } else {
                    let Outcome::Long(long) = std::mem::replace(outcome, Outcome::Reply(Bytes::new())) else { continue };
                    long.whole(left).await.map(|reply| {
                        left -= reply.len();
                        *outcome = Outcome::Reply(reply);
                    })
                };
                if let Err(lost) = fetched {
                    *outcome = Outcome::Reply(error(&lost));
                }
            }
        }
    }

    /// Appends all replies to `output` and begins anew. `outcomes` are those of the calls; `time` is what they took together.
    pub(crate) fn finish(&mut self, outcomes: Vec<Outcome>, output: &mut Output, shard: &Shard, time: std::time::Duration) {
        assert_eq!(outcomes.len(), self.calls.len(), "one outcome for each call");
        let mut outcomes = outcomes.into_iter();
        let (mut local, mut order) = (&self.local[..], &self.order[..]);
        let count = self.steps.len() as u64;
        shard.took(count, time);
        let mut run = Run { shard, each: time / self.steps.len().max(1) as u32, command: None, count: 0 };
        for step in self.steps.drain(..) {
            run.add(step.command);
            match step.what {
                What::Local(len) => {
                    let reply;
                    (reply, local) = local.split_at(len);
                    output.tail().extend_from_slice(reply);
                }
                What::Call => {
                    let Some(outcome) = outcomes.next() else { continue };
                    write_outcome(outcome, step.command, step.silent, output, shard);
                }
                What::Merge { merge, calls, keys } => {
                    let places;
                    (places, order) = order.split_at(keys);
                    write_merged(&mut outcomes, calls, merge, places, &step, output, shard);
                }
            }
        }
        run.close();
        self.calls.clear();
        self.local.clear();
        self.order.clear();
        self.payload = 0;
        self.calls.shrink_to(KEPT);
        self.local.shrink_to(KEPT);
        self.order.shrink_to(KEPT);
    }
}

/// Consecutive steps of the same command are counted together.
struct Run<'a> {
    shard: &'a Shard,
    each: std::time::Duration,
    command: Option<CommandId>,
    count: u32,
}

impl Run<'_> {
    #[inline]
    fn add(&mut self, command: CommandId) {
        if self.command != Some(command) {
            self.close();
            self.command = Some(command);
        }
        self.count += 1;
    }

    fn close(&mut self) {
        if let Some(command) = self.command.take() {
            self.shard.ran(command, u64::from(self.count), self.each * self.count);
            self.count = 0;
        }
    }
}

#[inline]
fn write_outcome(outcome: Outcome, id: CommandId, silent: bool, output: &mut Output, shard: &Shard) {
    match outcome {
        Outcome::Reply(reply) => {
            match reply.first() {
                Some(b'-') => note_error(id, &reply, shard),
                Some(b'$' | b'_') => note_lookup(&reply, shard),
                _ => {}
            }
            if !silent {
                output.push(reply);
            }
        }
        Outcome::Long(long) => {
            if !silent {
                output.push_long(long);
            }
        }
        Outcome::Refused(refusal) => {
            let before = output.tail().len();
            reply::error(output.tail(), errors::text(refusal, command(id)));
            note_error(id, &output.tail()[before..], shard);
            if silent {
                output.tail().truncate(before);
            }
        }
    }
}

fn write_merged(
    outcomes: &mut IntoIter<Outcome>,
    calls: usize,
    kind: Merge,
    places: &[u32],
    step: &Step,
    output: &mut Output,
    shard: &Shard,
) {
    let mut merged = Vec::new();
    if outcomes.as_slice()[..calls].iter().any(|outcome| matches!(outcome, Outcome::Long(_))) {
        let mut chained = Output::default();
        let parts = if step.silent { &mut chained } else { &mut *output };
        return match chain(command(step.command), outcomes.by_ref().take(calls).collect(), parts) {
            Ok(()) => {}
            Err(error) => {
                note_error(step.command, &error, shard);
                if !step.silent {
                    output.push(error.into());
                }
            }
        };
    }
    merge(kind, command(step.command), &outcomes.as_slice()[..calls], places, &mut merged);
    outcomes.by_ref().take(calls).for_each(drop);
    if merged.first() == Some(&b'-') {
        note_error(step.command, &merged, shard);
    }
    if !step.silent {
        output.push(Bytes::from(merged));
    }
}

/// The table's entry of a command that came from the table.
fn command(id: CommandId) -> &'static Command {
    by_id(id).expect("ids of steps are the table's")
}

/// Keyspace hits and misses, as far as a reply tells: a string that was asked for is there or not.
#[inline]
fn note_lookup(reply: &[u8], shard: &Shard) {
    let missing = matches!(reply, b"$-1\r\n" | b"_\r\n");
    add(if missing { &shard.misses } else { &shard.hits }, 1);
}

#[cold]
fn note_error(id: CommandId, reply: &[u8], shard: &Shard) {
    shard.failed(id);
    shard.error(reply);
}

fn error(lost: &Lost) -> Bytes {
    let mut error = Vec::new();
    reply::error(&mut error, &errors::lost(lost));
    error.into()
}

/// Bytes of long replies that are put together in memory.
const MERGED_MAX: usize = 256 << 20;
/// The header of an array fits into this.
const HEADER_MAX: u32 = 64;
/// Room that is kept for the next batch.
const KEPT: usize = 1024;
