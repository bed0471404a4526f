//! HyperLogLog commands as scripts, and what must hold for all registers. The bytes and the counts are those of redis-server 7.0.15.

use proptest::prelude::*;
use types::limits::Limits;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::hyperloglog::pattern::{self, REGISTERS};
use crate::memory::Memory;
use crate::testing::{NOW, check, check_layouts, check_limited, show, words};

#[test]
fn bytes_are_those_of_redis() {
    check_layouts(
        r#"
        PFADD e                 -> 1
        GET e                   -> "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
        PFADD e                 -> 0
        PFCOUNT e               -> 0
        OBJECT ENCODING e       -> "raw"
        TYPE e                  -> string
        PFADD k a b c           -> 1
        GET k                   -> "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80`\xf3\x80P\xb1\x84K\xfb\x80BZ"
        PFDEBUG DECODE k        -> "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"
        PFADD k a b c           -> 0
        PFCOUNT k               -> 3
        PFADD x ""              -> 1
        GET x                   -> "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80W1\x84h\xcc"
        "#,
    );
}

#[test]
fn a_change_makes_the_cardinality_invalid() {
    check_layouts(
        r#"
        SET k "HYLL\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00`\xf3\x80P\xb1\x84K\xfb\x80BZ" EX 100 -> OK
        PFCOUNT k               -> 3
        PFADD k a               -> 0
        GETRANGE k 8 15         -> "\x03\x00\x00\x00\x00\x00\x00\x00"
        PFADD k d               -> 1
        GETRANGE k 8 15         -> "\x03\x00\x00\x00\x00\x00\x00\x80"
        PFCOUNT k               -> 4
        PFDEBUG DECODE k        -> "Z:7292 v:1,1 Z:1143 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"
        PEXPIRETIME k           -> 1100000
        # The cardinality that came with the bytes is believed, as in Redis, until something changes.
        SETRANGE k 8 "\x07\x00\x00\x00\x00\x00\x00\x00" -> 30
        PFCOUNT k               -> 7
        PFCOUNT k k             -> 4
        PFMERGE k               -> OK
        PFCOUNT k               -> 4
        PEXPIRETIME k           -> 1100000
        SETRANGE k 8 "\x07\x00\x00\x00\x00\x00\x00\x00" -> 30
        PFDEBUG TODENSE k       -> 1
        GETRANGE k 0 15         -> "HYLL\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00"
        PFADD k a b c d         -> 0
        GETRANGE k 8 15         -> "\x07\x00\x00\x00\x00\x00\x00\x00"
        PFADD k e               -> 1
        GETRANGE k 8 15         -> "\x07\x00\x00\x00\x00\x00\x00\x80"
        PFCOUNT k               -> 5
        PEXPIRETIME k           -> 1100000
        wait 100001
        PFCOUNT k               -> 0
        PFADD k                 -> 1
        PFCOUNT k               -> 0
        TTL k                   -> -1
        "#,
    );
}

#[test]
fn several_are_counted_and_merged() {
    check_layouts(
        r#"
        PFADD m a b             -> 1
        PFADD m2 c d            -> 1
        PFCOUNT m m2 nosuch     -> 4
        PFCOUNT m m             -> 2
        PFCOUNT nosuch          -> 0
        PFCOUNT nosuch none     -> 0
        EXISTS nosuch           -> 0
        PFMERGE m m2 nosuch     -> OK
        GET m                   -> "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\\{\x80Dv\x80P\xb1\x84K\xfb\x80BZ"
        PFMERGE n               -> OK
        GET n                   -> "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
        PFMERGE new m2 m2       -> OK
        PFCOUNT new             -> 2
        PFCOUNT m2              -> 2
        # One that is dense makes the target dense, whichever it is.
        PFDEBUG TODENSE m2      -> 1
        PFDEBUG TODENSE m2      -> 0
        PFMERGE n m2            -> OK
        PFDEBUG ENCODING n      -> dense
        PFDEBUG ENCODING m      -> sparse
        PFMERGE m2 m            -> OK
        PFCOUNT m2              -> 4
        PFCOUNT m2 m n          -> 4
        STRLEN m2               -> 12304
        OBJECT ENCODING m2      -> "raw"
        "#,
    );
}

