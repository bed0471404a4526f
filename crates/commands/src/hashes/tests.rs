//! Hash commands, as scripts. Every script runs on all layouts unless it is about one of them.

mod fields_expire;
mod layout;
mod model;

use types::limits::Limits;

use crate::testing::{check, check_layouts, check_limited};

#[test]
fn fields_are_set_read_and_removed() {
    check_layouts(
        r#"
        HGET h a                   -> nil
        HSET h a 1                 -> 1
        HSET h a 2                 -> 0
        HGET h a                   -> "2"
        HSET h a 3 b 4 c 5 c 6     -> 2
        HMGET h a b c d a          -> ["3", "4", "6", nil, "3"]
        HLEN h                     -> 3
        HEXISTS h a                -> 1
        HEXISTS h d                -> 0
        HSTRLEN h a                -> 1
        HSTRLEN h d                -> 0
        HMSET h a "" "" x          -> OK
        HMGET h a ""               -> ["", "x"]
        HSTRLEN h a                -> 0
        HDEL h a d "" a            -> 2
        HLEN h                     -> 2
        HDEL h b c                 -> 2
        EXISTS h                   -> 0
        HDEL h b                   -> 0
        HLEN h                     -> 0
        TYPE h                     -> none
        HSET h "x\x00\x0d\x0a y" "\xff\x00" -> 1
        TYPE h                     -> hash
        HGETALL h                  -> ["x\x00\r\n y", "\xff\x00"]
        "#,
    );
}

#[test]
fn a_hash_that_does_not_exist_is_empty() {
    check(
        r#"
        HMGET h a b                -> [nil, nil]
        HGETALL h                  -> []
        HKEYS h                    -> []
        HVALS h                    -> []
        HEXISTS h a                -> 0
        HSTRLEN h a                -> 0
        HRANDFIELD h               -> nil
        HRANDFIELD h 3             -> []
        HRANDFIELD h -3 WITHVALUES -> []
        HSCAN h 0                  -> ["0", []]
        HTTL h FIELDS 2 a b        -> [-2, -2]
        HPERSIST h FIELDS 1 a      -> [-2]
        HEXPIRE h 10 FIELDS 1 a    -> [-2]
        HGETDEL h FIELDS 2 a b     -> [nil, nil]
        HGETEX h FIELDS 1 a        -> [nil]
        EXISTS h                   -> 0
        proto 3
        HGETALL h                  -> {}
        HKEYS h                    -> []
        HRANDFIELD h 3             -> []
        HRANDFIELD h               -> nil
        "#,
    );
}

#[test]
fn all_of_a_hash_is_a_map() {
    check_layouts(
        r#"
        HSET h a 1                 -> 1
        HGETALL h                  -> ["a", "1"]
        HKEYS h                    -> ["a"]
        HVALS h                    -> ["1"]
        HRANDFIELD h               -> "a"
        HRANDFIELD h 1             -> ["a"]
        HRANDFIELD h 5             -> ["a"]
        HRANDFIELD h -3            -> ["a", "a", "a"]
        HRANDFIELD h 5 withvalues  -> ["a", "1"]
        HRANDFIELD h -2 WITHVALUES -> ["a", "1", "a", "1"]
        HRANDFIELD h 0             -> []
        HSCAN h 0                  -> ["0", ["a", "1"]]
        HSCAN h 0 NOVALUES         -> ["0", ["a"]]
        proto 3
        HGETALL h                  -> {"a": "1"}
        HKEYS h                    -> ["a"]
        HVALS h                    -> ["1"]
        HRANDFIELD h 5 withvalues  -> [["a", "1"]]
        HRANDFIELD h -2 WITHVALUES -> [["a", "1"], ["a", "1"]]
        HRANDFIELD h -2            -> ["a", "a"]
        HSCAN h 0                  -> ["0", ["a", "1"]]
        "#,
    );
}

