//! Several sorted sets become one.

use crate::testing::check_layouts;

#[test]
fn unions_add_scores() {
    check_layouts(
        r#"
        ZADD {k}a 1 a 2 b 3 c              -> 3
        ZADD {k}b 10 b 20 c 30 d           -> 3
        ZUNION 2 {k}a {k}b                 -> ["a", "b", "c", "d"]
        ZUNION 2 {k}a {k}b WITHSCORES      -> ["a", "1", "b", "12", "c", "23", "d", "30"]
        ZUNION 2 {k}a {k}b WEIGHTS 2 -1 WITHSCORES -> ["d", "-30", "c", "-14", "b", "-6", "a", "2"]
        ZUNION 2 {k}a {k}b AGGREGATE MIN WITHSCORES -> ["a", "1", "b", "2", "c", "3", "d", "30"]
        ZUNION 2 {k}a {k}b aggregate max withscores weights 1 1 -> ["a", "1", "b", "10", "c", "20", "d", "30"]
        ZUNION 3 {k}a {k}none {k}a WITHSCORES -> ["a", "2", "b", "4", "c", "6"]
        ZUNION 1 {k}none                   -> []
        ZUNIONSTORE {k}to 2 {k}a {k}b      -> 4
        ZRANGE {k}to 0 -1 WITHSCORES       -> ["a", "1", "b", "12", "c", "23", "d", "30"]
        ZUNIONSTORE {k}a 2 {k}a {k}a WEIGHTS 1 2 AGGREGATE SUM -> 3
        ZRANGE {k}a 0 -1 WITHSCORES        -> ["a", "3", "b", "6", "c", "9"]
        SET {k}str x EX 100                -> OK
        ZUNIONSTORE {k}str 1 {k}b          -> 3
        TTL {k}str                         -> -1
        ZUNIONSTORE {k}to 1 {k}none        -> 0
        EXISTS {k}to                       -> 0
        proto 3
        ZUNION 1 {k}b                      -> ["b", "c", "d"]
        ZUNION 1 {k}b WITHSCORES           -> [["b", ,10], ["c", ,20], ["d", ,30]]
        "#,
    );
}

#[test]
fn what_would_not_be_a_number_is_zero() {
    check_layouts(
        r#"
        ZADD {k}a inf x 0 y 1 z            -> 3
        ZADD {k}b -inf x inf y 1 z         -> 3
        ZUNION 2 {k}a {k}b WITHSCORES      -> ["x", "0", "z", "2", "y", "inf"]
        ZINTER 2 {k}a {k}b WITHSCORES      -> ["x", "0", "z", "2", "y", "inf"]
        ZUNION 2 {k}a {k}b WEIGHTS 0 0 WITHSCORES -> ["x", "0", "y", "0", "z", "0"]
        ZINTER 2 {k}a {k}b WEIGHTS inf 1 AGGREGATE MIN WITHSCORES -> ["x", "-inf", "y", "0", "z", "1"]
        ZUNION 1 {k}a WEIGHTS -1 WITHSCORES -> ["x", "-inf", "z", "-1", "y", "-0"]
        "#,
    );
}

#[test]
fn intersections_have_what_all_have() {
    check_layouts(
        r#"
        ZADD {k}a 1 a 2 b 3 c 4 d          -> 4
        ZADD {k}b 10 b 20 c 30 d           -> 3
        ZADD {k}c 100 c 200 d              -> 2
        ZINTER 2 {k}a {k}b WITHSCORES      -> ["b", "12", "c", "23", "d", "34"]
        ZINTER 3 {k}a {k}b {k}c WITHSCORES WEIGHTS 1 2 3 -> ["c", "343", "d", "664"]
        ZINTER 2 {k}a {k}none              -> []
        ZINTER 2 {k}c {k}c WITHSCORES      -> ["c", "200", "d", "400"]
        ZINTERSTORE {k}to 2 {k}a {k}c AGGREGATE MAX -> 2
        ZRANGE {k}to 0 -1 WITHSCORES       -> ["c", "100", "d", "200"]
        ZINTERSTORE {k}to 2 {k}a {k}none   -> 0
        EXISTS {k}to                       -> 0
        ZINTERCARD 2 {k}a {k}b             -> 3
        ZINTERCARD 2 {k}a {k}b LIMIT 2     -> 2
        ZINTERCARD 2 {k}a {k}b LIMIT 0     -> 3
        ZINTERCARD 2 {k}a {k}b LIMIT 9     -> 3
        ZINTERCARD 2 {k}a {k}none          -> 0
        "#,
    );
}

