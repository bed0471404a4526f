//! When two replies count as the same. Bytes have to be equal except where Redis promises no order, draws lots, or tells the time.

use types::root::Kind;

use crate::differential::reply::Reply;
use crate::differential::template::Words;

/// How the replies to a command are compared. Errors and nulls always have to be the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    /// The same bytes.
    Exact,
    /// The same elements in any order.
    Unordered,
    /// The same pairs; in the same order if the key's value is a listpack.
    Pairs,
    /// The same elements; in the same order if the key's value is a listpack.
    Parts,
    /// Integers that are at most a minute apart: what counts from now.
    Near,
    /// The same word, but for layouts that Redis has since 7.2.
    Encoding,
    /// Elements of the value, as many as asked for: see [`crate::differential::drawn`].
    Drawn,
    /// A step of an iteration: the same elements if both are done with it in one.
    Scan,
    /// The same bytes but for floating point numbers, which Redis writes as short as they go since 7.2.
    Doubles,
    /// The same bytes but for times, and for fields that Redis has since 7.2.
    Timeless,
    /// The same bytes, but for what stands behind a zero byte of a text: Redis' comparison of texts ends there.
    Texts,
}

/// What our side knows of the key that a command is about.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Value {
    /// Whether it is what OBJECT ENCODING calls a listpack, so that the order of its elements is promised.
    pub(super) listpack: bool,
    pub(super) kind: Option<Kind>,
    /// Whether something was sorted in this sequence: Redis makes a skiplist of a sorted set when it sorts it.
    pub(super) sorted: bool,
}

/// How the replies to this command are compared.
pub(super) fn of(command: &Words) -> Compare {
    let has = |word: &str| command.iter().any(|argument| argument.eq_ignore_ascii_case(word.as_bytes()));
    match command[0].to_ascii_uppercase().as_slice() {
        b"KEYS" | b"SMEMBERS" | b"SINTER" | b"SUNION" | b"SDIFF" => Compare::Unordered,
        b"HGETALL" => Compare::Pairs,
        b"HKEYS" | b"HVALS" => Compare::Parts,
        b"TTL" | b"PTTL" | b"EXPIRETIME" | b"PEXPIRETIME" => Compare::Near,
        b"OBJECT" => Compare::Encoding,
        b"SPOP" | b"SRANDMEMBER" | b"HRANDFIELD" | b"ZRANDMEMBER" => Compare::Drawn,
        b"HSCAN" | b"SSCAN" | b"ZSCAN" => Compare::Scan,
        b"XPENDING" | b"XINFO" => Compare::Timeless,
        b"SORT" | b"SORT_RO" if has("ALPHA") && !has("GET") => Compare::Texts,
        b"GEORADIUS" | b"GEORADIUS_RO" | b"GEORADIUSBYMEMBER" | b"GEORADIUSBYMEMBER_RO" | b"GEOSEARCH"
            if !has("ASC") && !has("DESC") && !has("COUNT") =>
        {
            Compare::Unordered
        }
        [b'Z', ..] | [b'G', b'E', b'O', ..] => Compare::Doubles,
        _ => Compare::Exact,
    }
}

/// Error texts that Redis has changed since the version at hand: theirs, ours.
const NEWER_ERRORS: &[(&str, &str)] = &[
    ("-ERR Unbalanced XREAD list of streams", "-ERR Unbalanced 'xread' list of streams"),
    ("-ERR Unbalanced XREAD list of streams", "-ERR Unbalanced 'xreadgroup' list of streams"),
    ("-ERR Invalid stream ID", "-ERR The + ID is meaningless"),
    ("-ERR The ID specified in XSETID is smaller than the target", "-ERR The ID specified in XSETID is smaller than current max"),
    ("-ERR The entries_added specified in XSETID is smaller", "-ERR The ID specified in XSETID is smaller than current max"),
    ("-ERR wrong number of arguments for 'zrank'", "-ERR syntax error"),
    ("-ERR wrong number of arguments for 'zrevrank'", "-ERR syntax error"),
];

fn newer_error(ours: &Reply, theirs: &Reply) -> bool {
    let (Reply::Line(ours), Reply::Line(theirs)) = (ours, theirs) else { return false };
    NEWER_ERRORS.iter().any(|(old, new)| theirs.starts_with(old.as_bytes()) && ours.starts_with(new.as_bytes()))
}