#[test]
fn a_packed_hash_keeps_the_order_in_which_fields_came() {
    check(
        r#"
        HSET h c 1 a 2 b 3         -> 3
        HGETALL h                  -> ["c", "1", "a", "2", "b", "3"]
        HSET h a 22                -> 0
        HKEYS h                    -> ["c", "a", "b"]
        HVALS h                    -> ["1", "22", "3"]
        HDEL h c                   -> 1
        HSET h c 4                 -> 1
        HRANDFIELD h 9             -> ["a", "b", "c"]
        HSCAN h 7 COUNT 1 MATCH [bc] -> ["0", ["b", "3", "c", "4"]]
        HSCAN h -1 MATCH b novalues  -> ["0", ["b"]]
        "#,
    );
}

#[test]
fn numbers_in_fields_are_counted() {
    check_layouts(
        r#"
        HINCRBY h n 5              -> 5
        HINCRBY h n -7             -> -2
        HGET h n                   -> "-2"
        HSET h x abc f 1.5 m 9223372036854775807 e "" -> 4
        HINCRBY h x 1              -> ERR hash value is not an integer
        HINCRBY h e 1              -> ERR hash value is not an integer
        HINCRBY h f 1              -> ERR hash value is not an integer
        HINCRBY h m 1              -> ERR increment or decrement would overflow
        HINCRBY h n 1.5            -> ERR value is not an integer or out of range
        HINCRBYFLOAT h f 1.1       -> "2.6"
        HINCRBYFLOAT h new 3       -> "3"
        HINCRBYFLOAT h new 1.1     -> "4.1"
        HINCRBYFLOAT h n 1e1       -> "8"
        HINCRBYFLOAT h x 1         -> ERR hash value is not a float
        HINCRBYFLOAT h f x         -> ERR value is not a valid float
        HINCRBYFLOAT h f inf       -> ERR value is NaN or Infinity
        HINCRBYFLOAT h f -inf      -> ERR value is NaN or Infinity
        HINCRBYFLOAT h f nan       -> ERR value is not a valid float
        HSET h i inf               -> 1
        HINCRBYFLOAT h i 1         -> ERR increment would produce NaN or Infinity
        HMGET h n x f m            -> ["8", "abc", "2.6", "9223372036854775807"]
        "#,
    );
}

#[test]
fn a_field_is_set_once() {
    check_layouts(
        r#"
        HSETNX h a 1               -> 1
        HSETNX h a 2               -> 0
        HGET h a                   -> "1"
        HGETDEL h FIELDS 3 a b a   -> ["1", nil, nil]
        EXISTS h                   -> 0
        HSETNX h a 2               -> 1
        "#,
    );
}

#[test]
fn layouts_change_where_redis_changes_them() {
    check(
        r#"
        HSET h a 1                 -> 1
        OBJECT ENCODING h          -> "listpack"
        HPEXPIRE h 100000 FIELDS 1 a -> [1]
        OBJECT ENCODING h          -> "listpackex"
        HPERSIST h FIELDS 1 a      -> [1]
        OBJECT ENCODING h          -> "listpackex"
        HSET h a 0123456789012345678901234567890123456789012345678901234567890123 -> 0
        OBJECT ENCODING h          -> "listpackex"
        HSET h a 01234567890123456789012345678901234567890123456789012345678901234 -> 0
        OBJECT ENCODING h          -> "hashtable"
        HSET h a 1                 -> 0
        OBJECT ENCODING h          -> "hashtable"
        HSET f 01234567890123456789012345678901234567890123456789012345678901234 1 -> 1
        OBJECT ENCODING f          -> "hashtable"
        "#,
    );
    check_limited(
        Limits { hash_entries: 2, ..Limits::DEFAULT },
        r#"
        HSET h a 1 b 2             -> 2
        OBJECT ENCODING h          -> "listpack"
        HINCRBY h c 3              -> 3
        OBJECT ENCODING h          -> "hashtable"
        HMGET h a b c              -> ["1", "2", "3"]
        HDEL h b c                 -> 2
        OBJECT ENCODING h          -> "hashtable"
        HSET t a 1 a 2 a 3         -> 1
        OBJECT ENCODING t          -> "hashtable"
        HGETALL t                  -> ["a", "3"]
        "#,
    );
}

