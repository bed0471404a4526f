//! Strings in chunks: against a vector of bytes, damaged, and much longer than what is stored of them.

use std::ops::Range;

use bytes::Bytes;
use proptest::prelude::*;
use resp::walk;
use types::args::Args;
use types::limits::Limits;
use types::reply::{Finished, Reply};
use types::root::{Kind, Root};
use types::txn::{Abort, Call, Coprocessor, Database, HashKey, HashKeyTxn, Proto, ValueId};

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::object::GROWN;
use crate::strings::chunks::Piece;
use crate::strings::text::{self, ON, REPLY_MAX, Text};
use crate::testing::{NOW, check_with, show, words};

const DB: Database = Database(0);

/// A sort key and what lies there.
type Element = (Vec<u8>, Vec<u8>);

/// What is done with a string.
#[derive(Debug, Clone)]
enum Step {
    Write(u64, Vec<u8>),
    Grow(u64),
    Read(Range<u64>),
    /// Saved and opened again.
    Save,
    /// Set as a whole.
    Put(Vec<u8>),
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    // Zeros matter: they are not stored.
    prop_oneof![proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..30), (0usize..30).prop_map(|len| vec![0; len])]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u64..60, bytes()).prop_map(|(at, bytes)| Step::Write(at, bytes)),
        1 => (0u64..80).prop_map(Step::Grow),
        4 => (0u64..90, 0u64..40).prop_map(|(from, len)| Step::Read(from..from + len)),
        1 => Just(Step::Save),
        1 => bytes().prop_map(Step::Put),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_text_is_a_vector_of_bytes(exploding in 0u32..24, steps in proptest::collection::vec(step(), 1..40)) {
        let limits = Limits::exploding_at(exploding);
        let mut memory = Memory::new(NOW);
        let key = HashKey::new(DB, b"k");
        let mut model: Vec<u8> = Vec::new();
        let mut text = Text::empty(key);
        for step in steps {
            match step {
                Step::Write(at, bytes) => {
                    let (at_index, end) = (at as usize, at as usize + bytes.len());
                    text.write(&mut memory, &limits, at, &bytes).unwrap();
                    model.resize(model.len().max(end), 0);
                    model[at_index..end].copy_from_slice(&bytes);
                }
                Step::Grow(len) => {
                    text.grow(&mut memory, &limits, len).unwrap();
                    model.resize(model.len().max(len as usize), 0);
                }
                Step::Read(range) => {
                    let end = (range.end as usize).min(model.len());
                    let expected = &model[(range.start as usize).min(end)..end];
                    prop_assert_eq!(&text.read(&mut memory, range.clone()).unwrap()[..], expected);
                    let mut walked = Vec::new();
                    text.walk(&mut memory, range, &mut |piece| {
                        match piece {
                            Piece::Bytes(bytes) => walked.extend_from_slice(bytes),
                            Piece::Zeros(count) => walked.resize(walked.len() + count as usize, 0),
                        }
                        ON
                    }).unwrap();
                    prop_assert_eq!(&walked[..], expected);
                }
                Step::Save => {
                    text.save(&mut memory, GROWN).unwrap();
                    text = Text::open(key, memory.root(&key).unwrap().unwrap()).unwrap();
                    sound(&memory, &key, &model, &limits)?;
                }
                Step::Put(bytes) => {
                    text::put(&mut memory, &limits, &key, Bytes::from(bytes.clone()), GROWN, None).unwrap();
                    text = Text::open(key, memory.root(&key).unwrap().unwrap()).unwrap();
                    model = bytes;
                    sound(&memory, &key, &model, &limits)?;
                    let whole = model.len() as u64 <= u64::from(limits.string_value);
                    prop_assert_eq!(whole, memory.root(&key).unwrap().unwrap().id == 0);
                }
            }
            prop_assert_eq!(text.len(), model.len() as u64);
        }
        prop_assert_eq!(&text.whole(&mut memory).unwrap()[..], &model[..]);
    }
}

/// What is stored has the invariants of [`crate::strings::chunks`]: as many elements as chunks that are not all zeros, and none of them
/// longer than up to its last byte that is not zero.
fn sound(memory: &Memory, key: &HashKey<'_>, model: &[u8], limits: &Limits) -> Result<(), TestCaseError> {
    let root = memory.root_of(DB, key.name).unwrap();
    if root.id == 0 {
        prop_assert_eq!(&root.value[..], model);
        return Ok(());
    }
    let chunks: Vec<&[u8]> = model.chunks(limits.string_chunk as usize).collect();
    let wanted: Vec<(Vec<u8>, Vec<u8>)> = chunks
        .iter()
        .enumerate()
        .filter_map(|(number, chunk)| {
            let last = chunk.iter().rposition(|&byte| byte != 0)?;
            Some(([b"c".as_slice(), &(number as u32).to_be_bytes()].concat(), chunk[..=last].to_vec()))
        })
        .collect();
    prop_assert_eq!(memory.elements_of(ValueId::of(key, root.id)), wanted);
    Ok(())
}

