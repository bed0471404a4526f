//! Where a member stands in its sorted set, as bytes whose order is the order of the sorted set.
//!
//! ```text
//! place      score, 8 bytes, turned so that the order of bytes is the order of numbers | member
//! ```
//! So every question about an order is one about places: a range of scores, of members of equal scores, or of a member itself is what
//! lies between two places. Places that no member has serve as bounds.
//!
//! Invariant: a score is a number, and never -0: 0 and -0 would be one score to ZRANGEBYSCORE and two to the order of bytes. (Redis'
//! small sorted sets forget the sign of zero, too.)

use smallvec::SmallVec;
use types::txn::Abort;

/// A place, on the stack while its member is short.
pub(crate) type Place = SmallVec<[u8; 48]>;

/// The score's part of a place.
///
/// # Panics
/// If it is not a number: nobody may have let it in.
pub(crate) fn encode(score: f64) -> [u8; SCORE] {
    rank(score).to_be_bytes()
}

/// The score that [`encode`] gave these bytes; `None` if it gave them to none.
pub(crate) fn decode(bytes: [u8; SCORE]) -> Option<f64> {
    let rank = u64::from_be_bytes(bytes);
    let score = f64::from_bits(if rank & SIGN == 0 { !rank } else { rank ^ SIGN });
    (!score.is_nan() && (score != 0.0 || score.is_sign_positive())).then_some(score)
}

/// The place of a member with this score.
pub(crate) fn place(score: f64, member: &[u8]) -> Place {
    let mut place = Place::with_capacity(SCORE + member.len());
    place.extend_from_slice(&encode(score));
    place.extend_from_slice(member);
    place
}

/// Score and member of a place.
///
/// # Errors
/// [`Abort::Storage`], if the bytes are not those of a place.
pub(crate) fn split(place: &[u8]) -> Result<(f64, &[u8]), Abort> {
    let (score, member) = place.split_first_chunk().ok_or_else(damaged)?;
    Ok((decode(*score).ok_or_else(damaged)?, member))
}

/// The first place of all members with this score or a higher one.
pub(crate) fn at_score(score: f64) -> Place {
    Place::from_slice(&encode(score))
}

/// The first place of all members with a higher score.
pub(crate) fn after_score(score: f64) -> Place {
    // Above infinity lie the codes of what is not a number, so there is a next one.
    Place::from_slice(&(rank(score) + 1).to_be_bytes())
}

/// The first place behind that of a member with this score.
pub(crate) fn after(score: f64, member: &[u8]) -> Place {
    let mut place = place(score, member);
    place.push(0);
    place
}

/// What a read of bytes that no command wrote ends with.
pub(crate) fn damaged() -> Abort {
    Abort::Storage("a sorted set is damaged".to_string())
}

/// A number whose order among unsigned integers is that of the score among doubles.
fn rank(score: f64) -> u64 {
    assert!(!score.is_nan(), "a score that is not a number");
    let bits = (score + 0.0).to_bits(); // -0 + 0 is 0
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// Bytes of a score.
pub(crate) const SCORE: usize = 8;
/// The sign of a double.
const SIGN: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_order_of_places_is_the_order_of_scores_and_members(
            a in any::<f64>().prop_filter("a number", |score| !score.is_nan()), b in any::<f64>().prop_filter("a number", |score| !score.is_nan()),
            same in any::<bool>(), x in prop::collection::vec(0u8..3, 0..4), y in prop::collection::vec(0u8..3, 0..4),
        ) {
            let b = if same { a } else { b };
            let order = a.partial_cmp(&b).unwrap().then_with(|| x.cmp(&y));
            prop_assert_eq!(place(a, &x).cmp(&place(b, &y)), order);
            let of_a = place(a, &x);
            prop_assert_eq!(split(&of_a).unwrap(), (a, &x[..]));
            prop_assert_eq!(place(a, &x) < at_score(b), a < b);
            prop_assert_eq!(place(a, &x) < after_score(b), a <= b);
            prop_assert_eq!(place(a, &x) < after(b, &y), order.is_le());
        }
    }

    #[test]
    fn what_is_not_a_score_is_damage() {
        assert!(split(&[0; 7]).is_err());
        assert!(split(&[0xff; 8]).is_err(), "not a number");
        assert!(split(&[0; 8]).is_err(), "not a number, either");
        assert!(split(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err(), "-0");
        assert_eq!(split(&[0x80, 0, 0, 0, 0, 0, 0, 0, b'm']).unwrap(), (0.0, &b"m"[..]));
        assert_eq!(encode(-0.0), encode(0.0));
        for edge in [f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, f64::MAX, 0.0, -5e-324] {
            assert_eq!(decode(encode(edge)), Some(edge));
        }
    }
}
