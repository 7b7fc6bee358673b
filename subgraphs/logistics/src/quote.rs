//! Quotes: a price that is locked by a signature, so that no table has to remember it.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::geo::Point;
use crate::kind::{ServiceType, VehicleType};

/// How long a price holds.
pub(crate) const LIFE: TimeDelta = TimeDelta::minutes(10);

/// What the tokens are: no other token of ours is a price.
const TYPE: &str = "quote";

/// Two points are the same place where neither coordinate differs by more: about 10 cm.
const SAME_PLACE_DEGREES: f64 = 1e-6;

/// All that a ride needs to know of what was quoted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quote {
    pub(crate) rider_id: Option<Uuid>,
    pub(crate) product_id: Uuid,
    pub(crate) pickup: (f64, f64),
    pub(crate) dropoff: (f64, f64),
    pub(crate) fare: i64,
    pub(crate) currency: String,
    pub(crate) cancellation_fee: i64,
    pub(crate) service_type: ServiceType,
    pub(crate) vehicle_types: Vec<VehicleType>,
    pub(crate) meters: i32,
    pub(crate) seconds: i32,
    pub(crate) surge_tenths: i64,
    /// Seconds since the epoch.
    pub(crate) exp: i64,
}

/// Signs and verifies quotes, and whatever else clients keep for us.
#[derive(Clone)]
pub struct QuoteKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl QuoteKey {
    /// A key from a secret that all replicas share.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        }
    }

    /// The token of a quote.
    pub(crate) fn sign(&self, quote: &Quote) -> Result<String, jsonwebtoken::errors::Error> {
        self.seal(TYPE, quote)
    }

    /// The quote of a token, expired or not; `None` where it is not one of ours, whole and unchanged.
    pub(crate) fn verify(&self, token: &str) -> Option<Quote> {
        self.open(TYPE, token)
    }

    /// A token of this type, which says `claims`.
    pub(crate) fn seal(
        &self,
        token_type: &str,
        claims: &impl Serialize,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header { typ: Some(token_type.to_owned()), ..Header::default() };
        jsonwebtoken::encode(&header, claims, &self.encoding)
    }

    /// What a token says, expired or not; `None` where it is not one of ours and of this type, whole and unchanged.
    pub(crate) fn open<C: DeserializeOwned>(&self, token_type: &str, token: &str) -> Option<C> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let opened = jsonwebtoken::decode::<C>(token, &self.decoding, &validation).ok()?;
        (opened.header.typ.as_deref() == Some(token_type)).then_some(opened.claims)
    }
}

impl Quote {
    /// Whether it is for this rider, product and trip. A price shown to nobody in particular is for nobody.
    pub(crate) fn is_for(
        &self,
        rider_id: Uuid,
        product_id: Uuid,
        pickup: Point,
        dropoff: Point,
    ) -> bool {
        let same = |point: Point, (latitude, longitude): (f64, f64)| {
            (point.latitude - latitude).abs() <= SAME_PLACE_DEGREES
                && (point.longitude - longitude).abs() <= SAME_PLACE_DEGREES
        };
        self.rider_id == Some(rider_id)
            && self.product_id == product_id
            && same(pickup, self.pickup)
            && same(dropoff, self.dropoff)
    }

    /// Whether its time is over.
    pub(crate) fn is_expired(&self, now: DateTime<Utc>) -> bool {
        now.timestamp() >= self.exp
    }
}
