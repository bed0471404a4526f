//! What a client is told when a call has no reply: the whole list, on one page.

use client::long::Lost;
use commands::table::{Command, Flag};
use wire::rpc::Refusal;

/// The error reply for a refused call of `command`.
pub(crate) fn text(refusal: Refusal, command: &Command) -> &'static str {
    match refusal {
        Refusal::NotPrimary | Refusal::NotReady => "CLUSTERDOWN The partition of the key is not being served, the command was not run",
        Refusal::Busy => "TRYAGAIN The partition of the key is overloaded, the command was not run",
        Refusal::Expired => "TRYAGAIN The command waited for too long and was not run",
        Refusal::TooFewMembers => "NOREPLICAS Not enough good replicas to write.",
        Refusal::DiskFull => "MISCONF The disk is full, writes are refused",
        Refusal::TooLarge => "ERR the command would write more than can be replicated as one, it was not run",
        Refusal::UnknownCommand => "ERR the node of the key runs another version and does not know this command",
        // Never a definite error: the write may be on its way to being committed.
        Refusal::Unknown if command.is(Flag::Write) => "ERR no answer in time, it is not known whether the write took effect",
        Refusal::Apart => "TRYAGAIN The command waited for others before it for too long and was not run",
        Refusal::Unknown => "TRYAGAIN No answer in time",
    }
}

/// The error reply for a long reply of which nothing was sent.
pub(crate) fn lost(lost: &Lost) -> String {
    match lost {
        Lost::Refused(text) => text.clone(),
        Lost::TooLong => "ERR the reply is too long to be put together from those of several partitions".to_owned(),
        Lost::Gone(_) => "TRYAGAIN The reply could not be fetched from its node".to_owned(),
    }
}

/// Keys of a command that cannot be split lie in several partitions.
pub(crate) const CROSS_SLOT: &str = "CROSSSLOT Keys in request don't hash to the same slot";
/// A command before `AUTH`.
pub(crate) const NO_AUTH: &str = "NOAUTH Authentication required.";
/// `AUTH` with the wrong password or user.
pub(crate) const WRONG_PASS: &str = "WRONGPASS invalid username-password pair or user is disabled.";
/// `HELLO` before `AUTH` and without one of its own.
pub(crate) const HELLO_NO_AUTH: &str = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
     <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
/// `AUTH password` where none is needed.
pub(crate) const NO_PASSWORD: &str =
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?";
/// Arguments that make no sense.
pub(crate) const SYNTAX: &str = "ERR syntax error";
/// An argument that should be an integer.
pub(crate) const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
/// The routing table is not known, and patience ended.
pub(crate) const NO_ROUTES: &str = "CLUSTERDOWN The table's partitions are not known yet";
/// What a partition answered cannot be merged.
pub(crate) const MALFORMED: &str = "ERR a partition sent a malformed reply";
/// One connection too many.
pub(crate) const MAX_CLIENTS: &str = "ERR max number of clients reached";
/// `DEBUG` where it is off.
pub(crate) const NO_DEBUG: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a \
     local connection, otherwise you need to set this option in the configuration file, and then restart the server.";
