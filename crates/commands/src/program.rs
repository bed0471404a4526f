//! What a command's program is given: the call, the transaction, a place for the reply, and the steps that most programs share.
//!
//! Invariant: a program that ends with [`Stop::Refused`] has written nothing. So an error reply means that nothing changed, and the
//! transaction needs to be rolled back only when the storage aborts it.

use std::borrow::Cow;

use bytes::Bytes;
use resp::{number, reply};
use types::args::Args;
use types::limits::Limits;
use types::reply::Reply;
use types::root::{Kind, Root};
use types::txn::{Abort, Call, HashKey, HashKeyTxn, Proto};

use crate::table::Command;

/// A command at work.
pub(crate) type Run = fn(&mut Program<'_>) -> Result<(), Stop>;

/// One command, its view of the partition and its reply.
pub(crate) struct Program<'a> {
    /// The table's entry.
    pub(crate) command: &'static Command,
    /// What the client sent.
    pub(crate) call: &'a Call,
    /// The partition.
    pub(crate) txn: &'a mut dyn HashKeyTxn,
    /// Where the reply goes.
    pub(crate) out: &'a mut Reply,
}

/// Why a program ended without a regular reply.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The client gets this error; nothing was written.
    Refused(Cow<'static, str>),
    /// The same; the error quotes what the client sent, which need not be UTF-8.
    RefusedBytes(Vec<u8>),
    /// The evaluation is void.
    Aborted(Abort),
}

impl<'a> Program<'a> {
    pub(crate) fn args(&self) -> &'a Args {
        &self.call.args
    }

    pub(crate) fn proto(&self) -> Proto {
        self.call.proto
    }

    /// Bounds on what a command may build, and where layouts change.
    pub(crate) fn limits(&self) -> &'a Limits {
        &self.call.limits
    }

    /// The key that argument `index` names.
    pub(crate) fn key(&self, index: usize) -> HashKey<'a> {
        HashKey::new(self.call.database, self.args().at(index))
    }

    /// The keys among the arguments.
    pub(crate) fn keys(&self) -> impl Iterator<Item = HashKey<'a>> + use<'a> {
        let call = self.call;
        self.command.keys(&call.args).map(move |index| HashKey::new(call.database, call.args.at(index)))
    }

    /// The root of a key that exists: present and not expired.
    pub(crate) fn live(&mut self, key: &HashKey<'_>) -> Result<Option<Root>, Abort> {
        let now = self.txn.now();
        Ok(self.txn.root(key)?.filter(|root| !root.expired(now)))
    }

    /// The root of a key that has to hold a string, if it exists.
    pub(crate) fn string(&mut self, key: &HashKey<'_>) -> Result<Option<Root>, Stop> {
        self.root_of(key, Kind::String)
    }

    /// The root of a key that has to hold this kind of value, if it exists.
    pub(crate) fn root_of(&mut self, key: &HashKey<'_>, kind: Kind) -> Result<Option<Root>, Stop> {
        match self.live(key)? {
            Some(root) if root.kind != kind => Err(Stop::wrong_type()),
            root => Ok(root),
        }
    }

    /// Argument `index` as an integer.
    pub(crate) fn integer_at(&self, index: usize) -> Result<i64, Stop> {
        number::parse_integer(self.args().at(index)).ok_or(Stop::Refused(NOT_AN_INTEGER.into()))
    }

    /// Argument `index` as a value that will be stored.
    pub(crate) fn value_at(&self, index: usize) -> Bytes {
        self.args().bytes(index)
    }

    pub(crate) fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    pub(crate) fn integer(&mut self, value: i64) {
        reply::integer(self.out, value);
    }

    pub(crate) fn bulk(&mut self, value: &[u8]) {
        reply::bulk(self.out, value);
    }

    pub(crate) fn null(&mut self) {
        reply::null(self.out, self.proto());
    }
}

impl Stop {
    /// A fixed text.
    pub(crate) fn refused(text: &'static str) -> Stop {
        Stop::Refused(text.into())
    }

    pub(crate) fn syntax() -> Stop {
        Stop::refused("ERR syntax error")
    }

    pub(crate) fn wrong_type() -> Stop {
        Stop::refused("WRONGTYPE Operation against a key holding the wrong kind of value")
    }
}

impl From<Abort> for Stop {
    fn from(abort: Abort) -> Stop {
        Stop::Aborted(abort)
    }
}

/// Redis' text for an argument or a value that is not an integer.
pub(crate) const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
