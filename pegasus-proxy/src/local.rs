//! Commands that run in the proxy.
//!
//! Most of them are a function of what the session can see ([`Visit`]) and answer at once. A few have to wait for something
//! ([`Later`]); the session runs those when all that came before has its replies.

use std::borrow::Cow;

use commands::table::{Command, by_id};
use resp::reply;
use types::args::Args;
use types::txn::{CommandId, Database, Proto};

use crate::clients::Client;
use crate::server::Shared;

mod client;
mod command;
mod config;
mod connection;
mod debug;
mod memory;
mod misc;

/// How a local command runs.
#[derive(Clone, Copy)]
pub(crate) enum Local {
    /// At once.
    Now(Program),
    /// In the session, which can wait.
    Later(Later),
}

/// Commands that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Later {
    Scan,
    RandomKey,
    /// A command that reads keys of several partitions.
    Gather,
    Info,
    Sleep,
}

/// A local command. An error is the text of its reply.
pub(crate) type Program = fn(&mut Visit<'_>) -> Answer;
/// Whether the reply was written, or the error to be written instead.
pub(crate) type Answer = Result<(), Cow<'static, str>>;

/// What a local command sees.
pub(crate) struct Visit<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) client: &'a Client,
    pub(crate) state: &'a mut State,
    pub(crate) args: &'a Args,
    /// Where the reply goes.
    pub(crate) out: &'a mut Vec<u8>,
}

/// What a session remembers from command to command.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) proto: Proto,
    pub(crate) database: Database,
    pub(crate) authenticated: bool,
    /// `CLIENT REPLY OFF`.
    pub(crate) mute: bool,
    /// `CLIENT REPLY SKIP`.
    pub(crate) skip_next: bool,
    /// The session ends when its replies are written.
    pub(crate) closing: bool,
}

impl State {
    /// A session before its first command.
    pub(crate) fn new(authenticated: bool) -> State {
        State { proto: Proto::Resp2, database: Database(0), authenticated, mute: false, skip_next: false, closing: false }
    }
}

impl Visit<'_> {
    pub(crate) fn ok(&mut self) -> Answer {
        reply::simple(self.out, "OK");
        Ok(())
    }

    pub(crate) fn bulk(&mut self, text: &str) {
        reply::bulk(self.out, text.as_bytes());
    }

    /// Argument `index` as text; bytes that are not text are replaced.
    pub(crate) fn text(&self, index: usize) -> Cow<'_, str> {
        String::from_utf8_lossy(self.args.at(index))
    }

    /// Whether argument `index` is `word`, in any case.
    pub(crate) fn is(&self, index: usize, word: &str) -> bool {
        self.args.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// `ON` or `OFF`.
    pub(crate) fn on_off(&self, index: usize) -> Result<bool, Cow<'static, str>> {
        match (self.is(index, "on"), self.is(index, "off")) {
            (true, _) => Ok(true),
            (_, true) => Ok(false),
            _ => Err(crate::errors::SYNTAX.into()),
        }
    }
}

/// By command id, how the commands run that are not simply sent to partitions.
pub(crate) fn table() -> Vec<Option<Local>> {
    (0..).map_while(|id| by_id(CommandId(id))).map(local).collect()
}

fn local(command: &Command) -> Option<Local> {
    use Local::{Later, Now};
    Some(match command.name {
        "auth" => Now(connection::auth),
        "echo" => Now(connection::echo),
        "hello" => Now(connection::hello),
        "ping" => Now(connection::ping),
        "quit" => Now(connection::quit),
        "reset" => Now(connection::reset),
        "select" => Now(connection::select),

        "client|getname" => Now(client::getname),
        "client|id" => Now(client::id),
        "client|info" => Now(client::info),
        "client|kill" => Now(client::kill),
        "client|list" => Now(client::list),
        "client|no-evict" => Now(client::no_evict),
        "client|no-touch" => Now(client::no_touch),
        "client|pause" => Now(client::pause),
        "client|reply" => Now(client::reply_mode),
        "client|setinfo" => Now(client::setinfo),
        "client|setname" => Now(client::setname),
        "client|unblock" => Now(client::unblock),
        "client|unpause" => Now(client::unpause),

        "command" => Now(command::all),
        "command|count" => Now(command::count),
        "command|docs" => Now(command::docs),
        "command|getkeys" => Now(command::getkeys),
        "command|info" => Now(command::info),
        "command|list" => Now(command::list),

        "config|get" => Now(config::get),
        "config|resetstat" => Now(config::resetstat),
        "config|set" => Now(config::set),

        "debug|jmap"
        | "debug|log"
        | "debug|pause-cron"
        | "debug|quicklist-packed-threshold"
        | "debug|replybuffer"
        | "debug|set-active-expire"
        | "debug|set-disable-deny-scripts" => Now(debug::nothing),
        "debug|protocol" => Now(debug::protocol),
        "debug|sleep" => Later(self::Later::Sleep),
        "debug|stringmatch-len" => Now(debug::stringmatch),

        "info" => Later(self::Later::Info),
        "lolwut" => Now(misc::lolwut),
        "memory|doctor" => Now(memory::doctor),
        "memory|purge" => Now(memory::purge),
        "memory|stats" => Now(memory::stats),
        "randomkey" => Later(self::Later::RandomKey),
        "scan" => Later(self::Later::Scan),
        "time" => Now(misc::time),
        "wait" => Now(misc::wait),

        name if name.ends_with("|help") => Now(command::help),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use commands::table::{COMMANDS, Place};

    #[test]
    fn every_command_of_the_proxy_runs_here() {
        let table = table();
        for (id, local) in (0..).zip(&table) {
            let command = by_id(CommandId(id)).expect("in the table");
            // RANDOMKEY chooses its partition here; what any partition can answer goes there.
            let here = (matches!(command.place, Place::Proxy | Place::Cursor) || command.name == "randomkey")
                && (command.subcommands.is_empty() || command.arity == -1);
            assert_eq!(local.is_some(), here, "{}", command.name);
        }
        let all = COMMANDS.iter().map(|command| 1 + command.subcommands.len()).sum::<usize>();
        assert_eq!(table.len(), all);
    }
}
