//! String commands, as scripts.

use types::limits::Limits;

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::testing::{NOW, check_layouts, check_limited, check_with};

#[test]
fn set_replaces_whatever_was_there() {
    check_layouts(
        r#"
        GET a                      -> nil
        SET a 1                    -> OK
        GET a                      -> "1"
        SET a "" EX 10             -> OK
        GET a                      -> ""
        TTL a                      -> 10
        SET a "x\x00\x0d\x0a y"    -> OK
        GET a                      -> "x\x00\r\n y"
        TTL a                      -> -1
        set A b                    -> OK
        GET a                      -> "x\x00\r\n y"
        "#,
    );
}

#[test]
fn set_obeys_its_conditions() {
    check_layouts(
        r#"
        SET a 1 XX                 -> nil
        SET a 1 NX                 -> OK
        SET a 2 NX                 -> nil
        SET a 2 nx NX              -> nil
        SET a 2 XX                 -> OK
        SET a 3 GET                -> "2"
        SET a 4 NX GET             -> "3"
        SET a 4 XX GET             -> "3"
        SET b 1 XX GET             -> nil
        EXISTS b                   -> 0
        SET b 1 NX GET             -> nil
        GET b                      -> "1"
        SETNX b 2                  -> 0
        SETNX c 2                  -> 1
        proto 3
        SET a 1 NX                 -> nil
        "#,
    );
}

#[test]
fn set_keeps_sets_and_drops_expiry() {
    check_layouts(
        r#"
        SET a 1 EX 10              -> OK
        PEXPIRETIME a              -> 1010000
        SET a 1 PX 10              -> OK
        PEXPIRETIME a              -> 1000010
        SET a 1 EXAT 2000          -> OK
        PEXPIRETIME a              -> 2000000
        SET a 1 PXAT 2000001       -> OK
        PEXPIRETIME a              -> 2000001
        SET a 2 KEEPTTL            -> OK
        PEXPIRETIME a              -> 2000001
        SET a 3 KEEPTTL GET        -> "2"
        PEXPIRETIME a              -> 2000001
        SET a 3 EX 10 EX 20        -> OK
        TTL a                      -> 20
        SET a 3 NX EX 10           -> nil
        TTL a                      -> 20
        SET a 3                    -> OK
        TTL a                      -> -1
        SET b 1 KEEPTTL            -> OK
        TTL b                      -> -1
        # in the past: gone at once
        SET a 3 PXAT 999999        -> OK
        EXISTS a                   -> 0
        SET a 3 EXAT 1             -> OK
        DBSIZE                     -> 1
        SETEX a 10 v               -> OK
        PEXPIRETIME a              -> 1010000
        PSETEX a 10 v              -> OK
        PEXPIRETIME a              -> 1000010
        GET a                      -> "v"
        "#,
    );
}

#[test]
fn options_that_do_not_go_together_are_syntax_errors() {
    check_layouts(
        r#"
        SET a 1                    -> OK
        SET a 1 NX XX              -> ERR syntax error
        SET a 1 EX                 -> ERR syntax error
        SET a 1 EX 10 PX 10        -> ERR syntax error
        SET a 1 EX 10 EXAT 10      -> ERR syntax error
        SET a 1 PX 10 PXAT 10      -> ERR syntax error
        SET a 1 KEEPTTL EX 10      -> ERR syntax error
        SET a 1 EX 10 KEEPTTL      -> ERR syntax error
        SET a 1 PERSIST            -> ERR syntax error
        SET a 1 FOO                -> ERR syntax error
        SET a 1 EX 10 FOO          -> ERR syntax error
        SET a 1 EX x               -> ERR value is not an integer or out of range
        SET a 1 EX 0               -> ERR invalid expire time in 'set' command
        SET a 1 PX -1              -> ERR invalid expire time in 'set' command
        SET a 1 EXAT 0             -> ERR invalid expire time in 'set' command
        SET a 1 EX 9223372036854775807   -> ERR invalid expire time in 'set' command
        SET a 1 EX 9223372036854775      -> ERR invalid expire time in 'set' command
        SET a 1 PX 9223372036854775807   -> ERR invalid expire time in 'set' command
        SET a 1 PXAT 9223372036854775807 -> OK
        TTL a                      -> 9223372036853776
        SETEX a 0 v                -> ERR invalid expire time in 'setex' command
        SETEX a x v                -> ERR value is not an integer or out of range
        PSETEX a -5 v              -> ERR invalid expire time in 'psetex' command
        SET a                      -> ERR wrong number of arguments for 'set' command
        GET a b                    -> ERR wrong number of arguments for 'get' command
        GETEX a KEEPTTL            -> ERR syntax error
        GETEX a NX                 -> ERR syntax error
        GETEX a EX                 -> ERR syntax error
        GETEX a EX 10 PERSIST      -> ERR syntax error
        GETEX a PERSIST PERSIST    -> "1"
        "#,
    );
}

