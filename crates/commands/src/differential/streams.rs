//! Streams. Ids that come from the clock and whatever blocks are not compared.

use crate::differential::campaign::Type;
use crate::differential::template::Words;

pub(super) const TYPE: Type = Type {
    name: "streams",
    templates: &[
        "14 XADD key newid (member value)+",
        "5 XADD key [NOMKSTREAM] [(MAXLEN|MINID) [=] number] newid member value",
        "2 XADD key {NOMKSTREAM|MAXLEN [=] number|MINID [=] id|LIMIT number} newid member value",
        "4 XDEL key id+",
        "2 XLEN key",
        "3 XRANGE key id id [COUNT number]",
        "3 XREVRANGE key id id [COUNT number]",
        "2 XRANGE key - id",
        "XTRIM key MAXLEN [=] number",
        "XTRIM key MINID [=] id",
        "XTRIM key (MAXLEN|MINID|FOO) [=] number {LIMIT number}",
        "XSETID key id {ENTRIESADDED number|MAXDELETEDID id}",
        "3 XREAD [COUNT number] STREAMS key id",
        "2 XREAD [COUNT number] STREAMS key key id id",
        "XREAD {COUNT number|NOACK} STREAMS key+ id+",
        "4 XGROUP CREATE key group id {MKSTREAM|ENTRIESREAD number}",
        "6 XGROUP CREATE key group (0|$)",
        "3 XGROUP CREATE key group (0|$) MKSTREAM",
        "2 XGROUP SETID key group id {ENTRIESREAD number}",
        "XGROUP DESTROY key group",
        "2 XGROUP CREATECONSUMER key group consumer",
        "2 XGROUP DELCONSUMER key group consumer",
        "8 XREADGROUP GROUP group consumer {COUNT number|NOACK} STREAMS key >",
        "3 XREADGROUP GROUP group consumer [COUNT number] STREAMS key id",
        "2 XREADGROUP GROUP group consumer [COUNT number] STREAMS key key id >",
        "4 XACK key group id+",
        "3 XCLAIM key group consumer 0 id+ {RETRYCOUNT number|FORCE|JUSTID|IDLE 0|LASTID id|TIME 0}",
        "XCLAIM key group consumer integer id+",
        "3 XAUTOCLAIM key group consumer 0 id {COUNT number|JUSTID|FOO}",
        "2 XPENDING key group",
        "3 XPENDING key group id id number [consumer]",
        "XPENDING key group IDLE 0 id id number [consumer]",
        "2 XINFO STREAM key",
        "2 XINFO STREAM key FULL [COUNT number]",
        "XINFO GROUPS key",
        "XINFO CONSUMERS key group",
    ],
    before: consumers,
};

/// Since 7.2 whoever claims or reads is a consumer from then on, even of nothing; in 7.0 only with something in hand.
fn consumers(command: &Words) -> Vec<Words> {
    let create =
        |key: &[u8], group: &[u8], name: &[u8]| [b"XGROUP".as_slice(), b"CREATECONSUMER", key, group, name].map(<[u8]>::to_vec).to_vec();
    match (command[0].to_ascii_uppercase().as_slice(), command.as_slice()) {
        (b"XCLAIM" | b"XAUTOCLAIM", [_, key, group, name, ..]) => vec![create(key, group, name)],
        (b"XREADGROUP", [_, _, group, name, rest @ ..]) => {
            let streams = rest.iter().skip_while(|word| !word.eq_ignore_ascii_case(b"STREAMS")).skip(1);
            let keys = streams.clone().count() / 2;
            streams.take(keys).map(|key| create(key, group, name)).collect()
        }
        _ => Vec::new(),
    }
}
