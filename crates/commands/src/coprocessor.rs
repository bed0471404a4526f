//! The Redis coprocessor: runs the table's programs at a partition's primary.

use types::args::Args;
use types::limits::Limits;
use types::reply::Reply;
use types::txn::{Abort, Call, CommandId, Coprocessor, Database, HashKeyTxn, Proto};

use crate::census;
use crate::flush;
use crate::program::{Program, Stop};
use crate::table::{self, Command, Flag, Place};

/// Redis commands, as the replica's coprocessor.
#[derive(Debug, Clone, Copy, Default)]
pub struct Redis;

impl Coprocessor for Redis {
    fn resolve(&self, args: &Args) -> Option<CommandId> {
        if census::is_named(args) {
            return Some(census::ID);
        }
        table::find(args).ok().filter(|(_, command)| command.place != Place::Proxy).map(|(id, _)| id)
    }

    fn writes(&self, command: CommandId) -> bool {
        command == SWEEP || table::by_id(command).is_some_and(|command| command.is(Flag::Write))
    }

    fn execute(&self, txn: &mut dyn HashKeyTxn, call: &Call, reply: &mut Reply) -> Result<(), Abort> {
        let Some((command, run)) = program(call) else {
            refuse(call, reply);
            return Ok(());
        };
        // What a program had said before it was refused, the header of an array for instance, is no reply.
        let start = reply.len();
        let mut program = Program { command, call, txn, out: reply };
        match run(&mut program) {
            Ok(()) => Ok(()),
            Err(Stop::Refused(text)) => {
                reply.truncate(start);
                resp::reply::error(reply, &text);
                Ok(())
            }
            Err(Stop::RefusedBytes(text)) => {
                reply.truncate(start);
                resp::reply::error_bytes(reply, &text);
                Ok(())
            }
            Err(Stop::Aborted(abort)) => Err(abort),
        }
    }

    fn sweep(&self, limit: usize) -> Call {
        let args = Args::copied([b"sweep".as_slice(), itoa::Buffer::new().format(limit).as_bytes()]);
        Call { command: SWEEP, database: Database(0), proto: Proto::Resp2, args, limits: Limits::DEFAULT }
    }
}

/// The table's entry and program of a call, if it is one that a partition runs.
fn program(call: &Call) -> Option<(&'static Command, crate::program::Run)> {
    if call.command == SWEEP {
        return Some((&flush::SWEEP, flush::sweep));
    }
    if call.command == census::ID {
        return Some((&census::CENSUS, census::take));
    }
    let command = table::by_id(call.command)?;
    command.run.filter(|_| command.fits(call.args.len())).map(|run| (command, run))
}

/// Answers a call that no partition runs. It comes from a proxy of another version: ours asks the table first.
fn refuse(call: &Call, reply: &mut Reply) {
    match table::find(&call.args) {
        Err(not_found) => not_found.write(&call.args, reply),
        Ok((_, command)) => {
            let text = format!("ERR command '{}' does not run at a partition", command.name);
            resp::reply::error(reply, &text);
        }
    }
}

/// The internal command that deletes expired keys. No name leads to it, so no client reaches it.
/// The largest number but one (see also [`census::ID`]): the largest stands for a name that the table does not have.
const SWEEP: CommandId = CommandId(u16::MAX - 1);

#[cfg(test)]
mod tests;
