//! The last write request of each client session, with its reply: a retried write is applied once.
//!
//! A session has one request per partition under way and numbers them upwards, so its last one is all a partition has to remember
//! (the client table of Liskov & Cowling, *Viewstamped Replication Revisited*, 2012). Every member keeps the table by applying mutations, and a restart
//! rebuilds it from what the log still holds. Bounded: when it is full the session that has not written for the longest time is forgotten.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use types::id::{Decree, RequestId};

use crate::frame::Replies;

/// Sessions of one partition that wrote lately.
#[derive(Debug)]
pub(crate) struct Sessions {
    last: HashMap<u64, Last, BuildHasherDefault<RandomAlready>>,
    /// In order of writing; stale where the session has written again since.
    order: VecDeque<(u64, Decree)>,
    capacity: usize,
}

#[derive(Debug)]
struct Last {
    number: u64,
    decree: Decree,
    replies: Option<Replies>,
}

/// What a partition knows of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is new: evaluate it.
    Never,
    /// It is in the mutation of this decree, which is under way.
    UnderWay(Decree),
    /// It was applied; these were its replies.
    Applied(Replies),
    /// The session has gone on since: nobody waits for this answer.
    Superseded,
}

impl Sessions {
    pub(crate) fn new(capacity: usize) -> Sessions {
        Sessions { last: HashMap::default(), order: VecDeque::new(), capacity }
    }

    pub(crate) fn look_up(&self, request: RequestId) -> Seen {
        match self.last.get(&request.session) {
            Some(last) if last.number == request.number => match &last.replies {
                Some(replies) => Seen::Applied(replies.clone()),
                None => Seen::UnderWay(last.decree),
            },
            Some(last) if last.number > request.number => Seen::Superseded,
            _ => Seen::Never,
        }
    }

    /// The request was evaluated into the mutation `decree`.
    pub(crate) fn begun(&mut self, request: RequestId, decree: Decree) {
        self.put(request, decree, None);
    }

    /// The mutation `decree`, which holds the request, was applied.
    pub(crate) fn applied(&mut self, request: RequestId, decree: Decree, replies: Replies) {
        if self.last.get(&request.session).is_some_and(|last| last.number > request.number) {
            return;
        }
        self.put(request, decree, Some(replies));
    }

    /// What is applied: a copy for a learner.
    pub(crate) fn export(&self) -> Vec<(RequestId, Decree, Replies)> {
        let applied = |(session, last): (&u64, &Last)| {
            let replies = last.replies.clone()?;
            Some((RequestId { session: *session, number: last.number }, last.decree, replies))
        };
        self.last.iter().filter_map(applied).collect()
    }

    /// Forgets requests whose mutation was given up: a new primary's group never had it.
    pub(crate) fn void_after(&mut self, decree: Decree) {
        self.last.retain(|_, last| last.replies.is_some() || last.decree <= decree);
    }

    fn put(&mut self, request: RequestId, decree: Decree, replies: Option<Replies>) {
        let before = self.last.insert(request.session, Last { number: request.number, decree, replies });
        if before.is_none_or(|before| before.decree != decree) {
            self.order.push_back((request.session, decree));
        }
        if self.order.len() > 2 * self.capacity {
            let last = &self.last;
            self.order.retain(|(session, decree)| last.get(session).is_some_and(|last| last.decree == *decree));
        }
        while self.last.len() > self.capacity {
            let Some(&(session, decree)) = self.order.front() else { break };
            match self.last.get(&session) {
                Some(last) if last.decree == decree && last.replies.is_none() => break, // under way: it is needed
                Some(last) if last.decree == decree => drop(self.last.remove(&session)),
                _ => {}
            }
            self.order.pop_front();
        }
    }
}

/// Session numbers are random: they are their own hash.
#[derive(Debug, Default)]
struct RandomAlready(u64);

impl Hasher for RandomAlready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = self.0.rotate_left(17) ^ u64::from_le_bytes(word);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(session: u64, number: u64) -> RequestId {
        RequestId { session, number }
    }

    fn replies(text: &'static str) -> Replies {
        Replies { bytes: bytes::Bytes::from_static(text.as_bytes()), ends: [text.len() as u32].into_iter().collect() }
    }

    #[test]
    fn a_retry_gets_the_first_reply() {
        let mut sessions = Sessions::new(8);
        assert_eq!(sessions.look_up(id(1, 5)), Seen::Never);
        sessions.begun(id(1, 5), Decree(10));
        assert_eq!(sessions.look_up(id(1, 5)), Seen::UnderWay(Decree(10)));
        sessions.applied(id(1, 5), Decree(10), replies(":1\r\n"));
        assert_eq!(sessions.look_up(id(1, 5)), Seen::Applied(replies(":1\r\n")));
        assert_eq!(sessions.look_up(id(1, 4)), Seen::Superseded);
        assert_eq!(sessions.look_up(id(1, 6)), Seen::Never);
    }

    #[test]
    fn the_session_that_was_silent_longest_is_forgotten_first() {
        let mut sessions = Sessions::new(2);
        for (session, decree) in [(1, 1), (2, 2), (1, 3), (3, 4)] {
            sessions.applied(id(session, decree), Decree(decree), replies("+OK\r\n"));
        }
        assert_eq!(sessions.look_up(id(2, 2)), Seen::Never);
        assert!(matches!(sessions.look_up(id(1, 3)), Seen::Applied(_)));
        assert!(matches!(sessions.look_up(id(3, 4)), Seen::Applied(_)));
    }

    #[test]
    fn the_order_does_not_grow_with_writes_of_the_same_sessions() {
        let mut sessions = Sessions::new(4);
        for decree in 1..1000 {
            sessions.applied(id(decree % 3, decree), Decree(decree), replies("+OK\r\n"));
        }
        assert!(sessions.order.len() <= 8, "{}", sessions.order.len());
    }

    #[test]
    fn what_a_superseded_primary_had_begun_is_forgotten() {
        let mut sessions = Sessions::new(4);
        sessions.begun(id(1, 1), Decree(7));
        sessions.applied(id(2, 1), Decree(6), replies("+OK\r\n"));
        sessions.void_after(Decree(6));
        assert_eq!(sessions.look_up(id(1, 1)), Seen::Never);
        assert!(matches!(sessions.look_up(id(2, 1)), Seen::Applied(_)));
    }
}
