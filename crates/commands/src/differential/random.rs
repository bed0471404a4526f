//! Random words: keys, members, numbers and whatever else commands take. Few of each kind, so that commands meet each other's data.

/// SplitMix64, and what can be drawn from it.
#[derive(Clone)]
pub(super) struct Random {
    state: u64,
    /// Number of different members, fields and elements.
    universe: usize,
    /// Whether all of them are integers.
    integers: bool,
}

impl Random {
    /// Members of all sorts, a dozen of them.
    pub(super) fn new(seed: u64) -> Random {
        Random { state: seed, universe: 12, integers: false }
    }

    /// What a sequence draws from: mostly few members, sometimes more than fit any inline layout, sometimes integers only.
    pub(super) fn of_sequence(seed: u64) -> Random {
        // Twice through the mixer: states that are neighbours draw the same numbers, one after the other.
        let state = Random::new(Random::new(seed).next()).next();
        let mut random = Random::new(state);
        random.universe = [6, 12, 25, 400][random.below(4)];
        random.integers = random.one_in(4);
        random
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(super) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub(super) fn one_of(&mut self, choices: &[&str]) -> Vec<u8> {
        choices[self.below(choices.len())].as_bytes().to_vec()
    }

    pub(super) fn bytes(&mut self, alphabet: &[u8], min: usize, max: usize) -> Vec<u8> {
        let len = min + self.below(max - min + 1);
        (0..len).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }

    /// The word that a template's placeholder stands for.
    ///
    /// # Panics
    /// If there is no such placeholder.
    pub(super) fn word(&mut self, placeholder: &str) -> Vec<u8> {
        match placeholder {
            "key" => self.key(),
            "other" => self.one_of(&["w", "{x}w"]),
            "even" => self.one_of(&EVEN),
            "value" => self.value(),
            "member" => self.member(),
            "integer" => self.integer(),
            "index" => self.index(),
            "count" => self.count(),
            "number" => self.number(),
            "float" => self.float(),
            "score" => self.score(),
            "increment" => loop {
                let increment = self.score();
                // Hexadecimal increments are refused, unlike in Redis.
                if !increment.starts_with(b"0x") {
                    break increment;
                }
            },
            "bound" => self.bound(),
            "lexbound" => self.lex_bound(),
            "seconds" => self.duration(1),
            "milliseconds" => self.duration(1000),
            "unixseconds" => self.time(1000),
            "unixmilliseconds" => self.time(1),
            "pattern" => self.one_of(&["*", "a*", "?", "[ab]", "{x}*", "m*", "*1*", "", "\\*"]),
            "bit" => self.bit(),
            "onoff" => self.one_of(&["0", "1", "0", "1", "0", "1", "0", "1", "2", "-1", "x", ""]),
            "place" => self.one_of(&["0", "1", "5", "30", "-1", "x", "9223372036854775807"]),
            "bits" => self.one_of(&["u1", "u8", "i8", "u5", "i16", "i64", "u63", "i1", "u64", "i65", "u0", "x8", "i", "I8"]),
            "field" => self.one_of(&["0", "1", "7", "8", "100", "1000000", "#0", "#1", "#3", "-1", "x", "#", "#x", "#99999999999999999"]),
            "id" => self.id(),
            "newid" => self.new_id(),
            "group" => self.one_of(&["g", "g", "h", "h", "nogroup"]),
            "consumer" => self.one_of(&["c1", "c2", "c3", ""]),
            "longitude" => self.coordinate(181),
            "latitude" => self.coordinate(86),
            "distance" => self.one_of(&["0", "1", "100", "500", "1000", "3000.5", "20000", "-1", "x", "1e9"]),
            "unit" => self.one_of(&["m", "km", "ft", "mi", "KM", "yd"]),
            other => panic!("there is no placeholder {other}"),
        }
    }

    /// One of a few keys in several slots; now and then one that likely holds a value of another type.
    fn key(&mut self) -> Vec<u8> {
        if self.one_in(30) { self.word("other") } else { self.one_of(&["a", "b", "c", "{x}1", "{x}2"]) }
    }

    /// A member of a set, a field of a hash, an element of a list: the same number always is the same bytes.
    fn member(&mut self) -> Vec<u8> {
        let number = self.below(self.universe);
        if self.integers {
            let number = number as i64;
            return [number, -number, number * 70_000, number << 40, i64::MAX - number][number as usize % 5].to_string().into_bytes();
        }
        match number {
            1 => b"".to_vec(),
            4 => b"\0\xff\r\n".to_vec(),
            7 => b"01".to_vec(),
            _ if number.is_multiple_of(3) => number.to_string().into_bytes(),
            _ if number % 20 == 19 => format!("m{number}{}", "x".repeat(70)).into_bytes(),
            _ => format!("m{number}").into_bytes(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        match self.below(4) {
            0 => self.integer(),
            1 => self.one_of(&["", "foo", "1.5", " 1", "01", "-0", "9223372036854775808", "12345678901234567890123"]),
            2 => self.bytes(b"ab", 0, 12),
            _ => self.bytes(b"abcdefgh\0\r\n\xff", 0, 70),
        }
    }

    pub(super) fn integer(&mut self) -> Vec<u8> {
        match self.below(3) {
            0 => self.one_of(&["0", "-1", "9223372036854775807", "-9223372036854775808", "x", "", "1.0", "+1", "9223372036854775808"]),
            1 => (self.below(40) as i64 - 20).to_string().into_bytes(),
            _ => (self.next() as i64 >> self.below(64)).to_string().into_bytes(),
        }
    }

    /// A place in a short list.
    fn index(&mut self) -> Vec<u8> {
        if self.one_in(15) { self.integer() } else { (self.below(16) as i64 - 8).to_string().into_bytes() }
    }

    /// How many, mostly positive and small.
    fn count(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => self.one_of(&["0", "-1", "x", "", "9223372036854775807", "-9223372036854775808", "4294967296", "1.5", "-3"]),
            1 => (self.below(300)).to_string().into_bytes(),
            _ => (1 + self.below(5)).to_string().into_bytes(),
        }
    }

    /// How many of something: never so many that a reply with repetitions becomes big.
    fn number(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => self.one_of(&["x", "", "1.5", "9223372036854775808", "-9223372036854775808"]),
            1 => self.one_of(&["0", "500"]),
            _ => (self.below(16) as i64 - 6).to_string().into_bytes(),
        }
    }

    /// A duration that both clocks take for the same, and that never ends while the test runs; or one that is over.
    fn duration(&mut self, unit: i64) -> Vec<u8> {
        match self.below(10) {
            0 => self.one_of(&["0", "-1", "x", "9223372036854775807", "-9223372036854775808", "", "1.5"]),
            _ => ((1 + self.below(5) as i64) * 10_000 * unit).to_string().into_bytes(),
        }
    }

    /// A time since 1970, in the future or out of range, that both clocks agree about; in units of so many milliseconds.
    fn time(&mut self, unit: u64) -> Vec<u8> {
        match self.below(8) {
            0 => self.one_of(&["0", "-1", "x", "9223372036854775807", "-9223372036854775808", "9223372036854775"]),
            _ => ((4_000_000_000_000 + self.next() % 1_000_000) / unit).to_string().into_bytes(),
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

    /// A score: mostly one of a few, so that members share it.
    fn score(&mut self) -> Vec<u8> {
        match self.below(10) {
            0 => self.one_of(&[
                "inf",
                "-inf",
                "+inf",
                "Infinity",
                "-0",
                "0.1",
                "1e300",
                "-1e300",
                "5e-324",
                "1e17",
                "3.0e2",
                "17179869184.5",
            ]),
            1 => self.one_of(&["nan", "x", "", " 1", "1 ", "1e400", "0x10", "+3", ".5", "1.", "1e", "--1", "infx"]),
            2 => format!("{}.{}", self.below(20) as i64 - 10, self.below(1000)).into_bytes(),
            3 => self.float(),
            _ => (self.below(12) as i64 - 4).to_string().into_bytes(),
        }
    }

    /// An end of a range of scores.
    fn bound(&mut self) -> Vec<u8> {
        let mut bound = if self.one_in(4) { b"(".to_vec() } else { Vec::new() };
        bound.extend(if self.one_in(4) { self.one_of(&["-inf", "+inf"]) } else { self.score() });
        bound
    }

    /// An end of a range of members.
    fn lex_bound(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => b"-".to_vec(),
            1 => b"+".to_vec(),
            2 => self.one_of(&["", "m", "(", "[", "--", "+x"]),
            place => [if place % 2 == 0 { b"(" } else { b"[" }, self.member().as_slice()].concat(),
        }
    }

    /// A bit of a short string, or one that no string has.
    fn bit(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => self.one_of(&["-1", "x", "", "4294967296", "9223372036854775807", "9223372036854775808", "+1", "01"]),
            _ => self.below(500).to_string().into_bytes(),
        }
    }

    /// A stream's id that may well exist.
    fn id(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => self.one_of(&[
                "-",
                "+",
                "$",
                ">",
                "0",
                "x",
                "",
                "1-",
                "-1",
                "1-x",
                "0-0",
                "18446744073709551615-18446744073709551615",
                "01-1",
                "1-1-1",
            ]),
            1 => (self.below(40)).to_string().into_bytes(),
            2 => format!("({}-{}", self.below(40), self.below(3)).into_bytes(),
            _ => format!("{}-{}", self.below(40), self.below(3)).into_bytes(),
        }
    }

    /// The id of a stream's next entry: never the clock's.
    fn new_id(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => self.id(),
            1 => self.one_of(&["99999999999999-*", "18446744073709551615-18446744073709551614", "99999999999999-5", "0-*", "*-1", "x-*"]),
            2..=5 => format!("{}-*", self.below(40)).into_bytes(),
            _ => format!("{}-{}", self.below(40), self.below(3)).into_bytes(),
        }
    }

    /// Degrees, rarely beyond `bound`.
    fn coordinate(&mut self, bound: usize) -> Vec<u8> {
        match self.below(12) {
            0 => self.one_of(&["0", "-0.5", "x", "", "200", "-200", "inf", "nan"]),
            1..=6 => format!("{}.{}", self.below(6) + 10, self.below(1000)).into_bytes(),
            _ => format!("{}.{}", self.below(2 * bound) as i64 - bound as i64, self.below(100_000)).into_bytes(),
        }
    }
}

/// Keys of sorted sets whose members all have the score 0: what ranges of members are defined for.
pub(super) const EVEN: [&str; 2] = ["e", "{x}e"];