#[test]
fn getex_changes_nothing_but_the_expiry() {
    check_layouts(
        r#"
        GETEX a EX 0               -> nil
        SET a 1                    -> OK
        GETEX a                    -> "1"
        GETEX a EX 10              -> "1"
        GETEX a                    -> "1"
        PEXPIRETIME a              -> 1010000
        GETEX a PX 10              -> "1"
        PEXPIRETIME a              -> 1000010
        GETEX a EXAT 2000          -> "1"
        GETEX a PXAT 2000001       -> "1"
        PEXPIRETIME a              -> 2000001
        GETEX a PERSIST            -> "1"
        TTL a                      -> -1
        GETEX a EX 0               -> ERR invalid expire time in 'getex' command
        GETEX a PXAT 1             -> "1"
        EXISTS a                   -> 0
        "#,
    );
}

#[test]
fn getset_and_getdel_answer_the_old_value() {
    check_layouts(
        r#"
        GETSET a 1                 -> nil
        EXPIRE a 10                -> 1
        GETSET a 2                 -> "1"
        TTL a                      -> -1
        GETDEL a                   -> "2"
        GETDEL a                   -> nil
        "#,
    );
}

#[test]
fn an_expired_key_is_absent() {
    check_layouts(
        r#"
        SET a 1 PX 100             -> OK
        wait 100
        GET a                      -> "1"
        wait 1
        GET a                      -> nil
        STRLEN a                   -> 0
        MGET a                     -> [nil]
        SET a 1 XX                 -> nil
        # it counts until it is removed, as in Redis
        DBSIZE                     -> 1
        SETNX a 2                  -> 1
        TTL a                      -> -1
        SET a 5 PX 100             -> OK
        wait 101
        INCR a                     -> 1
        TTL a                      -> -1
        SET a 5 PX 100             -> OK
        wait 101
        APPEND a xy                -> 2
        TTL a                      -> -1
        SET a 5 PX 100             -> OK
        wait 101
        SETRANGE a 1 x             -> 2
        GET a                      -> "\x00x"
        TTL a                      -> -1
        SET a 5 PX 100             -> OK
        wait 101
        SET a 6 KEEPTTL            -> OK
        TTL a                      -> -1
        SET a 5 PX 100             -> OK
        wait 101
        MSETNX a 1 b 2             -> 1
        SET a 5 PX 100             -> OK
        wait 101
        GETSET a 1                 -> nil
        "#,
    );
}

#[test]
fn mset_and_mget_take_many_keys() {
    check_layouts(
        r#"
        MSET a 1 b 2 a 3           -> OK
        MGET a b c a               -> ["3", "2", nil, "3"]
        MSETNX c 1 a 1             -> 0
        EXISTS c                   -> 0
        MSETNX c 1 c 2             -> 1
        GET c                      -> "2"
        MSET a 1 b                 -> ERR wrong number of arguments for 'mset' command
        MSETNX a 1 b               -> ERR wrong number of arguments for 'msetnx' command
        MSET a                     -> ERR wrong number of arguments for 'mset' command
        MGET                       -> ERR wrong number of arguments for 'mget' command
        EXPIRE a 10                -> 1
        MSET a 1                   -> OK
        TTL a                      -> -1
        "#,
    );
}

