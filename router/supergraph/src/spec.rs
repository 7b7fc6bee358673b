//! The specifications that schemas name in `@link`, and the URLs that name them.

use std::fmt;

/// The identity of the link specification: <https://specs.apollo.dev/link/v1.0>.
pub const LINK_SPEC: &str = "https://specs.apollo.dev/link";
/// The identity of the join specification, which a supergraph is written in.
pub const JOIN_SPEC: &str = "https://specs.apollo.dev/join";
/// The identity of the federation specification, which a subgraph is written in.
pub const FEDERATION_SPEC: &str = "https://specs.apollo.dev/federation";

/// A specification and its version: `https://specs.apollo.dev/join/v0.3`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinkUrl {
    /// The URL without the version.
    pub identity: String,
    /// The last segment of the identity: `join`.
    pub name: String,
    /// Major and minor version; absent where the URL ends without one.
    pub version: Option<(u32, u32)>,
}

impl LinkUrl {
    /// Reads a specification's URL; any text is one, if only by its last segment.
    pub fn parse(url: &str) -> Self {
        let url = url.trim_end_matches('/');
        let (head, last) = url.rsplit_once('/').unwrap_or(("", url));
        let version = last
            .strip_prefix('v')
            .and_then(|v| v.split_once('.'))
            .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        let identity = if version.is_some() { head } else { url };
        let name = identity.rsplit('/').next().unwrap_or_default().to_owned();
        Self { identity: identity.to_owned(), name, version }
    }
}

impl fmt::Display for LinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some((major, minor)) => write!(f, "{}/v{major}.{minor}", self.identity),
            None => self.identity.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_identity_name_and_version() {
        let link = LinkUrl::parse("https://specs.apollo.dev/federation/v2.12");
        assert_eq!(link.identity, FEDERATION_SPEC);
        assert_eq!((link.name.as_str(), link.version), ("federation", Some((2, 12))));
        assert_eq!(LinkUrl::parse("https://example.com/mine").version, None);
    }
}
