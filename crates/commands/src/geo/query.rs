//! What a search is asked for: GEOSEARCH, GEORADIUS and their relatives as arguments.

use types::args::Args;
use types::txn::HashKey;

use crate::geo::area::{Area, Shape};
use crate::geo::argument::{box_at, circle_at, place_at};
use crate::geo::cell;
use crate::geo::nearest::{Order, Wanted};
use crate::geo::place::Place;
use crate::program::{Program, Stop};
use crate::sorted_sets::view::SortedSet;

/// What a command of the family says by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// GEORADIUS key longitude latitude radius unit
    Radius { may_store: bool },
    /// GEORADIUSBYMEMBER key member radius unit
    RadiusByMember { may_store: bool },
    /// GEOSEARCH key
    Search,
    /// GEOSEARCHSTORE destination key
    SearchStore,
}

/// A search, read. What is not known without the sorted set's members is missing if there is no sorted set.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) area: Option<Area>,
    pub(super) wanted: Wanted,
    pub(super) shown: Shown,
    pub(super) store: Option<Store>,
}

/// What is shown of each member besides its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shown {
    pub(super) distance: bool,
    pub(super) score: bool,
    pub(super) place: bool,
}

/// Where the result goes instead of to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Store {
    /// Index of the key.
    pub(super) key: usize,
    /// Whether distances become the scores.
    pub(super) distances: bool,
}

/// Where the center comes from.
#[derive(Debug, Clone, Copy)]
enum From {
    /// `None`: there is no sorted set.
    Member(Option<Place>),
    Place(Place),
}

/// Options that were read so far.
struct Parser<'p, 'a> {
    p: &'p mut Program<'a>,
    form: Form,
    set: Option<&'p SortedSet<'a>>,
    at: usize,
    from: Option<From>,
    shape: Option<Shape>,
    query: Query,
}

impl Form {
    /// Index of the key that is searched.
    pub(super) fn source(self) -> usize {
        if self == Form::SearchStore { 2 } else { 1 }
    }

    /// Whether options say what the area is.
    fn searches(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore)
    }
}

impl Query {
    /// # Errors
    /// Refuses in the order of Redis: what stands in front is refused first, then what does not go together.
    pub(super) fn parse<'a>(p: &mut Program<'a>, form: Form, set: Option<&SortedSet<'a>>) -> Result<Query, Stop> {
        let query = Query { area: None, wanted: Wanted::default(), shown: Shown::default(), store: None };
        let mut parser = Parser { p, form, set, at: form.source() + 1, from: None, shape: None, query };
        parser.fixed()?;
        while parser.at < parser.args().len() {
            parser.option()?;
        }
        parser.finish()
    }
}