#[test]
fn ranges_are_cut_as_in_redis() {
    check_layouts(
        r#"
        SET a "Hello World"        -> OK
        GETRANGE a 0 3             -> "Hell"
        GETRANGE a 0 -1            -> "Hello World"
        GETRANGE a -4 -1           -> "orld"
        GETRANGE a 5 3             -> ""
        GETRANGE a 5 5000          -> " World"
        GETRANGE a -5000 10000     -> "Hello World"
        GETRANGE a -1 -2           -> ""
        GETRANGE a 0 -100          -> "H"
        GETRANGE a -100 -99        -> "H"
        GETRANGE a 11 11           -> ""
        SUBSTR a 0 0               -> "H"
        GETRANGE a 0 x             -> ERR value is not an integer or out of range
        GETRANGE a -9223372036854775808 9223372036854775807 -> "Hello World"
        GETRANGE b 0 -1            -> ""
        SET e ""                   -> OK
        GETRANGE e 0 -1            -> ""
        STRLEN a                   -> 11
        STRLEN b                   -> 0
        "#,
    );
}

#[test]
fn append_and_setrange_grow_a_value_up_to_the_limit() {
    check_limited(
        Limits { value_max: 8, ..Limits::DEFAULT },
        r#"
        APPEND a foo               -> 3
        EXPIRE a 10                -> 1
        APPEND a bar               -> 6
        TTL a                      -> 10
        GET a                      -> "foobar"
        APPEND a xyz               -> ERR string exceeds maximum allowed size (proto-max-bulk-len)
        GET a                      -> "foobar"
        APPEND a xy                -> 8
        SETRANGE a 0 F             -> 8
        GET a                      -> "Foobarxy"
        TTL a                      -> 10
        SETRANGE a 8 z             -> ERR string exceeds maximum allowed size (proto-max-bulk-len)
        SETRANGE a 9223372036854775807 z  -> ERR string exceeds maximum allowed size (proto-max-bulk-len)
        SETRANGE a 9223372036854775808 z  -> ERR value is not an integer or out of range
        SETRANGE a -1 z            -> ERR offset is out of range
        SETRANGE a 100 ""          -> 8
        SETRANGE b 100 ""          -> 0
        EXISTS b                   -> 0
        SETRANGE b 3 ab            -> 5
        GET b                      -> "\x00\x00\x00ab"
        SET n 12                   -> OK
        OBJECT ENCODING n          -> "int"
        SETRANGE n 0 3             -> 2
        OBJECT ENCODING n          -> "raw"
        INCR n                     -> 33
        OBJECT ENCODING n          -> "int"
        "#,
    );
}

