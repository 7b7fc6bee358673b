//! What logistics adds to a product: the price of a trip.

use async_graphql::{ComplexObject, Context, ID, Json, Object, Result, SimpleObject};
use serde_json::Value;
use service::{Batch, Caller, CurrencyCode, DateTime, MinorUnits, error::bad_user_input};
use uuid::Uuid;

use crate::catalogue::WithdrawnProduct;
use crate::dispatch;
use crate::fare::{Rates, Trip, fare};
use crate::fleet::Fleet;
use crate::geo::Point;
use crate::kind::{ServiceType, VehicleType};
use crate::quote::{LIFE, Quote};
use crate::scalar::{CoordinatesInput, Money};
use crate::search::Wanted;
use crate::surge::{self, Surge};

/// A product of platform, by key, with what a quote requires to be known of it.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct Product {
    pub(crate) id: ID,
    #[graphql(external)]
    pub(crate) rate_card: Option<RateCard>,
    #[graphql(external)]
    pub(crate) service_type: ServiceType,
    #[graphql(external)]
    pub(crate) vehicle_types: Vec<VehicleType>,
    /// Whether platform's facts came with the representation.
    #[graphql(skip)]
    pub(crate) is_known: bool,
}

impl Product {
    /// A reference by id alone: what else is asked of it, platform answers.
    pub(crate) fn reference(id: Uuid) -> Self {
        Self {
            id: id.into(),
            rate_card: None,
            service_type: ServiceType::Ride,
            vehicle_types: vec![],
            is_known: false,
        }
    }
}

/// All amounts in minor units of the currency.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(shareable)]
pub(crate) struct RateCard {
    currency: CurrencyCode,
    base_fare: MinorUnits,
    per_kilometer: MinorUnits,
    per_minute: MinorUnits,
    minimum_fare: MinorUnits,
    cancellation_fee: MinorUnits,
}

/// What a product's representation says, beside the key: nothing in it is fatal, whatever is missing or broken.
struct Facts {
    rate_card: RateCard,
    service_type: ServiceType,
    vehicle_types: Vec<VehicleType>,
}

impl Facts {
    fn read(
        rate_card: Option<Json<Value>>,
        service_type: Option<Json<Value>>,
        vehicle_types: Option<Json<Value>>,
    ) -> Option<Self> {
        Some(Self {
            rate_card: RateCard::read(&rate_card?.0)?,
            service_type: serde_json::from_value(service_type?.0).ok()?,
            vehicle_types: serde_json::from_value(vehicle_types?.0).ok()?,
        })
    }
}

impl RateCard {
    fn read(value: &Value) -> Option<Self> {
        let amount = |name: &str| MinorUnits::new(value.get(name)?.as_i64()?);
        Some(Self {
            currency: value.get("currency")?.as_str()?.parse().ok()?,
            base_fare: amount("baseFare")?,
            per_kilometer: amount("perKilometer")?,
            per_minute: amount("perMinute")?,
            minimum_fare: amount("minimumFare")?,
            cancellation_fee: amount("cancellationFee")?,
        })
    }

    fn rates(&self) -> Rates {
        Rates {
            base_fare: self.base_fare.amount(),
            per_kilometer: self.per_kilometer.amount(),
            per_minute: self.per_minute.amount(),
            minimum_fare: self.minimum_fare.amount(),
        }
    }
}

/// A price that holds for a while.
pub(crate) struct RideQuote {
    quote: Quote,
    token: String,
}

#[Object]
impl RideQuote {
    async fn product(&self) -> Product {
        Product::reference(self.quote.product_id)
    }

    #[expect(clippy::unused_async, reason = "the macro takes async resolvers alone")]
    async fn fare(&self) -> Result<Money> {
        Money::of(self.quote.fare, &self.quote.currency)
    }

    async fn distance_meters(&self) -> i32 {
        self.quote.meters
    }

    async fn duration_seconds(&self) -> i32 {
        self.quote.seconds
    }

