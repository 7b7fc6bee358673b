//! The first catalogue: enough to book a ride or a delivery at once.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseTransaction};
use service::Parts;
use uuid::Uuid;

use crate::kind::{AdPlacement, ServiceType, VehicleType};
use crate::rate_card::{Prices, supersede};
use crate::table::{advertisement, product, service_channel};

struct Channel {
    slug: &'static str,
    name: &'static str,
    description: &'static str,
    products: &'static [Item],
}

struct Item {
    code: &'static str,
    name: &'static str,
    description: &'static str,
    seats: i32,
    service_type: ServiceType,
    vehicle_types: &'static [VehicleType],
    prices: Prices<'static>,
}

const CHANNELS: [Channel; 2] = [
    Channel {
        slug: "rides",
        name: "Rides",
        description: "From door to door, at a price known before.",
        products: &[
            Item {
                code: "standard",
                name: "Standard",
                description: "A car for up to four.",
                seats: 4,
                service_type: ServiceType::Ride,
                vehicle_types: &[VehicleType::Hatchback, VehicleType::Sedan, VehicleType::Suv],
                prices: Prices {
                    currency: "EUR",
                    base_fare: 250,
                    per_kilometer: 120,
                    per_minute: 30,
                    minimum_fare: 500,
                    cancellation_fee: 300,
                },
            },
            Item {
                code: "van",
                name: "Van",
                description: "Room for up to eight, or for much luggage.",
                seats: 8,
                service_type: ServiceType::Ride,
                vehicle_types: &[VehicleType::Van],
                prices: Prices {
                    currency: "EUR",
                    base_fare: 450,
                    per_kilometer: 190,
                    per_minute: 45,
                    minimum_fare: 900,
                    cancellation_fee: 500,
                },
            },
        ],
    },
    Channel {
        slug: "deliveries",
        name: "Deliveries",
        description: "Parcels across town, within the hour.",
        products: &[Item {
            code: "parcel",
            name: "Parcel",
            description: "Up to ten kilograms.",
            seats: 0,
            service_type: ServiceType::Delivery,
            vehicle_types: &[
                VehicleType::Motorcycle,
                VehicleType::Hatchback,
                VehicleType::Sedan,
                VehicleType::Van,
            ],
            prices: Prices {
                currency: "EUR",
                base_fare: 200,
                per_kilometer: 80,
                per_minute: 20,
                minimum_fare: 400,
                cancellation_fee: 200,
            },
        }],
    },
];

/// Makes the first catalogue, where there is no channel yet; says whether it did.
pub async fn seed(parts: &Parts) -> Result<bool, DbErr> {
    let transaction = parts.database.begin().await?;
    if service_channel::Entity::find().one(&transaction).await?.is_some() {
        return Ok(false);
    }
    let now = parts.clock.now();
    let mut rides = None;
    for (channel, number) in CHANNELS.iter().zip(0..) {
        // Channels are listed by the time of their making.
        let id = make_channel(parts, &transaction, channel, now + TimeDelta::milliseconds(number))
            .await?;
        rides = rides.or(Some(id));
    }
    let banner = advertisement::ActiveModel {
        id: Set(parts.clock.new_id()),
        title: Set("Your first ride is waiting".to_owned()),
        body: Set(Some("Book a Standard and see your driver come.".to_owned())),
        image_url: Set("https://example.com/images/first-ride.png".to_owned()),
        target_url: Set(None),
        placement: Set(AdPlacement::HomeBanner),
        priority: Set(10),
        channel_id: Set(rides),
        product_id: Set(None),
        starts_at: Set(now),
        ends_at: Set(None),
        is_draft: Set(false),
        archived_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    banner.insert(&transaction).await?;
    transaction.commit().await?;
    Ok(true)
}

async fn make_channel(
    parts: &Parts,
    transaction: &DatabaseTransaction,
    channel: &Channel,
    now: DateTime<Utc>,
) -> Result<Uuid, DbErr> {
    let id = parts.clock.new_id();
    let row = service_channel::ActiveModel {
        id: Set(id),
        slug: Set(channel.slug.to_owned()),
        name: Set(channel.name.to_owned()),
        description: Set(channel.description.to_owned()),
        is_active: Set(true),
        created_at: Set(now),
        updated_at: Set(now),
    };
    row.insert(transaction).await?;
    for (item, order) in channel.products.iter().zip(0..) {
        let product_id = parts.clock.new_id();
        let vehicle_types = serde_json::to_value(item.vehicle_types)
            .map_err(|error| DbErr::Custom(error.to_string()))?;
        let row = product::ActiveModel {
            id: Set(product_id),
            channel_id: Set(id),
            code: Set(item.code.to_owned()),
            name: Set(item.name.to_owned()),
            description: Set(item.description.to_owned()),
            icon_url: Set(None),
            seats: Set(item.seats),
            is_active: Set(true),
            sort_order: Set(order),
            service_type: Set(item.service_type),
            vehicle_types: Set(vehicle_types),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
        };
        row.insert(transaction).await?;
        supersede(transaction, product_id, 1, item.prices, now).await?;
    }
    Ok(id)
}
