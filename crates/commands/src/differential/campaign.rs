//! Many sequences of one type's commands, until a number of commands was compared; what differs is shrunk and reported.
//!
//! ```text
//!    DIFFERENTIAL=1000000        commands per type, instead of a smoke of a few thousand
//!    DIFFERENTIAL_SEED=77        begins with the sequence of this seed, as a report names it
//! ```

use std::collections::{BTreeMap, BTreeSet};

use types::txn::Proto;

use crate::differential::reply::Reply;
use crate::differential::sequence::{LENGTH, Mismatch, Run, Sequence, Step, honest, quiet_panics};
use crate::differential::server::Server;
use crate::differential::shrink::shrink;
use crate::differential::template::{self, Templates, Words};
use crate::table;

/// A type's commands, as templates say them.
pub(super) struct Type {
    pub(super) name: &'static str,
    pub(super) templates: &'static [&'static str],
    /// The commands that have to come before one so that versions of Redis do not differ about it.
    pub(super) before: fn(&Words) -> Vec<Words>,
}

impl Type {
    pub(super) const NEW: Type = Type { name: "", templates: &[], before: |_| Vec::new() };
}

/// Compares a type's commands, mixed with those of all keys.
///
/// # Panics
/// With the shortest sequences that show the differences.
pub(super) fn compare(kind: &Type) {
    let commands = setting("DIFFERENTIAL").unwrap_or(SMOKE);
    let seed = setting("DIFFERENTIAL_SEED").unwrap_or(1);
    let Some(campaign) = run(kind, seed, commands, honest) else { return };
    assert!(campaign.reports.is_empty(), "{}", campaign.reports.join("\n"));
    eprintln!("{}: {} commands, {} of them not refused", kind.name, campaign.commands, campaign.answered.values().sum::<usize>());
    // Templates that are always refused compare nothing but error texts.
    let names: BTreeSet<String> = kind.templates.iter().map(|line| name(line)).filter(|name| known(name)).collect();
    let useless: Vec<&String> = names.iter().filter(|&name| !campaign.answered.contains_key(name)).collect();
    assert!(useless.is_empty() || commands < 10_000, "{}: always refused: {useless:?}", kind.name);
}

/// What came of a campaign.
pub(super) struct Campaign {
    pub(super) commands: usize,
    /// Commands that were not refused, by name.
    pub(super) answered: BTreeMap<String, usize>,
    /// A text for each difference, the first few.
    pub(super) reports: Vec<String>,
}

/// Runs sequences until so many commands were compared or enough differences found; nothing without a redis-server.
pub(super) fn run(kind: &Type, seed: u64, commands: u64, run: Run) -> Option<Campaign> {
    let mut server = Server::start()?;
    quiet_panics();
    let known: Vec<&str> = kind.templates.iter().chain(super::keys::TEMPLATES).filter(|line| known(&name(line))).copied().collect();
    let templates = Templates::parse(&known);
    let mut campaign = Campaign { commands: 0, answered: BTreeMap::new(), reports: Vec::new() };
    let mut blamed = BTreeSet::new();
    for seed in seed.. {
        let sequence = Sequence::random(&templates, kind.before, seed);
        let outcome = sequence.run(&mut server, run, &mut |command, theirs| {
            campaign.commands += 1;
            if !theirs.starts_with(b"-") {
                *campaign.answered.entry(name_of(command)).or_default() += 1;
            }
        });
        if let Err(mismatch) = outcome {
            let (shortest, mismatch) = shortest(&mut server, &sequence, *mismatch, run);
            let last = shortest.steps.last().map_or(String::new(), |step| match step {
                Step::Command(words) => name_of(words),
                Step::Explode(_) => "limits".to_string(),
            });
            if blamed.insert((last, name_of(&mismatch.command))) {
                campaign.reports.push(report(kind, seed, &shortest, &mismatch, &mut server));
            }
        }
        if campaign.commands as u64 >= commands || campaign.reports.len() >= REPORTS {
            break;
        }
    }
    Some(campaign)
}

/// The shortest sequence found that differs, and how.
fn shortest(server: &mut Server, sequence: &Sequence, mismatch: Mismatch, run: Run) -> (Sequence, Mismatch) {
    let mut outcome = mismatch;
    let steps = sequence.steps[..outcome.steps.min(sequence.steps.len())].to_vec();
    let shrunk = shrink(steps, |steps| {
        let shorter = Sequence { steps: steps.to_vec(), ..*sequence };
        match shorter.run(server, run, &mut |_, _| {}) {
            Ok(()) => false,
            Err(mismatch) => {
                outcome = *mismatch;
                true
            }
        }
    });
    (Sequence { steps: shrunk, ..*sequence }, outcome)
}