    /// How long the nearest driver needs; null where none is near.
    async fn pickup_eta_seconds(&self, ctx: &Context<'_>) -> Option<Result<i32>> {
        let (latitude, longitude) = self.quote.pickup;
        let wanted = Wanted {
            pickup: Point { latitude, longitude },
            service_type: self.quote.service_type,
            vehicle_types: self.quote.vehicle_types.clone(),
        };
        let eta = dispatch::pickup_eta_seconds(Fleet::of(ctx), &wanted).await;
        eta.transpose().map(|eta| Ok(eta?))
    }

    /// By how much riders waiting near the pickup have raised the price.
    async fn surge_multiplier(&self) -> f64 {
        Surge::from_tenths(self.quote.surge_tenths).multiplier()
    }

    async fn token(&self) -> &str {
        &self.token
    }

    #[expect(clippy::unused_async, reason = "the macro takes async resolvers alone")]
    async fn expires_at(&self) -> Result<DateTime> {
        let time = chrono::DateTime::from_timestamp(self.quote.exp, 0)
            .ok_or("a quote expires at no time")?;
        Ok(time.into())
    }
}

#[ComplexObject]
impl Product {
    /// Price and ETA of this product for a trip. The token locks the price when passed to requestRide. Null where the product
    /// is not on offer.
    #[graphql(
        requires = "serviceType vehicleTypes rateCard { currency baseFare perKilometer perMinute minimumFare cancellationFee }"
    )]
    async fn quote(
        &self,
        ctx: &Context<'_>,
        pickup: CoordinatesInput,
        dropoff: CoordinatesInput,
    ) -> Option<Result<RideQuote>> {
        let rate_card = self.rate_card.as_ref().filter(|_| self.is_known)?;
        match Batch::<WithdrawnProduct>::of(ctx).one(self.id.parse().ok()?).await {
            Ok(None) => Some(self.price(ctx, rate_card, pickup.into(), dropoff.into()).await),
            Ok(Some(())) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl Product {
    async fn price(
        &self,
        ctx: &Context<'_>,
        rate_card: &RateCard,
        pickup: Point,
        dropoff: Point,
    ) -> Result<RideQuote> {
        if !(pickup.is_valid() && dropoff.is_valid()) {
            return Err(bad_user_input(
                "a latitude lies between -90 and 90, a longitude between -180 and 180",
            ));
        }
        let fleet = Fleet::of(ctx);
        let trip = Trip::between(pickup, dropoff);
        let wanted = Wanted {
            pickup,
            service_type: self.service_type,
            vehicle_types: self.vehicle_types.clone(),
        };
        let surge = surge::at(fleet, &wanted).await?;
        let fare =
            fare(rate_card.rates(), trip, surge).ok_or("a fare is larger than money can be")?;
        let quote = Quote {
            rider_id: Caller::of(ctx).user_id(),
            product_id: self.id.parse()?,
            pickup: (pickup.latitude, pickup.longitude),
            dropoff: (dropoff.latitude, dropoff.longitude),
            fare,
            currency: rate_card.currency.as_str().to_owned(),
            cancellation_fee: rate_card.cancellation_fee.amount(),
            service_type: self.service_type,
            vehicle_types: self.vehicle_types.clone(),
            meters: i32::try_from(trip.meters)?,
            seconds: i32::try_from(trip.seconds)?,
            surge_tenths: surge.tenths(),
            exp: (fleet.parts.clock.now() + LIFE).timestamp(),
        };
        let token = fleet.quotes.sign(&quote)?;
        Ok(RideQuote { quote, token })
    }
}

/// The entity of a product.
#[derive(Default)]
pub(crate) struct ProductQuery;

#[Object]
impl ProductQuery {
    #[graphql(entity)]
    async fn find_product_by_id(
        &self,
        #[graphql(key)] id: ID,
        rate_card: Option<Json<Value>>,
        service_type: Option<Json<Value>>,
        vehicle_types: Option<Json<Value>>,
    ) -> Option<Result<Product>> {
        let id: Uuid = id.parse().ok()?;
        let product = match Facts::read(rate_card, service_type, vehicle_types) {
            Some(facts) => Product {
                id: id.into(),
                rate_card: Some(facts.rate_card),
                service_type: facts.service_type,
                vehicle_types: facts.vehicle_types,
                is_known: true,
            },
            None => Product::reference(id),
        };
        Some(Ok(product))
    }
}
