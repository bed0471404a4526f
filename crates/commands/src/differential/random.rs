//! Random commands, arguments and numbers.

/// SplitMix64, and what can be drawn from it.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(super) fn one_of(&mut self, choices: &[&str]) -> Vec<u8> {
        choices[self.below(choices.len())].as_bytes().to_vec()
    }

    pub(super) fn bytes(&mut self, alphabet: &[u8], min: usize, max: usize) -> Vec<u8> {
        let len = min + self.below(max - min + 1);
        (0..len).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }

    fn key(&mut self) -> Vec<u8> {
        self.one_of(&["a", "b", "c", "d", "{x}1", "{x}2"])
    }

    fn value(&mut self) -> Vec<u8> {
        match self.below(4) {
            0 => self.integer(),
            1 => self.one_of(&["", "foo", "1.5", " 1", "01", "-0", "9223372036854775808", "12345678901234567890123"]),
            2 => self.bytes(b"ab", 0, 12),
            _ => self.bytes(b"abcdefgh\0\r\n\xff", 0, 60),
        }
    }

    pub(super) fn integer(&mut self) -> Vec<u8> {
        match self.below(3) {
            0 => self.one_of(&["0", "-1", "9223372036854775807", "-9223372036854775808", "x", "", "1.0", "+1", "9223372036854775808"]),
            1 => (self.below(40) as i64 - 20).to_string().into_bytes(),
            _ => (self.next() as i64 >> self.below(64)).to_string().into_bytes(),
        }
    }

    /// A time since 1970, in the future or out of range, that both clocks agree about.
    fn time(&mut self) -> Vec<u8> {
        match self.below(4) {
            0 => self.one_of(&["0", "-1", "x", "9223372036854775807", "-9223372036854775808", "9223372036854775"]),
            _ => (4_000_000_000_000u64 + self.next() % 1_000_000).to_string().into_bytes(),
        }
    }

    pub(super) fn float(&mut self) -> Vec<u8> {
        match self.below(5) {
            0 => self.integer(),
            1 => format!("{}.{}", self.below(1000) as i64 - 500, self.below(100_000)).into_bytes(),
            2 => format!("{}e{}", f64::from_bits(self.next() >> 2), self.below(80) as i64 - 40).into_bytes(),
            3 => format!("{}.{}e{}", self.next(), self.next(), self.below(200) as i64 - 100).into_bytes(),
            _ => format!("-{}e{}", self.next(), self.below(10_000) as i64 - 5000).into_bytes(),
        }
    }

    /// A bit of a short string, or one that no string has.
    fn offset(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => self.one_of(&["-1", "x", "", "4294967296", "9223372036854775807", "9223372036854775808", "+1", "01"]),
            _ => self.below(500).to_string().into_bytes(),
        }
    }

    /// A command that both can answer alike.
    pub(super) fn command(&mut self) -> Vec<Vec<u8>> {
        let name = self.one_of(&[
            "SET",
            "SET",
            "SET",
            "SET",
            "GET",
            "GETSET",
            "GETDEL",
            "GETEX",
            "SETNX",
            "MGET",
            "MSET",
            "MSETNX",
            "APPEND",
            "STRLEN",
            "SETRANGE",
            "SETBIT",
            "SETBIT",
            "GETBIT",
            "GETRANGE",
            "SUBSTR",
            "INCR",
            "DECR",
            "INCRBY",
            "DECRBY",
            "LCS",
            "DEL",
            "UNLINK",
            "EXISTS",
            "TOUCH",
            "TYPE",
            "PEXPIREAT",
            "EXPIREAT",
            "PEXPIRETIME",
            "EXPIRETIME",
            "PERSIST",
            "OBJECT",
            "FLUSHDB",
            "RANDOM",
            "PEXPIREAT",
            "PEXPIREAT",
        ]);
        let mut command = vec![name.clone()];
        let mut words = match name.as_slice() {
            b"SET" => {
                let mut words = vec![self.key(), self.value()];
                for _ in 0..self.below(4) {
                    let option = self.one_of(&["NX", "XX", "GET", "KEEPTTL", "PXAT", "exat", "EX", "FOO", "PERSIST"]);
                    let number = match option.as_slice() {
                        b"PXAT" | b"exat" => Some(self.time()),
                        b"EX" => Some(self.one_of(&["0", "-1", "x", "9223372036854775807"])),
                        _ => None,
                    };
                    words.push(option);
                    words.extend(number);
                }
                words
            }
            b"GETEX" => {
                let option = self.one_of(&["PXAT", "EXAT", "PERSIST", "", "FOO"]);
                match option.as_slice() {
                    b"" => vec![self.key()],
                    b"PXAT" | b"EXAT" => vec![self.key(), option, self.time()],
                    _ => vec![self.key(), option],
                }
            }
            b"PEXPIREAT" | b"EXPIREAT" => {
                let mut words = vec![self.key(), self.time()];
                for _ in 0..self.below(3) {
                    words.push(self.one_of(&["NX", "XX", "GT", "LT", "ZZ"]));
                }
                words
            }
            b"MSET" | b"MSETNX" => (0..self.below(6)).map(|i| if i % 2 == 0 { self.key() } else { self.value() }).collect(),
            b"MGET" | b"DEL" | b"UNLINK" | b"EXISTS" | b"TOUCH" => (0..self.below(4)).map(|_| self.key()).collect(),
            b"APPEND" | b"GETSET" | b"SETNX" => vec![self.key(), self.value()],
            b"SETRANGE" => vec![self.key(), self.one_of(&["0", "1", "5", "30", "-1", "x", "9223372036854775807"]), self.value()],
            b"SETBIT" => vec![self.key(), self.offset(), self.one_of(&["0", "1", "0", "1", "0", "1", "2", "-1", "x", ""])],
            b"GETBIT" => vec![self.key(), self.offset()],
            b"GETRANGE" | b"SUBSTR" => vec![self.key(), self.integer(), self.integer()],
            b"INCRBY" | b"DECRBY" => vec![self.key(), self.integer()],
            b"LCS" => {
                let mut words = vec![self.key(), self.key()];
                for _ in 0..self.below(3) {
                    words.push(self.one_of(&["LEN", "IDX", "WITHMATCHLEN", "MINMATCHLEN", "2"]));
                }
                words
            }
            b"OBJECT" => vec![self.one_of(&["ENCODING", "FREQ", "FOO"]), self.key()],
            b"FLUSHDB" => vec![self.one_of(&["ASYNC", "sync", "FOO", "FOO", "FOO"])],
            b"RANDOM" => {
                command = vec![self.bytes(b"abcdef \0\r\n", 1, 140)];
                (0..self.below(4)).map(|_| self.bytes(b"abc\r\n", 0, 70)).collect()
            }
            _ => vec![self.key()],
        };
        if self.below(50) == 0 {
            words.pop();
        }
        command.extend(words);
        command
    }
}
