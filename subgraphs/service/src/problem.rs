//! Expected failures that a client can act on: the interface `Problem`, its five types, and the codes of each.

use async_graphql::{Interface, SimpleObject};

/// An expected, client-actionable failure. System failures use the top-level errors array.
#[derive(Debug, Clone, PartialEq, Eq, Interface)]
#[expect(
    clippy::duplicated_attributes,
    reason = "each field has a type and a description of its own"
)]
#[graphql(
    field(
        name = "code",
        ty = "&String",
        desc = "Stable and machine-readable, e.g. `EMAIL_TAKEN`."
    ),
    field(name = "message", ty = "&String", desc = "Human-readable, English.")
)]
pub enum Problem {
    /// Input was understood but not acceptable.
    Validation(ValidationProblem),
    /// Credentials or a one-time secret were refused.
    Authentication(AuthenticationProblem),
    /// There is no such thing, or the caller may not see it.
    NotFound(NotFoundProblem),
    /// The state forbids the operation.
    Conflict(ConflictProblem),
    /// Too often.
    RateLimit(RateLimitProblem),
}

/// Input was understood but not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
#[graphql(shareable)]
pub struct ValidationProblem {
    code: String,
    message: String,
    /// Path inside input, e.g. `["personalInfo", "dateOfBirth"]`.
    path: Vec<String>,
}

/// Credentials or a one-time secret (token, code) were refused.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
#[graphql(shareable)]
pub struct AuthenticationProblem {
    code: String,
    message: String,
}

/// There is no such object, or the caller may not see it.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
#[graphql(shareable)]
pub struct NotFoundProblem {
    code: String,
    message: String,
}

/// The object changed under the caller, or its state forbids the operation.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
#[graphql(shareable)]
pub struct ConflictProblem {
    code: String,
    message: String,
}

/// Asked too often.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
#[graphql(shareable)]
pub struct RateLimitProblem {
    code: String,
    message: String,
    retry_after_seconds: i32,
}

impl Problem {
    /// The value at `path` inside the input is not acceptable.
    pub fn validation(code: ValidationCode, path: &[&str], message: impl Into<String>) -> Self {
        let path = path.iter().map(ToString::to_string).collect();
        Self::Validation(ValidationProblem {
            code: code.0.to_owned(),
            message: message.into(),
            path,
        })
    }

    /// Credentials, a token or a code were refused.
    pub fn authentication(code: AuthenticationCode, message: impl Into<String>) -> Self {
        Self::Authentication(AuthenticationProblem {
            code: code.0.to_owned(),
            message: message.into(),
        })
    }

    /// There is no `noun` for this caller: "no such driver".
    pub fn not_found(noun: &str) -> Self {
        Self::NotFound(NotFoundProblem {
            code: "NOT_FOUND".to_owned(),
            message: format!("no such {noun}"),
        })
    }

    /// The state forbids it.
    pub fn conflict(code: ConflictCode, message: impl Into<String>) -> Self {
        Self::Conflict(ConflictProblem { code: code.0.to_owned(), message: message.into() })
    }

    /// Too often: try again after so many seconds.
    pub fn rate_limit(retry_after_seconds: i32) -> Self {
        let message = format!("too many attempts, try again in {retry_after_seconds} s");
        Self::RateLimit(RateLimitProblem {
            code: "RATE_LIMITED".to_owned(),
            message,
            retry_after_seconds,
        })
    }
}

impl Problem {
    /// The message, whichever type it is.
    pub fn text(&self) -> &str {
        match self {
            Self::Validation(problem) => &problem.message,
            Self::Authentication(problem) => &problem.message,
            Self::NotFound(problem) => &problem.message,
            Self::Conflict(problem) => &problem.message,
            Self::RateLimit(problem) => &problem.message,
        }
    }
}

/// A code of [`ValidationProblem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidationCode(&'static str);