#[test]
fn what_is_no_hyperloglog_is_refused() {
    let long = format!("HYLL\\x01{}", "a".repeat(16 + 32768 - 5 + 1));
    let dense = format!("HYLL\\x00{}", "\\x00".repeat(12304 - 5 + 1));
    let script = r#"
        SET s bar               -> OK
        PFADD s 1               -> WRONGTYPE Key is not a valid HyperLogLog string value.
        PFCOUNT s               -> WRONGTYPE Key is not a valid HyperLogLog string value.
        PFCOUNT nosuch s        -> WRONGTYPE Key is not a valid HyperLogLog string value.
        PFMERGE s nosuch        -> WRONGTYPE Key is not a valid HyperLogLog string value.
        PFMERGE nosuch s        -> WRONGTYPE Key is not a valid HyperLogLog string value.
        PFDEBUG FOO s           -> WRONGTYPE Key is not a valid HyperLogLog string value.
        EXISTS nosuch           -> 0
        SET s 12345678901234567 -> OK
        PFADD s 1               -> WRONGTYPE Key is not a valid HyperLogLog string value.
        SET s ""                -> OK
        PFCOUNT s               -> WRONGTYPE Key is not a valid HyperLogLog string value.
        SET s "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" -> OK
        PFCOUNT s               -> WRONGTYPE Key is not a valid HyperLogLog string value.
        SET s "HYLL\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff" -> OK
        PFCOUNT s               -> WRONGTYPE Key is not a valid HyperLogLog string value.
        SET s "HYLK\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff" -> OK
        PFCOUNT s               -> WRONGTYPE Key is not a valid HyperLogLog string value.
        SET s "HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff" -> OK
        PFCOUNT s               -> WRONGTYPE Key is not a valid HyperLogLog string value.
        SET s DENSE             -> OK
        PFCOUNT s               -> WRONGTYPE Key is not a valid HyperLogLog string value.
        RPUSH l a               -> 1
        PFADD l 1               -> WRONGTYPE Operation against a key holding the wrong kind of value
        PFCOUNT l               -> WRONGTYPE Operation against a key holding the wrong kind of value
        PFCOUNT s l             -> WRONGTYPE Key is not a valid HyperLogLog string value.
        PFCOUNT l s             -> WRONGTYPE Operation against a key holding the wrong kind of value
        PFMERGE l s             -> WRONGTYPE Operation against a key holding the wrong kind of value
        PFDEBUG GETREG l        -> WRONGTYPE Operation against a key holding the wrong kind of value
        # Its runs have too many registers, whatever they are.
        SET s LONG              -> OK
        PFADD s 1               -> INVALIDOBJ Corrupted HLL object detected
        PFCOUNT s               -> INVALIDOBJ Corrupted HLL object detected
        PFMERGE n s             -> INVALIDOBJ Corrupted HLL object detected
        PFDEBUG DECODE s        -> INVALIDOBJ Corrupted HLL object detected
        "#;
    let script = script.replace("DENSE", &format!("\"{dense}\"")).replace("LONG", &format!("\"{long}\""));
    check(&script);
    check_limited(Limits { string_value: 20, string_chunk: 1024, ..Limits::exploding_at(0) }, &script);
}

#[test]
fn corrupted_registers_are_found() {
    // No registers, one too few, one too many in each kind of run, a VAL that overlaps the end.
    for runs in
        ["", r"\x7f", r"\x7f\xfe", r"\x7f\xff\x80", r"\x7f\xff\x00", r"\x7f\xff\x40\x00", r"\x7f\xfe\x83", r"\x7f\xff\x7f\xff\x7f\xff"]
    {
        check_layouts(&format!(
            r#"
            SET s "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80{runs}" -> OK
            PFCOUNT s           -> INVALIDOBJ Corrupted HLL object detected
            PFCOUNT s s         -> INVALIDOBJ Corrupted HLL object detected
            PFCOUNT nosuch s    -> INVALIDOBJ Corrupted HLL object detected
            PFMERGE s           -> INVALIDOBJ Corrupted HLL object detected
            PFMERGE n s         -> INVALIDOBJ Corrupted HLL object detected
            EXISTS n            -> 0
            PFDEBUG GETREG s    -> INVALIDOBJ Corrupted HLL object detected
            PFDEBUG TODENSE s   -> INVALIDOBJ Corrupted HLL object detected
            PFDEBUG ENCODING s  -> sparse
            "#
        ));
    }
    check_layouts(
        r#"
        SET s "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80" -> OK
        PFADD s a               -> INVALIDOBJ Corrupted HLL object detected
        PFDEBUG DECODE s        -> ""
        # PFADD looks no further than to the run of its register.
        SET s "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff\x80" -> OK
        PFADD s a               -> 1
        PFDEBUG DECODE s        -> "Z:12711 v:2,1 Z:3672 v:1,1"
        PFADD s a               -> 0
        # An XZERO whose second byte is missing.
        SET s "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xfe\x40" -> OK
        PFCOUNT s               -> 0
        PFDEBUG DECODE s        -> "Z:16383 Z:1"
        PFDEBUG TODENSE s       -> 1
        PFCOUNT s               -> 0
        "#,
    );
}

