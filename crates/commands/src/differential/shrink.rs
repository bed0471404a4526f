//! Makes a failing sequence as short as it goes: delta debugging over its steps, then over the words of its commands.

use crate::differential::sequence::Step;

/// The shortest list of steps found that still fails. Asks `fails` at most [`ATTEMPTS`] times.
pub(super) fn shrink(steps: Vec<Step>, mut fails: impl FnMut(&[Step]) -> bool) -> Vec<Step> {
    let mut attempts = 0;
    let mut fails = |steps: &[Step]| {
        attempts += 1;
        attempts <= ATTEMPTS && fails(steps)
    };
    let mut steps = without_steps(steps, &mut fails);
    for step in 0..steps.len() {
        let mut word = 1;
        while let Step::Command(words) = &steps[step]
            && word < words.len()
        {
            let mut shorter = steps.clone();
            if let Step::Command(words) = &mut shorter[step] {
                words.remove(word);
            }
            if fails(&shorter) { steps = shorter } else { word += 1 }
        }
    }
    steps
}

/// Takes away halves, quarters and so on, until no single step can be spared.
fn without_steps(mut steps: Vec<Step>, fails: &mut impl FnMut(&[Step]) -> bool) -> Vec<Step> {
    let mut size = steps.len().div_ceil(2);
    while size > 0 {
        let before = steps.len();
        let mut start = 0;
        while start < steps.len() {
            let end = (start + size).min(steps.len());
            let fewer: Vec<Step> = steps[..start].iter().chain(&steps[end..]).cloned().collect();
            if fails(&fewer) { steps = fewer } else { start = end }
        }
        if size > 1 || steps.len() == before {
            size /= 2;
        }
    }
    steps
}

/// How many shorter sequences are tried.
const ATTEMPTS: usize = 3000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::words;

    #[test]
    fn what_does_not_matter_goes() {
        let steps: Vec<Step> = (0..300).map(|number| Step::Command(words(&format!("SET k {number} x y")))).collect();
        let has = |steps: &[Step], number: &str| {
            steps.iter().any(|step| matches!(step, Step::Command(words) if words.iter().any(|word| word == number.as_bytes())))
        };
        let shrunk = shrink(steps, |steps| has(steps, "17") && has(steps, "250"));
        assert_eq!(shrunk, [Step::Command(words("SET 17")), Step::Command(words("SET 250"))]);
    }

    #[test]
    fn a_sequence_that_fails_without_any_step_becomes_empty() {
        assert_eq!(shrink(vec![Step::Explode(None); 10], |_| true), []);
    }
}