impl ValidationCode {
    /// Nothing was given where something must be.
    pub const REQUIRED: Self = Self("REQUIRED");
    /// Not written as it must be.
    pub const INVALID_FORMAT: Self = Self("INVALID_FORMAT");
    /// Too short.
    pub const TOO_SHORT: Self = Self("TOO_SHORT");
    /// Too long.
    pub const TOO_LONG: Self = Self("TOO_LONG");
    /// Too small or too large.
    pub const OUT_OF_RANGE: Self = Self("OUT_OF_RANGE");
    /// A password that is easily guessed.
    pub const WEAK_PASSWORD: Self = Self("WEAK_PASSWORD");
    /// A time that must lie ahead.
    pub const IN_THE_PAST: Self = Self("IN_THE_PAST");
    /// A quote tampered with, or for another rider, product or trip.
    pub const QUOTE_INVALID: Self = Self("QUOTE_INVALID");
    /// A quote whose time is over.
    pub const QUOTE_EXPIRED: Self = Self("QUOTE_EXPIRED");
    /// Not the rider's PIN.
    pub const WRONG_PIN: Self = Self("WRONG_PIN");
    /// A document whose time is over.
    pub const EXPIRED_DOCUMENT: Self = Self("EXPIRED_DOCUMENT");
}

/// A code of [`AuthenticationProblem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticationCode(&'static str);

impl AuthenticationCode {
    /// Unknown account, wrong password and deactivated account alike.
    pub const INVALID_CREDENTIALS: Self = Self("INVALID_CREDENTIALS");
    /// Not a token of ours.
    pub const TOKEN_INVALID: Self = Self("TOKEN_INVALID");
    /// A token whose time is over.
    pub const TOKEN_EXPIRED: Self = Self("TOKEN_EXPIRED");
    /// A token that was used before.
    pub const TOKEN_REUSED: Self = Self("TOKEN_REUSED");
    /// Not the code that was sent.
    pub const CODE_INVALID: Self = Self("CODE_INVALID");
}

/// A code of [`ConflictProblem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConflictCode(&'static str);

impl ConflictCode {
    /// An account has this mail address.
    pub const EMAIL_TAKEN: Self = Self("EMAIL_TAKEN");
    /// An account has this phone number.
    pub const PHONE_TAKEN: Self = Self("PHONE_TAKEN");
    /// A channel has this slug.
    pub const SLUG_TAKEN: Self = Self("SLUG_TAKEN");
    /// The user is a driver, or on the way to be one.
    pub const ALREADY_REGISTERED: Self = Self("ALREADY_REGISTERED");
    /// Somebody else changed it first.
    pub const VERSION_CONFLICT: Self = Self("VERSION_CONFLICT");
    /// The state does not lead there.
    pub const INVALID_TRANSITION: Self = Self("INVALID_TRANSITION");
    /// Another driver was faster.
    pub const RIDE_TAKEN: Self = Self("RIDE_TAKEN");
    /// The offer's time is over.
    pub const OFFER_EXPIRED: Self = Self("OFFER_EXPIRED");
    /// The driver has a ride.
    pub const DRIVER_BUSY: Self = Self("DRIVER_BUSY");
    /// The driver is not approved, or suspended.
    pub const DRIVER_NOT_APPROVED: Self = Self("DRIVER_NOT_APPROVED");
    /// Not to be had now.
    pub const NOT_AVAILABLE: Self = Self("NOT_AVAILABLE");
    /// A ride needs the vehicle.
    pub const VEHICLE_IN_USE: Self = Self("VEHICLE_IN_USE");
    /// The rider has a ride.
    pub const ACTIVE_RIDE_EXISTS: Self = Self("ACTIVE_RIDE_EXISTS");
    /// The ride has this rating.
    pub const ALREADY_RATED: Self = Self("ALREADY_RATED");
    /// The idempotency key came with other input.
    pub const IDEMPOTENCY_KEY_REUSED: Self = Self("IDEMPOTENCY_KEY_REUSED");
    /// The first request with this key is still running.
    pub const IN_PROGRESS: Self = Self("IN_PROGRESS");
    /// The product is not sold now.
    pub const PRODUCT_INACTIVE: Self = Self("PRODUCT_INACTIVE");
}
