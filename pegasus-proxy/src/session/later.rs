//! The commands that a session waits for: INFO, SCAN, RANDOMKEY, DEBUG SLEEP, and those that read keys of several partitions.

use std::time::Duration;

use resp::reply;
use tokio::io::{AsyncRead, AsyncWrite};
use types::args::Args;
use types::time::UnixMs;
use types::txn::Call;

use crate::errors;
use crate::info;
use crate::local::Later;
use crate::route::Request;
use crate::scan::{Failed, Walker};
use crate::session::Session;
use crate::session::scratch::Scratch;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Runs such a command and appends its reply. Nothing else of the session is under way.
    pub(super) async fn run_later(&mut self, later: Later, request: Request, silent: bool, scratch: &mut Scratch) {
        let Request { id, database, proto, args, limits, .. } = request;
        let mut out = Vec::new();
        let call = Call { command: id, database, proto, args, limits };
        let failed = match later {
            Later::Sleep => {
                sleep(&call.args, &mut out).await;
                Ok(())
            }
            Later::Info => {
                info::info(&self.shared, &mut self.numbers, &call, &mut out).await;
                Ok(())
            }
            Later::Scan => match commands::scan::cursor(&call.args) {
                Ok(_) if !self.shared.router.ready().await => not_routed(&mut out),
                Ok(cursor) => self.walker().scan(&call, cursor, &mut out).await,
                Err(error) => {
                    reply::error(&mut out, error);
                    Ok(())
                }
            },
            Later::Gather => {
                let keys: Vec<usize> = request.command.keys(&call.args).collect();
                let now = UnixMs(i64::try_from(self.shared.clock.unix().as_millis()).unwrap_or(i64::MAX));
                self.walker().gather(&call, &keys, now, &mut out).await
            }
            Later::RandomKey if !self.shared.router.ready().await => not_routed(&mut out),
            Later::RandomKey => {
                let random = self.shared.ids.next_id();
                self.walker().random_key(&call, random, &mut out).await
            }
        };
        match failed {
            Ok(()) => {}
            Err(Failed::Error(error)) => out.extend_from_slice(&error),
            Err(Failed::Malformed) => reply::error(&mut out, errors::MALFORMED),
            Err(Failed::Refused(refusal)) => reply::error(&mut out, errors::text(refusal, request.command)),
        }
        let now = self.shared.clock.now();
        let took = now.since(self.started);
        self.started = now;
        self.shard.ran(id, 1, took);
        self.shard.took(1, took);
        if out.first() == Some(&b'-') {
            self.shard.failed(id);
            self.shard.error(&out);
        }
        if !silent {
            scratch.output.push(out.into());
        }
    }

    fn walker(&mut self) -> Walker<'_> {
        Walker { router: &self.shared.router, session: &mut self.numbers }
    }
}

/// DEBUG SLEEP. Only this session sleeps.
async fn sleep(args: &Args, out: &mut Vec<u8>) {
    let seconds = std::str::from_utf8(args.at(2)).ok().and_then(|text| text.parse::<f64>().ok());
    match seconds.filter(|seconds| (0.0..=SLEEP_MAX).contains(seconds)) {
        Some(seconds) => {
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            reply::simple(out, "OK");
        }
        None => reply::error(out, "ERR value is not a valid float"),
    }
}

fn not_routed(out: &mut Vec<u8>) -> Result<(), Failed> {
    reply::error(out, errors::NO_ROUTES);
    Ok(())
}

/// Seconds that DEBUG SLEEP sleeps at most.
const SLEEP_MAX: f64 = 3600.0;
