//! CLIENT and its subcommands.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use resp::number::parse_integer;
use resp::reply;

use crate::clients::{Client, Signal};
use crate::errors;
use crate::local::connection::{INVALID_NAME, checked_label};
use crate::local::{Answer, Visit};

pub(super) fn id(v: &mut Visit<'_>) -> Answer {
    reply::integer(v.out, v.client.id as i64);
    Ok(())
}

pub(super) fn getname(v: &mut Visit<'_>) -> Answer {
    let name = v.client.labels.lock().name.clone();
    if name.is_empty() {
        reply::null(v.out, v.state.proto);
    } else {
        v.bulk(&name);
    }
    Ok(())
}

pub(super) fn setname(v: &mut Visit<'_>) -> Answer {
    v.client.labels.lock().name = checked_label(v.args.at(2)).ok_or(INVALID_NAME)?;
    v.ok()
}

pub(super) fn setinfo(v: &mut Visit<'_>) -> Answer {
    let attribute = v.text(2).to_ascii_lowercase();
    if attribute != "lib-name" && attribute != "lib-ver" {
        return Err(format!("ERR Unrecognized option '{}'", v.text(2)).into());
    }
    let Some(label) = checked_label(v.args.at(3)) else {
        return Err(format!("ERR {attribute} cannot contain spaces, newlines or special characters.").into());
    };
    let mut labels = v.client.labels.lock();
    if attribute == "lib-name" {
        labels.library = label;
    } else {
        labels.library_version = label;
    }
    drop(labels);
    v.ok()
}

pub(super) fn info(v: &mut Visit<'_>) -> Answer {
    let mut text = String::new();
    v.client.describe(v.shared.clock.now(), &mut text);
    text.push('\n');
    reply::verbatim(v.out, v.state.proto, "txt", text.as_bytes());
    Ok(())
}

pub(super) fn list(v: &mut Visit<'_>) -> Answer {
    let all = v.shared.clients.all();
    let chosen: Vec<_> = match v.args.len() {
        2 => all,
        4 if v.is(2, "type") => {
            let normal = is_normal(v, 3)?;
            all.into_iter().filter(|_| normal).collect()
        }
        4.. if v.is(2, "id") => {
            let ids: Option<Vec<i64>> = (3..v.args.len()).map(|at| parse_integer(v.args.at(at))).collect();
            let ids = ids.ok_or("ERR Invalid client ID")?;
            ids.into_iter().filter_map(|id| u64::try_from(id).ok().and_then(|id| v.shared.clients.by_id(id))).collect()
        }
        _ => return Err(errors::SYNTAX.into()),
    };
    let now = v.shared.clock.now();
    let mut text = String::new();
    for client in chosen {
        client.describe(now, &mut text);
        text.push('\n');
    }
    reply::verbatim(v.out, v.state.proto, "txt", text.as_bytes());
    Ok(())
}

pub(super) fn kill(v: &mut Visit<'_>) -> Answer {
    if v.args.len() == 3 {
        let address = v.text(2).into_owned();
        let found = v.shared.clients.all().into_iter().find(|client| client.peer.remote.to_string() == address);
        let Some(found) = found else { return Err("ERR No such client".into()) };
        end(v, &found);
        return v.ok();
    }
    let filter = Filter::parse(v)?;
    let now = v.shared.clock.now();
    let found = v.shared.clients.all();
    let mut count = 0;
    for client in found.iter().filter(|client| filter.matches(client, v.client.id, now.since(client.connected))) {
        end(v, client);
        count += 1;
    }
    reply::integer(v.out, count);
    Ok(())
}

/// Ends a session; our own when its reply is written.
fn end(v: &mut Visit<'_>, client: &Client) {
    if client.id == v.client.id {
        v.state.closing = true;
    } else {
        client.send(Signal::Kill);
    }
}

/// Which sessions `CLIENT KILL` ends: those that fit everything that was given.
struct Filter {
    id: Option<i64>,
    remote: Option<String>,
    local: Option<String>,
    normal: bool,
    skip_me: bool,
    age: Option<Duration>,
}

