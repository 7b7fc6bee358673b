//! What calling a ride off costs the rider: a rule.
//!
//! Nothing, until a driver is on the way, and for two minutes after that while the driver has not arrived. From then on
//! the rider pays the product's cancellation fee where they call it off, unless the driver is to blame; and where the
//! driver does because the rider did not show up. Nobody pays for what operations or the system call off.

use chrono::TimeDelta;

use crate::kind::{CancellationReason, RideActor, RideStatus};

/// A rider may change their mind for so long after a driver has accepted.
const GRACE: TimeDelta = TimeDelta::minutes(2);

/// A ride that is called off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cancellation {
    /// How far it had come.
    pub(crate) status: RideStatus,
    pub(crate) by: RideActor,
    pub(crate) reason: CancellationReason,
    /// How long the driver has been on the way.
    pub(crate) since_accepted: Option<TimeDelta>,
}

/// The fee that is owed, of the product's.
pub(crate) fn cancellation_fee(cancellation: Cancellation, fee: i64) -> Option<i64> {
    let Cancellation { status, by, reason, since_accepted } = cancellation;
    let is_owed = match (status, by) {
        (RideStatus::Accepted, RideActor::Rider) => {
            !blames_the_driver(reason) && since_accepted.is_none_or(|time| time > GRACE)
        }
        (RideStatus::DriverArrived, RideActor::Rider) => !blames_the_driver(reason),
        (RideStatus::DriverArrived, RideActor::Driver) => reason == CancellationReason::RiderNoShow,
        _ => false,
    };
    is_owed.then_some(fee)
}

fn blames_the_driver(reason: CancellationReason) -> bool {
    use CancellationReason as Reason;
    matches!(
        reason,
        Reason::DriverNoShow | Reason::DriverTooFar | Reason::VehicleIssue | Reason::Safety
    )
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    const FEE: i64 = 300;

    fn fee(status: RideStatus, by: RideActor, reason: CancellationReason, minutes: i64) -> i64 {
        let since_accepted = Some(TimeDelta::minutes(minutes));
        cancellation_fee(Cancellation { status, by, reason, since_accepted }, FEE).unwrap_or(0)
    }

    #[test]
    fn a_rider_pays_once_a_driver_has_come_for_them() {
        use {CancellationReason as Reason, RideActor::Rider, RideStatus as Status};
        assert_eq!(
            fee(Status::Requested, Rider, Reason::ChangedMind, 0),
            0,
            "nobody is on the way"
        );
        assert_eq!(fee(Status::Accepted, Rider, Reason::ChangedMind, 2), 0, "in the time of grace");
        assert_eq!(fee(Status::Accepted, Rider, Reason::ChangedMind, 3), FEE);
        assert_eq!(fee(Status::DriverArrived, Rider, Reason::ChangedMind, 0), FEE);
        assert_eq!(fee(Status::Accepted, Rider, Reason::DriverTooFar, 9), 0, "the driver's fault");
        assert_eq!(fee(Status::DriverArrived, Rider, Reason::Safety, 9), 0, "the driver's fault");
    }

    #[test]
    fn a_driver_is_paid_only_where_they_waited_in_vain() {
        use {CancellationReason as Reason, RideActor::Driver, RideStatus as Status};
        assert_eq!(fee(Status::DriverArrived, Driver, Reason::RiderNoShow, 5), FEE);
        assert_eq!(fee(Status::Accepted, Driver, Reason::RiderNoShow, 5), 0, "never arrived");
        assert_eq!(fee(Status::DriverArrived, Driver, Reason::VehicleIssue, 5), 0);
    }

    #[test]
    fn nobody_pays_for_operations_and_the_system() {
        for status in RideStatus::iter() {
            for reason in CancellationReason::iter() {
                for by in [RideActor::Operator, RideActor::System] {
                    assert_eq!(fee(status, by, reason, 60), 0, "{status:?} {by:?} {reason:?}");
                }
            }
        }
    }
}