/// Runs that Redis leaves apart, for another change to join: it looks at five at most.
#[test]
fn few_runs_are_joined() {
    check_layouts(
        r#"
        SET k "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80q\xa5\x83\x80\x80NS" -> OK
        PFDEBUG DECODE k        -> "Z:12710 v:1,4 v:1,1 v:1,1 Z:3668"
        PFADD k a               -> 1
        PFDEBUG DECODE k        -> "Z:12710 v:1,1 v:2,1 v:1,4 Z:3668"
        SET k "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80q\xa4\x83\x80\x80\x80NS" -> OK
        PFADD k a               -> 1
        PFDEBUG DECODE k        -> "Z:12709 v:1,2 v:2,1 v:1,3 v:1,1 Z:3668"
        "#,
    );
}

#[test]
fn debugging_shows_the_registers() {
    check_layouts(
        r#"
        PFDEBUG GETREG nosuch   -> ERR The specified key does not exist
        PFDEBUG FOO nosuch      -> ERR The specified key does not exist
        PFADD k a b c           -> 1
        PFDEBUG foo k           -> ERR Unknown PFDEBUG subcommand 'foo'
        PFDEBUG "f\x0ao\x00o" k -> ERR Unknown PFDEBUG subcommand 'f o'
        pfdebug Encoding k      -> sparse
        PFDEBUG TODENSE k       -> 1
        PFDEBUG ENCODING k      -> dense
        PFDEBUG DECODE k        -> ERR HLL encoding is not sparse
        PFCOUNT k               -> 3
        "#,
    );
    let mut memory = Memory::new(NOW);
    run(&mut memory, "PFADD k a b c");
    let registers = run(&mut memory, "PFDEBUG GETREG k");
    let registers: Vec<&str> = registers.trim_matches(['[', ']']).split(", ").collect();
    assert_eq!(registers.len(), REGISTERS);
    for (register, &value) in registers.iter().enumerate() {
        let expected = match register {
            8436 | 15780 => "1",
            12711 => "2",
            _ => "0",
        };
        assert_eq!(value, expected, "register {register}");
    }
    assert_eq!(run(&mut memory, "PFDEBUG ENCODING k"), "dense");
}

#[test]
fn the_self_test_passes() {
    check("PFSELFTEST -> OK");
}

#[test]
fn registers_without_a_number_count_as_in_redis() {
    for (three, count) in [
        ("\0\0\0", "0"),
        ("\x41\x10\x04", "23637"),
        ("\u{ff}\u{ff}\u{ff}", "-9223372036854775808"),
        ("\u{f3}\u{3c}\u{cf}", "-9223372036854775808"),
    ] {
        let mut bytes = b"HYLL\0\0\0\0\0\0\0\0\0\0\0\x80".to_vec();
        bytes.extend(three.chars().map(|c| c as u8).collect::<Vec<u8>>().repeat(REGISTERS / 4));
        let mut memory = Memory::new(NOW);
        memory.run(&Redis, Database(0), Proto::Resp2, [b"SET".as_slice(), b"k", &bytes]);
        assert_eq!(run(&mut memory, "PFCOUNT k"), count);
        assert_eq!(run(&mut memory, "PFCOUNT k k"), count);
    }
}

#[test]
fn counts_are_those_of_redis() {
    let mut memory = Memory::new(NOW);
    let mut next = 0;
    for (count, expected, encoding, len) in [
        (1, "1", "sparse", "21"),
        (10, "10", "sparse", "48"),
        (100, "100", "sparse", "287"),
        (1000, "1001", "sparse", "1923"),
        (2000, "2007", "dense", "12304"),
        (5000, "4985", "dense", "12304"),
        (10_000, "9987", "dense", "12304"),
        (50_000, "50354", "dense", "12304"),
        (100_000, "99565", "dense", "12304"),
    ] {
        while next < count {
            let end = count.min(next + 1000);
            let elements: Vec<String> = (next..end).map(|element: u32| element.to_string()).collect();
            run(&mut memory, &format!("PFADD k {}", elements.join(" ")));
            next = end;
        }
        assert_eq!(run(&mut memory, "PFCOUNT k"), expected);
        assert_eq!(run(&mut memory, "PFDEBUG ENCODING k"), encoding);
        assert_eq!(run(&mut memory, "STRLEN k"), len);
    }
}

