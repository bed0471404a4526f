//! One connection: reads, runs what has been read as batches, writes the replies.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use client::outcome::Outcome;
use client::session::Session as Numbers;
use commands::table::{Command, Flag, NotFound, Place, by_id, find};
use resp::batch::Drained;
use resp::reply;
use resp::scan::{Limits, ProtocolError, Scanner};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::warn;
use types::args::Args;
use types::time::Time;
use types::txn::CommandId;

use crate::clients::Client;
use crate::errors;
use crate::input::Input;
use crate::link::{End, Link};
use crate::local::{Later, Local, State, Visit};
use crate::output::Output;
use crate::route::{self, Request};
use crate::server::Shared;
use crate::session::scratch::Scratch;
use crate::stats::{Shard, add};

mod later;
mod scratch;

/// One connection's side of the proxy.
pub(crate) struct Session<S> {
    shared: Arc<Shared>,
    client: Arc<Client>,
    link: Link<S>,
    input: Input,
    scanner: Scanner,
    limits: Limits,
    /// What calls to partitions carry.
    call_limits: types::limits::Limits,
    settings_version: u64,
    state: State,
    numbers: Numbers,
    shard: Arc<Shard>,
    /// When the batch under way was read.
    started: Time,
    /// Calls of one batch: fewer where replies are large.
    window: usize,
}

/// How a session ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The connection is at its end.
    #[error(transparent)]
    Link(#[from] End),
    /// The client said goodbye, or ended itself.
    #[error("quit")]
    Quit,
    /// What the client sent is not the protocol.
    #[error("protocol error: {0}")]
    Protocol(ProtocolError),
    /// The client speaks HTTP.
    #[error("HTTP")]
    Http,
    /// More replies wait than a client may have.
    #[error("output buffer limit")]
    OutputLimit,
}

/// What has to happen before the next request.
enum Next {
    /// There is none.
    Done,
    /// The batch is large enough.
    Flush,
    /// The routing table is not known; the request once more when it is.
    Routes(Args),
    /// A command that waits, and whether its reply is wanted.
    Later(Later, Request, bool),
    /// The client speaks HTTP.
    Http,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(crate) fn new(shared: Arc<Shared>, client: Arc<Client>, stream: S, numbers: Numbers) -> Session<S> {
        let settings_version = shared.settings_version.load(Ordering::Acquire);
        let settings = shared.settings.load();
        let state = State::new(settings.requirepass.is_empty());
        Session {
            limits: settings.limits(state.authenticated),
            call_limits: settings.call_limits(shared.options.databases),
            settings_version,
            link: Link::new(stream, Arc::clone(&client)),
            input: Input::default(),
            scanner: Scanner::new(),
            state,
            numbers,
            shard: shared.stats.mine(),
            started: client.connected,
            window: WINDOW_START,
            shared: Arc::clone(&shared),
            client,
        }
    }

    /// Serves the connection until it ends.
    pub(crate) async fn run(mut self) -> Ended {
        let mut wanted = 0;
        let ended = loop {
            match self.link.read(&mut self.input, wanted).await {
                Ok(count) => {
                    add(&self.shard.bytes_read, count as u64);
                    add(&self.shard.reads, 1);
                }
                Err(end) => break end.into(),
            }
            self.started = self.shared.clock.now();
            self.client.touch(self.started);
            let mut scratch = Scratch::take();
            let served = self.serve(&mut scratch).await;
            scratch.give_back();
            match served {
                Ok(more) => wanted = more,
                Err(ended) => break ended,
            }
        };
        if let Ended::Protocol(_) = ended {
            self.link.linger().await;
        }
        ended
    }

    /// Runs all requests that have arrived and writes their replies. How many bytes the next request needs at least.
    async fn serve(&mut self, scratch: &mut Scratch) -> Result<usize, Ended> {
        loop {
            self.follow_settings();
            let drained = self.scanner.drain(&mut self.input.buffer, &self.limits, &mut scratch.requests);
            self.run_requests(scratch).await?;
            if self.state.closing {
                self.write(&mut scratch.output).await?;
                return Err(Ended::Quit);
            }
            match drained {
                Ok(Drained::Full) => {}
                Ok(Drained::Empty { wanted }) => {
                    self.write(&mut scratch.output).await?;
                    self.input.settle();
                    self.client.unread.store(self.input.buffer.len(), Ordering::Relaxed);
                    return Ok(wanted);
                }
                Err(error) => {
                    if error != ProtocolError::TooBigRequest {
                        error.reply(scratch.output.tail());
                    }
                    self.write(&mut scratch.output).await?;
                    return Err(Ended::Protocol(error));
                }
            }
        }
    }

