//! What a trip costs: in whole minor units, rounded once, half to even.

use crate::geo::Point;
use crate::surge::Surge;

/// Roads are longer than the crow flies.
const ROAD_FACTOR_PER_MILLE: i64 = 1_300;
/// What a car makes in a city, in metres per second.
const METERS_PER_SECOND: i64 = 8;

/// The prices of a product, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) base_fare: i64,
    pub(crate) per_kilometer: i64,
    pub(crate) per_minute: i64,
    pub(crate) minimum_fare: i64,
}

/// How far and how long a trip is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trip {
    pub(crate) meters: i64,
    pub(crate) seconds: i64,
}

impl Trip {
    /// An estimate by the distance alone: there is no map here.
    pub(crate) fn between(pickup: Point, dropoff: Point) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "no two points are further apart than 20,100,000 m"
        )]
        let direct = pickup.meters_to(dropoff).round() as i64;
        let meters = direct * ROAD_FACTOR_PER_MILLE / 1_000;
        Self { meters, seconds: meters / METERS_PER_SECOND }
    }
}

/// The fare: base, distance and time, never less than the minimum, times the surge. `None` where it is no amount of money
/// any more.
pub(crate) fn fare(rates: Rates, trip: Trip, surge: Surge) -> Option<i64> {
    let (meters, seconds) = (i128::from(trip.meters), i128::from(trip.seconds));
    // In thousandths of sixtieths, so that only the end is rounded.
    let exact = i128::from(rates.base_fare) * 60_000
        + i128::from(rates.per_kilometer) * meters * 60
        + i128::from(rates.per_minute) * seconds * 1_000;
    let least = exact.max(i128::from(rates.minimum_fare) * 60_000);
    let rounded = divide_half_even(least * i128::from(surge.tenths()), 600_000);
    i64::try_from(rounded).ok()
}

fn divide_half_even(amount: i128, by: i128) -> i128 {
    let (quotient, rest) = (amount.div_euclid(by), amount.rem_euclid(by));
    match (rest * 2).cmp(&by) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient.rem_euclid(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates =
        Rates { base_fare: 250, per_kilometer: 120, per_minute: 30, minimum_fare: 500 };

    #[test]
    fn adds_base_distance_and_time() {
        let trip = Trip { meters: 10_000, seconds: 1_200 };
        assert_eq!(fare(RATES, trip, Surge::NONE), Some(250 + 1_200 + 600));
        assert_eq!(fare(RATES, trip, Surge::from_tenths(15)), Some(3_075));
    }

    #[test]
    fn is_never_less_than_the_minimum() {
        let nowhere = Trip { meters: 0, seconds: 0 };
        assert_eq!(fare(RATES, nowhere, Surge::NONE), Some(500));
        assert_eq!(fare(RATES, nowhere, Surge::from_tenths(12)), Some(600));
    }

    #[test]
    fn rounds_halves_to_even() {
        let rates = Rates { base_fare: 0, per_kilometer: 1, per_minute: 0, minimum_fare: 0 };
        let cost = |meters| fare(rates, Trip { meters, seconds: 0 }, Surge::NONE);
        assert_eq!(
            [cost(500), cost(1_500), cost(2_500), cost(2_501)],
            [Some(0), Some(2), Some(2), Some(3)]
        );
    }
}
