//! What is searched: a circle or a box around a place, and the cells in which its places lie.
//!
//! ```text
//!   NW  N  NE       the cell of the center and its neighbours, of a step such that the area does not reach beyond them;
//!    W  C  E        neighbours that the area does not reach are left out
//!   SW  S  SE
//! ```
//! As in Redis the step is an estimate, and near the poles, where an area's width in degrees has no bounds, a large area may miss places
//! that lie beyond the pole. Places on the map's upper edges are found if the center or a neighbour reaches there, not as members of the
//! last column or row.

use smallvec::SmallVec;

use crate::geo::cell::{Cell, STEP_MAX};
use crate::geo::place::{EARTH_RADIUS, Place, degrees, radians};

/// An area around a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    /// Its middle, which is on the map.
    pub(super) center: Place,
    /// Its form and its size.
    pub(super) shape: Shape,
}

/// A form and its size. Lengths are in a unit, are not negative, and may be infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    pub(super) form: Form,
    /// Meters of the unit.
    pub(super) unit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// Degrees between which an area lies. They may lie beyond the map's edges, and where the area reaches beyond a pole, west and east are
/// the wrong way round or not numbers.
struct Reach {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

impl Shape {
    pub(super) fn is_box(self) -> bool {
        matches!(self.form, Form::Box { .. })
    }
}

impl Area {
    /// Meters from the center to a place; `None` if the place lies outside.
    pub(super) fn distance(&self, place: Place) -> Option<f64> {
        let unit = self.shape.unit;
        let distance = self.center.distance(place);
        let inside = match self.shape.form {
            Form::Circle { radius } => distance <= radius * unit,
            Form::Box { width, height } => {
                let beside = Place { longitude: self.center.longitude, ..place };
                let below = Place { latitude: self.center.latitude, ..place };
                place.distance(below) <= height * unit / 2.0 && place.distance(beside) <= width * unit / 2.0
            }
        };
        inside.then_some(distance)
    }

    /// The cells to search, none of them twice.
    pub(super) fn cells(&self) -> SmallVec<[Cell; 9]> {
        let reach = self.reach();
        let mut center = Cell::of(self.center, self.step());
        if center.step() > 1 && !reach.ends_within_neighbours_of(center) {
            center = Cell::of(self.center, center.step() - 1);
        }
        let bounds = center.bounds();
        // With two columns and rows everything is a neighbour, and all of it is searched.
        let all = center.step() == 1;
        let (skip_west, skip_east) = (!all && bounds.west < reach.west, !all && bounds.east > reach.east);
        let (skip_south, skip_north) = (!all && bounds.south < reach.south, !all && bounds.north > reach.north);
        let mut cells = SmallVec::new();
        for (east, north) in DIRECTIONS {
            let skipped = east < 0 && skip_west || east > 0 && skip_east || north < 0 && skip_south || north > 0 && skip_north;
            let cell = center.neighbour(east, north);
            if !skipped && !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        cells
    }

    fn reach(&self) -> Reach {
        let Shape { form, unit } = self.shape;
        let (width, height) = match form {
            Form::Circle { radius } => (unit * radius, unit * radius),
            Form::Box { width, height } => (unit * (width / 2.0), unit * (height / 2.0)),
        };
        let Place { longitude, latitude } = self.center;
        let along = degrees(height / EARTH_RADIUS);
        // The edge nearer to the pole spans more degrees.
        let edge = if latitude < 0.0 { latitude - along } else { latitude + along };
        let across = degrees(width / EARTH_RADIUS / radians(edge).cos());
        Reach { west: longitude - across, east: longitude + across, south: latitude - along, north: latitude + along }
    }

    /// The step at which a cell is about as wide as the area, or wider near the poles.
    fn step(&self) -> u8 {
        let Shape { form, unit } = self.shape;
        let radius = match form {
            Form::Circle { radius } => radius,
            Form::Box { width, height } => ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt(),
        };
        let mut meters = radius * unit;
        if meters == 0.0 {
            return STEP_MAX;
        }
        let mut step = -1; // such that most areas of this size reach no farther than the neighbours
        while meters < HALF_EQUATOR && step < STEP_LIMIT {
            meters *= 2.0;
            step += 1;
        }
        let latitude = self.center.latitude.abs();
        step -= i32::from(latitude > 66.0) + i32::from(latitude > 80.0);
        step.clamp(1, i32::from(STEP_MAX)) as u8
    }
}

impl Reach {
    fn ends_within_neighbours_of(&self, cell: Cell) -> bool {
        let [west, east] = [-1, 1].map(|column| cell.neighbour(column, 0).bounds());
        let [south, north] = [-1, 1].map(|row| cell.neighbour(0, row).bounds());
        let beyond = north.north < self.north || south.south > self.south || east.east < self.east || west.west > self.west;
        !beyond
    }
}

/// The order in which Redis searches: to the east and to the north.
const DIRECTIONS: [(i32, i32); 9] = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
/// Meters of half the equator on a Mercator map.
const HALF_EQUATOR: f64 = 20_037_726.37;
/// Beyond this no correction leads back below [`STEP_MAX`].
const STEP_LIMIT: i32 = STEP_MAX as i32 + 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geo::cell::score;

