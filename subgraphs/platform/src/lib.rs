//! What is on offer: channels, products, advertisements.
//!
//! 1. [`start`] takes the parts that all services share and returns the routes and the outbox's relay; [`seed`] makes the
//!    first catalogue.
//! 2. A `channel` has `product`s, and each of them a `rate_card`, which is never changed, only superseded.
//! 3. An `advertisement` is shown by placement, time and priority; what people do with it is an `ad_event`, counted once.
//!    Operations change all of it: `product_change`, `advertisement_change`.
//! 4. Every `ride` that logistics tells of is noted, and counted for its product.
//! 5. Rules of input that all of them share stand in `catalogue`.

mod ad_event;
mod advertisement;
mod advertisement_change;
mod catalogue;
mod channel;
mod kind;
mod product;
mod product_change;
mod rate_card;
mod ride;
mod seed;
mod settings;
mod table;

use std::sync::Arc;

use async_graphql::{EmptySubscription, MergedObject, Schema};
use service::{
    AccessTokens, AllowList, Entities, Idempotency, Outbox, Parts, Running, StartError, Subgraph,
    Tasks, federation_sdl,
};

pub use seed::seed;
pub use settings::Settings;

use crate::catalogue::Catalogue;

const NAME: &str = "platform";
const TABLES: [&str; 10] = [
    "ServiceChannel",
    "Product",
    "platform_rate_card",
    "platform_ride",
    "Advertisement",
    "platform_ad_event",
    "platform_outbox",
    "platform_inbox",
    "platform_delivery",
    "platform_idempotency",
];

#[derive(Default, MergedObject)]
struct Query(channel::ChannelQuery, product::ProductQuery, advertisement::AdvertisementQuery);

#[derive(Default, MergedObject)]
struct Mutation(
    channel::ChannelMutation,
    product_change::ProductMutation,
    advertisement_change::AdvertisementMutation,
    ad_event::AdEventMutation,
);

/// The schema as composition reads it.
pub fn sdl() -> String {
    federation_sdl(
        &service::schema(Query::default(), Mutation::default(), EmptySubscription).finish(),
    )
}

/// Starts platform on a database whose tables are there.
pub async fn start(parts: Parts) -> Result<Running, StartError> {
    parts.database.require_tables(&TABLES).await?;
    let catalogue = Arc::new(Catalogue {
        outbox: Outbox::new(NAME, parts.clock.clone()),
        idempotency: Idempotency::new(NAME, parts.clock.clone()),
        parts: parts.clone(),
    });
    let mut tasks = Tasks::new();
    catalogue.outbox.start_relay(parts.database.clone(), parts.bus.clone(), &mut tasks);
    ride::consume(NAME, &parts, &mut tasks);
    let schema: Schema<Query, Mutation, EmptySubscription> =
        service::schema(Query::default(), Mutation::default(), EmptySubscription)
            .data(catalogue)
            .finish();
    let subgraph = Subgraph {
        name: NAME,
        sdl: federation_sdl(&schema),
        schema,
        entities: entities(&parts),
        access_tokens: AccessTokens::from_auth(parts.peers.auth.clone(), parts.clock.clone()),
        allow_list: AllowList::router_only().with("auth", &[]).with("logistics", &[]),
        dependencies: vec![("auth", parts.peers.auth.clone())],
    };
    Ok(Running { app: service::app(subgraph, &parts), tasks })
}

fn entities(parts: &Parts) -> Entities {
    Entities::new(parts.database.read.clone())
        .with(channel::ChannelById)
        .with(channel::ChannelBySlug)
        .with(product::ProductById)
        .with(product::ProductsByChannel)
        .with(rate_card::CurrentRateCard)
        .with(advertisement::AdvertisementById)
        .with(ad_event::EventCounts)
        .with(ride::StatsByProduct)
}
