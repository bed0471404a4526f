//! The index of an exploded set: what it costs, that it is fair, that it is always whole, and what happens where it is not.

use super::*;
use crate::testing::check_even;

fn call(memory: &mut Memory, words: &[&str], members: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let line: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).chain(members).collect();
    memory.run(&Redis, Database(0), Proto::Resp2, line)
}

/// An exploded set `s` of the numbers below `count`.
fn numbered(count: u32) -> Memory {
    let mut memory = limited(Limits::exploding_at(0));
    call(&mut memory, &["SADD", "s"], (0..count).map(number));
    memory
}

/// A command costs the same however many members there are: what it gets, writes and passes in walks.
#[test]
fn chance_costs_a_few_gets_and_writes() {
    for members in [300, 5000] {
        let mut memory = numbered(members);
        for (line, gets, writes) in [
            ("SRANDMEMBER s", 1, 0),
            ("SRANDMEMBER s 5", 5, 0),
            ("SRANDMEMBER s -5", 5, 0),
            ("SADD s new", 1, 2),
            ("SADD s new", 1, 0),
            ("SISMEMBER s new", 1, 0),
            // The last one leaves no hole.
            ("SREM s new", 1, 2),
            ("SREM s new", 1, 0),
            ("SREM s 4", 2, 4),
            ("SMOVE s t 5", 2, 6),
        ] {
            let before = (memory.got(), memory.written(), memory.visited());
            run(&mut memory, line);
            let cost = (memory.got() - before.0, memory.written() - before.1, memory.visited() - before.2);
            assert_eq!(cost, (gets, writes, 0), "{line}");
            elements_of(&memory, "s");
        }
        // Where the last one itself is drawn there is less to do.
        for (line, popped) in [("SPOP s", 1), ("SPOP s 5", 5), ("SPOP s 20", 20)] {
            let before = (memory.got(), memory.written(), memory.visited());
            run(&mut memory, line);
            let (gets, writes) = (memory.got() - before.0, memory.written() - before.1);
            assert!((popped..=2 * popped).contains(&gets) && writes == 2 * gets, "{line}: {gets} gets, {writes} writes");
            assert_eq!(memory.visited(), before.2, "{line}");
            elements_of(&memory, "s");
        }
    }
}

/// What SPOP writes is never more than what it would take to write the rest, and the layout stays what it is in Redis.
#[test]
fn of_many_that_are_popped_the_rest_is_written() {
    for (popped, written) in [(333, 4 * 333), (334, 2 * 666), (500, 2 * 500), (833, 2 * 167)] {
        let mut memory = numbered(1000);
        run(&mut memory, "EXPIRE s 100");
        let before = memory.written();
        call(&mut memory, &["SPOP", "s", &popped.to_string()], []);
        let writes = memory.written() - before;
        assert!(writes <= written && writes + 20 > written, "{popped}: {writes}");
        assert_eq!(elements_of(&memory, "s"), 2 * (1000 - popped));
        check_with(Redis, &mut memory, "OBJECT ENCODING s -> \"hashtable\"\nTTL s -> 100");
    }
}

/// 40 members whose order and indexes have nothing to do with each other any more: some were added late, some took the place of others.
fn stirred() -> Memory {
    let mut memory = numbered(100);
    call(&mut memory, &["SREM", "s"], (0..100).filter(|number| number % 7 < 3).map(number));
    run(&mut memory, "SPOP s 20");
    call(&mut memory, &["SADD", "s"], (0..100).rev().map(number));
    call(&mut memory, &["SREM", "s"], (0..100).filter(|number| number % 5 > 1).map(number));
    assert_eq!(elements_of(&memory, "s"), 80);
    memory
}

/// The reply of a command that leaves the partition as it is, but for its randomness. If what is popped were added again, it would get
/// another index, and what is unfair would be even in the long run.
fn run_apart(memory: &mut Memory, line: &str) -> Vec<u8> {
    let reply = run(&mut memory.clone(), line);
    // As far as any of the commands draws.
    (0..100).for_each(|_| _ = memory.random());
    reply
}

