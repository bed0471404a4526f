//! Random commands over a hash and over a map: every reply is the map's, whatever the layout, and the records keep their invariants.

use std::collections::BTreeMap;

use proptest::prelude::*;
use types::limits::Limits;
use types::root::Root;
use types::time::UnixMs;
use types::txn::{Coprocessor, Database, HashKey, HashKeyTxn, Proto, SortKeys, ValueId};

use crate::coprocessor::Redis;
use crate::elements;
use crate::hashes::summary::Summary;
use crate::hashes::{TIMED, items, packed};
use crate::memory::Memory;
use crate::testing::{NOW, show, words};

/// A command, with fields by number.
#[derive(Debug, Clone)]
enum Step {
    Set(u8, u8),
    SetNew(u8, u8),
    Remove(u8),
    Count(u8),
    Expire(u8, i64, &'static str),
    Persist(u8),
    SetFor(u8, u8, i64),
    SetKeeping(u8, u8),
    GetFor(u8, i64),
    Take(u8),
    KeyExpires(i64),
    KeyPersists,
    Rewrite,
    Sweep,
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let field = || 0..6u8;
    let time = || prop_oneof![Just(0i64), 1..20i64, 20..200i64];
    let condition = prop_oneof![Just(""), Just("NX"), Just("XX"), Just("GT"), Just("LT")];
    prop_oneof![
        4 => (field(), 0..100u8).prop_map(|(field, value)| Step::Set(field, value)),
        1 => (field(), 0..100u8).prop_map(|(field, value)| Step::SetNew(field, value)),
        2 => field().prop_map(Step::Remove),
        1 => field().prop_map(Step::Count),
        5 => (field(), time(), condition).prop_map(|(field, time, condition)| Step::Expire(field, time, condition)),
        1 => field().prop_map(Step::Persist),
        2 => (field(), 0..100u8, time()).prop_map(|(field, value, time)| Step::SetFor(field, value, time)),
        1 => (field(), 0..100u8).prop_map(|(field, value)| Step::SetKeeping(field, value)),
        1 => (field(), time()).prop_map(|(field, time)| Step::GetFor(field, time)),
        1 => field().prop_map(Step::Take),
        1 => (50..300i64).prop_map(Step::KeyExpires),
        1 => Just(Step::KeyPersists),
        1 => Just(Step::Rewrite),
        1 => Just(Step::Sweep),
        3 => (1..60i64).prop_map(Step::Wait),
    ]
}

/// What a hash is.
#[derive(Debug, Default)]
struct Model {
    fields: BTreeMap<u8, (String, Option<i64>)>,
    expire: Option<i64>,
    now: i64,
}

impl Model {
    fn pass(&mut self) {
        let now = self.now;
        if self.expire.is_some_and(|at| at < now) {
            self.fields.clear();
        }
        self.fields.retain(|_, (_, expire)| expire.is_none_or(|at| at >= now));
        if self.fields.is_empty() {
            self.expire = None;
        }
    }

    fn set(&mut self, field: u8, value: String, expire: Option<i64>) -> bool {
        if expire.is_some_and(|at| at <= self.now) {
            return self.fields.remove(&field).is_none();
        }
        self.fields.insert(field, (value, expire)).is_none()
    }