/// A script of the commands with Redis' replies, ready for a test, and what we answer instead.
fn report(kind: &Type, seed: u64, sequence: &Sequence, mismatch: &Mismatch, server: &mut Server) -> String {
    let mut lines = vec![format!("\n{}: a difference (DIFFERENTIAL_SEED={seed}); in a script's words:", kind.name)];
    if sequence.proto == Proto::Resp3 {
        lines.push("    proto 3".to_string());
    }
    server.replies(&[super::sequence::command("FLUSHALL")]);
    let mut steps = sequence.steps.clone();
    let last = Step::Command(mismatch.command.clone());
    if steps.last() != Some(&last) {
        steps.push(last);
    }
    let count = steps.len();
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Explode(_) => lines.push(format!("    {step}")),
            Step::Command(_) if index + 1 == count => lines.push(format!("    {step} -> {}", Reply::parse(&mismatch.theirs))),
            Step::Command(words) => {
                let reply = server.replies(std::slice::from_ref(words)).remove(0);
                lines.push(format!("    {step} -> {}", Reply::parse(&reply)));
            }
        }
    }
    lines.push(format!("    redis: {}", mismatch.theirs.escape_ascii()));
    lines.push(format!("    ours:  {}", mismatch.ours.escape_ascii()));
    lines.join("\n")
}

/// The table's name of a template's command.
pub(super) fn name(line: &str) -> String {
    template::name(line, |first| table::by_name(first.as_bytes()).is_some_and(|command| !command.subcommands.is_empty()))
}

/// The table's name of a command.
fn name_of(words: &Words) -> String {
    let line: Vec<String> = words.iter().take(2).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    name(&line.join(" "))
}

fn known(name: &str) -> bool {
    table::by_name(name.as_bytes()).is_some()
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

/// Commands per type where nothing else is asked for: each layout and protocol once.
const SMOKE: u64 = 10 * LENGTH as u64;

/// Differences that are reported at once.
const REPORTS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differential::sequence::caught;
    use crate::differential::strings;
    use crate::memory::Memory;

    fn found(fault: Run) -> Option<String> {
        let campaign = run(&strings::TYPE, 1, 20_000, fault)?;
        Some(campaign.reports.into_iter().next().expect("the fault is found"))
    }

    fn steps(report: &str) -> Vec<&str> {
        report.lines().filter(|line| line.contains(" -> ")).map(|line| line.trim().split(" -> ").next().unwrap_or("")).collect()
    }

    #[test]
    fn a_wrong_reply_is_found_and_shrunk_to_the_command_that_shows_it() {
        fn fault(memory: &mut Memory, proto: Proto, command: &Words) -> Vec<u8> {
            if command[0].eq_ignore_ascii_case(b"STRLEN") && command.len() == 2 {
                b":7\r\n".to_vec()
            } else {
                honest(memory, proto, command)
            }
        }
        let Some(report) = found(fault) else { return };
        let steps = steps(&report);
        assert!(steps.len() == 1 && steps[0].to_ascii_uppercase().starts_with("STRLEN "), "{report}");
    }

    #[test]
    fn a_lost_write_is_found_and_shrunk_to_it_and_a_look() {
        fn fault(memory: &mut Memory, proto: Proto, words: &Words) -> Vec<u8> {
            if words[0] == b"SETNX" && words.len() == 3 {
                let exists = honest(memory, proto, &[b"EXISTS".to_vec(), words[1].clone()].to_vec());
                return if exists == b":0\r\n" { b":1\r\n".to_vec() } else { b":0\r\n".to_vec() };
            }
            honest(memory, proto, words)
        }
        let Some(report) = found(fault) else { return };
        let steps = steps(&report);
        assert!(steps.len() == 2 && steps[0].starts_with("SETNX "), "{report}");
    }

    #[test]
    fn a_panic_is_a_difference() {
        fn fault(memory: &mut Memory, proto: Proto, words: &Words) -> Vec<u8> {
            if words[0] == b"GETDEL" {
                return caught(|| panic!("planted"));
            }
            honest(memory, proto, words)
        }
        let Some(report) = found(fault) else { return };
        assert!(steps(&report)[0].starts_with("GETDEL") && report.contains("PANIC planted"), "{report}");
    }

    #[test]
    fn a_fault_of_one_layout_is_found_with_the_step_that_leads_to_it() {
        fn fault(memory: &mut Memory, proto: Proto, words: &Words) -> Vec<u8> {
            let exploded = memory.limits().hash_entries == 3;
            if words[0] == b"PERSIST" && words.len() == 2 && exploded { b":2\r\n".to_vec() } else { honest(memory, proto, words) }
        }
        let Some(report) = found(fault) else { return };
        assert!(report.contains("limits 3\n") && steps(&report).len() == 1, "{report}");
    }

    #[test]
    fn a_sequence_depends_on_its_seed_alone() {
        let templates = Templates::parse(strings::TYPE.templates);
        assert_eq!(Sequence::random(&templates, |_| Vec::new(), 5).steps, Sequence::random(&templates, |_| Vec::new(), 5).steps);
        assert_ne!(Sequence::random(&templates, |_| Vec::new(), 5).steps, Sequence::random(&templates, |_| Vec::new(), 6).steps);
    }
}