/// Where a HyperLogLog becomes dense.
#[test]
fn sparse_ones_have_a_longest_length() {
    let limits = |hll_sparse_bytes| Limits { hll_sparse_bytes, ..Limits::DEFAULT };
    let script = |encoding: &str| format!("PFADD k a -> 1\nPFDEBUG ENCODING k -> {encoding}\nPFCOUNT k -> 1\nPFADD k a -> 0");
    // An XZERO becomes XZERO, VAL and XZERO: 21 bytes.
    check_limited(limits(21), &script("sparse"));
    check_limited(limits(20), &script("dense"));
    check_limited(limits(0), &script("dense"));
    check_limited(limits(0), "PFADD k -> 1\nPFDEBUG ENCODING k -> sparse");
    check_limited(limits(u32::MAX), &script("sparse"));
    // What a client has set may be longer, and still grow shorter.
    let mut memory = Memory::new(NOW);
    run(&mut memory, "PFADD k a b c d e f");
    memory.set_limits(limits(0));
    run(&mut memory, "PFADD k a b");
    assert_eq!(run(&mut memory, "PFDEBUG ENCODING k"), "sparse");
    run(&mut memory, "PFADD k g");
    assert_eq!(run(&mut memory, "PFDEBUG ENCODING k"), "dense");
    assert_eq!(run(&mut memory, "PFCOUNT k"), "7");
}

/// A dense one in chunks: what has changed is written, not all of it.
#[test]
fn a_change_writes_the_chunks_it_is_in() {
    let mut memory = Memory::new(NOW);
    memory.set_limits(Limits { string_value: 100, string_chunk: 256, ..Limits::DEFAULT });
    run(&mut memory, "PFADD k a");
    run(&mut memory, "PFDEBUG TODENSE k");
    let id = |memory: &Memory| memory.root_of(Database(0), b"k").expect("a key").id;
    let before = id(&memory);
    assert!(before != 0);
    for element in 0..100 {
        run(&mut memory, &format!("PFADD k {element}"));
    }
    assert_eq!(id(&memory), before, "the whole was written anew");
    assert_eq!(run(&mut memory, "PFCOUNT k"), "101");
}

/// The bytes that docs/data-model.md shows.
#[test]
fn records_are_those_of_the_documentation() {
    let docs = include_str!("../../../../docs/data-model.md");
    let section = docs.split("## HyperLogLogs").nth(1).expect("a section").split("\n## ").next().expect("its text");
    let mut memory = Memory::new(NOW);
    for command in ["PFADD k a b c", "PFADD k d"] {
        run(&mut memory, command);
        let value = &memory.root_of(Database(0), b"k").expect("a key").value;
        let hex = value.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        assert!(section.contains(&format!("root  -> {hex}\n")), "docs/data-model.md lacks: {hex}");
    }
}

fn run(memory: &mut Memory, line: &str) -> String {
    show(&memory.run(&Redis, Database(0), Proto::Resp2, words(line)))
}

fn send(memory: &mut Memory, command: &[&[u8]]) -> Vec<u8> {
    memory.run(&Redis, Database(0), Proto::Resp2, command)
}

/// Registers as a key with this value has them, or the error.
fn registers(value: &[u8]) -> Result<Vec<u8>, String> {
    let mut memory = Memory::new(NOW);
    send(&mut memory, &[b"SET", b"k", value]);
    let reply = run(&mut memory, "PFDEBUG GETREG k");
    let list = reply.strip_prefix('[').ok_or(reply.clone())?.trim_end_matches(']');
    Ok(list.split(", ").map(|value| value.parse().expect("a register")).collect())
}

