//! A deadline for each of many short waits, at the price of a timer now and then.
//!
//! Setting and cancelling a timer for every request would cost more than a quarter of a microsecond. Almost no request needs its timer,
//! so one is kept set from request to request: it goes off too early, if at all, and is then set to the deadline that counts.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use tokio::time::{Instant, Sleep};

/// The timer of one session. Belongs to the task that waits with it.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    /// While somebody waits it goes off at the deadline or before it.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// What `future` comes to; nothing if it takes longer than until `deadline`. What is there already needs no timer.
    pub(crate) async fn until<F: Future + Unpin>(&mut self, deadline: Instant, mut future: F) -> Option<F::Output> {
        poll_fn(|cx| {
            if let Poll::Ready(output) = Pin::new(&mut future).poll(cx) {
                return Poll::Ready(Some(output));
            }
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if sleep.deadline() > deadline {
                sleep.as_mut().reset(deadline);
            }
            while sleep.as_mut().poll(cx).is_ready() {
                if sleep.deadline() >= deadline {
                    return Poll::Ready(None);
                }
                sleep.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn every_wait_ends_at_its_own_deadline() {
        let mut alarm = Alarm::default();
        for (limit, takes) in [(100, 10), (100, 300), (50, 60), (500, 400), (500, 501), (10, 9), (0, 1)] {
            let start = clock::now();
            let work = Box::pin(tokio::time::sleep(Duration::from_millis(takes)));
            let done = alarm.until(start + Duration::from_millis(limit), work).await.is_some();
            assert_eq!((done, start.elapsed()), (takes < limit, Duration::from_millis(takes.min(limit))), "{limit} {takes}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_went_off_long_ago_does_not_end_a_later_wait() {
        let mut alarm = Alarm::default();
        let short = clock::now() + Duration::from_millis(10);
        assert_eq!(alarm.until(short, std::future::pending::<()>()).await, None);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let work = Box::pin(tokio::time::sleep(Duration::from_millis(5)));
        assert_eq!(alarm.until(clock::now() + Duration::from_millis(10), work).await, Some(()));
    }
}
