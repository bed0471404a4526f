//! Cells: the earth as a grid of 2^step by 2^step rectangles, and scores as the numbers of the finest ones.
//!
//! ```text
//!  column   x26 .. x1          number   x26 y26 .. x1 y1, 52 bits: a score
//!  row      y26 .. y1          a cell of step s is what begins with its 2s bits: one range of scores
//! ```
//! Places on the upper edges (180 degrees east, the northern limit) get a column or row of their own behind the last one, as in Redis:
//! a number may have 54 bits. Latitudes end where a Mercator map is square.

use crate::geo::place::Place;

/// A rectangle of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    /// Counted from the west.
    column: u32,
    /// Counted from the south.
    row: u32,
    /// There are 2^step columns and rows; 1 to [`STEP_MAX`].
    step: u8,
}

/// What a cell covers, in degrees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) west: f64,
    pub(super) east: f64,
    pub(super) south: f64,
    pub(super) north: f64,
}

/// The ranges of longitudes and latitudes that a grid divides.
#[derive(Debug, Clone, Copy)]
struct Extent {
    longitude: (f64, f64),
    latitude: (f64, f64),
}

impl Cell {
    /// The cell of this step in which a place lies. The place is on the map.
    pub(super) fn of(place: Place, step: u8) -> Cell {
        Cell::in_grid(place, MAP, step)
    }

    fn in_grid(place: Place, grid: Extent, step: u8) -> Cell {
        let index = |value: f64, (min, max): (f64, f64)| ((value - min) / (max - min) * f64::from(1u32 << step)) as u32;
        Cell { column: index(place.longitude, grid.longitude), row: index(place.latitude, grid.latitude), step }
    }

    /// The cell so many columns to the east and rows to the north, around the grid's edges.
    pub(super) fn neighbour(self, east: i32, north: i32) -> Cell {
        let step = |index: u32, by: i32| if by == 0 { index } else { index.wrapping_add_signed(by) & ((1 << self.step) - 1) };
        Cell { column: step(self.column, east), row: step(self.row, north), step: self.step }
    }

    /// What it covers.
    pub(super) fn bounds(self) -> Bounds {
        let at = |index: u32, (min, max): (f64, f64)| min + (f64::from(index) / f64::from(1u32 << self.step)) * (max - min);
        Bounds {
            west: at(self.column, MAP.longitude),
            east: at(self.column.wrapping_add(1), MAP.longitude),
            south: at(self.row, MAP.latitude),
            north: at(self.row.wrapping_add(1), MAP.latitude),
        }
    }

    /// The scores of the places in it: at or above the first number, below the second.
    pub(super) fn scores(self) -> (f64, f64) {
        let number = self.number();
        let score = |number: u64| (number << (2 * (STEP_MAX - self.step))) as f64;
        (score(number), score(number + 1))
    }

    /// See [`Cell::of`].
    pub(super) fn step(self) -> u8 {
        self.step
    }

    fn number(self) -> u64 {
        spread(self.row) | spread(self.column) << 1
    }
}

/// The score of a place, which is on the map.
pub(super) fn score(place: Place) -> f64 {
    Cell::of(place, STEP_MAX).scores().0
}

/// The place that a score stands for: the middle of its cell. Scores that no place has stand for something on the map, too.
pub(super) fn place(score: f64) -> Place {
    let number = number_of(score);
    let Bounds { west, east, south, north } = Cell { column: gather(number >> 1), row: gather(number), step: STEP_MAX }.bounds();
    Place {
        longitude: ((west + east) / 2.0).clamp(MAP.longitude.0, MAP.longitude.1),
        latitude: ((south + north) / 2.0).clamp(MAP.latitude.0, MAP.latitude.1),
    }
}

/// The standard geohash of a place: it divides other latitudes than scores do. 52 bits make ten letters; the eleventh is always 0.
pub(super) fn geohash(place: Place) -> [u8; 11] {
    let number = Cell::in_grid(place, GLOBE, STEP_MAX).number();
    let mut text = [b'0'; 11];
    for (index, letter) in text[..10].iter_mut().enumerate() {
        *letter = LETTERS[(number >> (47 - 5 * index)) as usize & 31];
    }
    text
}

/// The number of a score: its whole part, and for scores that are none what C makes of them on x86-64. So places are those of Redis
/// whatever ZADD has put into a sorted set.
fn number_of(score: f64) -> u64 {
    let whole = |score: f64| if (-TWO_TO_63..TWO_TO_63).contains(&score) { score as i64 } else { i64::MIN };
    if score >= TWO_TO_63 { whole(score - TWO_TO_63) as u64 ^ 1 << 63 } else { whole(score) as u64 }
}

/// Longitudes and latitudes that have a score.
pub(super) fn is_on_map(place: Place) -> bool {
    let within = |value: f64, (min, max): (f64, f64)| (min..=max).contains(&value);
    within(place.longitude, MAP.longitude) && within(place.latitude, MAP.latitude)
}

/// Moves each bit to twice its place.
fn spread(bits: u32) -> u64 {
    HALVES.iter().fold(u64::from(bits), |bits, &(distance, mask)| (bits | bits << distance) & mask)
}

/// Takes every second bit, from the lowest one on.
fn gather(bits: u64) -> u32 {
    let bits = HALVES.iter().rev().fold(bits, |bits, &(distance, mask)| {
        let kept = bits & mask;
        kept | kept >> distance
    });
    bits as u32
}

/// Bits of a column or a row in a score.
pub(super) const STEP_MAX: u8 = 26;