/// What only one of the versions refuses: LPOS with the one rank that has no opposite, XREAD with the id `+`.
fn newer_answer(command: &Words, ours: &Reply, theirs: &Reply) -> bool {
    let is = |name: &str| command[0].eq_ignore_ascii_case(name.as_bytes());
    let starts = |reply: &Reply, text: &str| matches!(reply, Reply::Line(line) if line.starts_with(text.as_bytes()));
    // Since 7.2 arguments are looked at before the key is.
    let of_the_key = [":0", ":-1", "-WRONGTYPE"].iter().any(|reply| starts(theirs, reply));
    let early = (is("BITCOUNT") || is("BITPOS")) && ours.is_error() && of_the_key;
    // LPOS may have other arguments that are wrong as well: it stops at the first.
    early
        || (is("LPOS") && starts(ours, "-ERR value is out of range, value must between -9223372036854775807"))
        // 7.0 takes an old error for one of this number.
        || ((is("SORT") || is("SORT_RO")) && !ours.is_error() && starts(theirs, "-ERR One or more scores can't be converted"))
        // Since 7.2 a cursor does not end at a zero byte.
        || (starts(ours, "-ERR invalid cursor") && command.iter().any(|word| word.contains(&0)))
        || (is("XREAD") && command.iter().any(|word| word == b"+") && starts(theirs, "-ERR Invalid stream ID"))
}

/// Whether theirs is the answer of a version that sets a stream's last id below its greatest deleted one.
pub(super) fn sets_lower_id(command: &Words, ours: &[u8], theirs: &[u8]) -> bool {
    command[0].eq_ignore_ascii_case(b"XSETID")
        && ours.starts_with(b"-ERR The ID specified in XSETID is smaller than current max_deleted_entry_id")
        && theirs == b"+OK\r\n"
}

/// Whether both are the same HyperLogLog, but for the cardinality that Redis' PFCOUNT leaves in its header.
fn same_hyperloglog(ours: &Reply, theirs: &Reply) -> bool {
    const HEADER: std::ops::Range<usize> = 8..16;
    let (Reply::Bulk(_, ours), Reply::Bulk(_, theirs)) = (ours, theirs) else { return false };
    ours.starts_with(b"HYLL")
        && ours.len() == theirs.len()
        && ours.iter().zip(theirs).enumerate().all(|(index, (ours, theirs))| ours == theirs || HEADER.contains(&index))
}

/// How Redis writes a floating point number since 7.2.
fn shortest(text: &[u8]) -> Option<Vec<u8>> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(resp::number::format_double(value).to_vec())
}

/// Whether ours differs at most in that its floating point numbers are written as short as they go, and that zero has no sign: Redis'
/// large sorted sets keep it, its small ones do not.
pub(super) fn same_doubles(ours: &Reply, theirs: &Reply) -> bool {
    let same = |ours: &[u8], theirs: &[u8]| {
        ours == theirs || shortest(theirs).is_some_and(|short| short == ours) || matches!((ours, theirs), (b"0", b"-0") | (b"-0", b"0"))
    };
    match (ours, theirs) {
        (Reply::Many(kind, ours), Reply::Many(their_kind, theirs)) => {
            kind == their_kind && ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same_doubles(ours, theirs))
        }
        (Reply::Bulk(b'$', ours), Reply::Bulk(b'$', theirs)) => same(ours, theirs),
        (Reply::Line(ours), Reply::Line(theirs)) if ours[0] == b',' && theirs[0] == b',' => same(&ours[1..], &theirs[1..]),
        _ => ours == theirs,
    }
}

