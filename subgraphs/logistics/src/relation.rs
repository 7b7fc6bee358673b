//! How riders and drivers stand to each other, which decides what they see of one another. Asked of many at once, each
//! relation is one statement.

use std::collections::{HashMap, HashSet};

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType};
use sea_orm::{Condition, DatabaseConnection, QueryResult};
use service::{BatchLoad, Clock};
use uuid::Uuid;

use crate::kind::{OfferState, RideStatus};
use crate::ride::DRIVEN;
use crate::table::{offer, ride};

/// Something, a ride or its rider, and a driver.
type Pair = (Uuid, Uuid);

/// A ride, and a driver to whom it is offered.
pub(crate) struct OpenOffers {
    database: DatabaseConnection,
    clock: Clock,
}

impl OpenOffers {
    pub(crate) fn new(database: DatabaseConnection, clock: Clock) -> Self {
        Self { database, clock }
    }
}

impl BatchLoad for OpenOffers {
    type Key = Pair;
    type Value = ();
    const NAME: &'static str = "Offer";

    async fn load(&self, keys: &[Pair]) -> Result<HashMap<Pair, ()>, DbErr> {
        let (rides, drivers) = sides(keys);
        let select = Query::select()
            .column(offer::Column::RideId)
            .column(offer::Column::DriverId)
            .from(offer::Entity)
            .and_where(offer::Column::RideId.is_in(rides))
            .cond_where(is_open(drivers, &self.clock))
            .to_owned();
        pairs(&self.database, &select).await.map(HashMap::from_iter)
    }
}

/// A rider, and the driver who is on the way with, or to, them.
pub(crate) struct UnderWay(pub(crate) DatabaseConnection);

impl BatchLoad for UnderWay {
    type Key = Pair;
    type Value = ();
    const NAME: &'static str = "Ride.underWay";

    async fn load(&self, keys: &[Pair]) -> Result<HashMap<Pair, ()>, DbErr> {
        let (riders, drivers) = sides(keys);
        let select =
            rides_of(riders, drivers).and_where(ride::Column::Status.is_in(DRIVEN)).to_owned();
        pairs(&self.0, &select).await.map(HashMap::from_iter)
    }
}

/// A rider, and a driver who has, or had, a ride of theirs, or has an offer of one.
pub(crate) struct Acquainted {
    database: DatabaseConnection,
    clock: Clock,
}

impl Acquainted {
    pub(crate) fn new(database: DatabaseConnection, clock: Clock) -> Self {
        Self { database, clock }
    }
}

impl BatchLoad for Acquainted {
    type Key = Pair;
    type Value = ();
    const NAME: &'static str = "Rider.acquainted";

    async fn load(&self, keys: &[Pair]) -> Result<HashMap<Pair, ()>, DbErr> {
        let (riders, drivers) = sides(keys);
        let ride = |column: ride::Column| (ride::Entity, column);
        let offered = Query::select()
            .column(ride(ride::Column::RiderId))
            .column((offer::Entity, offer::Column::DriverId))
            .from(ride::Entity)
            .inner_join(
                offer::Entity,
                Expr::col((offer::Entity, offer::Column::RideId)).equals(ride(ride::Column::Id)),
            )
            .and_where(ride::Column::RiderId.is_in(riders.clone()))
            .and_where(ride::Column::Status.eq(RideStatus::Requested))
            .cond_where(is_open(drivers.clone(), &self.clock))
            .to_owned();
        let select = rides_of(riders, drivers).union(UnionType::Distinct, offered).to_owned();
        pairs(&self.database, &select).await.map(HashMap::from_iter)
    }
}

fn rides_of(riders: HashSet<Uuid>, drivers: HashSet<Uuid>) -> SelectStatement {
    Query::select()
        .column(ride::Column::RiderId)
        .column(ride::Column::DriverId)
        .from(ride::Entity)
        .and_where(ride::Column::RiderId.is_in(riders))
        .and_where(ride::Column::DriverId.is_in(drivers))
        .to_owned()
}

fn is_open(drivers: HashSet<Uuid>, clock: &Clock) -> Condition {
    Condition::all()
        .add(offer::Column::DriverId.is_in(drivers))
        .add(offer::Column::State.eq(OfferState::Open))
        .add(offer::Column::ExpiresAt.gt(clock.now()))
}

/// Each side once: on one of them always stands the caller alone.
fn sides(keys: &[Pair]) -> (HashSet<Uuid>, HashSet<Uuid>) {
    keys.iter().copied().unzip()
}

async fn pairs(
    database: &DatabaseConnection,
    select: &SelectStatement,
) -> Result<Vec<(Pair, ())>, DbErr> {
    let pair = |row: &QueryResult| Ok(((row.try_get_by_index(0)?, row.try_get_by_index(1)?), ()));
    database.query_all(select).await?.iter().map(pair).collect()
}
