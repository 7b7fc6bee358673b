//! Who moves where: drivers, vehicles, rides.
//!
//! 1. [`build`] takes the [`Config`] and the parts that all services share, and makes the routes; [`Logistics::run`] starts
//!    the workers, [`start`] does both.
//! 2. A user becomes a driver through `registration`, whose work the `saga` does step by step; `availability` is what
//!    operations and the driver then do with the `driver` and its `vehicle`s, as long as the `license` is valid.
//! 3. A `product`'s price for a trip is computed by `fare`, raised by `surge`, and locked in a `quote`; `catalogue` knows
//!    which products are withdrawn.
//! 4. A `ride` is asked for in `ride_request`, offered by `dispatch` to the drivers that `search` finds in the `cell`s
//!    around, and changed by `ride_step`, `ride_cancel` and `ride_assign` in one place, `ride_change`, along the states of
//!    `transition`. When it is over, both sides say what they think in `rating`.
//! 5. `subscription` tells who watches; `nearby` shows cars on a map, `share` a ride to whoever holds a link, `safety_alert` calls for help, and `shift` adds up
//!    what a driver earned.
//! 6. `relation` says how riders and drivers stand to each other; `user` and `product` are other services' entities, of which logistics knows some fields more.

mod availability;
mod cancellation_fee;
mod catalogue;
mod cell;
mod deactivation;
mod dispatch;
mod driver;
mod fare;
mod fleet;
mod geo;
mod kind;
mod license;
mod location;
mod nearby;
mod offer;
mod pin;
mod product;
mod quote;
mod rating;
mod registration;
mod registration_rescue;
mod relation;
mod ride;
mod ride_assign;
mod ride_cancel;
mod ride_change;
mod ride_payload;
mod ride_request;
mod ride_step;
mod safety_alert;
mod saga;
mod saga_step;
mod scalar;
mod search;
mod settings;
mod share;
mod shift;
mod subscription;
mod surge;
mod table;
mod transition;
mod user;
mod vehicle;

use std::sync::Arc;

use async_graphql::MergedObject;
use axum::Router;
use sea_orm::DbErr;
use service::{
    AccessTokens, AllowList, Entities, Idempotency, Inbox, Outbox, Parts, PeerIdentity, Running,
    StartError, Subgraph, Tasks, federation_sdl,
};
use tokio::sync::Notify;

pub use quote::QuoteKey;
pub use settings::{Config, Settings};

use crate::fleet::Fleet;
use crate::subscription::Subscription;

const NAME: &str = "logistics";
const TABLES: [&str; 15] = [
    "Driver",
    "Vehicle",
    "Ride",
    "DriverRegistrationSession",
    "logistics_ride_event",
    "logistics_offer",
    "logistics_rider",
    "logistics_safety_alert",
    "logistics_shift",
    "logistics_product",
    "logistics_channel",
    "logistics_outbox",
    "logistics_inbox",
    "logistics_delivery",
    "logistics_idempotency",
];

#[derive(Default, MergedObject)]
struct Query(
    driver::DriverQuery,
    registration::RegistrationQuery,
    ride::RideQuery,
    offer::OfferQuery,
    user::UserQuery,
    product::ProductQuery,
    nearby::NearbyQuery,
    share::ShareQuery,
    safety_alert::SafetyAlertQuery,
);

#[derive(Default, MergedObject)]
struct Mutation(
    registration::RegistrationMutation,
    registration_rescue::RegistrationRescue,
    availability::DriverMutation,
    license::LicenseMutation,
    vehicle::VehicleMutation,
    location::LocationMutation,
    ride_request::RequestMutation,
    ride_step::StepMutation,
    ride_cancel::CancelMutation,
    ride_assign::AssignMutation,
    rating::RatingMutation,
    share::ShareMutation,
    safety_alert::SafetyAlertMutation,
);

/// The schema as composition reads it.
pub fn sdl() -> String {
    federation_sdl(&service::schema(Query::default(), Mutation::default(), Subscription).finish())
}

/// Logistics, ready to run: its routes are there, its workers wait.
pub struct Logistics {
    app: Router,
    tasks: Tasks,
    workers: Workers,
}

/// What logistics does without being asked, step by step.
#[derive(Clone)]
pub struct Workers(Arc<Fleet>);

impl Workers {
    /// Takes one registration one step further; says whether there was one.
    pub async fn step_registration(&self) -> Result<bool, DbErr> {
        saga::run_once(&self.0).await
    }

