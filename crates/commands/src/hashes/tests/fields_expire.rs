//! Fields that expire, as scripts. NOW is 1 000 000 ms.

use crate::testing::{check, check_layouts};

#[test]
fn a_field_expires_and_the_others_stay() {
    check_layouts(
        r#"
        HSET h a 1 b 2 c 3         -> 3
        HPEXPIRE h 100 FIELDS 2 a x -> [1, -2]
        HPTTL h FIELDS 3 a b x     -> [100, -1, -2]
        HPEXPIRETIME h FIELDS 1 a  -> [1000100]
        wait 100
        HGET h a                   -> "1"
        HPTTL h FIELDS 1 a         -> [0]
        wait 1
        HGET h a                   -> nil
        HMGET h a b c              -> [nil, "2", "3"]
        HEXISTS h a                -> 0
        HSTRLEN h a                -> 0
        HLEN h                     -> 2
        HTTL h FIELDS 1 a          -> [-2]
        HPERSIST h FIELDS 1 a      -> [-2]
        HPEXPIRE h 100 FIELDS 1 a  -> [-2]
        HDEL h a                   -> 0
        HLEN h                     -> 2
        HSET h a 4                 -> 1
        HPTTL h FIELDS 1 a         -> [-1]
        HLEN h                     -> 3
        "#,
    );
}

#[test]
fn what_has_expired_is_shown_by_nobody() {
    check_layouts(
        r#"
        HSET h a 1 b 2             -> 2
        HPEXPIRE h 10 FIELDS 1 a   -> [1]
        wait 11
        HGETALL h                  -> ["b", "2"]
        HKEYS h                    -> ["b"]
        HVALS h                    -> ["2"]
        HLEN h                     -> 1
        HSCAN h 0                  -> ["0", ["b", "2"]]
        HRANDFIELD h               -> "b"
        HRANDFIELD h 5             -> ["b"]
        HRANDFIELD h -3            -> ["b", "b", "b"]
        HGETDEL h FIELDS 2 a b     -> [nil, "2"]
        EXISTS h                   -> 0
        "#,
    );
}

#[test]
fn a_hash_ends_with_its_last_field() {
    check_layouts(
        r#"
        HSET h a 1 b 2             -> 2
        HPEXPIRE h 100 FIELDS 1 a  -> [1]
        HPEXPIRE h 200 FIELDS 1 b  -> [1]
        TTL h                      -> -1
        PEXPIRETIME h              -> -1
        wait 150
        HKEYS h                    -> ["b"]
        EXISTS h                   -> 1
        wait 50
        EXISTS h                   -> 1
        wait 1
        EXISTS h                   -> 0
        TYPE h                     -> none
        KEYS *                     -> []
        SCAN 0                     -> ["0", []]
        RANDOMKEY                  -> nil
        DEL h                      -> 0
        OBJECT ENCODING h          -> nil
        HLEN h                     -> 0
        HGETALL h                  -> []
        HRANDFIELD h 2             -> []
        HSETNX h a 9               -> 1
        HGETALL h                  -> ["a", "9"]
        HPTTL h FIELDS 1 a         -> [-1]
        wait 100000
        EXISTS h                   -> 1
        "#,
    );
}

#[test]
fn a_field_that_stays_keeps_the_hash() {
    check_layouts(
        r#"
        HSET h a 1 b 2             -> 2
        HPEXPIRE h 100 FIELDS 2 a b -> [1, 1]
        HPERSIST h FIELDS 1 b      -> [1]
        HPERSIST h FIELDS 2 b x    -> [-1, -2]
        wait 1000
        HGETALL h                  -> ["b", "2"]
        HPEXPIRE h 100 FIELDS 1 b  -> [1]
        HSET h c 3                 -> 1
        wait 1000
        HGETALL h                  -> ["c", "3"]
        HPEXPIRE h 100 FIELDS 1 c  -> [1]
        HSET h c 4                 -> 0
        wait 1000
        HGETALL h                  -> ["c", "4"]
        HSET h d 5                 -> 1
        HPEXPIRE h 100 FIELDS 1 c  -> [1]
        HDEL h d                   -> 1
        wait 101
        EXISTS h                   -> 0
        "#,
    );
}

