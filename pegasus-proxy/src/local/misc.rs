//! TIME, WAIT, LOLWUT.

use resp::number::parse_integer;
use resp::reply;

use crate::errors;
use crate::local::{Answer, Visit};

pub(super) fn time(v: &mut Visit<'_>) -> Answer {
    let now = v.shared.clock.unix();
    reply::array(v.out, 2);
    v.bulk(&now.as_secs().to_string());
    v.bulk(&now.subsec_micros().to_string());
    Ok(())
}

/// Every write that was answered is on the log of every replica: there is nothing to wait for.
pub(super) fn wait(v: &mut Visit<'_>) -> Answer {
    parse_integer(v.args.at(1)).ok_or(errors::NOT_AN_INTEGER)?;
    let timeout = parse_integer(v.args.at(2)).ok_or("ERR timeout is not an integer or out of range")?;
    if timeout < 0 {
        return Err("ERR timeout is negative".into());
    }
    reply::integer(v.out, v.shared.router.routes().secondaries() as i64);
    Ok(())
}

/// The wing of a horse, more or less.
pub(super) fn lolwut(v: &mut Visit<'_>) -> Answer {
    if v.args.len() >= 3 && v.is(1, "version") {
        parse_integer(v.args.at(2)).ok_or(errors::NOT_AN_INTEGER)?; // there is one picture
    }
    let mut picture = String::new();
    for row in 0..FEATHERS {
        picture.push_str(&" ".repeat(row));
        picture.push_str(&"~".repeat(3 * (FEATHERS - row)));
        picture.push_str(">\n");
    }
    picture.push_str(&format!("Pegasus ver. {}, Redis ver. {}\n", v.shared.options.version, crate::REDIS_VERSION));
    reply::verbatim(v.out, v.state.proto, "txt", picture.as_bytes());
    Ok(())
}

const FEATHERS: usize = 7;
