//! What commands look like, written down: a line per command from which random ones are drawn.
//!
//! ```text
//!    ZADD key {NX|XX|GT|LT|CH|INCR} (score member)+
//!    5 SADD key member+                a number in front: drawn five times as often
//!    ZADD, NX                          words without lower-case letters stand for themselves
//!    key, score                        other words are placeholders: see Random::word
//!    [LIMIT count]   [a|b]             nothing, or one of the alternatives
//!    (BEFORE|AFTER)                    one of the alternatives
//!    {NX|XX|EX seconds}                alternatives in any order, repetitions included; often none
//!    member+   (score member)+         one to four, `*`: none to four
//!    #key+                             the number of what follows, then what follows; sometimes the number is wrong
//! ```
//! One command in thirty has something wrong with it: a word too many, too few, or another one than its place is for;
//! not where scores have to stay even, see [`EVEN`].

use crate::differential::random::{EVEN, Random};

/// A command: its words.
pub(super) type Words = Vec<Vec<u8>>;

/// The templates of one type.
pub(super) struct Templates {
    by_weight: Vec<(usize, Vec<Item>)>,
    total: usize,
}

enum Item {
    Literal(Vec<u8>),
    Placeholder(String),
    Group { kind: Kind, alternatives: Vec<Vec<Item>> },
    Repeated { item: Box<Item>, min: usize, counted: bool },
}

#[derive(Clone, Copy)]
enum Kind {
    One,
    Maybe,
    Some,
}

impl Templates {
    /// # Panics
    /// If a line is not a template.
    pub(super) fn parse(lines: &[&str]) -> Templates {
        let by_weight: Vec<(usize, Vec<Item>)> = lines.iter().map(|line| template(line)).collect();
        let total = by_weight.iter().map(|(weight, _)| weight).sum();
        Templates { by_weight, total }
    }

    /// A random command.
    pub(super) fn draw(&self, random: &mut Random) -> Words {
        let mut left = random.below(self.total);
        let (_, items) = self
            .by_weight
            .iter()
            .find(|(weight, _)| {
                let found = left < *weight;
                left = left.saturating_sub(*weight);
                found
            })
            .expect("a template");
        let mut words = Vec::new();
        items.iter().for_each(|item| item.draw(random, &mut words));
        let even = words.iter().any(|word| EVEN.iter().any(|key| key.as_bytes() == word));
        if random.one_in(30) && !even {
            spoil(random, &mut words);
        }
        words
    }
}

/// The name a template's commands have, that of a subcommand included if `container` says that the first word is a container.
pub(super) fn name(line: &str, container: impl Fn(&str) -> bool) -> String {
    let mut words = line.split(' ').skip_while(|word| word.parse::<usize>().is_ok());
    let first = words.next().unwrap_or("").to_ascii_lowercase();
    if container(&first) { format!("{first}|{}", words.next().unwrap_or("").to_ascii_lowercase()) } else { first }
}

fn spoil(random: &mut Random, words: &mut Words) {
    let place = 1 + random.below(words.len());
    let wrong = |random: &mut Random| {
        let kind = ["key", "member", "integer", "score", "count"][random.below(5)];
        random.word(kind)
    };
    match random.below(4) {
        0 if words.len() > 1 => {
            words.pop();
        }
        1 if place < words.len() => {
            words.remove(place);
        }
        2 if place < words.len() => words[place] = wrong(random),
        _ => words.insert(place, wrong(random)),
    }
}

fn template(line: &str) -> (usize, Vec<Item>) {
    let (weight, rest) = match line.split_once(' ') {
        Some((number, rest)) if number.parse::<usize>().is_ok() => (number.parse().expect("a number"), rest),
        _ => (1, line),
    };
    let mut text = rest.chars().peekable();
    let mut alternatives = sequences(&mut text, line);
    assert!(text.next().is_none() && alternatives.len() == 1, "not a template: {line}");
    (weight, alternatives.remove(0))
}

type Text<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Sequences of items with bars between them, up to the end or a closing bracket.
fn sequences(text: &mut Text<'_>, line: &str) -> Vec<Vec<Item>> {
    let mut sequences = vec![Vec::new()];
    loop {
        match text.peek() {
            None | Some(')' | ']' | '}') => return sequences,
            Some(' ') => {
                text.next();
            }
            Some('|') => {
                text.next();
                sequences.push(Vec::new());
            }
            Some(_) => {
                let item = item(text, line);
                sequences.last_mut().expect("one at least").push(item);
            }
        }
    }
}