/// Elements of which many have a register next to another's.
fn elements() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec((0u32..6000).prop_map(|element| element.to_string().into_bytes()), 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the encodings and layouts in between: registers are the largest values that were seen.
    #[test]
    fn registers_are_the_largest_values(
        batches in proptest::collection::vec((0usize..2, elements()), 1..5),
        sparse in prop_oneof![Just(18u32), 19u32..400, Just(3000), Just(40_000)],
        string_value in prop_oneof![Just(64u32 << 10), 20u32..2000],
    ) {
        let mut memory = Memory::new(NOW);
        memory.set_limits(Limits { hll_sparse_bytes: sparse, string_value, string_chunk: 64, ..Limits::DEFAULT });
        let mut models = [vec![0u8; REGISTERS], vec![0u8; REGISTERS]];
        for (index, batch) in batches {
            let mut changed = false;
            for element in &batch {
                let (register, value) = pattern::of(element);
                changed |= value > models[index][register];
                models[index][register] = models[index][register].max(value);
            }
            let key: &[u8] = [b"{k}0", b"{k}1"][index];
            let new = memory.root_of(Database(0), key).is_none();
            let mut command: Vec<&[u8]> = vec![b"PFADD", key];
            command.extend(batch.iter().map(Vec::as_slice));
            prop_assert_eq!(show(&send(&mut memory, &command)), u8::from(changed || new).to_string());
        }
        run(&mut memory, "PFMERGE {k}2 {k}0 {k}1");
        let union: Vec<u8> = models[0].iter().zip(&models[1]).map(|(a, b)| *a.max(b)).collect();
        for (key, model) in ["{k}0", "{k}1", "{k}2"].into_iter().zip([&models[0], &models[1], &union]) {
            let reply = send(&mut memory, &[b"GET", key.as_bytes()]);
            if let Some(value) = resp::walk::parse_bulk(&reply) {
                prop_assert_eq!(&registers(value), &Ok(model.clone()), "{}", key);
                prop_assert!(value[4] == 0 || value.len() <= sparse.max(18) as usize);
                let counted = run(&mut memory, &format!("PFCOUNT {key}"));
                run(&mut memory, &format!("PFDEBUG TODENSE {key}"));
                prop_assert_eq!(&run(&mut memory, &format!("PFCOUNT {key}")), &counted);
                prop_assert_eq!(&run(&mut memory, &format!("PFCOUNT {key} {key}")), &counted);
            }
        }
    }

    /// Whatever bytes a client has set: every command answers, all agree about what is corrupted, and what is not stays so.
    #[test]
    fn damaged_bytes_are_answered(
        elements in elements(),
        dense: bool,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
        more in proptest::collection::vec(any::<u8>(), 0..3),
        string_value in prop_oneof![Just(64u32 << 10), 0u32..40],
    ) {
        let mut memory = Memory::new(NOW);
        memory.set_limits(Limits { string_value, string_chunk: 64, ..Limits::DEFAULT });
        let mut command: Vec<&[u8]> = vec![b"PFADD", b"k"];
        command.extend(elements.iter().map(Vec::as_slice));
        send(&mut memory, &command);
        if dense {
            run(&mut memory, "PFDEBUG TODENSE k");
        }
        let reply = send(&mut memory, &[b"GET", b"k"]);
        let mut value = resp::walk::parse_bulk(&reply).expect("a string").to_vec();
        for (at, byte) in changes {
            let at = at.index(value.len());
            value[at] = byte;
        }
        value.extend(more);
        if let Some(cut) = cut {
            value.truncate(cut.index(value.len()));
        }
        if let Some(byte) = value.get_mut(15) {
            *byte |= 0x80;
        }
        let set = [b"SET".as_slice(), b"k", &value];
        send(&mut memory, &set);
        let expected = registers(&value).err();
        for line in ["PFCOUNT k", "PFCOUNT k k", "PFCOUNT nosuch k", "PFMERGE m k", "PFMERGE k", "PFDEBUG TODENSE k", "PFDEBUG GETREG k"] {
            let reply = run(&mut memory, line);
            let error = Some(&reply).filter(|reply| reply.starts_with("WRONG") || reply.starts_with("INVALID")).cloned();
            prop_assert_eq!(&error, &expected, "{}", line);
            send(&mut memory, &set);
        }
        let reply = run(&mut memory, "PFDEBUG DECODE k");
        prop_assert!(reply.starts_with('"') || reply.starts_with("ERR HLL") || reply.starts_with("WRONGTYPE"), "{}", reply);
        let mut command: Vec<&[u8]> = vec![b"PFADD", b"k", b"other"];
        command.extend(elements.iter().map(Vec::as_slice));
        let reply = show(&send(&mut memory, &command));
        prop_assert!(["0", "1"].contains(&reply.as_str()) || reply.starts_with("WRONG") || reply.starts_with("INVALID"), "{}", reply);
        if let Ok(mut model) = registers(&value) {
            for element in command[2..].iter() {
                let (register, value) = pattern::of(element);
                model[register] = model[register].max(value);
            }
            let reply = send(&mut memory, &[b"GET", b"k"]);
            prop_assert_eq!(registers(resp::walk::parse_bulk(&reply).expect("a string")), Ok(model));
        }
    }
}