    async fn run_requests(&mut self, scratch: &mut Scratch) -> Result<(), Ended> {
        let mut requests = std::mem::take(&mut scratch.requests);
        let mut left = requests.drain(..);
        let mut again = None;
        loop {
            match self.accept(again.take().into_iter().chain(&mut left), scratch) {
                Next::Done => break,
                Next::Flush => self.flush(scratch).await?,
                Next::Routes(args) => {
                    self.flush(scratch).await?;
                    if self.shared.router.ready().await {
                        again = Some(args);
                    } else {
                        reply::error(scratch.output.tail(), errors::NO_ROUTES);
                    }
                }
                Next::Later(later, request, silent) => {
                    self.flush(scratch).await?;
                    self.run_later(later, request, silent, scratch).await;
                    self.relieve(scratch).await?;
                }
                Next::Http => {
                    self.flush(scratch).await?;
                    self.write(&mut scratch.output).await?;
                    return Err(Ended::Http);
                }
            }
        }
        drop(left);
        scratch.requests = requests;
        self.flush(scratch).await
    }

    /// Takes requests and makes steps of them, until something has to happen first.
    fn accept(&mut self, requests: impl Iterator<Item = Args>, scratch: &mut Scratch) -> Next {
        let routes = self.shared.router.routes();
        let mut next = Next::Done;
        for args in requests {
            if self.state.closing {
                break;
            }
            let silent = self.state.mute | std::mem::take(&mut self.state.skip_next);
            let (id, command) = match find(&args) {
                Ok(found) => found,
                Err(not_found) => {
                    if is_http(&args, not_found) {
                        self.tell_http();
                        next = Next::Http;
                        break;
                    }
                    self.reject(id_of(not_found), silent, scratch, |out| not_found.write(&args, out));
                    continue;
                }
            };
            self.client.command.store(id.0, Ordering::Relaxed);
            if !self.state.authenticated && !command.is(Flag::NoAuth) {
                self.reject(Some(id), silent, scratch, |out| reply::error(out, errors::NO_AUTH));
                continue;
            }
            let local = || self.shared.local.get(usize::from(id.0)).copied().flatten();
            let place = match command.place {
                // No keys, and no partition is better than another.
                Place::Any if local().is_none() => Place::Key,
                place => place,
            };
            match place {
                Place::Key | Place::Gather | Place::Split(_) | Place::Every(_) => {
                    if routes.partitions() == 0 {
                        self.state.skip_next = silent && !self.state.mute;
                        next = Next::Routes(args);
                        break;
                    }
                    if self.shared.debug_object == Some(id) && !self.shared.settings.load().debug {
                        self.reject(Some(id), silent, scratch, |out| reply::error(out, errors::NO_DEBUG));
                        continue;
                    }
                    let request = self.request(id, command, args);
                    if command.place == Place::Gather && !route::is_together(&request, &routes) {
                        next = Next::Later(Later::Gather, request, silent);
                        break;
                    }
                    if let Err(error) = route::add(request, &routes, &mut scratch.batch, silent) {
                        self.reject(Some(id), silent, scratch, |out| reply::error(out, error));
                    }
                    if scratch.batch.calls().len() >= self.window || scratch.batch.payload() >= PAYLOAD_MAX {
                        next = Next::Flush;
                        break;
                    }
                }
                Place::Proxy | Place::Cursor | Place::Any => {
                    if command.name.starts_with("debug|") && !self.shared.settings.load().debug {
                        self.reject(Some(id), silent, scratch, |out| reply::error(out, errors::NO_DEBUG));
                        continue;
                    }
                    match local() {
                        Some(Local::Now(program)) => self.run_now(id, program, &args, silent, scratch),
                        Some(Local::Later(later)) => {
                            next = Next::Later(later, self.request(id, command, args), silent);
                            break;
                        }
                        None => self.reject(Some(id), silent, scratch, |out| NotFound::Command.write(&args, out)),
                    }
                }
            }
        }
        next
    }

    fn request(&self, id: CommandId, command: &'static Command, args: Args) -> Request {
        Request { id, command, database: self.state.database, proto: self.state.proto, args, limits: self.call_limits }
    }

    /// Runs a local command. Its reply goes out at once, or waits for those before it.
    fn run_now(&mut self, id: CommandId, program: crate::local::Program, args: &Args, skip: bool, scratch: &mut Scratch) {
        let was_mute = self.state.mute;
        let waits = !scratch.batch.is_empty();
        let mut held = Vec::new();
        let out = if waits { &mut held } else { scratch.output.tail() };
        let before = out.len();
        let mut visit = Visit { shared: &self.shared, client: &self.client, state: &mut self.state, args, out };
        if let Err(error) = program(&mut visit) {
            out.truncate(before);
            reply::error(out, &error);
        }
        if out.get(before) == Some(&b'-') {
            self.shard.failed(id);
            self.shard.error(&out[before..]);
        }
        // CLIENT REPLY ON is answered, although replies were off when it came.
        let unmuted = was_mute && !self.state.mute;
        let silent = skip && !unmuted;
        if silent {
            out.truncate(before);
        }
        if waits {
            scratch.batch.local(id, |out| out.extend_from_slice(&held));
        } else {
            self.shard.ran(id, 1, Duration::ZERO);
        }
    }

