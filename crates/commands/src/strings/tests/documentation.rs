//! What docs/data-model.md shows of strings is what is written.

use types::limits::Limits;
use types::txn::{Database, HashKey, Proto, ValueId};

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::testing::{NOW, words};

#[test]
fn records_are_those_of_the_documentation() {
    let docs = include_str!("../../../../../docs/data-model.md");
    let section = docs.split("## Strings and bitmaps").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut memory = Memory::new(NOW);
    memory.set_limits(Limits { string_value: 8, string_chunk: 4, ..Limits::DEFAULT });
    let mut lines = Vec::new();
    for line in ["SET k 31", "APPEND k 4159", "SETRANGE k 10 z", "SETBIT k 8 1", "SETRANGE k 2 \"\\x00\\x00\\x00\\x00\"", "SETBIT k 999 1"]
    {
        let reply = memory.run(&Redis, Database(0), Proto::Resp2, words(line));
        assert!(!reply.starts_with(b"-"), "{line}");
        let root = memory.root_of(Database(0), b"k").unwrap();
        lines.push(format!("{line:<40}encoding {}, id {}, value {}", root.encoding, root.id, hex(&root.value)));
        let (key, id) = (HashKey::new(Database(0), b"k"), root.id);
        for (sort_key, element) in memory.elements_of(ValueId::of(&key, id)) {
            lines.push(format!("    {} -> {}", hex(&sort_key), hex(&element)));
        }
    }
    let shown: Vec<&str> = section.split("```text\n").nth(1).unwrap().split("```").next().unwrap().lines().collect();
    assert_eq!(shown, lines, "docs/data-model.md should show\n{}", lines.join("\n"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
