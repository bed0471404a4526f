//! RESTORE of any payload, and the commands of its type over what came out of it.
//!
//! Input: layout (see [`Store::new`]) | value without its frame.

use rdb::payload::seal;

use crate::reply::Reply;
use crate::store::Store;

pub(crate) fn restore(input: &[u8]) {
    let [layout, value @ ..] = input else { return };
    let mut store = Store::new(*layout);
    if store.run(&[b"RESTORE", b"k", b"0", &seal(value.to_vec(), 12)]).is_error() {
        assert_eq!(store.line("EXISTS k"), Reply::Integer(0), "what is refused is not there");
        return;
    }
    let Reply::Status(kind) = store.line("TYPE k") else { panic!("a type") };
    let kind = String::from_utf8(kind).expect("a type");
    let shown = read(&mut store, &kind, "k");
    store.line("OBJECT ENCODING k");
    store.line("MEMORY USAGE k");

    // Another layout holds the same value.
    let mut other = Store::new(layout.wrapping_add(1));
    match store.line("DUMP k") {
        Reply::Bulk(dump) => {
            assert_eq!(other.run(&[b"RESTORE", b"k", b"0", &dump]), Reply::Status(b"OK".to_vec()), "what was dumped is restored");
            assert_eq!(in_order(&kind, read(&mut other, &kind, "k")), in_order(&kind, shown.clone()));
        }
        Reply::Nil => assert_eq!(kind, "none", "only what is not there has no dump"),
        refused => panic!("{refused:?}"),
    }
    // A copy, too, and it is independent of what becomes of its origin.
    assert_eq!(store.line("COPY k copy"), Reply::Integer(i64::from(kind != "none")));
    take_apart(&mut store, &kind);
    assert_eq!(in_order(&kind, read(&mut store, &kind, "copy")), in_order(&kind, shown));
}

/// What the type's commands that read say of a value; those that count agree with those that show.
fn read(store: &mut Store, kind: &str, key: &str) -> Vec<Reply> {
    let mut run = |line: &str| {
        let reply = store.line(&line.replace(" KEY", &format!(" {key}")));
        assert!(!reply.is_error(), "{line}: {reply:?}");
        reply
    };
    match kind {
        "none" => vec![],
        "string" => {
            let string = run("GET KEY");
            let Reply::Bulk(bytes) = &string else { panic!("a string") };
            assert_eq!(run("STRLEN KEY"), Reply::Integer(bytes.len() as i64));
            assert_eq!(run("GETRANGE KEY 0 -1"), string);
            let bits: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
            assert_eq!(run("BITCOUNT KEY"), Reply::Integer(bits.into()));
            run("BITPOS KEY 1");
            run("GETRANGE KEY -5 -2");
            vec![string]
        }
        "list" => {
            let elements = run("LRANGE KEY 0 -1");
            assert_eq!(run("LLEN KEY"), Reply::Integer(elements.len()));
            assert_eq!(Some(&run("LINDEX KEY -1")), elements.elements().last());
            run("LRANGE KEY 1 2");
            run("LPOS KEY a COUNT 0");
            vec![elements]
        }
        "set" => {
            let members = run("SMEMBERS KEY");
            assert_eq!(run("SCARD KEY"), Reply::Integer(members.len()));
            assert_eq!(run("SRANDMEMBER KEY 1000000").len(), members.len());
            run("SISMEMBER KEY a");
            run("SSCAN KEY 0 MATCH *a* COUNT 3");
            vec![members]
        }
        "zset" => {
            let members = run("ZRANGE KEY 0 -1 WITHSCORES");
            assert_eq!(run("ZCARD KEY"), Reply::Integer(members.len() / 2));
            assert_eq!(run("ZRANGEBYSCORE KEY -inf +inf WITHSCORES"), members);
            assert_eq!(run("ZCOUNT KEY -inf +inf"), Reply::Integer(members.len() / 2));
            assert_eq!(run("ZREVRANGE KEY 0 -1").len(), members.len() / 2);
            run("ZRANGEBYLEX KEY - +");
            run("ZRANK KEY a");
            run("ZSCAN KEY 0 COUNT 3");
            vec![members]
        }
        "hash" => {
            let fields = run("HGETALL KEY");
            assert_eq!(run("HLEN KEY"), Reply::Integer(fields.len() / 2));
            assert_eq!(run("HKEYS KEY").len(), fields.len() / 2);
            assert_eq!(run("HVALS KEY").len(), fields.len() / 2);
            run("HSCAN KEY 0 COUNT 3");
            run("HRANDFIELD KEY -3 WITHVALUES");
            run("HPEXPIRETIME KEY FIELDS 2 a b");
            vec![fields]
        }
        "stream" => {
            let entries = run("XRANGE KEY - +");
            assert_eq!(run("XLEN KEY"), Reply::Integer(entries.len()));
            assert_eq!(run("XREVRANGE KEY + -").len(), entries.len());
            run("XREAD COUNT 2 STREAMS KEY 0");
            // Lags, the time since consumers were seen: all of it stands still here.
            vec![entries, run("XINFO STREAM KEY FULL COUNT 0"), run("XINFO GROUPS KEY")]
        }
        other => panic!("a type {other}"),
    }
}

