//! A place on the earth, and how far it is to another one.

/// A place, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// East of Greenwich.
    pub(super) longitude: f64,
    /// North of the equator.
    pub(super) latitude: f64,
}

impl Place {
    /// Meters to another place along a great circle of a sphere: the haversine formula. It is never NaN.
    pub(super) fn distance(self, other: Place) -> f64 {
        let (latitude, other_latitude) = (radians(self.latitude), radians(other.latitude));
        let across = ((radians(other.longitude) - radians(self.longitude)) / 2.0).sin();
        if across == 0.0 {
            // On one meridian: the same number but for its last digit, which is that of Redis.
            return EARTH_RADIUS * (other_latitude - latitude).abs();
        }
        let along = ((other_latitude - latitude) / 2.0).sin();
        let haversine = along * along + latitude.cos() * other_latitude.cos() * across * across;
        // Rounding can take the haversine of opposite places above 1, where no arc has that sine.
        2.0 * EARTH_RADIUS * haversine.sqrt().min(1.0).asin()
    }
}

/// Degrees as radians. The product is with the rounded quotient, as in Redis: `to_radians` has another last digit.
pub(super) fn radians(degrees: f64) -> f64 {
    degrees * RADIANS_PER_DEGREE
}

/// Radians as degrees.
pub(super) fn degrees(radians: f64) -> f64 {
    radians / RADIANS_PER_DEGREE
}

/// Meters: the quadratic mean radius of the WGS-84 ellipsoid.
pub(super) const EARTH_RADIUS: f64 = 6_372_797.560_856;
const RADIANS_PER_DEGREE: f64 = std::f64::consts::PI / 180.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn distances_are_those_of_a_metric(places in prop::collection::vec((-180.0..=180.0, -90.0..=90.0), 3)) {
            let [a, b, c] = [0, 1, 2].map(|index: usize| Place { longitude: places[index].0, latitude: places[index].1 });
            let opposite = Place { longitude: a.longitude - 180.0, latitude: -a.latitude };
            let half = std::f64::consts::PI * EARTH_RADIUS;
            prop_assert_eq!(a.distance(a), 0.0);
            prop_assert!((a.distance(opposite) - half).abs() < 1.0, "{}", a.distance(opposite));
            prop_assert!((a.distance(b) - b.distance(a)).abs() < 1e-3);
            prop_assert!(a.distance(b) <= a.distance(c) + c.distance(b) + 1e-3);
            prop_assert!((0.0..=half + 1e-3).contains(&a.distance(b)));
        }
    }
}