#[test]
fn the_key_has_an_expiry_of_its_own() {
    check_layouts(
        r#"
        HSET h a 1 b 2             -> 2
        EXPIRE h 1000              -> 1
        HPEXPIRE h 100 FIELDS 2 a b -> [1, 1]
        TTL h                      -> 1000
        PEXPIRETIME h              -> 2000000
        EXPIRE h 500 GT            -> 0
        EXPIRE h 2000 NX           -> 0
        EXPIRE h 2000 GT           -> 1
        TTL h                      -> 2000
        PERSIST h                  -> 1
        PERSIST h                  -> 0
        TTL h                      -> -1
        EXPIRE h 10 XX             -> 0
        EXPIRE h 10 NX             -> 1
        HPERSIST h FIELDS 1 a      -> [1]
        TTL h                      -> 10
        wait 1000
        HGETALL h                  -> ["a", "1"]
        PTTL h                     -> 9000
        PEXPIRE h 50               -> 1
        wait 51
        EXISTS h                   -> 0
        HSET h a 1                 -> 1
        TTL h                      -> -1
        HPEXPIRE h 100 FIELDS 1 a  -> [1]
        PEXPIRE h 50               -> 1
        HPTTL h FIELDS 1 a         -> [100]
        PTTL h                     -> 50
        wait 51
        EXISTS h                   -> 0
        HSET h a 1                 -> 1
        HPEXPIRE h 100 FIELDS 1 a  -> [1]
        PEXPIRE h 5000             -> 1
        SET h x KEEPTTL            -> OK
        PTTL h                     -> 5000
        "#,
    );
}

#[test]
fn conditions_decide_which_expiries_are_set() {
    check_layouts(
        r#"
        HSET h a 1 b 2 c 3         -> 3
        HPEXPIRE h 1000 NX FIELDS 1 a -> [1]
        HPEXPIRE h 2000 nx FIELDS 2 a b -> [0, 1]
        HPEXPIRE h 1500 XX FIELDS 2 a c -> [1, 0]
        HPEXPIRE h 1800 GT FIELDS 3 a b c -> [1, 0, 0]
        HPEXPIRE h 1800 GT FIELDS 1 a -> [0]
        HPEXPIRE h 1900 LT FIELDS 3 a b c -> [0, 1, 1]
        HPEXPIRE h 1900 LT FIELDS 1 b -> [0]
        HPTTL h FIELDS 3 a b c     -> [1800, 1900, 1900]
        HPEXPIREAT h 999 NX FIELDS 2 a x -> [0, -2]
        HPEXPIREAT h 1000000 FIELDS 3 a a b -> [2, -2, 2]
        HLEN h                     -> 1
        HEXPIRE h 0 FIELDS 1 c     -> [2]
        EXISTS h                   -> 0
        "#,
    );
}