#[test]
fn wrong_arguments_are_refused_in_the_order_of_redis() {
    check(
        r#"
        SET s 1                    -> OK
        HSET h a 1                 -> 1
        HSET h a                   -> ERR wrong number of arguments for 'hset' command
        HSET h a 1 b               -> ERR wrong number of arguments for 'hset' command
        HMSET h a 1 b              -> ERR wrong number of arguments for 'hmset' command
        HSET s a 1 b               -> ERR wrong number of arguments for 'hset' command
        HSET s a 1                 -> WRONGTYPE Operation against a key holding the wrong kind of value
        HGET s a                   -> WRONGTYPE Operation against a key holding the wrong kind of value
        HMGET s a                  -> WRONGTYPE Operation against a key holding the wrong kind of value
        HLEN s                     -> WRONGTYPE Operation against a key holding the wrong kind of value
        HDEL s a                   -> WRONGTYPE Operation against a key holding the wrong kind of value
        HSETNX s a 1               -> WRONGTYPE Operation against a key holding the wrong kind of value
        HGETALL s                  -> WRONGTYPE Operation against a key holding the wrong kind of value
        HINCRBY s a x              -> ERR value is not an integer or out of range
        HINCRBY s a 1              -> WRONGTYPE Operation against a key holding the wrong kind of value
        HINCRBYFLOAT s a x         -> ERR value is not a valid float
        HINCRBYFLOAT s a 1         -> WRONGTYPE Operation against a key holding the wrong kind of value
        HRANDFIELD s x foo         -> ERR value is not an integer or out of range
        HRANDFIELD s 1 foo         -> ERR syntax error
        HRANDFIELD s 0             -> WRONGTYPE Operation against a key holding the wrong kind of value
        HRANDFIELD h 1 withvalues x -> ERR syntax error
        HRANDFIELD h -9223372036854775808 -> ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        HRANDFIELD h 9223372036854775807 withvalues -> ERR value is out of range
        HRANDFIELD h -9223372036854775807 -> ERR the reply would be longer than proto-max-bulk-len
        HSCAN nokey x              -> ERR invalid cursor
        HSCAN nokey 0 foo          -> ["0", []]
        HSCAN s 0 foo              -> WRONGTYPE Operation against a key holding the wrong kind of value
        HSCAN h 0 type hash        -> ERR syntax error
        HSCAN h 0 match            -> ERR syntax error
        HSCAN h 0 count 0          -> ERR syntax error
        HSCAN h 0 count x          -> ERR value is not an integer or out of range
        HSCAN h 0x                 -> ERR invalid cursor
        "#,
    );
}

#[test]
fn a_scan_shows_every_field_once() {
    for limits in [Limits::exploding_at(0), Limits::DEFAULT] {
        let mut memory = crate::memory::Memory::new(crate::testing::NOW);
        memory.set_limits(limits);
        let mut run = |line: &str| {
            let words = crate::testing::words(line);
            crate::testing::show(&memory.run(&crate::coprocessor::Redis, types::txn::Database(0), types::txn::Proto::Resp2, words))
        };
        for number in 0..100 {
            run(&format!("HSET h f{number} {number}"));
        }
        let (mut cursor, mut seen, mut calls) = ("0".to_string(), Vec::new(), 0);
        loop {
            let reply = run(&format!("HSCAN h {cursor} COUNT 7 NOVALUES"));
            let (next, fields) = reply.strip_prefix("[\"").unwrap().split_once("\", [").unwrap();
            seen.extend(fields.trim_end_matches(']').split(", ").map(str::to_string));
            calls += 1;
            cursor = next.to_string();
            if cursor == "0" {
                break;
            }
        }
        seen.sort();
        let mut all: Vec<String> = (0..100).map(|number| format!("\"f{number}\"")).collect();
        all.sort();
        assert_eq!(seen, all);
        assert_eq!(calls > 1, limits != Limits::DEFAULT, "only an exploded hash is scanned in steps");
    }
}
