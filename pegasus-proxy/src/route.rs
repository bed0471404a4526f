//! From a command to calls for partitions, and the note of how their outcomes become one reply.

use client::routes::Routes;
use commands::table::{Command, Merge, Place};
use types::args::Args;
use types::limits::Limits;
use types::slot::Slot;
use types::txn::{Call, CommandId, Database, Proto};

use crate::batch::Batch;
use crate::errors;

/// A command on its way to partitions.
pub(crate) struct Request {
    pub(crate) id: CommandId,
    pub(crate) command: &'static Command,
    pub(crate) database: Database,
    pub(crate) proto: Proto,
    pub(crate) args: Args,
    pub(crate) limits: Limits,
}

impl Request {
    fn call(&self, args: Args) -> Call {
        Call { command: self.id, database: self.database, proto: self.proto, args, limits: self.limits }
    }

    fn into_call(self) -> Call {
        Call { command: self.id, database: self.database, proto: self.proto, args: self.args, limits: self.limits }
    }
}

/// Adds the calls that `request` needs to the batch.
///
/// # Errors
/// The error reply of a command whose keys lie where they must not.
#[inline]
pub(crate) fn add(request: Request, routes: &Routes, batch: &mut Batch, silent: bool) -> Result<(), &'static str> {
    match request.command.place {
        Place::Key | Place::Gather | Place::Any => match one_partition(&request, routes) {
            Some(partition) => batch.call(partition, request.into_call(), silent),
            None => return Err(errors::CROSS_SLOT),
        },
        Place::Split(merge) => match one_partition(&request, routes) {
            Some(partition) => batch.call(partition, request.into_call(), silent),
            None if merge == Merge::Streams => split_streams(&request, routes, batch, silent),
            None => split(&request, merge, routes, batch, silent),
        },
        Place::Every(_) if routes.partitions() == 1 => batch.call(0, request.into_call(), silent),
        Place::Every(merge) => {
            let calls = (0..routes.partitions()).map(|partition| (partition, request.call(request.args.clone())));
            batch.merged(request.id, merge, calls, std::iter::empty(), silent);
        }
        Place::Proxy | Place::Cursor => unreachable!("the session runs these itself"),
    }
    Ok(())
}

/// Whether one partition has all keys.
pub(crate) fn is_together(request: &Request, routes: &Routes) -> bool {
    one_partition(request, routes).is_some()
}

/// The partition that all keys lie in, if there is one. Without keys any will do.
#[inline]
fn one_partition(request: &Request, routes: &Routes) -> Option<u32> {
    let args = &request.args;
    let mut keys = request.command.keys(args);
    let partition = |index: usize| routes.partition_of(Slot::of(args.at(index)));
    let first = keys.next().map_or(0, partition);
    keys.all(|index| partition(index) == first).then_some(first)
}

/// One call for each stream: the keys stand in a row, and then the ids.
fn split_streams(request: &Request, routes: &Routes, batch: &mut Batch, silent: bool) {
    let args = &request.args;
    let keys: Vec<usize> = request.command.keys(args).collect();
    let Some(&first) = keys.first() else { return };
    let partition = |key: usize| routes.partition_of(Slot::of(args.at(key)));
    if args.len() != first + 2 * keys.len() {
        // An id is missing: the partition of the first key says so.
        return batch.call(partition(first), request.call(args.clone()), silent);
    }
    let calls = keys.iter().map(|&key| (partition(key), request.call(args.pick((0..first).chain([key, key + keys.len()])))));
    batch.merged(request.id, Merge::Streams, calls, std::iter::empty(), silent);
}

/// One call for each partition that has some of the keys.
fn split(request: &Request, merge: Merge, routes: &Routes, batch: &mut Batch, silent: bool) {
    let args = &request.args;
    let mut keys = request.command.keys(args);
    let (Some(first), second) = (keys.next(), keys.next()) else { return };
    let step = second.map_or(1, |second| second - first);
    if !(args.len() - first).is_multiple_of(step) {
        // A value is missing: the partition of the first key says so.
        let partition = routes.partition_of(Slot::of(args.at(first)));
        return batch.call(partition, request.call(args.clone()), silent);
    }
    // Partition, place among the keys. Sorted by both: keys of one partition keep their order.
    let mut places: Vec<(u32, u32)> = (0u32..)
        .zip((first..args.len()).step_by(step))
        .map(|(place, index)| (routes.partition_of(Slot::of(args.at(index))), place))
        .collect();
    places.sort_unstable();
    let calls = places.chunk_by(|a, b| a.0 == b.0).map(|group| {
        let theirs = group.iter().flat_map(|(_, place)| {
            let index = first + *place as usize * step;
            index..index + step
        });
        (group[0].0, request.call(args.pick((0..first).chain(theirs))))
    });
    batch.merged(request.id, merge, calls, places.iter().map(|(_, place)| *place), silent);
}
