//! The tables of logistics, as rows.

pub(crate) mod channel;
pub(crate) mod driver;
pub(crate) mod offer;
pub(crate) mod product;
pub(crate) mod registration;
pub(crate) mod ride;
pub(crate) mod ride_event;
pub(crate) mod rider;
pub(crate) mod safety_alert;
pub(crate) mod shift;
pub(crate) mod vehicle;