#[test]
fn integers_count_up_and_down() {
    check_layouts(
        r#"
        INCR a                     -> 1
        EXPIRE a 10                -> 1
        INCRBY a 10                -> 11
        TTL a                      -> 10
        DECR a                     -> 10
        DECRBY a 20                -> -10
        GET a                      -> "-10"
        SET a 9223372036854775806  -> OK
        INCR a                     -> 9223372036854775807
        INCR a                     -> ERR increment or decrement would overflow
        GET a                      -> "9223372036854775807"
        SET a -9223372036854775808 -> OK
        DECR a                     -> ERR increment or decrement would overflow
        DECRBY a -9223372036854775808 -> ERR decrement would overflow
        DECRBY a 9223372036854775808 -> ERR value is not an integer or out of range
        INCRBY a x                 -> ERR value is not an integer or out of range
        SET a " 1"                 -> OK
        INCR a                     -> ERR value is not an integer or out of range
        SET a "1 "                 -> OK
        INCR a                     -> ERR value is not an integer or out of range
        SET a ""                   -> OK
        INCR a                     -> ERR value is not an integer or out of range
        SET a 01                   -> OK
        INCR a                     -> ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn floats_are_added_as_long_doubles() {
    check_layouts(
        r#"
        INCRBYFLOAT a 1            -> "1"
        INCRBYFLOAT a 0.25         -> "1.25"
        EXPIRE a 10                -> 1
        INCRBYFLOAT a -0.25        -> "1"
        TTL a                      -> 10
        SET a 3                    -> OK
        INCRBYFLOAT a 1.1          -> "4.1"
        SET a 17179869184          -> OK
        INCRBYFLOAT a 1.5          -> "17179869185.5"
        SET a 3.0e3                -> OK
        INCRBYFLOAT a 200          -> "3200"
        SET a "3 "                 -> OK
        INCRBYFLOAT a 1            -> ERR value is not a valid float
        SET a " 3"                 -> OK
        INCRBYFLOAT a 1            -> ERR value is not a valid float
        SET a 1                    -> OK
        INCRBYFLOAT a x            -> ERR value is not a valid float
        INCRBYFLOAT a nan          -> ERR value is not a valid float
        INCRBYFLOAT a +inf         -> ERR increment would produce NaN or Infinity
        INCRBYFLOAT a 1e5000       -> ERR value is not a valid float
        GET a                      -> "1"
        "#,
    );
}

#[test]
fn a_key_of_another_kind_is_refused() {
    use types::root::{Kind, Root};
    use types::txn::{Database, HashKey, HashKeyTxn};

    let mut memory = Memory::new(NOW);
    let list = Root::inline(Kind::List, Default::default());
    memory.put_root(&HashKey::new(Database(0), b"l"), list).unwrap();
    let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    let mut script = String::new();
    for command in [
        "GET l",
        "SET l 1 GET",
        "SET l 1 NX GET",
        "GETSET l 1",
        "GETDEL l",
        "GETEX l EX 0",
        "APPEND l 1",
        "STRLEN l",
        "SETRANGE l 0 x",
        "GETRANGE l 0 1",
        "INCR l",
        "INCRBYFLOAT l 1",
    ] {
        script.push_str(&format!("{command} -> {wrong}\n"));
    }
    script.push_str(
        r#"
        LCS l a                    -> ERR The specified keys must contain string values
        TYPE l                     -> list
        OBJECT ENCODING l          -> "listpack"
        MGET l                     -> [nil]
        SETNX l 1                  -> 0
        SET l 1 XX                 -> OK
        TYPE l                     -> string
        "#,
    );
    check_with(Redis, &mut memory, &script);
}

#[test]
fn bits_are_set_and_read() {
    check_layouts(
        r#"
        GETBIT a 0                 -> 0
        EXISTS a                   -> 0
        SETBIT a 1 1               -> 0
        GET a                      -> "@"
        SETBIT a 1 1               -> 1
        SETBIT a 23 0              -> 0
        GET a                      -> "@\x00\x00"
        SETBIT a 1 0               -> 1
        GET a                      -> "\x00\x00\x00"
        GETBIT a 23                -> 0
        GETBIT a 24                -> 0
        SET n 1 EX 10              -> OK
        GETBIT n 2                 -> 1
        OBJECT ENCODING n          -> "int"
        SETBIT n 2 1               -> 1
        OBJECT ENCODING n          -> "raw"
        SETBIT n 6 1               -> 0
        GET n                      -> "3"
        TTL n                      -> 10
        wait 10001
        GETBIT n 2                 -> 0
        SETBIT n 0 0               -> 0
        GET n                      -> "\x00"
        TTL n                      -> -1
        "#,
    );
}

#[test]
fn bits_that_no_string_has_are_refused() {
    check_limited(
        Limits { value_max: 2, ..Limits::DEFAULT },
        r#"
        SETBIT a 16 1              -> ERR bit offset is not an integer or out of range
        GETBIT a 16                -> ERR bit offset is not an integer or out of range
        SETBIT a -1 1              -> ERR bit offset is not an integer or out of range
        GETBIT a x                 -> ERR bit offset is not an integer or out of range
        GETBIT a 9223372036854775808 -> ERR bit offset is not an integer or out of range
        SETBIT a x 2               -> ERR bit offset is not an integer or out of range
        SETBIT a 0 2               -> ERR bit is not an integer or out of range
        SETBIT a 0 -1              -> ERR bit is not an integer or out of range
        SETBIT a 0 x               -> ERR bit is not an integer or out of range
        EXISTS a                   -> 0
        SETBIT a 15 1              -> 0
        GET a                      -> "\x00\x01"
        "#,
    );
}

#[test]
fn bits_are_counted_and_found() {
    check_layouts(
        r#"
        SET a foobar                        -> OK
        BITCOUNT a                          -> 26
        BITCOUNT a 0 0                      -> 4
        BITCOUNT a 1 1                      -> 6
        BITCOUNT a 5 30 BIT                 -> 17
        BITCOUNT a -2 -1 bit                -> 1
        BITCOUNT a -1 -2                    -> 0
        BITCOUNT a -100 -200                -> 0
        BITCOUNT none                       -> 0
        BITCOUNT a 0                        -> ERR syntax error
        BITCOUNT none 0 x                   -> ERR value is not an integer or out of range
        BITCOUNT a 0 1 HELLO                -> ERR syntax error
        SETBIT b 100 1                      -> 0
        BITPOS b 1                          -> 100
        BITPOS b 0                          -> 0
        BITPOS b 1 13                       -> -1
        BITPOS b 1 0 -1 BYTE                -> 100
        BITPOS b 1 100 100 BIT              -> 100
        BITPOS b 1 101 -1 BIT               -> -1
        BITPOS b 0 100 100 BIT              -> -1
        BITPOS none 0                       -> 0
        BITPOS none 1                       -> -1
        BITPOS none 2                       -> ERR The bit argument must be 1 or 0.
        SET c "\xff\xff\xff"                -> OK
        BITPOS c 0                          -> 24
        BITPOS c 0 0                        -> 24
        BITPOS c 0 0 -1                     -> -1
        BITPOS c 0 5                        -> -1
        BITOP NOT d b                       -> 13
        BITCOUNT d                          -> 103
        BITOP AND d a c                     -> 6
        GET d                               -> "foo\x00\x00\x00"
        BITOP OR d a c                      -> 6
        GET d                               -> "\xff\xff\xffbar"
        EXPIRE d 10                         -> 1
        BITOP XOR d d a none                -> 6
        GET d                               -> "\x99\x90\x90\x00\x00\x00"
        TTL d                               -> -1
        BITOP AND d none                    -> 0
        EXISTS d                            -> 0
        BITOP NOT d a b                     -> ERR BITOP NOT must be called with a single source key.
        BITOP NAND d a                      -> ERR syntax error
        "#,
    );
}

/// A hole costs nothing: one bit at the far end of the longest string is one chunk.
#[test]
fn a_string_with_a_hole_takes_a_chunk_and_a_root() {
    let mut memory = Memory::new(NOW);
    check_with(
        Redis,
        &mut memory,
        r#"
        SETBIT a 4294967295 1               -> 0
        STRLEN a                            -> 536870912
        SETBIT a 4294967296 1               -> ERR bit offset is not an integer or out of range
        BITCOUNT a                          -> 1
        BITPOS a 1                          -> 4294967295
        BITPOS a 0                          -> 0
        GETBIT a 4294967295                 -> 1
        GETBIT a 5                          -> 0
        GETRANGE a -2 -1                    -> "\x00\x01"
        SETRANGE a 300000000 xyz            -> 536870912
        GETRANGE a 299999999 300000003      -> "\x00xyz\x00"
        APPEND a x                          -> ERR string exceeds maximum allowed size (proto-max-bulk-len)
        OBJECT ENCODING a                   -> "raw"
        EXPIRE a 10                         -> 1
        "#,
    );
    assert_eq!(memory.elements(), 2);
    check_with(Redis, &mut memory, "SET a 1 -> OK\n GET a -> \"1\"");
    assert_eq!(memory.elements(), 0, "the chunks belong to nobody");
}
