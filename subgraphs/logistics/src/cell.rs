//! Cells of the globe, about a kilometre wide: what positions are indexed by, so that a search reads what is near.
//!
//! A row of cells goes around the globe at its latitude, with fewer columns the nearer it is to a pole. The cells of a
//! row have consecutive numbers: whatever is near a point lies in few ranges of them, the antimeridian and the poles
//! included.

use crate::geo::Point;

const ROWS_PER_DEGREE: f64 = 100.0;
const LAST_ROW: i32 = 17_999;
/// The columns at the equator.
const MOST_COLUMNS: f64 = 36_000.0;
/// From a row's first number to the next row's: more than there are columns.
const STRIDE: i32 = 1 << 16;
/// Rounding must lose nothing at the edge.
const MARGIN_METERS: f64 = 1.0;

/// The cell of a point.
pub(crate) fn of(point: Point) -> i32 {
    let row = row_of(point.latitude);
    row * STRIDE + column_of(row, point.longitude)
}

/// Cells that hold every point within `meters`: ranges, each from its first to its last.
pub(crate) fn around(center: Point, meters: f64) -> Vec<(i32, i32)> {
    let bounds = center.bounds(meters + MARGIN_METERS);
    let (south, north) = bounds.latitudes;
    (row_of(south)..=row_of(north))
        .flat_map(|row| {
            let number = move |longitude| row * STRIDE + column_of(row, longitude);
            bounds.longitudes.iter().map(move |(west, east)| (number(*west), number(*east)))
        })
        .collect()
}

fn row_of(latitude: f64) -> i32 {
    floor((latitude + 90.0) * ROWS_PER_DEGREE).clamp(0, LAST_ROW)
}

fn column_of(row: i32, longitude: f64) -> i32 {
    let columns = columns_of(row);
    floor((longitude + 180.0) / 360.0 * f64::from(columns)).clamp(0, columns - 1)
}

/// As many as make the cells about as wide as high.
fn columns_of(row: i32) -> i32 {
    let latitude = (f64::from(row) + 0.5) / ROWS_PER_DEGREE - 90.0;
    floor(MOST_COLUMNS * latitude.to_radians().cos()).max(1)
}

#[expect(clippy::cast_possible_truncation, reason = "no number here has more than five digits")]
fn floor(number: f64) -> i32 {
    number.floor() as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(center: Point, meters: f64, other: Point) -> bool {
        around(center, meters).iter().any(|(first, last)| (*first..=*last).contains(&of(other)))
    }

    #[test]
    fn finds_across_the_antimeridian_and_over_the_pole() {
        let point = |latitude, longitude| Point { latitude, longitude };
        assert!(finds(point(-17.0, 179.999), 500.0, point(-17.0, -179.999)));
        assert!(finds(point(89.999, 10.0), 500.0, point(89.999, -170.0)));
        assert!(finds(point(-90.0, 0.0), 1.0, point(-90.0, 123.0)));
        assert!(!finds(point(52.52, 13.41), 1_000.0, point(52.52, 13.51)));
    }

    #[test]
    fn a_search_reads_few_ranges() {
        let berlin = Point { latitude: 52.52, longitude: 13.41 };
        assert!(around(berlin, 1_000.0).len() <= 3);
        assert!(around(berlin, 32_000.0).len() < 62);
    }

    proptest! {
        #[test]
        fn finds_all_that_is_near(
            latitude in -90.0..=90.0f64, longitude in -180.0..=180.0f64, meters in 1.0..40_000.0f64,
            north in -0.5..0.5f64, east in -180.0..180.0f64, near in -0.5..0.5f64, at_pole in any::<bool>(),
        ) {
            let wrap = |degrees: f64| (degrees + 540.0).rem_euclid(360.0) - 180.0;
            let center = Point { latitude, longitude };
            let other = Point {
                latitude: (latitude + north).clamp(-90.0, 90.0),
                longitude: wrap(longitude + if at_pole { east } else { near }),
            };
            if center.meters_to(other) <= meters {
                prop_assert!(finds(center, meters, other));
            }
        }
    }
}