impl<'a> Parser<'_, 'a> {
    fn args(&self) -> &'a Args {
        self.p.args()
    }

    /// What stands in front of the options.
    fn fixed(&mut self) -> Result<(), Stop> {
        match self.form {
            Form::Radius { .. } => {
                self.from = Some(From::Place(place_at(self.p, 2)?));
                self.shape = Some(circle_at(self.p, 4)?);
                self.at = 6;
            }
            Form::RadiusByMember { .. } => {
                self.from = Some(self.member(2)?);
                // As in Redis, nobody looks at the circle if there is no sorted set.
                if self.set.is_some() {
                    self.shape = Some(circle_at(self.p, 3)?);
                }
                self.at = 5;
            }
            Form::Search | Form::SearchStore => {}
        }
        if self.form == Form::SearchStore {
            self.query.store = Some(Store { key: 1, distances: false });
        }
        Ok(())
    }

    fn option(&mut self) -> Result<(), Stop> {
        let at = self.at;
        let word = self.args().at(at);
        let behind = self.args().len() - at - 1;
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let may_store = matches!(self.form, Form::Radius { may_store: true } | Form::RadiusByMember { may_store: true });
        let searches = self.form.searches();
        let mut values = 0;
        if is("withdist") {
            self.query.shown.distance = true;
        } else if is("withhash") {
            self.query.shown.score = true;
        } else if is("withcoord") {
            self.query.shown.place = true;
        } else if is("any") {
            self.query.wanted.any = true;
        } else if is("asc") {
            self.query.wanted.order = Some(Order::Ascending);
        } else if is("desc") {
            self.query.wanted.order = Some(Order::Descending);
        } else if is("count") && behind >= 1 {
            self.query.wanted.count = Some(self.count(at + 1)?);
            values = 1;
        } else if (is("store") || is("storedist")) && behind >= 1 && may_store {
            self.query.store = Some(Store { key: at + 1, distances: is("storedist") });
            values = 1;
        } else if is("storedist") && self.form == Form::SearchStore {
            self.query.store = Some(Store { key: 1, distances: true });
        } else if is("frommember") && behind >= 1 && searches && !matches!(self.from, Some(From::Place(_))) {
            self.from = Some(self.member(at + 1)?);
            values = 1;
        } else if is("fromlonlat") && behind >= 2 && searches && !matches!(self.from, Some(From::Member(_))) {
            self.from = Some(From::Place(place_at(self.p, at + 1)?));
            values = 2;
        } else if is("byradius") && behind >= 2 && searches && !self.shape.is_some_and(Shape::is_box) {
            self.shape = Some(circle_at(self.p, at + 1)?);
            values = 2;
        } else if is("bybox") && behind >= 3 && searches && self.shape.is_none_or(Shape::is_box) {
            self.shape = Some(box_at(self.p, at + 1)?);
            values = 3;
        } else {
            return Err(Stop::syntax());
        }
        self.at += 1 + values;
        Ok(())
    }

    fn count(&self, index: usize) -> Result<usize, Stop> {
        match self.p.integer_at(index)? {
            ..=0 => Err(Stop::refused("ERR COUNT must be > 0")),
            count => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
        }
    }

    fn member(&mut self, index: usize) -> Result<From, Stop> {
        let Some(set) = self.set else { return Ok(From::Member(None)) };
        match set.score(self.p.txn, self.p.call.args.at(index))? {
            Some(score) => Ok(From::Member(Some(cell::place(score)))),
            None => Err(Stop::refused("ERR could not decode requested zset member")),
        }
    }

    /// What does not go together, or is missing.
    fn finish(mut self) -> Result<Query, Stop> {
        if self.query.store.is_some() && self.query.shown != Shown::default() {
            return Err(Stop::refused(match self.form {
                Form::SearchStore => "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                _ => "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            }));
        }
        if self.form.searches() {
            if self.from.is_none() {
                return Err(self.missing(b"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for "));
            }
            if self.shape.is_none() {
                return Err(self.missing(b"ERR exactly one of BYRADIUS and BYBOX can be specified for "));
            }
        }
        if self.query.wanted.any && self.query.wanted.count.is_none() {
            return Err(Stop::refused("ERR the ANY argument requires COUNT argument"));
        }
        self.refuse_strange_key()?;
        let center = match self.from {
            Some(From::Place(place)) => Some(place),
            Some(From::Member(place)) => place,
            None => None,
        };
        self.query.area = center.zip(self.shape).map(|(center, shape)| Area { center, shape });
        Ok(self.query)
    }

    /// The error quotes the command's name as it was sent.
    fn missing(&self, text: &[u8]) -> Stop {
        Stop::RefusedBytes([text, self.args().at(0)].concat())
    }

    /// Of several STORE options the last one counts, but only the first one is seen where commands are routed: the key may belong to
    /// somebody else.
    fn refuse_strange_key(&self) -> Result<(), Stop> {
        let Some(store) = self.query.store else { return Ok(()) };
        let slot = HashKey::new(self.p.call.database, self.args().at(store.key)).slot;
        if self.p.txn.slots().contains(&slot.number()) {
            return Ok(());
        }
        Err(Stop::refused("CROSSSLOT Keys in request don't hash to the same slot"))
    }
}
