//! Random changes of collections of every type, on few keys that lie in one partition, so that commands with several keys run too.

use crate::random::Random;

/// A command with its arguments.
pub fn command(random: &mut Random) -> Vec<String> {
    let template = *random.pick(TEMPLATES);
    template
        .split(' ')
        .map(|word| match word {
            "$m" => format!("m{}", random.below(12)),
            "$n" => random.below(12).to_string(),
            "$s" => format!("{}", random.below(40) as f64 / 4.0 - 3.0),
            "$ms" => random.below(3000).to_string(),
            "$side" => (*random.pick(&["LEFT", "RIGHT"])).to_owned(),
            "$long" => "x".repeat(random.below(100)),
            word => word.to_owned(),
        })
        .collect()
}

/// Whether a command may have been refused with this reply, given what other clients do to the same keys.
pub fn may_be_refused(reply: &str) -> bool {
    ["WRONGTYPE", "BUSYGROUP", "NOGROUP", "ERR no such key", "ERR The XGROUP", "ERR index out of range"]
        .iter()
        .any(|known| reply[1..].starts_with(known))
}

/// `$m`: a member, `$n`: a small number, `$s`: a score, `$ms`: a short time, `$long`: some bytes.
const TEMPLATES: &[&str] = &[
    "HSET {c}h $m $long",
    "HSET {c}h $m $n $m $n",
    "HDEL {c}h $m $m",
    "HINCRBY {c}n $m $n",
    "HPEXPIRE {c}h $ms FIELDS 2 $m $m",
    "HGETDEL {c}h FIELDS 1 $m",
    "LPUSH {c}l $m $long",
    "RPUSH {c}l $m $m $m",
    "LPOP {c}l",
    "RPOP {c}l 2",
    "LTRIM {c}l 0 20",
    "LINSERT {c}l BEFORE $m $long",
    "LREM {c}l 1 $m",
    "LSET {c}l $n $m",
    "LMOVE {c}l {c}l2 $side $side",
    "SADD {c}s $m $m $long",
    "SADD {c}i $n $n",
    "SPOP {c}s",
    "SPOP {c}i 2",
    "SREM {c}s $m",
    "SMOVE {c}s {c}i $m",
    "SUNIONSTORE {c}s2 {c}s {c}i",
    "SINTERSTORE {c}s2 {c}s {c}i",
    "ZADD {c}z $s $m $s $long",
    "ZINCRBY {c}z $s $m",
    "ZPOPMIN {c}z",
    "ZREMRANGEBYRANK {c}z 10 -1",
    "ZREM {c}z $m",
    "ZUNIONSTORE {c}z2 2 {c}z {c}s",
    "ZRANGESTORE {c}z2 {c}z 0 $n",
    "XADD {c}x * $m $long",
    "XADD {c}x MAXLEN 20 * $m $n",
    "XTRIM {c}x MAXLEN $n",
    "XGROUP CREATE {c}x g 0 MKSTREAM",
    "XREADGROUP GROUP g $m COUNT 3 STREAMS {c}x >",
    "XAUTOCLAIM {c}x g $m $ms 0",
    "XACK {c}x g 1-1",
    "SETBIT {c}b 100 1",
    "SETRANGE {c}b $n $long",
    "DEL {c}l2 {c}z2",
    "DEL {c}x",
    "DEL {c}h",
    "PEXPIRE {c}s $ms",
    "PEXPIRE {c}z $ms",
    "PERSIST {c}z",
    "MSET {c}k1 $m {c}k2 $long",
];
