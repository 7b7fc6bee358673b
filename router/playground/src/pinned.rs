//! The files of GraphiQL, pinned: the build script takes them from npm, or the page from a CDN. Both check them.

/// A file of an npm package.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PinnedFile {
    /// The package, as in `package.json`.
    pub(crate) package: &'static str,
    /// The version, as in `package.json`.
    pub(crate) version: &'static str,
    /// Where the file stands in the package.
    pub(crate) path: &'static str,
    /// What a browser compares it with: `sha384-…`.
    pub(crate) integrity: &'static str,
}

/// In the order in which the page loads them.
pub(crate) const PINNED_FILES: [PinnedFile; 4] = [
    PinnedFile {
        package: "graphiql",
        version: "4.1.2",
        path: "graphiql.min.css",
        integrity: "sha384-1el1QShFBnnXTx9x/Cprg82hZWKt0ry29OAYIXt05swbi0KcZDFoj0CWguMpopJr",
    },
    PinnedFile {
        package: "react",
        version: "18.3.1",
        path: "umd/react.production.min.js",
        integrity: "sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
    },
    PinnedFile {
        package: "react-dom",
        version: "18.3.1",
        path: "umd/react-dom.production.min.js",
        integrity: "sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
    },
    PinnedFile {
        package: "graphiql",
        version: "4.1.2",
        path: "graphiql.min.js",
        integrity: "sha384-9XdHu7ajgGJziD4J1zNBKQ842Q/+zZfDv+ib1eMhZWBH6hPAs806x+Jbcf0yNO6B",
    },
];

impl PinnedFile {
    /// Package, version and path in one, as CDNs write it: `react@18.3.1/umd/react.production.min.js`.
    pub(crate) fn specifier(&self) -> String {
        format!("{}@{}/{}", self.package, self.version, self.path)
    }

    /// Whether it styles the page; a script otherwise.
    pub(crate) fn is_stylesheet(&self) -> bool {
        std::path::Path::new(self.path).extension().is_some_and(|extension| extension == "css")
    }
}
