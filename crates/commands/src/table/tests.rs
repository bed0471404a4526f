//! The table: what it has to hold, and how things are found in it.

use types::args::Args;
use types::txn::CommandId;

use crate::table::{Begin, COMMANDS, Command, Find, Flag, KeySpec, NotFound, Place, by_id, by_name, find, lookup};
use crate::testing::{show, words};

fn everything() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().flat_map(|command| std::iter::once(command).chain(command.subcommands))
}

fn args(line: &str) -> Args {
    Args::copied(words(line))
}

fn keys(line: &str) -> Vec<usize> {
    let args = args(line);
    find(&args).unwrap().1.keys(&args).collect()
}

fn refusal(line: &str) -> String {
    let args = args(line);
    let mut out = Vec::new();
    find(&args).unwrap_err().write(&args, &mut out);
    show(&out)
}

#[test]
fn every_command_is_found_in_any_case() {
    for (index, command) in COMMANDS.iter().enumerate() {
        let id = CommandId(index as u16);
        assert_eq!(lookup(command.name.as_bytes()), Some((id, command)));
        assert_eq!(lookup(command.name.to_ascii_uppercase().as_bytes()), Some((id, command)));
        assert_eq!(by_id(id), Some(command));
    }
    for name in ["", "g", "gets", "get ", "ge\0", "ob", "client|id", "sweep", "an unknown command that is long"] {
        assert_eq!(lookup(name.as_bytes()), None, "{name}");
    }
}

#[test]
fn every_id_is_a_command_of_its_own() {
    let count = everything().count() as u16;
    let mut names: Vec<&str> = (0..count).map(|id| by_id(CommandId(id)).expect("ids have no gaps").name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), usize::from(count));
    for id in [count, u16::MAX - 1, u16::MAX] {
        assert_eq!(by_id(CommandId(id)), None);
    }
    for command in everything().filter(|command| command.name.contains('|')) {
        let line = Args::copied(command.name.split('|').chain(["x"; 5]).take(command.arity.unsigned_abs() as usize));
        let (id, found) = find(&line).unwrap();
        assert_eq!((found, by_id(id)), (command, Some(command)));
        assert_eq!(by_name(command.name.to_uppercase().as_bytes()), Some(command));
    }
}

#[test]
fn a_command_has_a_program_exactly_if_it_runs_at_a_partition() {
    for command in everything() {
        assert_eq!(command.run.is_some(), command.place != Place::Proxy, "{}", command.name);
        assert!(command.run.is_none() || command.subcommands.is_empty(), "{}", command.name);
    }
}

#[test]
fn entries_are_complete() {
    for command in everything() {
        let name = command.name;
        assert_eq!(name, name.to_ascii_lowercase());
        assert!(command.summary.ends_with('.') && command.since.split('.').count() == 3, "{name}");
        assert!(command.arity != 0 && (command.arity > 0 || !name.contains('|') || command.arity <= -2), "{name}");
        assert!(!(command.is(Flag::Write) && command.is(Flag::ReadOnly)), "{name}");
        // To Redis, a command that touches no key need not be one that reads.
        if command.run.is_some() && name != "pfselftest" {
            assert!(command.is(Flag::Write) || command.is(Flag::ReadOnly), "{name}");
        }
        let needs_keys = matches!(command.place, Place::Key | Place::Gather | Place::Split(_));
        assert_eq!(!command.keys.is_empty(), needs_keys, "{name}");
        // The fewest arguments have a key where one is expected; there may be none of a second kind (PFMERGE).
        for (index, spec) in command.keys.iter().enumerate() {
            let fewest = command.arity.unsigned_abs() as usize + usize::from(index > 0);
            match (spec.begin, spec.find) {
                (Begin::Index(first), Find::Range { step, .. }) => assert!(first < fewest && step > 0, "{name}"),
                (Begin::Index(begin), Find::Count { index, first }) => assert!(begin + index < fewest && first > index, "{name}"),
                _ => assert!(command.is(Flag::MovableKeys), "{name}"),
            }
        }
        for subcommand in command.subcommands {
            assert!(subcommand.name.starts_with(&format!("{name}|")), "{}", subcommand.name);
        }
    }
}

#[test]
fn keys_are_found() {
    for (line, expected) in [
        ("get a", &[1][..]),
        ("set a b ex 10", &[1]),
        ("mget a b c", &[1, 2, 3]),
        ("mset a 1 b 2", &[1, 3]),
        ("msetnx a 1", &[1]),
        ("lcs a b len", &[1, 2]),
        ("del a b", &[1, 2]),
        ("object encoding a", &[2]),
        ("debug object a", &[2]),
        ("pfdebug getreg a", &[2]),
        ("pfmerge a", &[1]),
        ("pfmerge a b c", &[1, 2, 3]),
        ("ping", &[]),
        ("scan 0", &[]),
        ("keys *", &[]),
    ] {
        assert_eq!(keys(line), expected, "{line}");
    }
    // Too few arguments: no keys, no panic.
    assert_eq!(by_name(b"mget").unwrap().keys(&Args::default()).count(), 0);
    assert_eq!(by_name(b"mset").unwrap().keys(&args("mset")).count(), 0);
    assert_eq!(by_name(b"lcs").unwrap().keys(&args("lcs a")).collect::<Vec<_>>(), [1]);
}