/// Replies whose order means something as they are, the others' elements sorted.
fn in_order(kind: &str, mut replies: Vec<Reply>) -> Vec<String> {
    let pairs = |reply: &Reply| reply.elements().chunks(2).map(|pair| format!("{pair:?}")).collect::<Vec<_>>();
    let mut shown: Vec<String> = match kind {
        "set" => replies.pop().iter().flat_map(Reply::elements).map(|member| format!("{member:?}")).collect(),
        "hash" => replies.iter().flat_map(pairs).collect(),
        _ => return replies.iter().map(|reply| format!("{reply:?}")).collect(),
    };
    shown.sort_unstable();
    shown
}

/// Changes a value, and then takes all of it away: an empty one ceases to exist, unless it is a stream.
fn take_apart(store: &mut Store, kind: &str) {
    let lines: &[&str] = match kind {
        "none" => return,
        "string" => &["APPEND k tail", "SETRANGE k 3 xyz", "SETBIT k 77 1", "PFADD k a", "PFCOUNT k", "GETDEL k"],
        "list" => &["RPUSH k a", "LINSERT k BEFORE a b", "LSET k 0 c", "LREM k 0 a", "LTRIM k 1 -1", "LPUSH k d", "LPOP k 1000000"],
        "set" => &["SADD k a b 17", "SREM k a", "SMOVE k elsewhere b", "SPOP k 1", "SADD k c", "SPOP k 1000000"],
        "zset" => &["ZADD k 1 a 2 b", "ZINCRBY k 3 a", "ZPOPMIN k", "ZREMRANGEBYSCORE k 2 3", "ZADD k 1 c", "ZPOPMAX k 1000000"],
        "hash" => &["HSET k a 1 b 2", "HINCRBY k a 3", "HPEXPIRE k 1000 FIELDS 1 b", "HPERSIST k FIELDS 1 b", "HDEL k a", "DEL k"],
        _ => &[
            "XADD k * f v",
            "XGROUP CREATE k fresh 0",
            "XREADGROUP GROUP fresh me COUNT 3 STREAMS k >",
            "XPENDING k fresh - + 10",
            "XAUTOCLAIM k fresh you 0 0 COUNT 2",
            "XGROUP DELCONSUMER k fresh me",
            "XTRIM k MAXLEN 1",
            "XINFO STREAM k FULL",
            "DEL k",
        ],
    };
    for line in lines {
        store.line(line);
    }
    assert_eq!(store.line("EXISTS k"), Reply::Integer(0));
}