/// Whether two replies to `command`, which is about `value`, count as the same.
///
/// # Panics
/// For [`Compare::Drawn`], which needs more than the replies.
pub(super) fn same(command: &Words, ours: &[u8], theirs: &[u8], value: &Value) -> bool {
    if ours == theirs {
        return true;
    }
    let (ours, theirs) = (Reply::parse(ours), Reply::parse(theirs));
    if newer_error(&ours, &theirs) || newer_answer(command, &ours, &theirs) || same_hyperloglog(&ours, &theirs) {
        return true;
    }
    if ours.is_error() || theirs.is_error() || ours.is_null() || theirs.is_null() {
        return false;
    }
    match of(command) {
        Compare::Exact => false,
        Compare::Doubles => same_doubles(&ours, &theirs),
        Compare::Unordered => sorted(&ours, 1) == sorted(&theirs, 1),
        Compare::Pairs => !value.listpack && sorted(&ours, 2) == sorted(&theirs, 2),
        Compare::Parts => !value.listpack && sorted(&ours, 1) == sorted(&theirs, 1),
        Compare::Near => match (ours.integer(), theirs.integer()) {
            (Some(ours), Some(theirs)) => ours > 0 && theirs > 0 && ours.abs_diff(theirs) <= 60_000,
            _ => false,
        },
        Compare::Encoding => match (ours.text(), theirs.text()) {
            (Some(b"listpack"), Some(b"quicklist")) => value.kind == Some(Kind::List),
            // Since 7.2 what a command names twice counts twice when it decides about a layout.
            (Some(b"hashtable"), Some(b"listpack")) => value.kind == Some(Kind::Hash),
            (Some(b"hashtable"), Some(b"intset")) => value.kind == Some(Kind::Set),
            // Since 7.2 what is left of nearly all is a listpack if the set was one.
            (Some(b"listpack"), Some(b"hashtable" | b"intset")) => value.kind == Some(Kind::Set),
            (Some(b"listpack"), Some(b"skiplist")) => value.kind == Some(Kind::ZSet) && value.sorted,
            _ => false,
        },
        Compare::Scan => same_scan(command, &ours, &theirs),
        Compare::Timeless => timeless(ours) == timeless(theirs),
        Compare::Texts => texts(&ours) == texts(&theirs),
        Compare::Drawn => panic!("draws are not compared by their replies"),
    }
}

/// The kind of aggregate, and its elements in order, so many at a time.
fn sorted(reply: &Reply, size: usize) -> Option<(u8, Vec<Vec<Reply>>)> {
    let Reply::Many(kind, items) = reply else { return None };
    let mut items: Vec<Vec<Reply>> = items.chunks(size).map(<[Reply]>::to_vec).collect();
    items.sort();
    Some((*kind, items))
}

fn same_scan(command: &Words, ours: &Reply, theirs: &Reply) -> bool {
    let ([our_cursor, our_items], [their_cursor, their_items]) = (ours.items(), theirs.items()) else { return false };
    let pairs = if command[0].eq_ignore_ascii_case(b"SSCAN") { 1 } else { 2 };
    let scores = command[0].eq_ignore_ascii_case(b"ZSCAN");
    let whole = command[2] == b"0" && our_cursor.text() == Some(b"0") && their_cursor.text() == Some(b"0");
    let (ours, theirs) = (sorted(our_items, pairs), sorted(their_items, pairs));
    let same = |ours: &[Vec<Reply>], theirs: &[Vec<Reply>]| {
        ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|(ours, theirs)| {
                // Scores.
                ours == theirs || (scores && ours[0] == theirs[0] && same_doubles(&ours[1], &theirs[1]))
            })
    };
    if whole {
        matches!((ours, theirs), (Some((_, ours)), Some((_, theirs))) if same(&ours, &theirs))
    } else {
        ours.map(|(kind, _)| kind) == theirs.map(|(kind, _)| kind)
    }
}

/// Texts as `strcoll` sees them.
fn texts(reply: &Reply) -> Option<Vec<&[u8]>> {
    let Reply::Many(_, items) = reply else { return None };
    items.iter().map(|item| item.text()?.split(|&byte| byte == 0).next()).collect()
}

