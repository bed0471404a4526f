//! What is asked about single members: GEOPOS, GEOHASH, GEODIST.

use resp::reply;

use crate::geo::argument::{show_distance, show_place, unit};
use crate::geo::cell::{geohash as text, place};
use crate::geo::place::Place;
use crate::program::{Program, Stop};
use crate::sorted_sets::view::SortedSet;

/// GEOPOS: a null array for each member that is not there.
pub(crate) fn geopos(p: &mut Program<'_>) -> Result<(), Stop> {
    each(p, |p, place| match place {
        Some(place) => show_place(p.out, p.call.proto, place),
        None => reply::null_array(p.out, p.call.proto),
    })
}

/// GEOHASH: null for each member that is not there.
pub(crate) fn geohash(p: &mut Program<'_>) -> Result<(), Stop> {
    each(p, |p, place| match place {
        Some(place) => p.bulk(&text(place)),
        None => p.null(),
    })
}

/// GEODIST: null if one of the members is not there.
pub(crate) fn geodist(p: &mut Program<'_>) -> Result<(), Stop> {
    let unit = match p.args().len() {
        ..=4 => 1.0,
        5 => unit(p.args().at(4))?,
        _ => return Err(Stop::syntax()),
    };
    let set = SortedSet::open(p, 1)?;
    let [from, to] = [place_of(p, set.as_ref(), 2)?, place_of(p, set.as_ref(), 3)?];
    match from.zip(to) {
        Some((from, to)) => show_distance(p.out, from.distance(to) / unit),
        None => p.null(),
    }
    Ok(())
}

/// Replies something about each member from argument 2 on.
fn each(p: &mut Program<'_>, show: impl Fn(&mut Program<'_>, Option<Place>)) -> Result<(), Stop> {
    let set = SortedSet::open(p, 1)?;
    reply::array(p.out, p.args().len() - 2);
    for index in 2..p.args().len() {
        let place = place_of(p, set.as_ref(), index)?;
        show(p, place);
    }
    Ok(())
}

/// The place of the member in argument `index`.
fn place_of(p: &mut Program<'_>, set: Option<&SortedSet<'_>>, index: usize) -> Result<Option<Place>, Stop> {
    match set {
        Some(set) => Ok(set.score(p.txn, p.call.args.at(index))?.map(place)),
        None => Ok(None),
    }
}
