//! GraphiQL for any GraphQL endpoint: a page, and the files that it loads.
//!
//! 1. At build time, `build.rs` takes the files of `pinned.rs` from npm, where npm is there, and they are embedded.
//! 2. [`page`] writes the page for one endpoint, with [`Example`]s as its tabs, and the policy to send along.
//! 3. [`assets`] are the files to serve beside it. Where nothing could be embedded they are only our own, and the page
//!    loads the pinned files from a CDN, checked by their hashes.
//!
//! ```
//! let page = playground::page("/graphql", &[]);
//! assert!(page.html.contains(r#"data-endpoint="/graphql""#));
//! assert!(page.content_security_policy.starts_with("default-src 'none'"));
//! assert!(playground::assets().any(|asset| asset.path == "/playground/start.js"));
//! ```

mod example;
mod page;
mod pinned;

pub use example::Example;
pub use page::{Page, page};

/// A file to serve, at its path. The paths of pinned files name their version, so that they never change.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Where the page looks for it: `/playground/…`.
    pub path: &'static str,
    /// Its `content-type`.
    pub content_type: &'static str,
    /// What it contains.
    pub bytes: &'static [u8],
}

/// What the page needs beside itself.
pub fn assets() -> impl Iterator<Item = &'static Asset> {
    OWN.iter().chain(EMBEDDED)
}

/// Whether GraphiQL is embedded, so that the page works without internet.
pub fn is_embedded() -> bool {
    cfg!(embedded)
}

const OWN: &[Asset] = &[
    Asset {
        path: "/playground/start.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../page/start.js"),
    },
    Asset {
        path: "/playground/style.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../page/style.css"),
    },
    Asset {
        path: "/playground/icon.svg",
        content_type: "image/svg+xml",
        bytes: include_bytes!("../page/icon.svg"),
    },
];

const EMBEDDED: &[Asset] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

#[cfg(test)]
mod tests {
    use crate::pinned::PINNED_FILES;

    #[test]
    fn the_pinned_versions_are_those_of_package_and_lock_file() {
        let package = include_str!("../package.json");
        let lock = include_str!("../package-lock.json");
        for file in PINNED_FILES {
            let pin = format!("\"{}\": \"{}\"", file.package, file.version);
            assert!(package.contains(&pin), "package.json lacks {pin}");
            let locked = format!(
                "\"node_modules/{}\": {{\n      \"version\": \"{}\"",
                file.package, file.version
            );
            assert!(lock.contains(&locked), "package-lock.json lacks {locked}");
        }
    }

    /// The hashes that a CDN's files are held to are those of npm's files.
    #[cfg(embedded)]
    #[test]
    fn the_pinned_hashes_are_those_of_the_embedded_files() {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        use sha2::{Digest as _, Sha384};

        for file in PINNED_FILES {
            let path = format!("/playground/{}", file.specifier());
            let asset = super::assets().find(|asset| asset.path == path).unwrap();
            let digest = STANDARD.encode(Sha384::digest(asset.bytes));
            assert_eq!(file.integrity, format!("sha384-{digest}"), "{path}");
        }
    }

    #[cfg(embedded)]
    #[test]
    fn the_licences_go_along_with_what_is_embedded() {
        let asset = super::assets().find(|asset| asset.path == "/playground/licences.txt").unwrap();
        let text = std::str::from_utf8(asset.bytes).unwrap();
        for package in ["graphiql", "react", "react-dom", "graphql", "codemirror"] {
            assert!(text.contains(&format!("\n==== {package}\n")), "no licence of {package}");
        }
    }
}
