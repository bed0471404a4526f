//! Random commands to all layouts at once, and to the plainest sorted set there is.

use std::collections::BTreeMap;

use proptest::prelude::*;
use types::limits::Limits;
use types::txn::{Database, Proto};

use crate::coprocessor::Redis;
use crate::memory::Memory;
use crate::testing::{NOW, show};

/// A step: what is sent.
#[derive(Debug, Clone)]
enum Step {
    Add(Vec<(i8, u8)>),
    Remove(Vec<u8>),
    RemoveRanks(i8, i8),
    RemoveScores(i8, i8),
    PopMin(u8),
    PopMax(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let member = || 0u8..60;
    prop_oneof![
        6 => prop::collection::vec((-8i8..8, member()), 1..12).prop_map(Step::Add),
        2 => prop::collection::vec(member(), 1..6).prop_map(Step::Remove),
        1 => (-20i8..20, -20i8..20).prop_map(|(start, end)| Step::RemoveRanks(start, end)),
        1 => (-9i8..9, 0i8..3).prop_map(|(min, width)| Step::RemoveScores(min, min + width)),
        1 => (0u8..4).prop_map(Step::PopMin),
        1 => (0u8..4).prop_map(Step::PopMax),
    ]
}

/// Members and scores; sorted on demand.
#[derive(Default)]
struct Model(BTreeMap<String, f64>);

impl Model {
    fn sorted(&self) -> Vec<(f64, String)> {
        let mut sorted: Vec<(f64, String)> = self.0.iter().map(|(member, score)| (*score, member.clone())).collect();
        sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
        sorted
    }

    /// Runs a step and returns its words and its reply.
    fn run(&mut self, step: &Step) -> (String, String) {
        match step {
            Step::Add(pairs) => {
                let before = self.0.len();
                let mut line = "ZADD k".to_string();
                for (score, member) in pairs {
                    self.0.insert(format!("m{member}"), f64::from(*score) / 2.0);
                    line += &format!(" {} m{member}", f64::from(*score) / 2.0);
                }
                (line, (self.0.len() - before).to_string())
            }
            Step::Remove(members) => {
                let before = self.0.len();
                let mut line = "ZREM k".to_string();
                for member in members {
                    self.0.remove(&format!("m{member}"));
                    line += &format!(" m{member}");
                }
                (line, (before - self.0.len()).to_string())
            }
            Step::RemoveRanks(start, end) => {
                let len = self.0.len() as i64;
                let from_start = |rank: i8| if rank < 0 { len + i64::from(rank) } else { i64::from(rank) };
                let (from, to) = (from_start(*start).max(0), from_start(*end));
                let gone: Vec<String> = self
                    .sorted()
                    .into_iter()
                    .enumerate()
                    .filter(|(rank, _)| (from..=to).contains(&(*rank as i64)))
                    .map(|(_, m)| m.1)
                    .collect();
                (format!("ZREMRANGEBYRANK k {start} {end}"), self.remove_all(gone).len().to_string())
            }
            Step::RemoveScores(min, max) => {
                let (from, to) = (f64::from(*min) / 2.0, f64::from(*max) / 2.0);
                let gone: Vec<String> = self.sorted().into_iter().filter(|(score, _)| *score >= from && *score < to).map(|m| m.1).collect();
                (format!("ZREMRANGEBYSCORE k {from} ({to}"), self.remove_all(gone).len().to_string())
            }
            Step::PopMin(count) => {
                let popped: Vec<_> = self.sorted().into_iter().take(usize::from(*count)).collect();
                (format!("ZPOPMIN k {count}"), self.pop(popped))
            }
            Step::PopMax(count) => {
                let popped: Vec<_> = self.sorted().into_iter().rev().take(usize::from(*count)).collect();
                (format!("ZPOPMAX k {count}"), self.pop(popped))
            }
        }
    }

    fn remove_all(&mut self, members: Vec<String>) -> Vec<String> {
        members.iter().for_each(|member| _ = self.0.remove(member));
        members
    }

    fn pop(&mut self, popped: Vec<(f64, String)>) -> String {
        let shown = shown(&popped);
        self.remove_all(popped.into_iter().map(|(_, member)| member).collect());
        shown
    }

    /// Questions and what the answers should be.
    fn questions(&self) -> Vec<(String, String)> {
        let sorted = self.sorted();
        let reversed: Vec<_> = sorted.iter().cloned().rev().collect();
        let mut questions = vec![
            ("ZCARD k".to_string(), sorted.len().to_string()),
            ("ZRANGE k 0 -1 WITHSCORES".to_string(), shown(&sorted)),
            ("ZRANGE k 0 -1 REV WITHSCORES".to_string(), shown(&reversed)),
            ("EXISTS k".to_string(), usize::from(!sorted.is_empty()).to_string()),
        ];
        for (rank, (score, member)) in sorted.iter().enumerate() {
            questions.push((format!("ZRANK k {member} WITHSCORE"), format!("[{rank}, \"{score}\"]")));
            questions.push((format!("ZRANGE k {rank} {rank}"), format!("[\"{member}\"]")));
        }
        for (min, max) in [(-3.0, 0.5), (0.0, 1.0), (-1.5, 3.5), (2.0, 2.0)] {
            let inside: Vec<_> = sorted.iter().filter(|(score, _)| *score > min && *score <= max).cloned().collect();
            questions.push((format!("ZCOUNT k ({min} {max}"), inside.len().to_string()));
            questions.push((format!("ZRANGEBYSCORE k ({min} {max} WITHSCORES"), shown(&inside)));
            let part: Vec<_> = inside.into_iter().rev().skip(1).take(3).collect();
            questions.push((format!("ZREVRANGEBYSCORE k {max} ({min} WITHSCORES LIMIT 1 3"), shown(&part)));
        }
        questions
    }
}

fn shown(members: &[(f64, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(score, member)| format!("\"{member}\", \"{score}\"")).collect();
    format!("[{}]", members.join(", "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn every_layout_does_what_the_model_does(steps in prop::collection::vec(step(), 1..30)) {
        let mut memories: Vec<Memory> = [0, 5, 30, 1000]
            .map(|entries| {
                let mut memory = Memory::new(NOW);
                memory.set_limits(Limits::exploding_at(entries));
                memory
            })
            .into();
        let mut model = Model::default();
        for (at, step) in steps.iter().enumerate() {
            let mut asked = vec![model.run(step)];
            if at % 8 == 7 || at + 1 == steps.len() {
                asked.extend(model.questions());
            }
            for memory in &mut memories {
                for (line, expected) in &asked {
                    let reply = show(&memory.run(&Redis, Database(0), Proto::Resp2, line.split(' ')));
                    prop_assert_eq!(&reply, expected, "{}", line);
                }
                super::layouts::check_structure(memory, b"k");
            }
        }
    }
}
