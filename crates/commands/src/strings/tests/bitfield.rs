//! BITFIELD and BITFIELD_RO, as scripts.

use types::limits::Limits;

use crate::testing::{check_layouts, check_limited};

#[test]
fn fields_are_read_set_and_incremented() {
    check_layouts(
        r#"
        BITFIELD a                                        -> []
        BITFIELD a GET u8 0 GET i64 1000                  -> [0, 0]
        EXISTS a                                          -> 0
        BITFIELD a SET u8 4 255 GET u4 0 GET u4 4         -> [0, 0, 15]
        GET a                                             -> "\x0f\xf0"
        BITFIELD a set i8 #1 -3 get i8 #1 GET u8 #1       -> [-16, -3, 253]
        BITFIELD a INCRBY u2 100 1 INCRBY u2 100 1        -> [1, 2]
        GET a                                             -> "\x0f\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08"
        BITFIELD b SET i64 3 -9223372036854775808         -> [0]
        GET b                                             -> "\x10\x00\x00\x00\x00\x00\x00\x00\x00"
        BITFIELD b INCRBY i64 3 -1 GET u1 2 GET u1 67     -> [9223372036854775807, 0, 0]
        GET b                                             -> "\x0f\xff\xff\xff\xff\xff\xff\xff\xe0"
        BITFIELD_RO b GET i64 3 GET u63 #1                -> [9223372036854775807, 8646911284551352320]
        SET n 1 EX 10                                     -> OK
        BITFIELD n GET u8 0                               -> [49]
        OBJECT ENCODING n                                 -> "int"
        BITFIELD n SET u8 0 49                            -> [49]
        OBJECT ENCODING n                                 -> "raw"
        TTL n                                             -> 10
        "#,
    );
}

#[test]
fn overflow_wraps_saturates_or_fails() {
    check_layouts(
        r#"
        BITFIELD a INCRBY u2 0 5 INCRBY u2 0 -3                                   -> [1, 2]
        BITFIELD a OVERFLOW SAT INCRBY u2 0 5 INCRBY u2 0 -9                      -> [3, 0]
        BITFIELD a OVERFLOW FAIL INCRBY u2 0 4 SET u2 0 9 GET u2 0                -> [nil, nil, 0]
        BITFIELD a OVERFLOW sat SET i8 8 200 GET i8 8 SET i8 8 -200 GET i8 8      -> [0, 127, 127, -128]
        BITFIELD a SET i8 8 200 GET i8 8 OVERFLOW fail OVERFLOW wrap SET i8 8 129 -> [-128, -56, -56]
        # negative is too large for an unsigned field, and so is for a signed one what is very far below it
        BITFIELD a OVERFLOW SAT SET u8 8 -1 GET u8 8                              -> [129, 255]
        BITFIELD a OVERFLOW SAT SET i8 8 -9223372036854775808 GET i8 8            -> [-1, 127]
        BITFIELD a OVERFLOW SAT SET i8 8 -9223372036854775680 GET i8 8            -> [127, -128]
        BITFIELD a OVERFLOW SAT INCRBY i8 8 -9223372036854775808 GET i8 8         -> [-128, -128]
        BITFIELD m SET i64 0 9223372036854775807 OVERFLOW SAT INCRBY i64 0 1      -> [0, 9223372036854775807]
        BITFIELD m OVERFLOW FAIL INCRBY i64 0 1 OVERFLOW WRAP INCRBY i64 0 1      -> [nil, -9223372036854775808]
        # what fails has made room all the same
        BITFIELD f OVERFLOW FAIL INCRBY u2 30 4                                   -> [nil]
        GET f                                                                     -> "\x00\x00\x00\x00"
        proto 3
        BITFIELD f OVERFLOW FAIL INCRBY u2 30 4                                   -> [nil]
        "#,
    );
}

#[test]
fn all_operations_are_read_before_the_first_runs() {
    let no_type = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
    let script = r#"
        BITFIELD a SET u8 0 1 GET             -> ERR syntax error
        BITFIELD a SET u8 0 1 GET u8          -> ERR syntax error
        BITFIELD a SET u8 0                   -> ERR syntax error
        BITFIELD a SET u8 0 1 OVERFLOW        -> ERR syntax error
        BITFIELD a SET u8 0 1 FOO u8 0        -> ERR syntax error
        BITFIELD a SET u8 0 1 OVERFLOW foo    -> ERR Invalid OVERFLOW type specified
        BITFIELD a SET u8 0 1 GET u64 x       -> TYPE
        BITFIELD a SET u8 0 1 GET i65 0       -> TYPE
        BITFIELD a SET u8 0 1 GET u0 0        -> TYPE
        BITFIELD a SET u8 0 1 GET i 0         -> TYPE
        BITFIELD a SET u8 0 1 GET I8 0        -> TYPE
        BITFIELD a SET u8 0 1 GET u08 0       -> TYPE
        BITFIELD a SET u8 0 1 GET "" 0        -> TYPE
        BITFIELD a SET u8 0 1 GET u8 -1       -> ERR bit offset is not an integer or out of range
        BITFIELD a SET u8 0 1 GET u8 #        -> ERR bit offset is not an integer or out of range
        BITFIELD a SET u8 0 1 SET u8 ## 1     -> ERR bit offset is not an integer or out of range
        BITFIELD a SET u8 0 1 SET u8 0 x      -> ERR value is not an integer or out of range
        BITFIELD a SET u8 0 1 INCRBY u8 0 9223372036854775808 -> ERR value is not an integer or out of range
        BITFIELD_RO a GET u8 0 SET u8 0 1     -> ERR BITFIELD_RO only supports the GET subcommand
        BITFIELD_RO a INCRBY u8 0 x           -> ERR value is not an integer or out of range
        BITFIELD_RO a OVERFLOW SAT GET u8 0   -> [0]
        EXISTS a                              -> 0
        RPUSH l x                             -> 1
        BITFIELD l SET u8 0 x                 -> ERR value is not an integer or out of range
        BITFIELD_RO l SET u8 0 1              -> ERR BITFIELD_RO only supports the GET subcommand
        BITFIELD_RO l                         -> WRONGTYPE Operation against a key holding the wrong kind of value
        BITFIELD l SET u8 0 1                 -> WRONGTYPE Operation against a key holding the wrong kind of value
        "#;
    check_layouts(&script.replace("TYPE\n", &format!("{no_type}\n")));
}

/// As in Redis it is the first bit that has to be in bounds.
#[test]
fn fields_behind_the_longest_string_are_refused() {
    check_limited(
        Limits { value_max: 2, ..Limits::DEFAULT },
        r#"
        BITFIELD a SET u8 16 1                -> ERR bit offset is not an integer or out of range
        BITFIELD a GET u8 #2                  -> ERR bit offset is not an integer or out of range
        BITFIELD a GET i64 #288230376151711744 -> ERR bit offset is not an integer or out of range
        BITFIELD a GET i64 #9223372036854775807 -> ERR bit offset is not an integer or out of range
        BITFIELD a SET u8 #1 255              -> [0]
        GET a                                 -> "\x00\xff"
        BITFIELD a SET u2 15 3                -> [2]
        GET a                                 -> "\x00\xff\x80"
        "#,
    );
}