#[test]
fn differences_have_what_the_first_alone_has() {
    check_layouts(
        r#"
        ZADD {k}a 1 a 2 b 3 c 4 d          -> 4
        ZADD {k}b 10 b 20 x                -> 2
        ZADD {k}c 100 c                    -> 1
        ZDIFF 2 {k}a {k}b                  -> ["a", "c", "d"]
        ZDIFF 3 {k}a {k}b {k}c WITHSCORES  -> ["a", "1", "d", "4"]
        ZDIFF 2 {k}a {k}none               -> ["a", "b", "c", "d"]
        ZDIFF 2 {k}none {k}a               -> []
        ZDIFF 2 {k}a {k}a                  -> []
        ZDIFFSTORE {k}to 2 {k}a {k}b       -> 3
        ZRANGE {k}to 0 -1 WITHSCORES       -> ["a", "1", "c", "3", "d", "4"]
        ZDIFFSTORE {k}a 2 {k}a {k}a        -> 0
        EXISTS {k}a                        -> 0
        # few against many: looked up instead of walked over
        ZADD {k}many 1 a 1 b 1 c 1 d 1 e 1 f 1 g -> 7
        ZADD {k}few 7 g                    -> 1
        ZDIFF 2 {k}few {k}many             -> []
        ZADD {k}few 8 h                    -> 1
        ZDIFF 2 {k}few {k}b WITHSCORES     -> ["g", "7", "h", "8"]
        ZREM {k}few g                      -> 1
        ZDIFF 2 {k}few {k}many WITHSCORES  -> ["h", "8"]
        "#,
    );
}

#[test]
fn members_of_sets_have_the_score_one() {
    check_layouts(
        r#"
        SADD {k}s a b c                    -> 3
        ZADD {k}z 5 b 7 d                  -> 2
        ZUNION 2 {k}s {k}z WEIGHTS 3 1 WITHSCORES -> ["a", "3", "c", "3", "d", "7", "b", "8"]
        ZINTER 2 {k}s {k}z WITHSCORES      -> ["b", "6"]
        ZINTER 2 {k}z {k}s AGGREGATE MIN WITHSCORES -> ["b", "1"]
        ZDIFF 2 {k}s {k}z WITHSCORES       -> ["a", "1", "c", "1"]
        ZDIFF 2 {k}z {k}s WITHSCORES       -> ["d", "7"]
        ZINTERCARD 2 {k}s {k}z             -> 1
        ZUNIONSTORE {k}s 1 {k}s            -> 3
        TYPE {k}s                          -> zset
        ZRANGE {k}s 0 -1 WITHSCORES        -> ["a", "1", "b", "1", "c", "1"]
        "#,
    );
}

#[test]
fn refusals_come_in_the_order_of_redis() {
    check_layouts(
        r#"
        SET {k}str x                       -> OK
        ZADD {k}a 1 a                      -> 1
        ZUNION 0 a                         -> ERR at least 1 input key is needed for 'zunion' command
        ZUNIONSTORE to 0 a                 -> ERR at least 1 input key is needed for 'zunionstore' command
        ZDIFF -1 a                         -> ERR at least 1 input key is needed for 'zdiff' command
        ZINTERCARD x a                     -> ERR value is not an integer or out of range
        ZUNION 2 a                         -> ERR syntax error
        ZUNION 9223372036854775807 a       -> ERR syntax error
        ZUNION 1 {k}str foo                -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZINTER 2 {k}none {k}str            -> WRONGTYPE Operation against a key holding the wrong kind of value
        ZUNION 1 {k}a foo                  -> ERR syntax error
        ZINTER 1 none foo                  -> ERR syntax error
        ZUNION 1 {k}a WEIGHTS              -> ERR syntax error
        ZUNION 1 {k}a WEIGHTS a            -> ERR weight value is not a float
        ZUNION 2 {k}a {k}a WEIGHTS 1       -> ERR syntax error
        ZUNION 1 {k}a AGGREGATE            -> ERR syntax error
        ZUNION 1 {k}a AGGREGATE foo        -> ERR syntax error
        ZUNION 1 {k}a LIMIT 1              -> ERR syntax error
        ZUNIONSTORE {k}to 1 {k}a WITHSCORES -> ERR syntax error
        ZDIFF 1 {k}a WEIGHTS 1             -> ERR syntax error
        ZDIFF 1 {k}a AGGREGATE SUM         -> ERR syntax error
        ZINTERCARD 1 {k}a WITHSCORES       -> ERR syntax error
        ZINTERCARD 1 {k}a WEIGHTS 1        -> ERR syntax error
        ZINTERCARD 1 {k}a LIMIT            -> ERR syntax error
        ZINTERCARD 1 {k}a LIMIT -1         -> ERR LIMIT can't be negative
        ZINTERCARD 1 {k}a LIMIT x          -> ERR LIMIT can't be negative
        "#,
    );
}