impl Filter {
    fn parse(v: &Visit<'_>) -> Result<Filter, Cow<'static, str>> {
        let mut filter = Filter { id: None, remote: None, local: None, normal: true, skip_me: true, age: None };
        if !v.args.len().is_multiple_of(2) {
            return Err(errors::SYNTAX.into());
        }
        for at in (2..v.args.len()).step_by(2) {
            let value = v.args.at(at + 1);
            match v.text(at).to_ascii_lowercase().as_str() {
                "id" => filter.id = Some(parse_integer(value).filter(|id| *id > 0).ok_or("ERR client-id should be greater than 0")?),
                "addr" => filter.remote = Some(v.text(at + 1).into_owned()),
                "laddr" => filter.local = Some(v.text(at + 1).into_owned()),
                "type" => filter.normal &= is_normal(v, at + 1)?,
                "user" if value == b"default" => {}
                "user" => return Err(format!("ERR No such user '{}'", v.text(at + 1)).into()),
                "skipme" => match v.text(at + 1).to_ascii_lowercase().as_str() {
                    "yes" => filter.skip_me = true,
                    "no" => filter.skip_me = false,
                    _ => return Err(errors::SYNTAX.into()),
                },
                "maxage" => {
                    let seconds = parse_integer(value).and_then(|age| u64::try_from(age).ok()).ok_or(errors::NOT_AN_INTEGER)?;
                    filter.age = Some(Duration::from_secs(seconds));
                }
                _ => return Err(errors::SYNTAX.into()),
            }
        }
        Ok(filter)
    }

    fn matches(&self, client: &Client, me: u64, age: Duration) -> bool {
        self.normal
            && self.id.is_none_or(|id| client.id == id.unsigned_abs())
            && self.remote.as_ref().is_none_or(|address| client.peer.remote.to_string() == *address)
            && self.local.as_ref().is_none_or(|address| client.peer.local.to_string() == *address)
            && self.age.is_none_or(|least| age >= least)
            && !(self.skip_me && client.id == me)
    }
}

/// Whether the type at `index` is what all our sessions are.
fn is_normal(v: &Visit<'_>, index: usize) -> Result<bool, Cow<'static, str>> {
    match v.text(index).to_ascii_lowercase().as_str() {
        "normal" => Ok(true),
        "master" | "replica" | "slave" | "pubsub" => Ok(false),
        _ => Err(format!("ERR Unknown client type '{}'", v.text(index)).into()),
    }
}

pub(super) fn no_evict(v: &mut Visit<'_>) -> Answer {
    let on = v.on_off(2)?;
    v.client.no_evict.store(on, Ordering::Relaxed);
    v.ok()
}

pub(super) fn no_touch(v: &mut Visit<'_>) -> Answer {
    let on = v.on_off(2)?;
    v.client.no_touch.store(on, Ordering::Relaxed);
    v.ok()
}

pub(super) fn reply_mode(v: &mut Visit<'_>) -> Answer {
    if v.is(2, "on") {
        v.state.mute = false;
        return v.ok();
    }
    if v.is(2, "off") {
        v.state.mute = true;
    } else if v.is(2, "skip") {
        v.state.skip_next = true;
    } else {
        return Err(errors::SYNTAX.into());
    }
    Ok(())
}

pub(super) fn pause(v: &mut Visit<'_>) -> Answer {
    let timeout = parse_integer(v.args.at(2)).ok_or("ERR timeout is not an integer or out of range")?;
    let timeout = u64::try_from(timeout).map_err(|_negative| "ERR timeout is negative")?;
    let all = match v.args.len() {
        3 => true,
        4 if v.is(3, "all") => true,
        4 if v.is(3, "write") => false,
        _ => return Err("ERR CLIENT PAUSE mode must be WRITE or ALL".into()),
    };
    v.shared.pause.set(v.shared.clock.now() + Duration::from_millis(timeout), all);
    v.ok()
}

pub(super) fn unpause(v: &mut Visit<'_>) -> Answer {
    v.shared.pause.clear();
    v.ok()
}

pub(super) fn unblock(v: &mut Visit<'_>) -> Answer {
    if v.args.len() > 4 {
        return Err(errors::SYNTAX.into());
    }
    if v.args.len() == 4 && !v.is(3, "timeout") && !v.is(3, "error") {
        return Err("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR".into());
    }
    parse_integer(v.args.at(2)).ok_or(errors::NOT_AN_INTEGER)?;
    reply::integer(v.out, 0); // no command blocks
    Ok(())
}
