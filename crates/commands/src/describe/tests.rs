//! COMMAND's replies, whole.

use types::args::Args;
use types::txn::Proto;

use crate::describe::{ListFilter, all_command_docs, all_command_infos, command_getkeys, command_infos, command_list};
use crate::help::{help, syntax};
use crate::table::{COMMANDS, by_name};
use crate::testing::{show, words};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    show(&out)
}

fn names(line: &str) -> Vec<Vec<u8>> {
    words(line)
}

#[test]
fn info_has_the_shape_of_redis() {
    let info = |line: &str, proto| written(|out| command_infos(names(line).iter().map(Vec::as_slice), proto, out));
    // Compared with redis-server 7.0.15.
    assert_eq!(
        info("SET Config|Get nosuch", Proto::Resp3),
        "[[\"set\", -3, ~[write, denyoom], 1, 1, 1, ~[@write, @string, @slow], ~[], ~[{\"notes\": \"RW and ACCESS due to the optional `GET` \
         argument\", \"flags\": ~[RW, access, update, variable_flags], \"begin_search\": {\"type\": \"index\", \"spec\": {\"index\": 1}}, \
         \"find_keys\": {\"type\": \"range\", \"spec\": {\"lastkey\": 0, \"keystep\": 1, \"limit\": 0}}}], ~[]], \
         [\"config|get\", -3, ~[admin, noscript, loading, stale], 0, 0, 0, ~[@admin, @slow, @dangerous], ~[], ~[], ~[]], nil]"
    );
    assert_eq!(
        info("mset", Proto::Resp2),
        "[[\"mset\", -3, [write, denyoom], 1, -1, 2, [@write, @string, @slow], [\"request_policy:multi_shard\", \
         \"response_policy:all_succeeded\"], [[\"flags\", [OW, update], \"begin_search\", [\"type\", \"index\", \"spec\", [\"index\", 1]], \
         \"find_keys\", [\"type\", \"range\", \"spec\", [\"lastkey\", -1, \"keystep\", 2, \"limit\", 0]]]], []]]"
    );
    let all = written(|out| all_command_infos(Proto::Resp2, out));
    assert!(all.starts_with("[[\"append\", 3, ") && all.contains("[\"client|id\", 2, "));
}

#[test]
fn docs_have_the_shape_of_redis() {
    let docs = |line: &str| written(|out| all_command_docs(names(line).iter().map(Vec::as_slice), Proto::Resp3, out));
    assert_eq!(
        docs("nosuch getset flushdb"),
        "{\"getset\": {\"summary\": \"Sets the string of a key and returns the one it had.\", \"since\": \"1.0.0\", \"group\": \"string\", \
         \"complexity\": \"O(1)\", \"doc_flags\": ~[deprecated], \"deprecated_since\": \"6.2.0\", \"replaced_by\": \"`SET` with the `GET` \
         argument\", \"arguments\": [{\"name\": \"key\", \"type\": \"key\", \"display_text\": \"key\", \"key_spec_index\": 0}, {\"name\": \
         \"value\", \"type\": \"string\", \"display_text\": \"value\"}]}, \"flushdb\": {\"summary\": \"Deletes all keys of the logical \
         database.\", \"since\": \"1.0.0\", \"group\": \"server\", \"complexity\": \"O(1)\", \"arguments\": [{\"name\": \"flush-type\", \
         \"type\": \"oneof\", \"flags\": ~[optional], \"arguments\": [{\"name\": \"async\", \"type\": \"pure-token\", \"display_text\": \
         \"async\", \"token\": \"ASYNC\", \"since\": \"4.0.0\"}, {\"name\": \"sync\", \"type\": \"pure-token\", \"display_text\": \"sync\", \
         \"token\": \"SYNC\", \"since\": \"6.2.0\"}]}]}}"
    );
    let all = docs("");
    assert_eq!(all.matches("\"summary\": ").count(), COMMANDS.iter().map(|command| 1 + command.subcommands.len()).sum::<usize>());
}

#[test]
fn names_are_listed() {
    let list = |filter| written(|out| command_list(filter, out));
    assert_eq!(list(ListFilter::Pattern(b"GETR*")), "[\"getrange\"]");
    assert_eq!(list(ListFilter::Pattern(b"config|*e*")), "[\"config|get\", \"config|help\", \"config|resetstat\", \"config|set\"]");
    assert!(list(ListFilter::Category(b"blocking")).ends_with("\"wait\", \"xread\", \"xreadgroup\"]"));
    assert_eq!(list(ListFilter::Category(b"nosuch")), "[]");
    assert_eq!(list(ListFilter::Module), "[]");
    assert!(list(ListFilter::None).contains("\"object|freq\""));
}

#[test]
fn getkeys_answers_keys_or_says_why_not() {
    let keys = |line: &str| written(|out| command_getkeys(&Args::copied(words(line)), out));
    assert_eq!(keys("mset a b c d"), "[\"a\", \"c\"]");
    assert_eq!(keys("object encoding k"), "[\"k\"]");
    assert_eq!(keys("object help"), "ERR The command has no key arguments");
    assert_eq!(keys("config get a"), "ERR The command has no key arguments");
    assert_eq!(keys("get a b"), "ERR Invalid number of arguments specified for command");
    assert_eq!(keys("object foo x"), "ERR Invalid command specified");
    assert_eq!(keys("nosuch a"), "ERR Invalid command specified");
}

#[test]
fn syntax_reads_like_redis_documentation() {
    let line = |name: &str| syntax(by_name(name.as_bytes()).unwrap());
    assert_eq!(
        line("set"),
        "SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]"
    );
    assert_eq!(line("mset"), "MSET key value [key value ...]");
    assert_eq!(line("scan"), "SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]");
    assert_eq!(line("hello"), "HELLO [protover [AUTH username password] [SETNAME clientname]]");
    assert_eq!(line("client|no-evict"), "NO-EVICT <ON | OFF>");
    assert_eq!(line("client|list"), "LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]");
}

#[test]
fn help_ends_with_help() {
    let mut out = Vec::new();
    help(by_name(b"object").unwrap(), &mut out);
    let text = show(&out);
    assert!(text.starts_with("[OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:, ENCODING key, "), "{text}");
    assert!(text.ends_with("HELP,     Explains the subcommands.]"), "{text}");
}
