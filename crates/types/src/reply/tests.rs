use std::sync::{Arc, Mutex};

use super::*;

/// A spool in memory, and what it was given at last.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Both>>);

/// What was appended, and the whole.
type Both = (Vec<u8>, Option<Vec<u8>>);

impl Spool for Kept {
    fn append(&mut self, bytes: &[u8]) {
        self.0.lock().unwrap().0.extend_from_slice(bytes);
    }

    fn truncate(&mut self, len: u64) {
        self.0.lock().unwrap().0.truncate(len as usize);
    }

    fn finish(self: Box<Self>, insertions: Insertions) {
        let mut state = self.0.lock().unwrap();
        let (mut whole, mut from) = (Vec::new(), 0);
        for (at, bytes) in insertions {
            whole.extend_from_slice(&state.0[from..at as usize]);
            whole.extend_from_slice(&bytes);
            from = at as usize;
        }
        whole.extend_from_slice(&state.0[from..]);
        state.1 = Some(whole);
    }
}

/// What is written into the reply of limit `limit`, and into a vector without limit, is the same.
fn write(limit: usize, steps: &[(u8, usize)]) {
    let kept = Kept::default();
    let mut reply = Reply::spooled(limit, Box::new(kept.clone()));
    let mut plain = Reply::default();
    let mut marks: Vec<(usize, usize)> = vec![(0, 0)];
    for (number, &(kind, size)) in steps.iter().enumerate() {
        let text = vec![b'a' + (number % 26) as u8; size];
        match kind {
            0 | 1 => {
                reply.extend_from_slice(&text);
                plain.extend_from_slice(&text);
            }
            2 => marks.push((reply.len(), plain.len())),
            3 => {
                let (here, there) = marks.pop().unwrap_or((0, 0));
                reply.insert(here, &text);
                plain.insert(there, &text);
            }
            _ => {
                let (here, there) = marks.pop().unwrap_or((0, 0));
                reply.truncate(here);
                plain.truncate(there);
            }
        }
        assert!(reply.held.len() <= limit);
    }
    let Finished::Held(expected) = plain.finish() else { panic!("no limit") };
    let got = match reply.finish() {
        Finished::Held(held) => held,
        Finished::Spooled => kept.0.lock().unwrap().1.clone().expect("finished"),
        Finished::Lost => panic!("there is a spool"),
    };
    assert_eq!(String::from_utf8(got), String::from_utf8(expected), "{steps:?}");
}

#[test]
fn what_is_spooled_is_what_would_be_held() {
    let mut random = 7u64;
    for round in 0..2000 {
        let steps: Vec<(u8, usize)> = (0..30)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((random >> 40) as u8 % 5, (random >> 50) as usize % 9)
            })
            .collect();
        write(round % 12, &steps);
    }
}

#[test]
fn without_a_spool_a_long_reply_is_lost_and_takes_no_memory() {
    let stop = Stop::default();
    let mut reply = Reply::bounded(10).stopping(stop.clone());
    reply.extend_from_slice(b"0123456789");
    assert!(!reply.is_lost() && !stop.is_set());
    reply.extend_from_slice(b"!");
    assert!(reply.is_lost() && stop.is_set());
    for _ in 0..1000 {
        reply.extend_from_slice(b"more");
        assert!(reply.held.len() <= 10);
    }
    assert_eq!(reply.len(), 4011);
    reply.truncate(3);
    assert_eq!(reply.len(), 3);
    assert!(matches!(reply.finish(), Finished::Lost));
}