#[test]
fn every_member_has_the_same_chance_wherever_its_index_is() {
    // Gets and a copy of all, draws and a walk, pops and a new set, which is exploded or is not.
    for (mut memory, members_of_it, line, chosen) in [
        (stirred(), 40, "SRANDMEMBER s", 1),
        (stirred(), 40, "SRANDMEMBER s -3", 3),
        (stirred(), 40, "SRANDMEMBER s -30", 30),
        (stirred(), 40, "SRANDMEMBER s 3", 3),
        (stirred(), 40, "SRANDMEMBER s 30", 30),
        (stirred(), 40, "SPOP s", 1),
        (stirred(), 40, "SPOP s 10", 10),
        (stirred(), 40, "SPOP s 35", 35),
        (numbered(500), 500, "SPOP s 300", 300),
    ] {
        let mut seen = BTreeMap::new();
        let rounds = 100 * members_of_it / chosen / if chosen == 300 { 5 } else { 1 };
        for _ in 0..rounds {
            let reply = run_apart(&mut memory, line);
            let drawn = if reply[0] == b'*' { members(&reply) } else { vec![walk::parse_bulk(&reply).unwrap().to_vec()] };
            assert_eq!(drawn.len() as u64, chosen);
            drawn.into_iter().for_each(|member| *seen.entry(member).or_insert(0) += 1);
        }
        check_even(&seen, members_of_it, (rounds * chosen) as f64 / members_of_it as f64);
    }
}

/// Not only is each member chosen as often as any other: each pair is.
#[test]
fn every_choice_of_two_has_the_same_chance() {
    for line in ["SRANDMEMBER s 2", "SPOP s 2"] {
        let mut memory = numbered(31);
        let mut seen = BTreeMap::new();
        for _ in 0..31 * 30 / 2 * 20 {
            let drawn = members(&run_apart(&mut memory, line));
            let pair: BTreeSet<Vec<u8>> = drawn.into_iter().collect();
            assert_eq!(pair.len(), 2);
            *seen.entry(pair.into_iter().collect::<Vec<_>>().join(&b' ')).or_insert(0) += 1;
        }
        check_even(&seen, 31 * 30 / 2, 20.0);
    }
}

/// Members that are too long to be held together are got one by one.
#[test]
fn long_members_are_drawn_again_and_again() {
    let mut memory = limited(Limits::exploding_at(0));
    call(&mut memory, &["SADD", "s"], (0..5).map(|index| vec![index; crate::hashed::HELD_BYTES / 4]));
    let before = memory.got();
    let drawn = members(&run(&mut memory, "SRANDMEMBER s -100"));
    assert_eq!((drawn.len(), memory.got() - before), (100, 100));
    assert_eq!(drawn.into_iter().collect::<BTreeSet<_>>().len(), 5);
    let mut memory = numbered(5);
    let before = memory.got();
    assert_eq!(members(&run(&mut memory, "SRANDMEMBER s -100")).len(), 100);
    assert_eq!(memory.got(), before, "a walk over all shows them");
}