    /// The command of a step and its reply.
    fn apply(&mut self, step: &Step) -> (String, String) {
        let now = self.now;
        let old = |model: &Model, field: &u8| model.fields.get(field).cloned();
        let quoted = |old: Option<(String, Option<i64>)>| old.map_or("nil".to_string(), |(value, _)| format!("\"{value}\""));
        match *step {
            Step::Set(field, value) => {
                let new = self.set(field, value.to_string(), None);
                (format!("HSET h f{field} {value}"), u8::from(new).to_string())
            }
            Step::SetNew(field, value) => {
                let new = !self.fields.contains_key(&field);
                if new {
                    self.set(field, value.to_string(), None);
                }
                (format!("HSETNX h f{field} {value}"), u8::from(new).to_string())
            }
            Step::Remove(field) => (format!("HDEL h f{field}"), u8::from(self.fields.remove(&field).is_some()).to_string()),
            Step::Count(field) => {
                let (value, expire) = old(self, &field).unwrap_or(("0".to_string(), None));
                let sum = (value.parse::<i64>().unwrap() + 1).to_string();
                // What is kept lives through the millisecond of its expiry, even if that is now.
                self.fields.insert(field, (sum.clone(), expire));
                (format!("HINCRBY h f{field} 1"), sum)
            }
            Step::Expire(field, time, condition) => {
                let at = now + time;
                let reply = match old(self, &field) {
                    None => -2,
                    Some((value, expire)) => {
                        let allowed = match condition {
                            "NX" => expire.is_none(),
                            "XX" => expire.is_some(),
                            "GT" => expire.is_some_and(|old| at > old),
                            "LT" => expire.is_none_or(|old| at < old),
                            _ => true,
                        };
                        if allowed {
                            self.set(field, value, Some(at));
                        }
                        if !allowed { 0 } else { 1 + i64::from(time == 0) }
                    }
                };
                (format!("HPEXPIRE h {time} {condition} FIELDS 1 f{field}"), format!("[{reply}]"))
            }
            Step::Persist(field) => {
                let reply = match self.fields.get_mut(&field) {
                    None => -2,
                    Some((_, expire)) => expire.take().map_or(-1, |_| 1),
                };
                (format!("HPERSIST h FIELDS 1 f{field}"), format!("[{reply}]"))
            }
            Step::SetFor(field, value, time) => {
                self.set(field, value.to_string(), Some(now + time));
                (format!("HSETEX h PX {time} FIELDS 1 f{field} {value}"), "1".to_string())
            }
            Step::SetKeeping(field, value) => {
                let expire = old(self, &field).and_then(|(_, expire)| expire);
                self.fields.insert(field, (value.to_string(), expire));
                (format!("HSETEX h KEEPTTL FIELDS 1 f{field} {value}"), "1".to_string())
            }
            Step::GetFor(field, time) => {
                let old = old(self, &field);
                if let Some((value, _)) = &old {
                    self.set(field, value.clone(), Some(now + time));
                }
                (format!("HGETEX h PX {time} FIELDS 1 f{field}"), format!("[{}]", quoted(old)))
            }
            Step::Take(field) => (format!("HGETDEL h FIELDS 1 f{field}"), format!("[{}]", quoted(self.fields.remove(&field)))),
            Step::KeyExpires(time) => {
                let there = !self.fields.is_empty();
                if there {
                    self.expire = Some(now + time);
                }
                (format!("PEXPIRE h {time}"), u8::from(there).to_string())
            }
            Step::KeyPersists => ("PERSIST h".to_string(), u8::from(self.expire.take().is_some()).to_string()),
            Step::Rewrite | Step::Sweep | Step::Wait(_) => ("EXISTS h".to_string(), u8::from(!self.fields.is_empty()).to_string()),
        }
    }
}

fn run(memory: &mut Memory, line: &str) -> String {
    show(&memory.run(&Redis, Database(0), Proto::Resp2, words(line)))
}

/// The strings of a reply without their order.
fn sorted(reply: &str) -> Vec<String> {
    let mut parts: Vec<String> = reply.trim_matches(['[', ']']).split(", ").filter(|part| !part.is_empty()).map(str::to_string).collect();
    parts.sort();
    parts
}

fn check_replies(memory: &mut Memory, model: &Model) {
    let fields = &model.fields;
    assert_eq!(run(memory, "HLEN h"), fields.len().to_string());
    assert_eq!(run(memory, "EXISTS h"), u8::from(!fields.is_empty()).to_string());
    let names: Vec<String> = fields.keys().map(|field| format!("\"f{field}\"")).collect();
    for all in ["HKEYS h", "HRANDFIELD h 10"] {
        assert_eq!(sorted(&run(memory, all)), names, "{all}");
    }
    let part = run(memory, "HRANDFIELD h 2");
    let part = sorted(&part);
    assert!(part.len() == names.len().min(2) && part.iter().all(|name| names.contains(name)), "{part:?}");
    let drawn = sorted(&run(memory, "HRANDFIELD h -5"));
    assert!(drawn.len() == if names.is_empty() { 0 } else { 5 } && drawn.iter().all(|name| names.contains(name)), "{drawn:?}");
    for (field, (value, expire)) in fields {
        assert_eq!(run(memory, &format!("HGET h f{field}")), format!("\"{value}\""));
        assert_eq!(run(memory, &format!("HPEXPIRETIME h FIELDS 1 f{field}")), format!("[{}]", expire.unwrap_or(-1)));
    }
    let missing = if fields.is_empty() { -2 } else { -1 };
    assert_eq!(run(memory, "PEXPIRETIME h"), model.expire.unwrap_or(missing).to_string());
}

/// What the records promise each other.
fn check_records(memory: &mut Memory) {
    let key = HashKey::new(Database(0), b"h");
    let Some(root) = memory.root_of(Database(0), b"h").cloned() else {
        assert_eq!(memory.elements(), 0, "elements without a root");
        return;
    };
    assert!(root.count > 0);
    let (own, expires): (_, Vec<Option<UnixMs>>) = if root.id == 0 {
        let timed = root.encoding == TIMED;
        let expires = packed::Entries::of(&root.value, timed).unwrap().map(|placed| placed.unwrap().entry.expire).collect();
        (if timed { packed::own(&root.value).unwrap() } else { root.expire }, expires)
    } else {
        let value = ValueId::of(&key, root.id);
        let (summary, own) = Summary::of(&root).unwrap();
        let mut collect =
            |family: &[u8], end: &[u8]| elements::collect(memory, value, &SortKeys::between(family, end), usize::MAX).unwrap();
        let members = collect(b"m", b"n");
        let mut listed: Vec<(UnixMs, Vec<u8>)> = Vec::new();
        for (sort_key, element) in &members {
            if let Some(at) = crate::hashes::exploded::decode(element).unwrap().0 {
                listed.push((at, sort_key[7..].to_vec()));
            }
        }
        listed.sort();
        let index: Vec<(UnixMs, Vec<u8>)> = collect(b"x", b"y")
            .into_iter()
            .map(|(sort_key, _)| (UnixMs(i64::from_be_bytes(sort_key[1..9].try_into().unwrap())), sort_key[9..].to_vec()))
            .collect();
        assert_eq!(index, listed, "the index has what expires, in order");
        assert_eq!(summary.expiring, listed.len() as u64);
        assert_eq!((summary.first, summary.last), (listed.first().map(|one| one.0), listed.last().map(|one| one.0)));
        assert_eq!(memory.elements(), members.len() + index.len(), "and nothing else");
        (own, (0..members.len()).map(|at| listed.get(at).map(|one| one.0)).collect())
    };
    assert_eq!(root.count, expires.len() as u64);
    assert!(expires.is_sorted_by_key(|at| at.map_or(i64::MAX, |at| at.0)));
    let end = expires.iter().copied().max_by_key(|at| at.map_or(i64::MAX, |at| at.0)).flatten();
    let expected = [own, end].into_iter().flatten().min();
    assert_eq!(root.expire, expected, "the root expires with the key or with the last field");
    let first = expires.first().copied().flatten().filter(|&at| expected.is_none_or(|expected| at < expected));
    assert_eq!(root.due, first, "the sweep comes for the first field");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_hash_is_a_map_of_fields_that_expire(entries in prop_oneof![Just(0u32), Just(1), Just(3), Just(128)], steps in prop::collection::vec(step(), 1..60)) {
        let limits = Limits::exploding_at(entries);
        let mut memory = Memory::new(NOW);
        memory.set_limits(limits);
        let mut model = Model { now: NOW.0, ..Model::default() };
        for step in &steps {
            match step {
                Step::Wait(ms) => {
                    model.now += ms;
                    memory.set_now(UnixMs(model.now));
                    model.pass();
                }
                Step::Sweep => {
                    while show(&memory.call(&Redis, &Redis.sweep(2))) != "0" {}
                    let at = memory.root_of(Database(0), b"h").and_then(Root::sweep_at);
                    prop_assert!(at.is_none_or(|at| at.0 >= model.now), "nothing is left to be swept, but for {at:?}");
                }
                Step::Rewrite => {
                    let key = HashKey::new(Database(0), b"h");
                    run(&mut memory, "DEL other"); // a command that may write
                    if let Some(root) = memory.root(&key).unwrap().filter(|root| !root.expired(UnixMs(model.now))) {
                        let all = items::read_all(&mut memory, &key, &root).unwrap();
                        let expire = crate::expiry::of(&root).unwrap();
                        items::write_all(&mut memory, &limits, &key, &all, expire).unwrap();
                    }
                }
                _ => {}
            }
            let (command, expected) = model.apply(step);
            prop_assert_eq!(run(&mut memory, &command), expected, "{} in {:?}", command, steps);
            model.pass();
            check_replies(&mut memory, &model);
            check_records(&mut memory);
        }
    }
}
