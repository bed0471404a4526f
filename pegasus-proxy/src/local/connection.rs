//! PING, ECHO, AUTH, HELLO, SELECT, RESET, QUIT.

use std::sync::atomic::Ordering;

use resp::number::parse_integer;
use resp::reply;
use types::txn::{Database, Proto};

use crate::clients::Labels;
use crate::errors;
use crate::local::{Answer, State, Visit};

pub(super) fn ping(v: &mut Visit<'_>) -> Answer {
    match v.args.len() {
        1 => reply::simple(v.out, "PONG"),
        2 => reply::bulk(v.out, v.args.at(1)),
        _ => return Err("ERR wrong number of arguments for 'ping' command".into()),
    }
    Ok(())
}

pub(super) fn echo(v: &mut Visit<'_>) -> Answer {
    reply::bulk(v.out, v.args.at(1));
    Ok(())
}

pub(super) fn auth(v: &mut Visit<'_>) -> Answer {
    match v.args.len() {
        2 if v.shared.settings.load().requirepass.is_empty() => return Err(errors::NO_PASSWORD.into()),
        2 => log_in(v, 1, None)?,
        3 => log_in(v, 2, Some(1))?,
        _ => return Err(errors::SYNTAX.into()),
    }
    v.ok()
}

pub(super) fn hello(v: &mut Visit<'_>) -> Answer {
    let mut proto = v.state.proto;
    if let Some(version) = v.args.get(1) {
        proto = match parse_integer(version) {
            Some(2) => Proto::Resp2,
            Some(3) => Proto::Resp3,
            Some(_) => return Err("NOPROTO unsupported protocol version".into()),
            None => return Err("ERR Protocol version is not an integer or out of range".into()),
        };
    }
    let (mut credentials, mut name) = (None, None);
    let mut at = 2;
    while at < v.args.len() {
        let more = v.args.len() - 1 - at;
        if v.is(at, "auth") && more >= 2 {
            credentials = Some(at + 1);
            at += 3;
        } else if v.is(at, "setname") && more >= 1 {
            name = Some(checked_label(v.args.at(at + 1)).ok_or(INVALID_NAME)?);
            at += 2;
        } else {
            return Err(format!("ERR Syntax error in HELLO option '{}'", v.text(at)).into());
        }
    }
    if let Some(user) = credentials {
        log_in(v, user + 1, Some(user))?;
    }
    if !v.state.authenticated {
        return Err(errors::HELLO_NO_AUTH.into());
    }
    if let Some(name) = name {
        v.client.labels.lock().name = name;
    }
    set_proto(v, proto);
    reply::map(v.out, proto, 7);
    for (field, value) in [("server", "redis"), ("version", crate::REDIS_VERSION)] {
        v.bulk(field);
        v.bulk(value);
    }
    v.bulk("proto");
    reply::integer(v.out, if proto == Proto::Resp3 { 3 } else { 2 });
    v.bulk("id");
    reply::integer(v.out, v.client.id as i64);
    for (field, value) in [("mode", "standalone"), ("role", "master")] {
        v.bulk(field);
        v.bulk(value);
    }
    v.bulk("modules");
    reply::array(v.out, 0);
    Ok(())
}

pub(super) fn select(v: &mut Visit<'_>) -> Answer {
    let index = parse_integer(v.args.at(1)).ok_or(errors::NOT_AN_INTEGER)?;
    if i32::try_from(index).is_err() {
        return Err("ERR value is out of range, value must between -2147483648 and 2147483647".into());
    }
    match u16::try_from(index) {
        Ok(index) if index < v.shared.options.databases => set_database(v, Database(index)),
        _ => return Err("ERR DB index is out of range".into()),
    }
    v.ok()
}

pub(super) fn reset(v: &mut Visit<'_>) -> Answer {
    let closing = v.state.closing;
    *v.state = State { closing, ..State::new(v.shared.settings.load().requirepass.is_empty()) };
    set_proto(v, Proto::Resp2);
    set_database(v, Database(0));
    v.client.no_evict.store(false, Ordering::Relaxed);
    v.client.no_touch.store(false, Ordering::Relaxed);
    let mut labels = v.client.labels.lock();
    *labels = Labels { name: String::new(), ..std::mem::take(&mut labels) };
    reply::simple(v.out, "RESET");
    Ok(())
}

pub(super) fn quit(v: &mut Visit<'_>) -> Answer {
    v.state.closing = true;
    v.ok()
}

/// Checks the password at `password` and the user at `user`, which is `default` where none is given.
fn log_in(v: &mut Visit<'_>, password: usize, user: Option<usize>) -> Answer {
    let settings = v.shared.settings.load();
    let known = user.is_none_or(|user| v.args.at(user) == b"default");
    if known && (settings.requirepass.is_empty() || settings.is_password(v.args.at(password))) {
        v.state.authenticated = true;
        Ok(())
    } else {
        Err(errors::WRONG_PASS.into())
    }
}

fn set_proto(v: &mut Visit<'_>, proto: Proto) {
    v.state.proto = proto;
    v.client.proto.store(if proto == Proto::Resp3 { 3 } else { 2 }, Ordering::Relaxed);
}

fn set_database(v: &mut Visit<'_>, database: Database) {
    v.state.database = database;
    v.client.database.store(database.0, Ordering::Relaxed);
}

/// A name that can stand in a line of `CLIENT LIST`.
pub(super) fn checked_label(label: &[u8]) -> Option<String> {
    let printable = label.iter().all(|byte| (b'!'..=b'~').contains(byte));
    printable.then(|| String::from_utf8_lossy(label).into_owned())
}

pub(super) const INVALID_NAME: &str = "ERR Client names cannot contain spaces, newlines or special characters.";
