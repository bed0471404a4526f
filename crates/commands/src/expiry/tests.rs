//! Expiry, as scripts.

use crate::testing::check;

#[test]
fn expire_answers_whether_it_did_something() {
    check(
        r#"
        EXPIRE a 10                -> 0
        SET a 1                    -> OK
        EXPIRE a 10                -> 1
        TTL a                      -> 10
        PTTL a                     -> 10000
        EXPIRETIME a               -> 1010
        PEXPIRETIME a              -> 1010000
        PEXPIRE a 1499             -> 1
        TTL a                      -> 1
        PEXPIRE a 1500             -> 1
        TTL a                      -> 2
        EXPIREAT a 2000            -> 1
        PEXPIREAT a 2000001        -> 1
        PEXPIRETIME a              -> 2000001
        PERSIST a                  -> 1
        PERSIST a                  -> 0
        TTL a                      -> -1
        EXPIRETIME a               -> -1
        TTL b                      -> -2
        PTTL b                     -> -2
        PEXPIRETIME b              -> -2
        PERSIST b                  -> 0
        "#,
    );
}

#[test]
fn a_time_that_has_passed_deletes_the_key() {
    check(
        r#"
        SET a 1                    -> OK
        EXPIRE a 0                 -> 1
        EXISTS a                   -> 0
        DBSIZE                     -> 0
        SET a 1                    -> OK
        PEXPIRE a -100             -> 1
        EXISTS a                   -> 0
        SET a 1                    -> OK
        EXPIREAT a 1000            -> 1
        EXISTS a                   -> 0
        "#,
    );
}

#[test]
fn a_key_lives_through_the_millisecond_of_its_expiry() {
    check(
        r#"
        SET a 1 PX 10              -> OK
        wait 10
        EXISTS a                   -> 1
        PTTL a                     -> 0
        wait 1
        EXISTS a                   -> 0
        PTTL a                     -> -2
        TYPE a                     -> none
        EXPIRE a 10                -> 0
        PERSIST a                  -> 0
        DEL a                      -> 0
        DBSIZE                     -> 0
        "#,
    );
}

#[test]
fn conditions_compare_old_and_new() {
    check(
        r#"
        SET a 1                    -> OK
        EXPIRE a 100 XX            -> 0
        EXPIRE a 100 GT            -> 0
        EXPIRE a 100 NX            -> 1
        EXPIRE a 200 NX            -> 0
        EXPIRE a 100 GT            -> 0
        EXPIRE a 200 GT            -> 1
        EXPIRE a 200 LT            -> 0
        EXPIRE a 100 lt            -> 1
        EXPIRE a 150 XX            -> 1
        EXPIRE a 150 XX XX         -> 1
        EXPIRE a 160 XX GT         -> 1
        EXPIRE a 150 XX GT         -> 0
        TTL a                      -> 160
        PERSIST a                  -> 1
        EXPIRE a 100 LT            -> 1
        EXPIRE a 0 GT              -> 0
        EXPIRE a 0 LT              -> 1
        EXISTS a                   -> 0
        EXPIRE a 1 NX XX           -> ERR NX and XX, GT or LT options at the same time are not compatible
        EXPIRE a 1 NX GT           -> ERR NX and XX, GT or LT options at the same time are not compatible
        EXPIRE a 1 GT LT           -> ERR GT and LT options at the same time are not compatible
        EXPIRE a 1 AB              -> ERR Unsupported option AB
        EXPIRE a 1 XX AB           -> ERR Unsupported option AB
        "#,
    );
}

#[test]
fn times_out_of_range_are_refused() {
    check(
        r#"
        SET a 1                    -> OK
        EXPIRE a x                 -> ERR value is not an integer or out of range
        EXPIRE a 9223372036854775807   -> ERR invalid expire time in 'expire' command
        EXPIRE a -9223372036854775808  -> ERR invalid expire time in 'expire' command
        EXPIRE a 9223372036854775      -> ERR invalid expire time in 'expire' command
        PEXPIRE a 9223372036854775807  -> ERR invalid expire time in 'pexpire' command
        EXPIREAT a 9223372036854775807 -> ERR invalid expire time in 'expireat' command
        PEXPIREAT a 9223372036854775807 -> 1
        PTTL a                     -> 9223372036853775807
        PEXPIRE a -9223372036854775808 -> 1
        EXISTS a                   -> 0
        EXPIRE a                   -> ERR wrong number of arguments for 'expire' command
        "#,
    );
}
