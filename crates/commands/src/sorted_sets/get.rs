//! What is asked about single members and about numbers of members: ZSCORE, ZMSCORE, ZCARD, ZRANK, ZREVRANK, ZCOUNT, ZLEXCOUNT.

use resp::reply;
use types::root::Kind;

use crate::program::{Program, Stop};
use crate::sorted_sets::range::{By, Selector};
use crate::sorted_sets::view::SortedSet;

/// ZSCORE.
pub(crate) fn zscore(p: &mut Program<'_>) -> Result<(), Stop> {
    let set = SortedSet::open(p, 1)?;
    score(p, set.as_ref(), 2)
}

/// ZMSCORE: null for each member that is not there.
pub(crate) fn zmscore(p: &mut Program<'_>) -> Result<(), Stop> {
    let set = SortedSet::open(p, 1)?;
    reply::array(p.out, p.args().len() - 2);
    (2..p.args().len()).try_for_each(|index| score(p, set.as_ref(), index))
}

/// ZCARD.
pub(crate) fn zcard(p: &mut Program<'_>) -> Result<(), Stop> {
    let count = p.root_of(&p.key(1), Kind::ZSet)?.map_or(0, |root| root.count);
    integer(p, count);
    Ok(())
}

/// ZRANK.
pub(crate) fn zrank(p: &mut Program<'_>) -> Result<(), Stop> {
    rank(p, false)
}

/// ZREVRANK: from the highest score down.
pub(crate) fn zrevrank(p: &mut Program<'_>) -> Result<(), Stop> {
    rank(p, true)
}

/// ZCOUNT.
pub(crate) fn zcount(p: &mut Program<'_>) -> Result<(), Stop> {
    count(p, By::Score)
}

/// ZLEXCOUNT.
pub(crate) fn zlexcount(p: &mut Program<'_>) -> Result<(), Stop> {
    count(p, By::Lex)
}

/// Answers a number of members.
pub(super) fn integer(p: &mut Program<'_>, count: u64) {
    p.integer(i64::try_from(count).unwrap_or(i64::MAX));
}

fn score(p: &mut Program<'_>, set: Option<&SortedSet<'_>>, index: usize) -> Result<(), Stop> {
    let score = match set {
        Some(set) => set.score(p.txn, p.call.args.at(index))?,
        None => None,
    };
    match score {
        Some(score) => reply::double(p.out, p.proto(), score),
        None => p.null(),
    }
    Ok(())
}

fn rank(p: &mut Program<'_>, reverse: bool) -> Result<(), Stop> {
    let with_score = match p.args().len() {
        3 => false,
        4 if p.args().at(3).eq_ignore_ascii_case(b"withscore") => true,
        4 => return Err(Stop::syntax()),
        _ => return Err(Stop::Refused(format!("ERR wrong number of arguments for '{}' command", p.command.name).into())),
    };
    let found = match SortedSet::open(p, 1)? {
        Some(set) => {
            let member = p.call.args.at(2);
            match set.score(p.txn, member)? {
                Some(score) => {
                    let rank = set.rank(p.txn, member, score)?;
                    Some((if reverse { set.len() - 1 - rank } else { rank }, score))
                }
                None => None,
            }
        }
        None => None,
    };
    match found {
        Some((rank, score)) if with_score => {
            reply::array(p.out, 2);
            integer(p, rank);
            reply::double(p.out, p.proto(), score);
        }
        Some((rank, _)) => integer(p, rank),
        None if with_score => reply::null_array(p.out, p.proto()),
        None => p.null(),
    }
    Ok(())
}

fn count(p: &mut Program<'_>, by: By) -> Result<(), Stop> {
    let selector = Selector::parse(p, by, 2, 3)?;
    let count = match SortedSet::open(p, 1)? {
        Some(set) => {
            let ranks = selector.ranks(&set, p.txn)?;
            ranks.end - ranks.start
        }
        None => 0,
    };
    integer(p, count);
    Ok(())
}