    /// Answers a request that does not run.
    #[cold]
    fn reject(&mut self, id: Option<CommandId>, silent: bool, scratch: &mut Scratch, write: impl FnOnce(&mut Vec<u8>)) {
        let mut error = Vec::new();
        write(&mut error);
        self.shard.error(&error);
        if let Some(id) = id {
            self.shard.rejected(id);
        }
        if silent {
            return;
        }
        if scratch.batch.is_empty() {
            scratch.output.tail().extend_from_slice(&error);
        } else {
            scratch.batch.local(NO_COMMAND, |out| out.extend_from_slice(&error));
        }
    }

    /// Runs the batch and puts its replies into the output.
    async fn flush(&mut self, scratch: &mut Scratch) -> Result<(), Ended> {
        if scratch.batch.is_empty() {
            return Ok(());
        }
        if self.shared.pause.is_set() {
            wait_out_pause(&self.shared, scratch.batch.writes()).await;
        }
        let mut outcomes = self.shared.router.execute(&mut self.numbers, scratch.batch.calls()).await;
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Long(_))) {
            Box::pin(scratch.batch.fetch(&mut outcomes)).await;
        }
        let now = self.shared.clock.now();
        let (calls, before) = (outcomes.len(), scratch.output.len());
        scratch.batch.finish(outcomes, &mut scratch.output, &self.shard, now.since(self.started));
        self.started = now;
        let average = (scratch.output.len() - before) / calls.max(1);
        self.window = (REPLIES_MAX / average.max(1)).clamp(1, WINDOW_MAX).min(4 * self.window);
        self.relieve(scratch).await
    }

    /// Writes what has gathered if it is much.
    async fn relieve(&mut self, scratch: &mut Scratch) -> Result<(), Ended> {
        if scratch.output.len() >= REPLIES_MAX { self.write(&mut scratch.output).await } else { Ok(()) }
    }

    /// Writes all of `output`, within what a client may let wait.
    async fn write(&mut self, output: &mut Output) -> Result<(), Ended> {
        if output.is_empty() {
            return Ok(());
        }
        let limit = self.shared.settings.load().output;
        if limit.hard > 0 || limit.soft > 0 {
            // Long replies count, too.
            for long in output.longs().filter(|long| long.left().is_none()) {
                let _ = long.look(1).await; // what is lost is told when it is its turn
            }
        }
        if limit.hard > 0 && output.len() > limit.hard {
            return Err(Ended::OutputLimit);
        }
        let written = if limit.soft > 0 && output.len() > limit.soft {
            tokio::time::timeout(limit.soft_time, self.link.write(output)).await.map_err(|_| Ended::OutputLimit)?
        } else {
            self.link.write(output).await
        };
        add(&self.shard.bytes_written, written? as u64);
        add(&self.shard.writes, 1);
        Ok(())
    }

    /// Takes over what `CONFIG SET` or `AUTH` changed.
    fn follow_settings(&mut self) {
        let version = self.shared.settings_version.load(Ordering::Acquire);
        if version != self.settings_version {
            self.settings_version = version;
            let settings = self.shared.settings.load();
            self.limits = settings.limits(self.state.authenticated);
            self.call_limits = settings.call_limits(self.shared.options.databases);
        }
        self.limits.authenticated = self.state.authenticated;
    }

    /// A web page can make a browser send us what looks like commands: such a connection is closed, as by Redis.
    #[cold]
    fn tell_http(&self) {
        let now = self.shared.clock.now().since_start().as_secs() + 1;
        let told = self.shared.http_told.load(Ordering::Relaxed);
        if (told == 0 || now >= told + 60)
            && self.shared.http_told.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            warn!(peer = %self.client.peer.remote, "a client speaks HTTP: possibly an attack through a browser, connection closed");
        }
    }
}

/// Holds back a batch during CLIENT PAUSE.
#[cold]
async fn wait_out_pause(shared: &Shared, writes: bool) {
    while shared.pause.holds(shared.clock.now(), writes) {
        tokio::time::sleep(PAUSE_STEP).await;
    }
}

/// The command that was called with the wrong number of arguments.
fn id_of(not_found: NotFound) -> Option<CommandId> {
    let NotFound::Arity(command) = not_found else { return None };
    (0..).map(CommandId).map_while(|id| by_id(id).map(|known| (id, known))).find(|(_, known)| *known == command).map(|(id, _)| id)
}

fn is_http(args: &Args, not_found: NotFound) -> bool {
    let name = args.get(0).unwrap_or_default();
    not_found == NotFound::Command && (name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:"))
}

/// What a request that is no command counts as.
const NO_COMMAND: CommandId = CommandId(u16::MAX);
/// Calls of a session's first batch. It grows as long as replies are small: nobody knows before how large they are, and they are all in
/// memory at once.
const WINDOW_START: usize = 32;
/// Calls of a batch at most.
const WINDOW_MAX: usize = 1024;
/// Bytes of replies after which a batch is written, and that a batch should not much exceed.
const REPLIES_MAX: usize = 1 << 20;
/// Bytes of arguments after which a batch is sent.
const PAYLOAD_MAX: usize = 1 << 20;
/// How often a paused session looks whether it may go on.
const PAUSE_STEP: Duration = Duration::from_millis(5);