    fn any_area() -> impl Strategy<Value = Area> {
        let meters = || prop_oneof![Just(0.0), 0.0..1000.0, 0.0..1e6, 0.0..5e6];
        let shape = prop_oneof![
            meters().prop_map(|radius| Form::Circle { radius }),
            // Where the edges of larger boxes lie is an estimate, too.
            (0.0..1e4, 0.0..1e4).prop_map(|(width, height)| Form::Box { width, height })
        ];
        let unit = prop_oneof![Just(1.0), Just(0.3048)];
        (-180.0..180.0, -40.0..40.0, shape, unit)
            .prop_map(|(longitude, latitude, form, unit)| Area { center: Place { longitude, latitude }, shape: Shape { form, unit } })
    }

    proptest! {
        #[test]
        fn what_lies_in_an_area_away_from_the_poles_lies_in_its_cells(
            area in any_area(), angle in 0.0..std::f64::consts::TAU, part in 0.0..1.0,
        ) {
            // A place at a part of the way to the farthest corner, as a bearing and a distance.
            let meters: f64 = match area.shape.form {
                Form::Circle { radius } => radius,
                Form::Box { width, height } => (width / 2.0).hypot(height / 2.0),
            } * area.shape.unit * part / EARTH_RADIUS;
            let start = radians(area.center.latitude);
            let latitude = (start.sin() * meters.cos() + start.cos() * meters.sin() * angle.cos()).asin();
            let across = (angle.sin() * meters.sin() * start.cos()).atan2(meters.cos() - start.sin() * latitude.sin());
            let longitude = area.center.longitude + degrees(across);
            let place = Place { longitude: longitude - 360.0 * (longitude / 360.0).round(), latitude: degrees(latitude) };
            prop_assume!(crate::geo::cell::is_on_map(place) && area.distance(place).is_some());
            let inside = |cell: &Cell| cell.scores().0 <= score(place) && score(place) < cell.scores().1;
            prop_assert_eq!(area.cells().iter().filter(|cell| inside(cell)).count(), 1, "{:?} {:?}", place, area.cells());
        }
    }

    #[test]
    fn a_small_area_searches_few_places() {
        let center = Place { longitude: 15.0, latitude: 37.0 };
        for (radius, columns) in [(1.0, 1e-4), (1000.0, 1e-1), (200_000.0, 20.0)] {
            let area = Area { center, shape: Shape { form: Form::Circle { radius }, unit: 1.0 } };
            let cells = area.cells();
            let width: f64 = cells.iter().map(|cell| cell.bounds().east - cell.bounds().west).sum();
            assert!(cells.len() <= 9 && width < 9.0 * columns, "{radius}: {cells:?}");
        }
    }

    #[test]
    fn areas_without_bounds_are_the_whole_map() {
        for radius in [f64::INFINITY, 1e300, 4e7] {
            for latitude in [-85.0, 0.0, 85.0] {
                let center = Place { longitude: 179.0, latitude };
                let area = Area { center, shape: Shape { form: Form::Circle { radius }, unit: 1609.34 } };
                let cells = area.cells();
                for (longitude, latitude) in [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)] {
                    assert!(cells.contains(&Cell::of(Place { longitude, latitude }, 1)), "{radius} {center:?}: {cells:?}");
                }
            }
        }
    }
}
