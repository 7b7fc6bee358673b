//! The states of a ride and who may take it from one to the next: one pure function.

use crate::kind::{RideActor, RideStatus};

/// What somebody wants to happen to a ride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Request,
    Accept,
    Reassign,
    Arrive,
    Start,
    Complete,
    Cancel,
    Expire,
}

/// Where the step leads; `None` where it is not possible, or not for this actor.
pub(crate) fn transition(from: RideStatus, step: Step, actor: RideActor) -> Option<RideStatus> {
    use RideActor as Actor;
    use RideStatus as Status;
    match (from, step, actor) {
        (Status::Scheduled, Step::Request, Actor::System) => Some(Status::Requested),
        (Status::Requested, Step::Accept, Actor::Driver | Actor::Operator)
        | (Status::Accepted | Status::DriverArrived, Step::Reassign, Actor::Operator) => {
            Some(Status::Accepted)
        }
        (Status::Accepted, Step::Arrive, Actor::Driver) => Some(Status::DriverArrived),
        (Status::DriverArrived, Step::Start, Actor::Driver) => Some(Status::InProgress),
        (Status::InProgress, Step::Complete, Actor::Driver) => Some(Status::Completed),
        (
            Status::Scheduled | Status::Requested,
            Step::Cancel,
            Actor::Rider | Actor::Operator | Actor::System,
        )
        | (
            Status::Accepted | Status::DriverArrived,
            Step::Cancel,
            Actor::Rider | Actor::Driver | Actor::Operator | Actor::System,
        )
        | (Status::InProgress, Step::Cancel, Actor::Operator) => Some(Status::Cancelled),
        (Status::Scheduled | Status::Requested, Step::Expire, Actor::System) => {
            Some(Status::Expired)
        }
        _ => None,
    }
}

/// Whether nothing can happen any more.
pub(crate) fn is_final(status: RideStatus) -> bool {
    matches!(status, RideStatus::Completed | RideStatus::Cancelled | RideStatus::Expired)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sea_orm::Iterable;

    use super::*;

    const STEPS: [Step; 8] = [
        Step::Request,
        Step::Accept,
        Step::Reassign,
        Step::Arrive,
        Step::Start,
        Step::Complete,
        Step::Cancel,
        Step::Expire,
    ];

    proptest! {
        #[test]
        fn only_a_reassignment_goes_back_and_nothing_leaves_a_final_state(steps in prop::collection::vec((0..8usize, 0..4usize), 0..40)) {
            let actors: Vec<RideActor> = RideActor::iter().collect();
            let order: Vec<RideStatus> = RideStatus::iter().collect();
            let place = |status: RideStatus| order.iter().position(|s| *s == status);
            let mut status = RideStatus::Requested;
            for (step, actor) in steps {
                let next = transition(status, STEPS[step], actors[actor]);
                if is_final(status) {
                    prop_assert_eq!(next, None);
                }
                if let Some(next) = next {
                    prop_assert!(place(next) > place(status) || STEPS[step] == Step::Reassign);
                    prop_assert!(is_final(status) <= is_final(next));
                    status = next;
                }
            }
        }
    }

    #[test]
    fn only_a_driver_completes_and_only_what_is_under_way() {
        for from in RideStatus::iter() {
            for actor in RideActor::iter() {
                let completes = transition(from, Step::Complete, actor).is_some();
                assert_eq!(completes, from == RideStatus::InProgress && actor == RideActor::Driver);
            }
        }
    }
}
