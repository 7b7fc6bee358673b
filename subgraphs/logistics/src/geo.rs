//! Distances on the globe, and boxes around a point.

/// The mean radius of the earth, in metres.
const EARTH_RADIUS_METERS: f64 = 6_371_008.8;

/// A point on the globe, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

/// The longitudes of a box; across the antimeridian there are two ranges.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) latitudes: (f64, f64),
    pub(crate) longitudes: Vec<(f64, f64)>,
}

impl Point {
    /// Whether the coordinates are on the globe.
    pub(crate) fn is_valid(self) -> bool {
        (-90.0..=90.0).contains(&self.latitude) && (-180.0..=180.0).contains(&self.longitude)
    }

    /// The nearest point of a grid.
    pub(crate) fn snapped(self, grid_degrees: f64) -> Self {
        let snap = |degrees: f64| (degrees / grid_degrees).round() * grid_degrees;
        Self { latitude: snap(self.latitude), longitude: snap(self.longitude) }
    }

    /// The distance along a great circle, in metres (haversine).
    pub(crate) fn meters_to(self, other: Self) -> f64 {
        let (a, b) = (self.latitude.to_radians(), other.latitude.to_radians());
        let latitude = ((b - a) / 2.0).sin().powi(2);
        let longitude = ((other.longitude - self.longitude).to_radians() / 2.0).sin().powi(2);
        let chord = latitude + a.cos() * b.cos() * longitude;
        2.0 * EARTH_RADIUS_METERS * chord.sqrt().min(1.0).asin()
    }

    /// The point of the unit sphere.
    pub(crate) fn vector(self) -> [f64; 3] {
        let (latitude, longitude) = (self.latitude.to_radians(), self.longitude.to_radians());
        let around = latitude.cos();
        [around * longitude.cos(), around * longitude.sin(), latitude.sin()]
    }

    /// A box that holds every point within `meters`: it may cross the antimeridian, and near a pole it goes all around.
    pub(crate) fn bounds(self, meters: f64) -> Bounds {
        let angle = meters / EARTH_RADIUS_METERS;
        let reach = angle.to_degrees();
        let (south, north) = (self.latitude - reach, self.latitude + reach);
        let latitudes = (south.max(-90.0), north.min(90.0));
        let across = angle.sin() / self.latitude.to_radians().cos();
        if south <= -90.0
            || north >= 90.0
            || across.abs() >= 1.0
            || angle >= std::f64::consts::FRAC_PI_2
        {
            return Bounds { latitudes, longitudes: vec![(-180.0, 180.0)] };
        }
        let width = across.asin().to_degrees();
        let (west, east) = (self.longitude - width, self.longitude + width);
        let longitudes = if west < -180.0 {
            vec![(west + 360.0, 180.0), (-180.0, east)]
        } else if east > 180.0 {
            vec![(west, 180.0), (-180.0, east - 360.0)]
        } else {
            vec![(west, east)]
        };
        Bounds { latitudes, longitudes }
    }
}

/// The square of the straight line through the unit sphere between two points this far apart: what a database can
/// compare distances by, without trigonometry.
pub(crate) fn chord_squared(meters: f64) -> f64 {
    let half = (meters / EARTH_RADIUS_METERS / 2.0).min(std::f64::consts::FRAC_PI_2);
    (2.0 * half.sin()).powi(2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contains(bounds: &Bounds, point: Point) -> bool {
        let (south, north) = bounds.latitudes;
        (south..=north).contains(&point.latitude)
            && bounds
                .longitudes
                .iter()
                .any(|(west, east)| (*west..=*east).contains(&point.longitude))
    }

    #[test]
    fn measures_a_known_distance() {
        let berlin = Point { latitude: 52.5200, longitude: 13.4050 };
        let paris = Point { latitude: 48.8566, longitude: 2.3522 };
        let meters = berlin.meters_to(paris);
        assert!((meters - 877_500.0).abs() < 1_500.0, "{meters}");
    }

    #[test]
    fn a_chord_is_as_long_as_the_way_says() {
        let (a, b) = (
            Point { latitude: 52.52, longitude: 179.99 },
            Point { latitude: 52.53, longitude: -179.99 },
        );
        let between: f64 = a.vector().iter().zip(b.vector()).map(|(a, b)| (a - b).powi(2)).sum();
        assert!((between / chord_squared(a.meters_to(b)) - 1.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn a_box_holds_all_that_is_near(
            latitude in -90.0..90.0f64, longitude in -180.0..180.0f64, meters in 1.0..200_000.0f64,
            north in -2.0..2.0f64, east in -180.0..180.0f64,
        ) {
            let center = Point { latitude, longitude };
            let other = Point {
                latitude: (latitude + north).clamp(-90.0, 90.0),
                longitude: if longitude + east > 180.0 { longitude + east - 360.0 }
                    else if longitude + east < -180.0 { longitude + east + 360.0 } else { longitude + east },
            };
            if center.meters_to(other) < meters {
                prop_assert!(contains(&center.bounds(meters * 1.000_001), other));
            }
        }
    }
}
