//! Lists: random commands in all layouts against a redis-server, whose replies do not depend on the layout.

use types::limits::Limits;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::differential::random::Random;
use crate::differential::server::Server;
use crate::memory::Memory;

#[test]
fn lists_have_the_replies_of_redis() {
    let layouts = [Limits::exploding_at(1), Limits::exploding_at(4), Limits::DEFAULT];
    for (seed, limits) in (1..).zip(layouts) {
        let Some(mut server) = Server::start() else { return };
        let proto = if seed == 2 { Proto::Resp3 } else { Proto::Resp2 };
        server.hello(proto);
        let mut memory = Memory::new(server.time());
        memory.set_limits(limits);
        let mut random = Random(seed);
        let batch: Vec<Vec<Vec<u8>>> = (0..3000).map(|_| random.list_command()).collect();
        for (command, theirs) in batch.iter().zip(server.replies(&batch)) {
            let ours = memory.run(&Redis, Database(0), proto, command);
            let shown: Vec<String> = command.iter().map(|word| word.escape_ascii().to_string()).collect();
            assert_eq!(ours.escape_ascii().to_string(), theirs.escape_ascii().to_string(), "{shown:?} (seed {seed})");
        }
    }
}

impl Random {
    fn list_command(&mut self) -> Vec<Vec<u8>> {
        let element = |random: &mut Random| random.one_of(&["a", "b", "c", "d", "", "12", "a longer element than the others of the list"]);
        let small = |random: &mut Random| match random.below(30) {
            0 => random.integer(),
            _ => (random.below(24) as i64 - 12).to_string().into_bytes(),
        };
        let end = |random: &mut Random| random.one_of(&["left", "RIGHT", "left", "right", "left", "right", "up"]);
        let key = |random: &mut Random| random.one_of(&["l", "l", "l", "{l}m", "{l}m", "{l}none", "{l}string"]);
        let name = self.one_of(&[
            "rpush",
            "lpush",
            "rpush",
            "lpush",
            "rpushx",
            "lpushx",
            "linsert",
            "linsert",
            "linsert",
            "lset",
            "lset",
            "lrem",
            "ltrim",
            "lpop",
            "rpop",
            "lmpop",
            "lmove",
            "rpoplpush",
            "lindex",
            "lindex",
            "llen",
            "lrange",
            "lrange",
            "lpos",
            "lpos",
            "set",
        ]);
        let mut command = vec![name.clone(), key(self)];
        match &name[..] {
            b"rpush" | b"lpush" | b"rpushx" | b"lpushx" => {
                for _ in 0..1 + self.below(4) {
                    command.push(element(self));
                }
            }
            b"linsert" => {
                command.push(self.one_of(&["before", "AFTER", "before", "after", "beside"]));
                command.extend([element(self), element(self)]);
            }
            b"lset" | b"lrem" => command.extend([small(self), element(self)]),
            b"ltrim" if self.below(3) > 0 => command.extend([self.below(4).to_string().into_bytes(), b"-2".to_vec()]),
            b"ltrim" | b"lrange" => command.extend([small(self), small(self)]),
            b"lpop" | b"rpop" if self.below(2) == 0 => command.push(small(self)),
            b"lmpop" => {
                command[1] = self.one_of(&["1", "2", "2", "3", "0", "x"]);
                command.extend([key(self), key(self), end(self)]);
                if self.below(2) == 0 {
                    command.extend([b"count".to_vec(), small(self)]);
                }
            }
            b"lmove" => command.extend([key(self), end(self), end(self)]),
            b"rpoplpush" => command.push(key(self)),
            b"lindex" => command.push(small(self)),
            b"lpos" => {
                command.push(element(self));
                for _ in 0..self.below(4) {
                    command.push(self.one_of(&["rank", "COUNT", "maxlen"]));
                    command.push(small(self));
                }
            }
            b"set" => command = vec![name, b"{l}string".to_vec(), b"x".to_vec()],
            _ => {}
        }
        command
    }
}
