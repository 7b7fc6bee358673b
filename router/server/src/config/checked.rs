//! Settings that are checked while they are read: what is wrong is said with its place in the file.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::request_context::ROUTERS_OWN_HEADERS;

/// Names of headers, none of which the router sets itself.
pub(super) fn forwardable<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<HeaderName>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let forwardable = names.iter().map(|name| match HeaderName::try_from(name) {
        Ok(header) if ROUTERS_OWN_HEADERS.contains(&header) => {
            Err(D::Error::custom(format!("`{header}` cannot be forwarded: the router sets it")))
        }
        Ok(header) => Ok(header),
        Err(_) => Err(D::Error::custom(format!("`{name}` is not the name of a header"))),
    });
    forwardable.collect()
}

/// Origins as browsers send them: a scheme, a host, perhaps a port, and no path.
pub(super) fn origins<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<HeaderValue>, D::Error> {
    let origins = Vec::<String>::deserialize(deserializer)?;
    let checked = origins.iter().map(|origin| match Url::parse(origin) {
        Ok(url) if url.origin().ascii_serialization() == *origin => {
            HeaderValue::try_from(origin).map_err(D::Error::custom)
        }
        _ => Err(D::Error::custom(format!(
            "`{origin}` is not an origin like `https://app.example.com`"
        ))),
    });
    checked.collect()
}

/// True, false, or a percentage.
pub(super) fn shares<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "true, false, or a percentage")]
    enum Share {
        All(bool),
        Percent(f64),
    }
    let shares = BTreeMap::<String, Share>::deserialize(deserializer)?;
    let percent = |(label, share): (String, Share)| match share {
        Share::All(is_on) => Ok((label, if is_on { 100.0 } else { 0.0 })),
        Share::Percent(percent) if (0.0..=100.0).contains(&percent) => Ok((label, percent)),
        Share::Percent(percent) => {
            Err(D::Error::custom(format!("`{label}`: {percent} is not between 0 and 100")))
        }
    };
    shares.into_iter().map(percent).collect()
}