const MAP: Extent = Extent { longitude: (-180.0, 180.0), latitude: (-85.05112878, 85.05112878) };
const GLOBE: Extent = Extent { longitude: (-180.0, 180.0), latitude: (-90.0, 90.0) };
const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
/// How far halves of halves of 32 bits move when they are spread, and where they are then.
const HALVES: [(u32, u64); 5] = [
    (16, 0x0000_ffff_0000_ffff),
    (8, 0x00ff_00ff_00ff_00ff),
    (4, 0x0f0f_0f0f_0f0f_0f0f),
    (2, 0x3333_3333_3333_3333),
    (1, 0x5555_5555_5555_5555),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_place() -> impl Strategy<Value = Place> {
        let longitude = prop_oneof![Just(-180.0), Just(180.0), Just(0.0), -180.0..180.0];
        let latitude = prop_oneof![Just(MAP.latitude.0), Just(MAP.latitude.1), Just(0.0), MAP.latitude.0..MAP.latitude.1];
        (longitude, latitude).prop_map(|(longitude, latitude)| Place { longitude, latitude })
    }

    proptest! {
        #[test]
        fn a_score_stands_for_a_place_within_half_a_cell(at in any_place()) {
            let found = place(score(at));
            let (width, height) = (360.0 / f64::from(1 << 26), 170.10225756 / f64::from(1 << 26));
            // 54 bits are more than a double has: at the date line two rows share a score.
            let rows = if at.longitude == 180.0 { 1.5 } else { 0.5 };
            prop_assert!((found.longitude - at.longitude).abs() <= width / 2.0 + 1e-12, "{at:?} {found:?}");
            prop_assert!((found.latitude - at.latitude).abs() <= height * rows + 1e-12, "{at:?} {found:?}");
        }

        #[test]
        fn the_score_of_a_cells_middle_is_the_cell(column in 0u32..1 << 26, row in 0u32..1 << 26) {
            let cell = Cell { column, row, step: STEP_MAX };
            let of_cell = cell.scores().0;
            prop_assert_eq!(of_cell as u64, cell.number());
            prop_assert_eq!(score(place(of_cell)), of_cell);
        }

        #[test]
        fn a_cell_has_the_scores_of_the_places_in_it(at in any_place(), other in any_place(), step in 1u8..=STEP_MAX) {
            prop_assume!([at, other].iter().all(|place| place.longitude < 180.0 && place.latitude < MAP.latitude.1));
            let cell = Cell::of(at, step);
            let (from, to) = cell.scores();
            prop_assert!((from..to).contains(&score(at)));
            prop_assert_eq!((from..to).contains(&score(other)), Cell::of(other, step) == cell);
            let Bounds { west, east, south, north } = cell.bounds();
            prop_assert!(west <= at.longitude + 1e-9 && at.longitude <= east + 1e-9 && south <= at.latitude + 1e-9 && at.latitude <= north + 1e-9);
        }

        #[test]
        fn a_neighbour_begins_where_the_cell_ends(column in 0u32..1 << 20, row in 0u32..1 << 20, step in 1u8..=20) {
            let mask = (1 << step) - 1;
            let cell = Cell { column: column & mask, row: row & mask, step };
            let (east, north) = (cell.neighbour(1, 0), cell.neighbour(0, 1));
            prop_assert!(east.bounds().west == cell.bounds().east || (east.column == 0 && cell.column == mask));
            prop_assert!(north.bounds().south == cell.bounds().north || (north.row == 0 && cell.row == mask));
            prop_assert_eq!((east.neighbour(-1, 0), north.neighbour(0, -1)), (cell, cell));
            prop_assert_eq!(cell.neighbour(-1, 1), cell.neighbour(-1, 0).neighbour(0, 1));
        }

        #[test]
        fn every_score_stands_for_something_on_the_map(bits in any::<u64>()) {
            let score = f64::from_bits(bits);
            prop_assert!(is_on_map(place(score)), "{score}");
        }

        #[test]
        fn bits_that_are_spread_can_be_gathered(bits in any::<u32>(), others in any::<u32>()) {
            prop_assert_eq!(gather(spread(bits) | spread(others) << 1), bits);
            prop_assert_eq!(gather(spread(others) << 1), 0);
        }
    }

    #[test]
    fn what_is_known_by_heart() {
        // The examples of Redis' documentation, and what redis-server 7.0.15 makes of the corners.
        let palermo = Place { longitude: 13.361389, latitude: 38.115556 };
        assert_eq!(score(palermo), 3_479_099_956_230_698.0);
        assert_eq!(&geohash(place(score(palermo))), b"sqc8b49rny0");
        assert_eq!(score(Place { longitude: 180.0, latitude: MAP.latitude.1 }), 13_510_798_882_111_488.0);
        assert_eq!(score(Place { longitude: -180.0, latitude: MAP.latitude.0 }), 0.0);
        assert_eq!(score(Place { longitude: 0.0, latitude: 0.0 }), 3_377_699_720_527_872.0);
        assert_eq!(&geohash(Place { longitude: 180.0, latitude: MAP.latitude.1 }), b"bp05b5048p0");
        // Nothing is off the map.
        for score in [f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300] {
            assert!(is_on_map(place(score)), "{score}");
        }
        for (longitude, latitude) in
            [(180.1, 0.0), (-180.1, 0.0), (0.0, 85.06), (0.0, -85.06), (f64::INFINITY, 0.0), (0.0, f64::NEG_INFINITY)]
        {
            assert!(!is_on_map(Place { longitude, latitude }));
        }
    }
}
