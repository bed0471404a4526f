//! Members in replies. With scores, RESP3 has a pair for each member, RESP2 one array of twice the length.

use resp::reply;
use types::reply::Sink;
use types::txn::Proto;

/// Header of a reply of so many members.
pub(crate) fn header(out: &mut impl Sink, proto: Proto, count: u64, with_scores: bool) {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    reply::array(out, if with_scores && proto == Proto::Resp2 { count.saturating_mul(2) } else { count });
}

/// A member, and its score if that is asked for.
pub(crate) fn member(out: &mut impl Sink, proto: Proto, member: &[u8], score: Option<f64>) {
    if score.is_some() && proto == Proto::Resp3 {
        reply::array(out, 2);
    }
    reply::bulk(out, member);
    if let Some(score) = score {
        reply::double(out, proto, score);
    }
}
