//! Which pages' requests are taken where the browser does not ask first: a WebSocket, and a query by GET.
//!
//! A POST needs no such check: JSON from a page of another site is sent only after the browser has asked (see `cors`).

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

/// Where a request comes from, as browsers tell it of each: <https://www.w3.org/TR/fetch-metadata/>.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a page may open a WebSocket: browsers let every page, and send where it is from. Our own pages may, and those
/// of the sites that the settings name. Whoever sends no origin is no browser.
pub(crate) fn may_open_socket(headers: &HeaderMap, origins: &[HeaderValue]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let own = || {
        let url = Url::parse(origin.to_str().ok()?).ok()?;
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        Some(headers.get(header::HOST)?.as_bytes() == authority.as_bytes())
    };
    origins.contains(origin) || own().unwrap_or(false)
}

/// Whether a request may be answered. A GET can be sent by every page, with the client's cookies and from its network;
/// the page does not see the answer, but could have it computed, and measure how long that takes.
pub(crate) fn may_ask(method: &Method, headers: &HeaderMap, origins: &[HeaderValue]) -> bool {
    let is_foreign =
        method == Method::GET && headers.get(SEC_FETCH_SITE).is_some_and(|it| it == "cross-site");
    !is_foreign || headers.get(header::ORIGIN).is_some_and(|origin| origins.contains(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGINS: [HeaderValue; 1] = [HeaderValue::from_static("https://app.example.com")];

    fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
        of.iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn pages_of_other_sites_open_no_socket() {
        let check = |origin: &str, host: &str| {
            may_open_socket(&headers(&[("host", host), ("origin", origin)]), &ORIGINS)
        };
        assert!(check("", "api.example.com"));
        assert!(check("https://api.example.com", "api.example.com"));
        assert!(check("http://127.0.0.1:4000", "127.0.0.1:4000"));
        assert!(check("https://app.example.com", "api.example.com"));
        assert!(!check("https://evil.example.com", "api.example.com"));
        assert!(!check("http://127.0.0.1:4001", "127.0.0.1:4000"));
        assert!(!check("null", "api.example.com"));
    }

    #[test]
    fn pages_of_other_sites_do_not_ask_by_get() {
        let check = |method: Method, site: &str, origin: &str| {
            may_ask(&method, &headers(&[("sec-fetch-site", site), ("origin", origin)]), &ORIGINS)
        };
        assert!(check(Method::GET, "", ""));
        assert!(check(Method::GET, "none", ""));
        assert!(check(Method::GET, "same-origin", ""));
        assert!(check(Method::GET, "cross-site", "https://app.example.com"));
        assert!(!check(Method::GET, "cross-site", ""));
        assert!(!check(Method::GET, "cross-site", "https://evil.example.com"));
        assert!(check(Method::POST, "cross-site", "https://evil.example.com"));
    }
}
