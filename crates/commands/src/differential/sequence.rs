//! A random sequence of commands, run on both sides at once: every reply is compared, then everything that is stored.

use std::cell::Cell;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use types::limits::Limits;
use types::root::Kind;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::differential::compare::{self, Compare, Value};
use crate::differential::drawn;
use crate::differential::random::Random;
use crate::differential::reply::Reply;
use crate::differential::server::Server;
use crate::differential::template::{Templates, Words};
use crate::memory::Memory;

/// What runs a command on our side: [`honest`], or one with a planted fault.
pub(super) type Run = fn(&mut Memory, Proto, &Words) -> Vec<u8>;

/// One thing that happens in a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A command.
    Command(Words),
    /// From now on collections explode when they have more elements than this; `None`: than Redis ships with.
    Explode(Option<u32>),
}

/// A sequence, and all that its outcome depends on.
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    pub(super) proto: Proto,
    /// The commands that both run before one, so that versions of Redis do not differ about it.
    pub(super) before: fn(&Words) -> Vec<Words>,
    pub(super) steps: Vec<Step>,
}

/// Where the two sides part.
#[derive(Debug)]
pub(super) struct Mismatch {
    /// The steps up to there.
    pub(super) steps: usize,
    pub(super) command: Words,
    pub(super) ours: Vec<u8>,
    pub(super) theirs: Vec<u8>,
}

/// Runs a command as it should be; a panic is a reply that Redis does not have.
pub(super) fn honest(memory: &mut Memory, proto: Proto, command: &Words) -> Vec<u8> {
    caught(|| memory.run(&Redis, Database(0), proto, command))
}

/// What `run` returns, or its panic as an error reply.
pub(super) fn caught(run: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    QUIET.set(true);
    let reply = panic::catch_unwind(AssertUnwindSafe(run));
    QUIET.set(false);
    reply.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
        format!("-PANIC {}\r\n", text.unwrap_or("of some kind").replace(['\r', '\n'], " ")).into_bytes()
    })
}

thread_local! {
    /// Whether a panic on this thread becomes a reply and need not be printed.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Lets panics of commands become replies without a word, and leaves all others as they are.
pub(super) fn quiet_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info)
            }
        }));
    });
}

impl Sequence {
    /// The sequence of this seed: its protocol, its layout and its commands follow from it.
    pub(super) fn random(templates: &Templates, before: fn(&Words) -> Vec<Words>, seed: u64) -> Sequence {
        let mut random = Random::of_sequence(seed);
        let proto = if seed.is_multiple_of(2) { Proto::Resp2 } else { Proto::Resp3 };
        let layouts = [Some(0), Some(1), Some(3), None];
        // The first four layouts stay as they are, the fifth changes.
        let layout = (seed / 2 % 5) as usize;
        let mut steps = vec![Step::Explode(layouts[layout % 4])];
        for _ in 0..LENGTH {
            if layout == 4 && random.one_in(40) {
                steps.push(Step::Explode(layouts[random.below(4)]));
            }
            let command = templates.draw(&mut random);
            if !drawn::is_endless(&command) {
                steps.push(Step::Command(command));
            }
        }
        Sequence { proto, before, steps }
    }

    /// Runs the sequence on empty stores.
    pub(super) fn run(&self, server: &mut Server, run: Run, told: &mut dyn FnMut(&Words, &[u8])) -> Result<(), Box<Mismatch>> {
        server.replies(&[command("FLUSHALL")]);
        server.hello(self.proto);
        let memory = Memory::new(server.time());
        let mut sides = Sides { server, memory, proto: self.proto, run, told, batch: Vec::new(), step: 0, sorted: false };
        sides.explode(None);
        for (index, step) in self.steps.iter().enumerate() {
            sides.step = index + 1;
            match step {
                Step::Command(command) => {
                    (self.before)(command).into_iter().chain([command.clone()]).for_each(|command| sides.push(command));
                    let alone = compare::of(command) == Compare::Drawn || command[0].eq_ignore_ascii_case(b"XSETID");
                    if alone || sides.batch.len() >= BATCH {
                        sides.flush()?;
                    }
                }
                Step::Explode(entries) => {
                    sides.flush()?;
                    sides.explode(*entries);
                }
            }
        }
        sides.flush()?;
        sides.compare_state()
    }
}