/// The reply without what depends on the clock or on how Redis stores a stream, and without what is new since 7.0.
fn timeless(reply: Reply) -> Reply {
    let Reply::Many(kind, items) = reply else { return reply };
    let mut kept = Vec::with_capacity(items.len());
    let mut items = items.into_iter().map(timeless).peekable();
    while let Some(item) = items.next() {
        match item.text() {
            Some(b"seen-time" | b"idle" | b"radix-tree-keys" | b"radix-tree-nodes")
                if items.next_if(|next| next.integer().is_some()).is_some() =>
            {
                kept.extend([item, Reply::Line(b":time".to_vec())]);
            }
            Some(b"active-time" | b"inactive") if items.next_if(|next| next.integer().is_some()).is_some() => {}
            _ => kept.push(item),
        }
    }
    // A pending entry: its id, perhaps the consumer, a time, the number of deliveries.
    let integers: Vec<bool> = kept.iter().map(|item| item.integer().is_some()).collect();
    if matches!(integers.as_slice(), [false, true, true] | [false, false, true, true])
        && kept[0].text().is_some_and(|id| id.contains(&b'-'))
    {
        let time = kept.len() - 2;
        kept[time] = Reply::Line(b":time".to_vec());
    }
    Reply::Many(kind, kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::words;

    #[test]
    fn what_redis_leaves_open_is_not_a_difference_and_everything_else_is() {
        let same = |command: &str, ours: &str, theirs: &str, listpack| {
            same(&words(command), ours.as_bytes(), theirs.as_bytes(), &Value { listpack, kind: Some(Kind::Set), sorted: false })
        };
        for (command, ours, theirs, listpack, expected) in [
            ("GET a", "$1\r\nx\r\n", "$1\r\nx\r\n", false, true),
            ("GET a", "$1\r\nx\r\n", "$1\r\ny\r\n", false, false),
            ("smembers a", "*2\r\n:1\r\n:2\r\n", "*2\r\n:2\r\n:1\r\n", true, true),
            ("SMEMBERS a", "*2\r\n:1\r\n:2\r\n", "~2\r\n:2\r\n:1\r\n", false, false),
            ("LRANGE a 0 1", "*2\r\n:1\r\n:2\r\n", "*2\r\n:2\r\n:1\r\n", false, false),
            ("HGETALL a", "%2\r\n:1\r\n:2\r\n:3\r\n:4\r\n", "%2\r\n:3\r\n:4\r\n:1\r\n:2\r\n", false, true),
            ("HGETALL a", "%2\r\n:1\r\n:2\r\n:3\r\n:4\r\n", "%2\r\n:3\r\n:4\r\n:1\r\n:2\r\n", true, false),
            ("HGETALL a", "*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n", "*4\r\n:1\r\n:4\r\n:3\r\n:2\r\n", false, false),
            ("PTTL a", ":10000\r\n", ":10002\r\n", false, true),
            ("PTTL a", ":-1\r\n", ":10\r\n", false, false),
            ("PTTL a", ":-1\r\n", ":-2\r\n", false, false),
            ("PTTL a", ":10000\r\n", ":90000\r\n", false, false),
            ("SSCAN a 0", "*2\r\n$1\r\n0\r\n*1\r\n:1\r\n", "*2\r\n$1\r\n0\r\n*1\r\n:2\r\n", false, false),
            ("SSCAN a 0", "*2\r\n$1\r\n0\r\n*1\r\n:1\r\n", "*2\r\n$1\r\n7\r\n*0\r\n", false, true),
            ("XPENDING a", "*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:0\r\n:1\r\n", "*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:9\r\n:1\r\n", false, true),
            ("XPENDING a", "*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:0\r\n:1\r\n", "*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:0\r\n:2\r\n", false, false),
            ("XINFO a", "*4\r\n$4\r\nidle\r\n:0\r\n$8\r\ninactive\r\n:1\r\n", "*2\r\n$4\r\nidle\r\n:9\r\n", false, true),
            ("OBJECT ENCODING a", "$8\r\nlistpack\r\n", "$9\r\nhashtable\r\n", false, true),
            ("OBJECT ENCODING a", "$6\r\nintset\r\n", "$9\r\nhashtable\r\n", false, false),
            ("ZSCORE a b", "$3\r\n0.1\r\n", "$19\r\n0.10000000000000001\r\n", false, true),
            ("ZSCORE a b", "$19\r\n0.10000000000000001\r\n", "$3\r\n0.1\r\n", false, false),
            ("ZSCORE a b", ",0.1\r\n", ",0.10000000000000001\r\n", false, true),
            ("ZSCORE a b", ",0\r\n", ",-0\r\n", false, true),
            ("ZSCORE a b", ",1\r\n", ",-1\r\n", false, false),
            (
                "ZSCAN a 0",
                "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nm\r\n$3\r\n0.1\r\n",
                "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nm\r\n$4\r\n0.10\r\n",
                false,
                true,
            ),
            (
                "ZSCAN a 0",
                "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nm\r\n$3\r\n0.1\r\n",
                "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nm\r\n$3\r\n0.2\r\n",
                false,
                false,
            ),
            ("XREAD a", "-ERR Unbalanced 'xread' list of streams\r\n", "-ERR Unbalanced XREAD list of streams\r\n", false, true),
            ("SMEMBERS a", "-ERR a\r\n", "-ERR b\r\n", false, false),
        ] {
            assert_eq!(same(command, ours, theirs, listpack), expected, "{command}: {ours:?} {theirs:?}");
        }
    }
}
