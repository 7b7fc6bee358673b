//! The tables of platform, as rows.

pub(crate) mod ad_event;
pub(crate) mod advertisement;
pub(crate) mod product;
pub(crate) mod rate_card;
pub(crate) mod ride;
pub(crate) mod service_channel;
