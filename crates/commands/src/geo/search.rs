//! GEOSEARCH and its relatives: the members in an area, to the client or into another key.

use std::ops::ControlFlow;

use resp::reply;

use crate::geo::argument::{show_distance, show_place};
use crate::geo::cell;
use crate::geo::nearest::{Found, Nearest};
use crate::geo::query::{Form, Query, Shown, Store};
use crate::program::{Program, Stop};
use crate::sorted_sets::range::ScoreRange;
use crate::sorted_sets::ranges::store;
use crate::sorted_sets::view::SortedSet;

/// GEOSEARCH.
pub(crate) fn geosearch(p: &mut Program<'_>) -> Result<(), Stop> {
    search(p, Form::Search)
}

/// GEOSEARCHSTORE: the result becomes the whole of another key; an empty one deletes it.
pub(crate) fn geosearchstore(p: &mut Program<'_>) -> Result<(), Stop> {
    search(p, Form::SearchStore)
}

/// GEORADIUS.
pub(crate) fn georadius(p: &mut Program<'_>) -> Result<(), Stop> {
    search(p, Form::Radius { may_store: true })
}

/// GEORADIUS_RO.
pub(crate) fn georadius_ro(p: &mut Program<'_>) -> Result<(), Stop> {
    search(p, Form::Radius { may_store: false })
}

/// GEORADIUSBYMEMBER.
pub(crate) fn georadiusbymember(p: &mut Program<'_>) -> Result<(), Stop> {
    search(p, Form::RadiusByMember { may_store: true })
}

/// GEORADIUSBYMEMBER_RO.
pub(crate) fn georadiusbymember_ro(p: &mut Program<'_>) -> Result<(), Stop> {
    search(p, Form::RadiusByMember { may_store: false })
}

fn search(p: &mut Program<'_>, form: Form) -> Result<(), Stop> {
    let set = SortedSet::open(p, form.source())?;
    let query = Query::parse(p, form, set.as_ref())?;
    let found = match &set {
        Some(set) => find(p, set, &query)?,
        None => Nearest::new(query.wanted),
    };
    let unit = query.area.map_or(1.0, |area| area.shape.unit);
    let members = found.into_members();
    match query.store {
        Some(target) => keep(p, members, target, unit),
        None => {
            reply::array(p.out, members.len());
            members.for_each(|found| show(p, &found, query.shown, unit));
            Ok(())
        }
    }
}

/// The members that lie in the area: those with the scores of its cells are looked at, no others.
fn find(p: &mut Program<'_>, set: &SortedSet<'_>, query: &Query) -> Result<Nearest, Stop> {
    let mut nearest = Nearest::new(query.wanted);
    let Some(area) = query.area else { return Ok(nearest) };
    let mut flow = ControlFlow::Continue(());
    for cell in area.cells() {
        let (min, max) = cell.scores();
        let scores = ScoreRange { min, min_excluded: false, max, max_excluded: true };
        set.walk_scores(p.txn, &scores, &mut |score, member| {
            if let Some(distance) = area.distance(cell::place(score)) {
                flow = nearest.offer(member, score, distance);
            }
            flow
        })?;
        if flow.is_break() {
            break;
        }
    }
    Ok(nearest)
}

fn keep(p: &mut Program<'_>, members: impl Iterator<Item = Found>, target: Store, unit: f64) -> Result<(), Stop> {
    let mut set = SortedSet::new(p, target.key);
    for Found { member, score, distance } in members {
        set.insert(p.txn, &member, if target.distances { distance / unit } else { score })?;
    }
    store(p, set)
}

fn show(p: &mut Program<'_>, found: &Found, shown: Shown, unit: f64) {
    let proto = p.proto();
    let parts = [shown.distance, shown.score, shown.place].into_iter().filter(|&part| part).count();
    if parts > 0 {
        reply::array(p.out, 1 + parts);
    }
    p.bulk(&found.member);
    if shown.distance {
        show_distance(p.out, found.distance / unit);
    }
    if shown.score {
        p.integer(found.score as i64); // inside of a cell: below 2^55
    }
    if shown.place {
        show_place(p.out, proto, cell::place(found.score));
    }
}