#[test]
fn key_specs_find_what_redis_finds() {
    let find = |spec: KeySpec, line: &str| spec.indices(&args(line)).collect::<Vec<_>>();
    let counted = KeySpec::counted(1, &[]);
    for (line, expected) in [
        ("sintercard 2 a b limit 1", &[2, 3][..]),
        ("sintercard 1 a", &[2]),
        ("sintercard 0 a", &[]),
        ("sintercard -1 a", &[]),
        ("sintercard 3 a b", &[]),
        ("sintercard 9223372036854775807 a b", &[]),
        ("sintercard x a", &[]),
        ("sintercard", &[]),
    ] {
        assert_eq!(find(counted, line), expected, "{line}");
    }
    let streams = KeySpec { begin: Begin::Keyword("STREAMS", 1), find: Find::Range { last: -1, step: 1, limit: 2 }, flags: &[], notes: "" };
    for (line, expected) in [
        ("xread streams a b 0 0", &[2, 3][..]),
        ("xread count 2 Streams a 0", &[4]),
        ("xread count streams streams a 0", &[3]),
        ("xread streams", &[]),
        ("xread", &[]),
    ] {
        assert_eq!(find(streams, line), expected, "{line}");
    }
    let store = KeySpec::keyword("STORE", 6, &[]);
    assert_eq!(find(store, "georadius k 1 2 3 m store to"), [7]);
    assert_eq!(find(store, "georadius k 1 2 3 m store"), [0; 0]);
    assert_eq!(find(store, "georadius store to 1 2 3"), [0; 0]);
    let last = KeySpec::keyword("KEYS", -2, &[]);
    assert_eq!(find(last, "migrate h 1 keys a keys b x"), [6]);
    for (line, expected) in [
        ("sort k store d", &[1, 3][..]),
        ("sort k by store get Store limit store store STORE d desc", &[1, 10]),
        ("sort k store a store b", &[1, 5]),
        ("sort k store get store d", &[1, 5]),
        ("sort k store a store", &[1, 3]),
        ("sort k limit store", &[1]),
        ("sort k store", &[1]),
        ("sort_ro k store d", &[1]),
    ] {
        assert_eq!(keys(line), expected, "{line}");
    }
    assert_eq!(find(KeySpec { begin: Begin::Unknown, find: Find::Unknown, flags: &[], notes: "" }, "sort k by x"), [0; 0]);
}

#[test]
fn refusals_have_the_words_of_redis() {
    for (line, expected) in [
        ("foo", "ERR unknown command 'foo', with args beginning with: "),
        ("foo bar \"c d\"", "ERR unknown command 'foo', with args beginning with: 'bar' 'c d' "),
        ("foo \"a\\x00b\" \"c\\x0ad\"", "ERR unknown command 'foo', with args beginning with: 'a' 'c d' "),
        ("get", "ERR wrong number of arguments for 'get' command"),
        ("GET a b", "ERR wrong number of arguments for 'get' command"),
        ("mset a 1 b", "ERR wrong number of arguments for 'mset' command"),
        ("object", "ERR wrong number of arguments for 'object' command"),
        ("object foo", "ERR unknown subcommand 'foo'. Try OBJECT HELP."),
        ("object Encoding", "ERR wrong number of arguments for 'object|encoding' command"),
        ("client id x", "ERR wrong number of arguments for 'client|id' command"),
        ("command foo", "ERR unknown subcommand 'foo'. Try COMMAND HELP."),
    ] {
        assert_eq!(refusal(line), expected, "{line}");
    }
    assert_eq!(find(&Args::default()), Err(NotFound::Command));
    // What is quoted is bounded.
    let long = "x".repeat(1000);
    let text = refusal(&format!("{long} {long} {long}"));
    assert_eq!(text.len(), "ERR unknown command '".len() + 128 + "', with args beginning with: ''".len() + 127 + 1 + 1);
    let text = refusal(&format!("foo {} y z", "x".repeat(126)));
    assert!(text.ends_with("x' "), "{text}");
}

#[test]
fn containers_without_arguments() {
    assert_eq!(find(&args("command")).unwrap().1.name, "command");
    assert!(matches!(find(&args("config")), Err(NotFound::Arity(_))));
}