/// What can be wrong with elements and root; each of the commands then says so in at most twenty attempts, and never anything worse.
#[test]
fn a_damaged_index_is_found() {
    let key = HashKey::new(Database(0), b"s");
    let sort_key = |member: &[u8]| [b"m", &types::slot::hash48(member).to_be_bytes()[2..], member].concat();
    type Damage<'a> = &'a dyn Fn(&mut Memory, ValueId);
    let place = |index: u8| [b'i', 0, 0, 0, 0, index];
    let count = |memory: &mut Memory, count: u64| {
        let root = memory.root_of(Database(0), b"s").unwrap().clone();
        memory.put_root(&key, Root { count, ..root }).unwrap();
    };
    let cases: [(&str, Damage<'_>, &[&str]); 9] = [
        ("an index is missing", &|m, value| m.delete(value, &place(1)), &["SRANDMEMBER s", "SPOP s", "SPOP s 2"]),
        (
            "all are",
            &|m, value| (0..3).for_each(|index| m.delete(value, &place(index))),
            &["SPOP s", "SRANDMEMBER s", "SREM s 0", "SMOVE s t 0"],
        ),
        ("a member stands twice", &|m, value| m.put(value, &place(2), Bytes::from_static(b"0")), &["SREM s 0"]),
        ("no number", &|m, value| m.put(value, &sort_key(b"0"), Bytes::new()), &["SREM s 0", "SMOVE s t 0"]),
        ("more than a number", &|m, value| m.put(value, &sort_key(b"0"), Bytes::from_static(&[0, 0])), &["SREM s 0"]),
        ("a number beyond", &|m, value| m.put(value, &sort_key(b"0"), Bytes::from_static(&[3])), &["SREM s 0"]),
        (
            "far too many are counted",
            &|m, _| count(m, indexed::MEMBERS_MAX),
            &[
                "SRANDMEMBER s 1000000000",
                "SRANDMEMBER s -9",
                "SRANDMEMBER s -80000000",
                "SPOP s",
                "SPOP s 1000000000",
                "SPOP s 400000000000",
            ],
        ),
        ("and more", &|m, _| count(m, u64::MAX), &["SCARD s", "SADD s x", "SRANDMEMBER s", "SPOP s"]),
        ("none are counted", &|m, _| count(m, 0), &["SRANDMEMBER s", "SRANDMEMBER s -1", "SPOP s", "SREM s 0"]),
    ];
    for (what, damage, lines) in cases {
        for line in lines {
            let mut memory = numbered(3);
            let id = memory.root_of(Database(0), b"s").unwrap().id;
            damage(&mut memory, ValueId::of(&key, id));
            let args = Args::copied(words(line));
            let command = Redis.resolve(&args).unwrap();
            let call = Call { command, database: Database(0), proto: Proto::Resp2, args, limits: Limits::exploding_at(0) };
            let found = (0..20).any(|_| {
                // What an attempt wrote before it failed is dropped.
                let mut attempt = memory.clone();
                let outcome = Redis.execute(&mut attempt, &call, &mut Reply::default());
                memory.random();
                matches!(outcome, Err(Abort::Storage(text)) if text.contains("damaged"))
            });
            assert!(found, "{what}: {line}");
        }
    }
}

/// What is done to the sets of [`the_index_is_whole_whatever_happens`].
#[derive(Debug, Clone)]
enum Change {
    /// Adds or removes numbers in a row.
    Row {
        add: bool,
        set: usize,
        from: u32,
        len: u32,
    },
    Pop {
        set: usize,
        count: Option<u64>,
    },
    Move {
        from: usize,
        to: usize,
        member: u32,
    },
    Store {
        command: &'static str,
        to: usize,
        from: [usize; 2],
    },
    Copy {
        from: usize,
        to: usize,
    },
    Rename {
        from: usize,
        to: usize,
    },
    Restore {
        from: usize,
        to: usize,
    },
}

/// Two keys of one slot and one of another.
const KEYS: [&str; 3] = ["{a}s", "{a}t", "{b}u"];

fn changes() -> impl Strategy<Value = Change> {
    let set = || 0..KEYS.len();
    prop_oneof![
        6 => (any::<bool>(), set(), 0..900u32, prop_oneof![1..5u32, 1..900u32]).prop_map(|(add, set, from, len)| Change::Row { add, set, from, len }),
        3 => (set(), proptest::option::of(prop_oneof![0..5u64, 0..900u64])).prop_map(|(set, count)| Change::Pop { set, count }),
        2 => (set(), set(), 0..900u32).prop_map(|(from, to, member)| Change::Move { from, to, member }),
        2 => (prop_oneof![Just("SUNIONSTORE"), Just("SINTERSTORE"), Just("SDIFFSTORE")], set(), [set(), set()])
            .prop_map(|(command, to, from)| Change::Store { command, to, from }),
        1 => (set(), set()).prop_map(|(from, to)| Change::Copy { from, to }),
        1 => (set(), set()).prop_map(|(from, to)| Change::Rename { from, to }),
        1 => (set(), set()).prop_map(|(from, to)| Change::Restore { from, to }),
    ]
}

/// Does it, and the same to the model.
fn apply(memory: &mut Memory, model: &mut [BTreeSet<Vec<u8>>; 3], change: Change) {
    match change {
        Change::Row { add, set, from, len } => {
            let row = || (from..from + len).map(number);
            let reply = call(memory, &[if add { "SADD" } else { "SREM" }, KEYS[set]], row());
            let changed = row().filter(|name| if add { model[set].insert(name.clone()) } else { model[set].remove(name) }).count();
            assert_eq!(show(&reply), changed.to_string());
        }
        Change::Pop { set, count: None } => {
            let reply = call(memory, &["SPOP", KEYS[set]], []);
            match walk::parse_bulk(&reply) {
                Some(popped) => assert!(model[set].remove(popped)),
                None => assert!(model[set].is_empty()),
            }
        }
        Change::Pop { set, count: Some(count) } => {
            let popped = members(&call(memory, &["SPOP", KEYS[set], &count.to_string()], []));
            assert_eq!(popped.len() as u64, count.min(model[set].len() as u64));
            assert!(popped.iter().all(|popped| model[set].remove(popped)));
        }
        Change::Move { from, to, member } => {
            call(memory, &["SMOVE", KEYS[from], KEYS[to]], [number(member)]);
            if model[from].remove(&number(member)) {
                model[to].insert(number(member));
            }
        }
        Change::Store { command, to, from: [a, b] } => {
            call(memory, &[command, KEYS[to], KEYS[a], KEYS[b]], []);
            model[to] = match command {
                "SUNIONSTORE" => &model[a] | &model[b],
                "SINTERSTORE" => &model[a] & &model[b],
                _ => &model[a] - &model[b],
            };
        }
        Change::Copy { from, to } if from != to => {
            call(memory, &["COPY", KEYS[from], KEYS[to], "REPLACE"], []);
            if !model[from].is_empty() {
                model[to] = model[from].clone();
            }
        }
        Change::Rename { from, to } if from != to => {
            call(memory, &["RENAME", KEYS[from], KEYS[to]], []);
            if !model[from].is_empty() {
                model[to] = std::mem::take(&mut model[from]);
            }
        }
        Change::Restore { from, to } => {
            if let Some(payload) = walk::parse_bulk(&call(memory, &["DUMP", KEYS[from]], [])) {
                let payload = payload.to_vec();
                call(memory, &["RESTORE", KEYS[to], "0"], [payload, b"REPLACE".to_vec()]);
                model[to] = model[from].clone();
            }
        }
        Change::Copy { .. } | Change::Rename { .. } => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// After each command every exploded set has exactly one index for each member, and nobody else has elements.
    #[test]
    fn the_index_is_whole_whatever_happens(
        changes in vec(changes(), 1..40),
        limits in prop_oneof![Just(Limits::exploding_at(0)), Just(Limits::exploding_at(20)), Just(Limits::DEFAULT)],
    ) {
        let mut memory = limited(limits);
        let mut model = [(); 3].map(|()| BTreeSet::new());
        for change in changes {
            apply(&mut memory, &mut model, change);
            let elements: u64 = KEYS.iter().map(|key| elements_of(&memory, key)).sum();
            prop_assert_eq!(memory.elements() as u64, elements);
            for (key, model) in KEYS.iter().zip(&model) {
                let count = memory.root_of(Database(0), key.as_bytes()).map_or(0, |root| root.count);
                prop_assert_eq!(count, model.len() as u64);
            }
        }
        for (key, model) in KEYS.iter().zip(&model) {
            let line = format!("SMEMBERS {key}");
            prop_assert_eq!(sorted(&mut memory, &line), model.iter().cloned().collect::<Vec<_>>());
        }
    }
}
