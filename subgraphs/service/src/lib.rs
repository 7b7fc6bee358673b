//! What every service does before it differs.
//!
//! The life of a service, in the order of the modules:
//!
//! 1. [`settings`] reads flags and environment, and [`Settings::connect`] builds the [`Parts`]: [`Clock`], [`Random`],
//!    [`Database`], [`ServiceKeys`], [`Bus`], the ways to the peers, and the metrics handle (`telemetry`).
//! 2. The service builds its schema with [`schema`] and becomes a [`Subgraph`], which [`app()`] turns into routes.
//! 3. A request arrives with a service token ([`service_token`]) and perhaps a user's ([`access_token`]); together they
//!    are the [`Caller`], whom resolvers ask ([`Caller::require_scope`]). What its resolvers want is loaded together
//!    ([`entity`]).
//!    A subscription comes as Server-Sent Events or over a WebSocket, and is fed from the bus ([`Bus::watch`]).
//! 4. Resolvers answer with [`Problem`]s, [`connection`]s and the [`scalar`]s; top-level errors are made in [`error`].
//! 5. A change writes its [`event`] into the [`outbox`] and its [`idempotency`] key in the same transaction; the relay
//!    brings the event to the [`bus`], and consumers apply it once through their [`inbox`]. What cannot be applied is
//!    [`parked`], for an operator.
//! 6. Other services are asked through a [`Peer`], over a [`transport`].
//! 7. [`serve()`] ends it all when asked: the requests first, then the [`Tasks`].

pub mod access_token;
pub mod app;
pub mod bus;
pub mod caller;
pub mod clock;
pub mod connection;
pub mod database;
pub mod digest;
pub mod directive;
mod endpoint;
pub mod entity;
pub mod error;
pub mod event;
mod feed;
pub mod idempotency;
pub mod inbox;
pub mod live;
pub mod outbox;
mod pace;
pub mod parked;
pub mod parts;
pub mod peer;
pub mod problem;
pub mod random;
pub mod scalar;
pub mod serve;
pub mod service_token;
pub mod settings;
pub mod signing_key;
mod span;
mod sse;
pub mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
pub mod transport;
mod websocket;

pub use access_token::{AccessClaims, AccessTokens};
pub use app::{Subgraph, app, federation_sdl, schema};
pub use bus::Bus;
pub use caller::{Caller, Scopes};
pub use clock::Clock;
pub use connection::{Connection, Direction, Keyset, Page, paginate, wants_total_count};
pub use database::Database;
pub use digest::digest;
pub use directive::authenticated;
pub use entity::{Batch, BatchLoad, Entities};
pub use error::StartError;
pub use event::{Event, NewEvent};
pub use idempotency::{Claim, Idempotency, RequestKey};
pub use inbox::Inbox;
pub use live::{Heard, Missed};
pub use outbox::Outbox;
pub use parts::{Parts, Peers};
pub use peer::{Failure, Peer, PeerError, PeerIdentity};
pub use problem::{AuthenticationCode, ConflictCode, Problem, ValidationCode};
pub use random::Random;
pub use scalar::{CurrencyCode, DateTime, MinorUnits};
pub use serve::{Running, serve};
pub use service_token::{AllowList, ServiceKeys};
pub use settings::{CommandLine, Settings};
pub use signing_key::SigningKeys;
pub use tasks::{Drain, Stop, Tasks};
pub use transport::{InProcessPeer, Transport, install_tls};
