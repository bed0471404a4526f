//! The targets with their seeds, and with what random changes make of these.

use std::path::Path;

use crate::{TARGETS, Target};

/// Changed inputs for each target: all of them together take five seconds in the dev profile.
const CHANGED: u64 = 1000;

#[test]
fn seeds_and_what_becomes_of_them() {
    for target in TARGETS {
        let seeds = seeds(target.0);
        assert!(!seeds.is_empty(), "{} has seeds", target.0);
        seeds.iter().for_each(|seed| check(target, seed));
        let mut random = Random(0x5EED);
        for _ in 0..CHANGED {
            let mut input = seeds[random.below(seeds.len())].clone();
            for _ in 0..1 + random.below(4) {
                change(&mut input, &seeds, &mut random);
            }
            check(target, &input);
        }
    }
}

/// Runs a target; an input that finds something is shown, to be made a seed.
fn check((name, run): Target, input: &[u8]) {
    struct Shown<'a>(&'a str, &'a [u8]);
    impl Drop for Shown<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("{} with {}", self.0, self.1.escape_ascii());
            }
        }
    }
    let _shown = Shown(name, input);
    run(input);
}

/// The files of a directory beside the manifest, where tests run, in the order of their names.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new("seeds").join(name);
    let mut paths: Vec<_> = std::fs::read_dir(directory).expect("seeds").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).expect("a seed")).collect()
}

/// Changes an input in one place, or puts a part of another seed into it.
fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    if input.is_empty() {
        input.push(random.next() as u8);
    }
    let at = random.below(input.len());
    let end = (at + 1 + random.below(8)).min(input.len());
    match random.below(8) {
        0 | 1 => input[at] ^= 1 << random.below(8),
        2 => input[at] = [0, 1, 0x7F, 0x80, 0x81, 0xC3, 0xF0, 0xFF][random.below(8)],
        3 => input[at] = input[at].wrapping_add([1, 255][random.below(2)]),
        4 => input.truncate(at),
        5 => drop(input.drain(at..end)),
        6 => {
            let part = input[at..end].to_vec();
            input.splice(at..at, part);
        }
        _ => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            let to = (from + random.below(32)).min(other.len());
            input.splice(at..end, other[from..to].iter().copied());
        }
    }
}

/// SplitMix64: the same inputs wherever and whenever this runs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