#[test]
fn times_come_in_four_units() {
    check_layouts(
        r#"
        HSET h a 1 b 2 c 3 d 4     -> 4
        HEXPIRE h 10 FIELDS 1 a    -> [1]
        HPEXPIRE h 10001 FIELDS 1 b -> [1]
        HEXPIREAT h 2000 FIELDS 1 c -> [1]
        HPEXPIREAT h 2000001 FIELDS 1 d -> [1]
        HPEXPIRETIME h FIELDS 4 a b c d -> [1010000, 1010001, 2000000, 2000001]
        HEXPIRETIME h FIELDS 4 a b c d -> [1010, 1011, 2000, 2001]
        HTTL h FIELDS 4 a b c d    -> [10, 11, 1000, 1001]
        HPTTL h FIELDS 4 a b c d   -> [10000, 10001, 1000000, 1000001]
        HPEXPIREAT h 70368744177663 FIELDS 1 a -> [1]
        HPEXPIRETIME h FIELDS 1 a  -> [70368744177663]
        HPEXPIREAT h 70368744177664 FIELDS 1 a -> ERR invalid expire time in 'hpexpireat' command
        HEXPIREAT h 70368744178 FIELDS 1 a -> ERR invalid expire time in 'hexpireat' command
        HPEXPIRE h 70368744177000 FIELDS 1 a -> ERR invalid expire time in 'hpexpire' command
        HEXPIRE h 9223372036854775807 FIELDS 1 a -> ERR invalid expire time in 'hexpire' command
        HEXPIRE h -1 FIELDS 1 a    -> ERR invalid expire time, must be >= 0
        HEXPIRE h x FIELDS 1 a     -> ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn fields_are_named_by_number() {
    check(
        r#"
        SET s 1                    -> OK
        HSET h a 1                 -> 1
        HEXPIRE s x FIELDS 0       -> ERR wrong number of arguments for 'hexpire' command
        HEXPIRE s x FIELDS 0 a     -> WRONGTYPE Operation against a key holding the wrong kind of value
        HEXPIRE nokey x FIELDS 0 a -> ERR value is not an integer or out of range
        HEXPIRE h 10 FOO 1 a       -> ERR Mandatory argument FIELDS is missing or not at the right position
        HEXPIRE h 10 NX 1 a        -> ERR Mandatory argument FIELDS is missing or not at the right position
        HEXPIRE h 10 NX XX FIELDS 1 a -> ERR Mandatory argument FIELDS is missing or not at the right position
        HEXPIRE h 10 FIELDS 0 a    -> ERR Parameter `numFields` should be greater than 0
        HEXPIRE h 10 FIELDS x a    -> ERR Parameter `numFields` should be greater than 0
        HEXPIRE h 10 FIELDS 2 a    -> ERR The `numfields` parameter must match the number of arguments
        HEXPIRE h 10 FIELDS 1 a b  -> ERR The `numfields` parameter must match the number of arguments
        HEXPIRE h 10 NX FIELDS 1   -> ERR The `numfields` parameter must match the number of arguments
        HTTL s FOO 1 a             -> WRONGTYPE Operation against a key holding the wrong kind of value
        HTTL h FOO 1 a             -> ERR Mandatory argument FIELDS is missing or not at the right position
        HTTL h FIELDS 0 a          -> ERR Number of fields must be a positive integer
        HTTL h FIELDS 2 a          -> ERR The `numfields` parameter must match the number of arguments
        HPERSIST h FIELDS -1 a     -> ERR Number of fields must be a positive integer
        HPERSIST h FIELDS 1 a b    -> ERR The `numfields` parameter must match the number of arguments
        HPERSIST h FIELDS 1        -> ERR wrong number of arguments for 'hpersist' command
        HGETDEL s FOO 1 a          -> WRONGTYPE Operation against a key holding the wrong kind of value
        HGETDEL h FOO 1 a          -> ERR Mandatory argument FIELDS is missing or not at the right position
        HGETDEL h FIELDS 0 a       -> ERR Number of fields must be a positive integer
        HGETDEL h FIELDS 2 a       -> ERR The `numfields` parameter must match the number of arguments
        HGETEX s FOO 1 a           -> WRONGTYPE Operation against a key holding the wrong kind of value
        HGETEX h EX x FIELDS 1 a   -> ERR value is not an integer or out of range
        HGETEX h EX -1 FIELDS 1 a  -> ERR invalid expire time, must be >= 0
        HGETEX h PX 70368744177664 FIELDS 1 a -> ERR invalid expire time in 'hgetex' command
        HGETEX h FOO FIELDS 1 a    -> ERR Mandatory argument FIELDS is missing or not at the right position
        HGETEX h EX 10 FIELDS      -> ERR Number of fields must be a positive integer
        HGETEX h PERSIST EX 10 FIELDS 1 a -> ERR Mandatory argument FIELDS is missing or not at the right position
        HGETEX h EX 10 FIELDS 2 a  -> ERR The `numfields` parameter must match the number of arguments
        HTTL h FIELDS 1 a          -> [-1]
        "#,
    );
}

#[test]
fn values_are_read_and_get_another_expiry() {
    check_layouts(
        r#"
        HSET h a 1 b 2             -> 2
        HGETEX h FIELDS 2 a x      -> ["1", nil]
        HTTL h FIELDS 2 a b        -> [-1, -1]
        HGETEX h EX 10 FIELDS 2 a b -> ["1", "2"]
        HPTTL h FIELDS 2 a b       -> [10000, 10000]
        HGETEX h px 20 FIELDS 1 a  -> ["1"]
        HGETEX h PERSIST FIELDS 2 b x -> ["2", nil]
        HPTTL h FIELDS 2 a b       -> [20, -1]
        HGETEX h EXAT 2000 FIELDS 1 a -> ["1"]
        HPEXPIRETIME h FIELDS 1 a  -> [2000000]
        HGETEX h PXAT 2000001 FIELDS 1 b -> ["2"]
        HPEXPIRETIME h FIELDS 1 b  -> [2000001]
        HGETEX h PXAT 1000000 FIELDS 2 a a -> ["1", nil]
        HLEN h                     -> 1
        HGETEX h EX 0 FIELDS 1 b   -> ["2"]
        EXISTS h                   -> 0
        "#,
    );
}

#[test]
fn fields_are_set_with_an_expiry_all_or_none() {
    check_layouts(
        r#"
        HSETEX h FXX EX 10 FIELDS 1 a 1 -> 0
        EXISTS h                   -> 0
        HSETEX h EX 10 FIELDS 2 a 1 b 2 -> 1
        HPTTL h FIELDS 2 a b       -> [10000, 10000]
        HSETEX h FNX FIELDS 2 c 3 a 9 -> 0
        HSETEX h fxx FIELDS 2 a 9 c 3 -> 0
        HMGET h a b c              -> ["1", "2", nil]
        HSETEX h FNX PX 20 FIELDS 2 c 3 d 4 -> 1
        HSETEX h FXX KEEPTTL FIELDS 2 a 8 d 9 -> 1
        HPTTL h FIELDS 4 a b c d   -> [10000, 10000, 20, 20]
        HSETEX h FIELDS 1 a 7      -> 1
        HTTL h FIELDS 1 a          -> [-1]
        HSETEX h EXAT 2000 FIELDS 1 a 6 -> 1
        HSETEX h PXAT 2000001 FIELDS 1 b 5 -> 1
        HPEXPIRETIME h FIELDS 2 a b -> [2000000, 2000001]
        HMGET h a b c d            -> ["6", "5", "3", "9"]
        wait 21
        HSETEX h FXX FIELDS 1 c 1  -> 0
        HSETEX h FNX KEEPTTL FIELDS 1 c 1 -> 1
        HTTL h FIELDS 1 c          -> [-1]
        HSETEX h PXAT 1 FIELDS 3 a 1 b 1 x 1 -> 1
        HGETALL h                  -> ["c", "1"]
        HSETEX h PXAT 1 FIELDS 1 c 1 -> 1
        EXISTS h                   -> 0
        HSETEX h PXAT 1 FIELDS 2 c 1 d 2 -> 1
        EXISTS h                   -> 0
        "#,
    );
}

#[test]
fn options_of_hsetex_are_checked() {
    check(
        r#"
        SET s 1                    -> OK
        HSETEX s EX 10 FOO 1 a 1   -> ERR unknown argument: FOO
        HSETEX s FIELDS 1 a 1      -> WRONGTYPE Operation against a key holding the wrong kind of value
        HSETEX s EX 10 FIELDS 1 a 1 -> WRONGTYPE Operation against a key holding the wrong kind of value
        HSETEX h EX 10 PX 10 FIELDS 1 a 1 -> ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified
        HSETEX h EX 10 KEEPTTL FIELDS 1 a 1 -> ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified
        HSETEX h KEEPTTL KEEPTTL FIELDS 1 a 1 -> ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified
        HSETEX h FNX FXX FIELDS 1 a 1 -> ERR Only one of FXX or FNX arguments can be specified
        HSETEX h FNX fnx FIELDS 1 a 1 -> ERR Only one of FXX or FNX arguments can be specified
        HSETEX h EX x FIELDS 1 a 1 -> ERR value is not an integer or out of range
        HSETEX h EX -1 FIELDS 1 a 1 -> ERR invalid expire time, must be >= 0
        HSETEX h EXAT 70368744178 FIELDS 1 a 1 -> ERR invalid expire time in 'hsetex' command
        HSETEX h FNX FIELDS 0 a 1  -> ERR invalid number of fields
        HSETEX h FNX FIELDS x a 1  -> ERR invalid number of fields
        HSETEX h FNX FIELDS 2 a 1  -> ERR wrong number of arguments for 'hsetex' command
        HSETEX h FNX FIELDS 1 a 1 b -> ERR wrong number of arguments for 'hsetex' command
        HSETEX h FNX FIELDS 1 a    -> ERR wrong number of arguments for 'hsetex' command
        EXISTS h                   -> 0
        "#,
    );
}

#[test]
fn numbers_keep_the_expiry_of_their_field() {
    check_layouts(
        r#"
        HSET h n 10 f 1.5          -> 2
        HPEXPIRE h 20 FIELDS 2 n f -> [1, 1]
        HINCRBY h n 2              -> 12
        HINCRBYFLOAT h f 1         -> "2.5"
        HPTTL h FIELDS 2 n f       -> [20, 20]
        wait 21
        HINCRBY h n 1              -> 1
        HINCRBYFLOAT h f 1         -> "1"
        HTTL h FIELDS 2 n f        -> [-1, -1]
        HPEXPIRE h 20 FIELDS 1 n   -> [1]
        wait 21
        HINCRBY h n 5              -> 5
        HTTL h FIELDS 1 n          -> [-1]
        "#,
    );
}

#[test]
fn a_packed_hash_shows_what_expires_first_first() {
    check(
        r#"
        HSET h a 1 b 2 c 3 d 4     -> 4
        HEXPIRE h 20 FIELDS 1 c    -> [1]
        HKEYS h                    -> ["c", "a", "b", "d"]
        HEXPIRE h 10 FIELDS 1 d    -> [1]
        HEXPIRE h 20 FIELDS 1 a    -> [1]
        HKEYS h                    -> ["d", "c", "a", "b"]
        HPERSIST h FIELDS 1 c      -> [1]
        HKEYS h                    -> ["d", "a", "b", "c"]
        HSET h d 5                 -> 0
        HGETALL h                  -> ["a", "1", "b", "2", "c", "3", "d", "5"]
        "#,
    );
}