    /// Offers the rides that wait for a driver, and expires those that waited too long.
    pub async fn step_dispatch(&self) -> Result<(), DbErr> {
        dispatch::run_once(&self.0).await
    }
}

impl Logistics {
    /// The routes.
    pub fn app(&self) -> Router {
        self.app.clone()
    }

    /// The workers, to be stepped by hand.
    pub fn workers(&self) -> Workers {
        self.workers.clone()
    }

    /// Starts the workers.
    pub fn run(mut self) -> Running {
        let (registering, dispatching) = (Arc::clone(&self.workers.0), Arc::clone(&self.workers.0));
        self.tasks.start(|stop| saga::run(registering, stop));
        self.tasks.start(|stop| dispatch::run(dispatching, stop));
        Running { app: self.app, tasks: self.tasks }
    }
}

/// Starts logistics on a database whose tables are there.
pub async fn start(config: Config, parts: Parts) -> Result<Running, StartError> {
    Ok(build(config, parts).await?.run())
}

/// Makes the routes, the relay of events and their consumers; no worker runs yet.
pub async fn build(config: Config, parts: Parts) -> Result<Logistics, StartError> {
    parts.database.require_tables(&TABLES).await?;
    let identity =
        PeerIdentity { caller: NAME, callee: "auth", permissions: &["read:users", "write:roles"] };
    let fleet = Arc::new(Fleet {
        outbox: Outbox::new(NAME, parts.clock.clone()),
        idempotency: Idempotency::new(NAME, parts.clock.clone()),
        auth: parts.peer(identity, &parts.peers.auth),
        quotes: config.quotes,
        share_page: config.share_page,
        bell: Notify::new(),
        parts: parts.clone(),
    });
    let mut tasks = Tasks::new();
    fleet.outbox.start_relay(parts.database.clone(), parts.bus.clone(), &mut tasks);
    consume(&fleet, &mut tasks);

    let schema = service::schema(Query::default(), Mutation::default(), Subscription)
        .data(Arc::clone(&fleet))
        .finish();
    let subgraph = Subgraph {
        name: NAME,
        sdl: federation_sdl(&schema),
        schema,
        entities: entities(&parts),
        access_tokens: AccessTokens::from_auth(parts.peers.auth.clone(), parts.clock.clone()),
        allow_list: AllowList::router_only().with("auth", &["read:drivers"]).with("platform", &[]),
        dependencies: vec![("auth", parts.peers.auth.clone())],
    };
    Ok(Logistics { app: service::app(subgraph, &parts), tasks, workers: Workers(fleet) })
}

/// Listens to what the other services tell.
fn consume(fleet: &Arc<Fleet>, tasks: &mut Tasks) {
    let inbox = Inbox::new(NAME, fleet.parts.database.clone(), fleet.parts.clock.clone());
    let told = Arc::clone(fleet);
    inbox.consume(
        &fleet.parts.bus,
        "logistics-riders",
        &["user.created", "user.deactivated"],
        move |transaction, event| {
            let fleet = Arc::clone(&told);
            Box::pin(async move {
                match event.kind.as_str() {
                    "user.deactivated" => {
                        deactivation::user_deactivated(&fleet, transaction, event).await
                    }
                    _ => Ok(rating::user_created(&fleet, transaction, event).await?),
                }
            })
        },
        tasks,
    );
    inbox.consume(
        &fleet.parts.bus,
        "logistics-catalogue",
        &catalogue::TOLD,
        |transaction, event| Box::pin(catalogue::note(transaction, event)),
        tasks,
    );
}

fn entities(parts: &Parts) -> Entities {
    let (offers, rides) = (parts.clock.clone(), parts.clock.clone());
    Entities::new(parts.database.read.clone())
        .with(driver::DriverById)
        .with(driver::DriverByUser)
        .with(vehicle::VehicleById)
        .with(vehicle::VehiclesByDriver)
        .with(ride::RideById)
        .with(ride::ActiveRideByRider)
        .with(ride::EventsByRide)
        .with(registration::RegistrationById)
        .with(registration::RegistrationByUser)
        .with(user::RiderById)
        .with(safety_alert::SafetyAlertById)
        .with(safety_alert::AlertsByRide)
        .with(catalogue::WithdrawnProduct)
        .with(relation::UnderWay)
        .with(move |database| relation::OpenOffers::new(database, offers.clone()))
        .with(move |database| relation::Acquainted::new(database, rides.clone()))
}
