//! What a mutation of a ride answers: the ride as it is now, or why it was not changed.

use service::Problem;

use crate::table::ride;

/// A ride, or why not.
pub(crate) type Changed = async_graphql::Result<Result<ride::Model, Problem>>;

/// Defines payloads of a ride and problems, each made of what a mutation did.
macro_rules! ride_payload {
    ($($name:ident)*) => {$(
        #[derive(async_graphql::SimpleObject)]
        struct $name {
            ride: Option<crate::ride::Ride>,
            problems: Vec<service::Problem>,
        }

        impl From<Result<crate::table::ride::Model, service::Problem>> for $name {
            fn from(changed: Result<crate::table::ride::Model, service::Problem>) -> Self {
                match changed {
                    Ok(row) => Self {
                        ride: Some(crate::ride::Ride(std::sync::Arc::new(row))),
                        problems: vec![],
                    },
                    Err(problem) => Self { ride: None, problems: vec![problem] },
                }
            }
        }
    )*};
}

pub(crate) use ride_payload;