/// Whatever the bytes of a root or a chunk are, a command answers or says that they are damaged.
#[test]
fn damaged_chunks_are_told_and_not_trusted() {
    let commands = [
        "GET k",
        "GETRANGE k 1 9",
        "GETRANGE k 4 6",
        "GETDEL k",
        "GETEX k",
        "STRLEN k",
        "APPEND k x",
        "SETRANGE k 5 abcdefgh",
        "SETBIT k 70 1",
        "GETBIT k 33",
        "BITCOUNT k",
        "BITCOUNT k 3 9 BIT",
        "BITPOS k 1",
        "BITPOS k 0",
        "BITOP NOT t k",
        "BITOP AND t k k",
        "INCR k",
        "INCRBYFLOAT k 1",
        "BITFIELD k GET i64 7",
        "BITFIELD k SET i64 7 1",
        "MGET k",
        "SET k v GET",
        "GETSET k v",
        "LCS k k",
        "OBJECT ENCODING k",
        "MEMORY USAGE k",
    ];
    let described = |len: u64, log2: u8| [len.to_be_bytes().as_slice(), &[log2]].concat();
    let sound = described(12, 2);
    // The root's value, the chunks, and whether each command has to notice.
    let chunk = |number: u32, bytes: &[u8]| ([b"c".as_slice(), &number.to_be_bytes()].concat(), bytes.to_vec());
    let cases: Vec<(Vec<u8>, Vec<Element>, bool)> = vec![
        (vec![], vec![], true),
        (sound[..8].to_vec(), vec![], true),
        ([&sound[..], b"x"].concat(), vec![], true),
        (described(12, 25), vec![], true),
        (described(12, 255), vec![], true),
        (described(u64::MAX, 2), vec![], true),
        (described(1 << 34, 2), vec![], true),
        (sound.clone(), vec![chunk(1, b"abcde")], false),
        (sound.clone(), vec![(b"c\0\0\0\x01x".to_vec(), b"abcd".to_vec())], false),
        (sound.clone(), vec![(b"c\0\0\x01".to_vec(), b"abcd".to_vec())], false),
        (sound.clone(), vec![chunk(2, b""), chunk(7, b"abcd"), chunk(0, b"ab\0\0")], false),
    ];
    let (mut told, mut walked) = (0, 0);
    for (value, chunks, always) in &cases {
        for line in commands {
            let mut memory = Memory::new(NOW);
            let key = HashKey::new(DB, b"k");
            let id = memory.next_id();
            for (sort_key, bytes) in chunks {
                memory.put(ValueId::of(&key, id), sort_key, Bytes::copy_from_slice(bytes));
            }
            memory.put_root(&key, Root { id, ..Root::inline(Kind::String, Bytes::copy_from_slice(value)) }).unwrap();
            let args = Args::copied(words(line));
            let Some(command) = Redis.resolve(&args) else { continue };
            let call = Call { command, database: DB, proto: Proto::Resp2, args, limits: Limits::exploding_at(4) };
            match Redis.execute(&mut memory, &call, &mut Reply::default()) {
                Ok(()) => assert!(!always || line.starts_with("OBJECT"), "{line} over {}", value.escape_ascii()),
                Err(Abort::Storage(text)) if text.contains("damaged") => told += 1,
                Err(other) => panic!("{line}: {other:?}"),
            }
            walked += 1;
        }
    }
    assert!(told > 7 * 20 && told < walked, "{told} of {walked}");
}

/// One bit at its far end makes a string of 512 MiB, and its reply would be that long.
#[test]
fn a_reply_that_would_be_too_long_is_refused_before_it_is_built() {
    let mut memory = Memory::new(NOW);
    let refused = "ERR the reply would be longer than 128 MiB, GETRANGE reads a value in parts";
    let script = r#"
        SETBIT a 4294967295 1               -> 0
        GET a                               -> REFUSED
        GETDEL a                            -> REFUSED
        GETSET a x                          -> REFUSED
        SET a x GET                         -> REFUSED
        GETEX a EX 10                       -> REFUSED
        GETRANGE a 0 -1                     -> REFUSED
        GETRANGE a 1 134217729              -> REFUSED
        SET b 1                             -> OK
        MGET b a b                          -> REFUSED
        TTL a                               -> -1
        STRLEN a                            -> 536870912
        GETRANGE a -2 -1                    -> "\x00\x01"
        "#;
    check_with(Redis, &mut memory, &script.replace("REFUSED", refused));
    let reply = memory.run(&Redis, DB, Proto::Resp2, ["getrange", "a", "1", &REPLY_MAX.to_string()]);
    assert_eq!(walk::parse_bulk(&reply).map(<[u8]>::len), Some(REPLY_MAX as usize));
}

/// Replies of one request go into one buffer: all of them count, and what is refused leaves nothing of its own in it.
#[test]
fn replies_of_a_pipeline_are_bounded_together() {
    let mut memory = Memory::new(NOW);
    check_with(Redis, &mut memory, "SET a xyz -> OK");
    let call = |words: &[&str]| {
        let args = Args::copied(words);
        Call { command: Redis.resolve(&args).unwrap(), database: DB, proto: Proto::Resp2, args, limits: Limits::DEFAULT }
    };
    let before = vec![b' '; REPLY_MAX as usize - 12];
    for (words, refused) in [(&["get", "a"][..], false), (&["mget", "a", "a"], true), (&["mget", "none", "none", "a"], true)] {
        let mut reply = Reply::default();
        reply.extend_from_slice(&before);
        Redis.execute(&mut memory, &call(words), &mut reply).unwrap();
        let Finished::Held(reply) = reply.finish() else { panic!("it has no limit") };
        let own = show(&reply[before.len()..]);
        assert_eq!(own.starts_with("ERR the reply would be longer"), refused, "{words:?}: {own}");
    }
}
