//! DEBUG, as far as Redis' tests need it. Whether it is allowed at all was checked before.

use commands::glob::Pattern;
use resp::number::parse_integer;
use resp::reply;
use types::txn::Proto;

use crate::errors;
use crate::local::{Answer, Visit};

/// Subcommands about things that do not exist here.
pub(super) fn nothing(v: &mut Visit<'_>) -> Answer {
    v.ok()
}

pub(super) fn stringmatch(v: &mut Visit<'_>) -> Answer {
    let length = parse_integer(v.args.at(2)).ok_or(errors::NOT_AN_INTEGER)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= LENGTH_MAX).ok_or(errors::NOT_AN_INTEGER)?;
    let matches = Pattern::new(v.args.at(3)).matches(&vec![b'a'; length]);
    reply::integer(v.out, i64::from(matches));
    Ok(())
}

/// One reply of each type there is.
pub(super) fn protocol(v: &mut Visit<'_>) -> Answer {
    let proto = v.state.proto;
    let out = &mut *v.out;
    match String::from_utf8_lossy(v.args.at(2)).to_ascii_lowercase().as_str() {
        "string" => reply::bulk(out, b"Hello World"),
        "integer" => reply::integer(out, 12_345),
        "double" => reply::double(out, proto, DOUBLE),
        "null" => reply::null(out, proto),
        "array" => {
            reply::array(out, 3);
            (0..3).for_each(|element| reply::integer(out, element));
        }
        "set" => {
            reply::set(out, proto, 3);
            (0..3).for_each(|member| reply::integer(out, member));
        }
        "map" => {
            reply::map(out, proto, 3);
            for key in 0..3 {
                reply::integer(out, key);
                reply::boolean(out, proto, key == 1);
            }
        }
        "attrib" => {
            if proto == Proto::Resp3 {
                reply::attribute(out, 1);
                reply::bulk(out, b"key-popularity");
                reply::array(out, 2);
                reply::bulk(out, b"key:123");
                reply::integer(out, 90);
            }
            reply::bulk(out, b"Some real reply following the attribute");
        }
        "push" if proto == Proto::Resp2 => return Err("ERR RESP2 is not supported by this command".into()),
        "push" => {
            reply::push(out, proto, 2);
            reply::bulk(out, b"server-cpu-usage");
            reply::integer(out, 42);
            reply::bulk(out, b"Some real reply following the push reply");
        }
        "verbatim" => reply::verbatim(out, proto, "txt", b"This is a verbatim\nstring"),
        "true" => reply::boolean(out, proto, true),
        "false" => reply::boolean(out, proto, false),
        "bignum" => reply::big_number(out, proto, "1234567999999999999999999999999999999"),
        _ => {
            return Err("ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
                .into());
        }
    }
    Ok(())
}

/// The number that Redis answers here.
#[expect(clippy::approx_constant, reason = "it is a number of its own")]
const DOUBLE: f64 = 3.141;
/// Longest string that a pattern is tried on.
const LENGTH_MAX: usize = 16 << 20;