fn item(text: &mut Text<'_>, line: &str) -> Item {
    let counted = text.next_if_eq(&'#').is_some();
    let group = match text.peek() {
        Some('(') => Some((Kind::One, ')')),
        Some('[') => Some((Kind::Maybe, ']')),
        Some('{') => Some((Kind::Some, '}')),
        _ => None,
    };
    let item = if let Some((kind, close)) = group {
        text.next();
        let alternatives = sequences(text, line);
        assert_eq!(text.next(), Some(close), "not a template: {line}");
        Item::Group { kind, alternatives }
    } else {
        let mut word = String::new();
        while let Some(letter) = text.next_if(|letter| !" |()[]{}+".contains(*letter)) {
            word.push(letter);
        }
        if word.contains(|letter: char| letter.is_ascii_lowercase()) {
            assert!(word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '*'), "not a template: {line}");
            if let Some(word) = word.strip_suffix('*') {
                return Item::Repeated { item: Box::new(Item::Placeholder(word.to_string())), min: 0, counted };
            }
            Item::Placeholder(word)
        } else {
            Item::Literal(word.into_bytes())
        }
    };
    let min = match text.peek() {
        Some('+') => 1,
        Some('*') => 0,
        _ => {
            assert!(!counted, "not a template: {line}");
            return item;
        }
    };
    text.next();
    Item::Repeated { item: Box::new(item), min, counted }
}

impl Item {
    fn draw(&self, random: &mut Random, words: &mut Words) {
        match self {
            Item::Literal(word) => {
                let lower = random.one_in(10);
                words.push(if lower { word.to_ascii_lowercase() } else { word.clone() });
            }
            Item::Placeholder(name) => words.push(random.word(name)),
            Item::Group { kind, alternatives } => {
                let times = match kind {
                    Kind::One => 1,
                    Kind::Maybe => random.below(2),
                    Kind::Some => [0, 0, 1, 1, 1, 2, 2, 3][random.below(8)],
                };
                for _ in 0..times {
                    let alternative = &alternatives[random.below(alternatives.len())];
                    alternative.iter().for_each(|item| item.draw(random, words));
                }
            }
            Item::Repeated { item, min, counted } => {
                let times = [0, 1, 1, 2, 3, 4][random.below(6)].max(*min);
                if *counted {
                    let wrong = random.one_in(20);
                    words.push(if wrong { random.word("count") } else { times.to_string().into_bytes() });
                }
                for _ in 0..times {
                    item.draw(random, words);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands that a template has, unspoilt.
    fn drawn(line: &str) -> Vec<String> {
        let (_, items) = template(line);
        let mut random = Random::new(1);
        let mut found: Vec<String> = (0..2000)
            .map(|_| {
                let mut words = Vec::new();
                items.iter().for_each(|item| item.draw(&mut random, &mut words));
                String::from_utf8(words.join(&b' ')).expect("text").to_uppercase()
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }

    #[test]
    fn a_template_stands_for_its_commands() {
        assert_eq!(drawn("5 A [B|C D] (E|F)"), ["A B E", "A B F", "A C D E", "A C D F", "A E", "A F"]);
        assert_eq!(drawn("A B+"), ["A B", "A B B", "A B B B", "A B B B B"]);
        assert_eq!(drawn("A (B C)* D"), ["A B C B C B C B C D", "A B C B C B C D", "A B C B C D", "A B C D", "A D"]);
        assert_eq!(drawn("A {B|C 1}").len(), 1 + 2 + 4 + 8);
        assert!(drawn("A #B+").contains(&"A 5 B".to_string()), "a number may be wrong");
        assert!(drawn("A #B+").contains(&"A 2 B B".to_string()));
        assert_eq!(name("5 OBJECT ENCODING key", |word| word == "object"), "object|encoding");
        assert_eq!(name("GET key", |_| false), "get");
    }

    #[test]
    #[should_panic(expected = "not a template")]
    fn a_bracket_that_is_not_closed_is_noticed() {
        template("A (B");
    }

    #[test]
    #[should_panic(expected = "there is no placeholder")]
    fn a_placeholder_that_nobody_knows_is_noticed() {
        drawn("GET kez");
    }
}