/// The two stores, and the commands that neither has run yet.
struct Sides<'a> {
    server: &'a mut Server,
    memory: Memory,
    proto: Proto,
    run: Run,
    /// Is told every command with Redis' reply.
    told: &'a mut dyn FnMut(&Words, &[u8]),
    /// The commands, each with the number of steps up to it.
    batch: Vec<(usize, Words)>,
    step: usize,
    /// See [`Value`].
    sorted: bool,
}

impl Sides<'_> {
    fn push(&mut self, command: Words) {
        self.sorted |= [b"SORT".as_slice(), b"SORT_RO"].iter().any(|name| command[0].eq_ignore_ascii_case(name));
        self.batch.push((self.step, command));
    }

    fn flush(&mut self) -> Result<(), Box<Mismatch>> {
        let (steps, batch): (Vec<usize>, Vec<Words>) = std::mem::take(&mut self.batch).into_iter().unzip();
        if batch.is_empty() {
            return Ok(());
        }
        let (now, replies) = self.server.timed_replies(&batch);
        self.memory.set_now(now);
        for (steps, (command, theirs)) in steps.into_iter().zip(batch.into_iter().zip(replies)) {
            (self.told)(&command, &theirs);
            let mismatch = |ours, theirs, command| Box::new(Mismatch { steps, command, ours, theirs });
            if compare::of(&command) == Compare::Drawn {
                let before = drawn::whole(&command).map(|whole| honest(&mut self.memory, self.proto, &whole));
                let ours = (self.run)(&mut self.memory, self.proto, &command);
                if ours != theirs && !before.is_some_and(|before| drawn::same(&command, &before, &ours, &theirs)) {
                    return Err(mismatch(ours, theirs, command));
                }
                if command[0].eq_ignore_ascii_case(b"SPOP") && ours != theirs {
                    self.pop_alike(&command[1], &drawn::popped(&ours), &drawn::popped(&theirs));
                }
                continue;
            }
            let ours = (self.run)(&mut self.memory, self.proto, &command);
            if compare::sets_lower_id(&command, &ours, &theirs) {
                self.set_alike(&command[1]);
                continue;
            }
            if ours != theirs && !compare::same(&command, &ours, &theirs, &self.value(&command)) {
                return Err(mismatch(ours, theirs, command));
            }
        }
        Ok(())
    }

    /// Puts back what we popped, and pops what they did.
    fn pop_alike(&mut self, key: &[u8], ours: &[Vec<u8>], theirs: &[Vec<u8>]) {
        for (name, members, others) in [("SADD", ours, theirs), ("SREM", theirs, ours)] {
            let members = members.iter().filter(|member| !others.contains(member)).cloned();
            let command: Words = [name.as_bytes().to_vec(), key.to_vec()].into_iter().chain(members).collect();
            if command.len() > 2 {
                honest(&mut self.memory, self.proto, &command);
            }
        }
    }

    /// Gives their stream the ids and the count of ours.
    fn set_alike(&mut self, key: &[u8]) {
        let question = [b"XINFO".as_slice(), b"STREAM", key].map(<[u8]>::to_vec).to_vec();
        let info = Reply::parse(&honest(&mut self.memory, Proto::Resp3, &question));
        let of = |name: &str| {
            let at = info.items().iter().position(|item| item.text() == Some(name.as_bytes())).expect("it is told");
            let value = &info.items()[at + 1];
            value.text().map_or_else(|| value.integer().expect("a number").to_string().into_bytes(), <[u8]>::to_vec)
        };
        let (last, added, deleted) = (of("last-generated-id"), of("entries-added"), of("max-deleted-entry-id"));
        let (name, count, bound) = (b"XSETID".to_vec(), b"ENTRIESADDED".to_vec(), b"MAXDELETEDID".to_vec());
        let replies = self.server.replies(&[vec![name, key.to_vec(), last, count, added, bound, deleted]]);
        assert_eq!(replies, [b"+OK\r\n"]);
    }

    /// What our side knows of the key that a command is about.
    fn value(&mut self, command: &Words) -> Value {
        let index = if command[0].eq_ignore_ascii_case(b"OBJECT") { 2 } else { 1 };
        let Some(key) = command.get(index) else { return Value::default() };
        let question = [b"OBJECT".to_vec(), b"ENCODING".to_vec(), key.clone()].to_vec();
        let listpack = Reply::parse(&honest(&mut self.memory, self.proto, &question)).text() == Some(b"listpack");
        Value { listpack, kind: self.memory.root_of(Database(0), key).map(|root| root.kind), sorted: self.sorted }
    }

    fn explode(&mut self, entries: Option<u32>) {
        let limits = entries.map_or(Limits::DEFAULT, Limits::exploding_at);
        self.memory.set_limits(Limits { value_max: 512 << 20, ..limits });
        let line = format!(
            "CONFIG SET hash-max-listpack-entries {} list-max-listpack-size {} set-max-intset-entries {} zset-max-listpack-entries {}",
            limits.hash_entries, limits.list_size, limits.set_intset_entries, limits.zset_entries
        );
        let replies = self.server.replies(&[command(&line)]);
        assert_eq!(replies[0], b"+OK\r\n", "{line}");
    }

    /// Compares everything that both hold.
    fn compare_state(&mut self) -> Result<(), Box<Mismatch>> {
        self.push(command("KEYS *"));
        self.flush()?;
        let keys = honest(&mut self.memory, Proto::Resp2, &command("KEYS *"));
        let keys: Vec<Vec<u8>> = Reply::parse(&keys).items().iter().filter_map(|key| Some(key.text()?.to_vec())).collect();
        for key in keys {
            let kind = self.memory.root_of(Database(0), &key).map(|root| root.kind);
            let reads: &[&str] = match kind {
                None => &[],
                Some(Kind::String) => &["GET _"],
                Some(Kind::List) => &["LLEN _", "LRANGE _ 0 -1"],
                Some(Kind::Set) => &["SCARD _", "SMEMBERS _"],
                Some(Kind::ZSet) => &["ZCARD _", "ZRANGE _ 0 -1 WITHSCORES", "ZRANGE _ -inf +inf BYSCORE"],
                Some(Kind::Hash) => &["HLEN _", "HGETALL _"],
                Some(Kind::Stream) => &["XLEN _", "XRANGE _ - +", "XINFO STREAM _ FULL COUNT 0"],
            };
            for line in ["TYPE _", "PTTL _", "OBJECT ENCODING _"].iter().chain(reads) {
                let words = command(line).into_iter().map(|word| if word == b"_" { key.clone() } else { word });
                self.push(words.collect());
            }
            self.flush()?;
        }
        Ok(())
    }
}

/// The words of a line without special bytes.
pub(super) fn command(line: &str) -> Words {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// As redis-cli and the scripts of `testing` read it.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Explode(Some(entries)) => write!(f, "limits {entries}"),
            Step::Explode(None) => f.write_str("limits default"),
            Step::Command(words) => f.write_str(&words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")),
        }
    }
}

fn quoted(word: &[u8]) -> String {
    if !word.is_empty() && word.iter().all(|&byte| byte.is_ascii_graphic() && !b"\"\\'#".contains(&byte)) {
        return String::from_utf8_lossy(word).into_owned();
    }
    let escaped = word.iter().map(|&byte| match byte {
        b'"' | b'\\' | 0..b' ' | 0x7f.. => format!("\\x{byte:02x}"),
        _ => (byte as char).to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// Commands of a sequence.
pub(super) const LENGTH: usize = 300;

/// Commands that are sent in one go.
const BATCH: usize = 150;
