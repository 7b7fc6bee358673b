//! The specifications that subgraphs may link, and the directives of each.

/// The versions of the federation specification that are known here.
pub(super) const OLDEST: (u32, u32) = (2, 0);
pub(super) const NEWEST: (u32, u32) = (2, 12);

/// The names of Federation 1, which needs no `@link`.
pub(super) const FEDERATION_1: [&str; 6] =
    ["key", "external", "requires", "provides", "extends", "tag"];

/// What Federation 1 learnt of Federation 2's from subgraphs that defined it themselves.
pub(super) const LEARNT_BY_FEDERATION_1: [&str; 3] = ["shareable", "override", "inaccessible"];

/// The directives of Federation 2, and the minor version that each came with.
pub(super) const FEDERATION_2: [(&str, u32); 19] = [
    ("key", 0),
    ("external", 0),
    ("requires", 0),
    ("provides", 0),
    ("extends", 0),
    ("shareable", 0),
    ("inaccessible", 0),
    ("tag", 0),
    ("override", 0),
    ("composeDirective", 1),
    ("interfaceObject", 3),
    ("authenticated", 5),
    ("requiresScopes", 5),
    ("policy", 6),
    ("context", 8),
    ("fromContext", 8),
    ("cost", 9),
    ("listSize", 9),
    ("cacheTag", 12),
];

/// What else of the federation can be imported: its scalars.
pub(super) const SCALARS: [&str; 4] = ["FieldSet", "Scope", "Policy", "ContextFieldValue"];

/// A specification that federation includes and that can be linked by itself: `https://specs.apollo.dev/cost/v0.1`.
pub(super) struct Included {
    /// Its name, which is that of its first directive.
    pub(super) name: &'static str,
    pub(super) directives: &'static [&'static str],
    /// The newest version that is known.
    pub(super) newest: (u32, u32),
    /// The minor version of Federation 2 that includes it.
    pub(super) since: u32,
}

const fn alone(
    name: &'static str,
    directives: &'static [&'static str],
    newest: (u32, u32),
    since: u32,
) -> Included {
    Included { name, directives, newest, since }
}

pub(super) const INCLUDED: [Included; 8] = [
    alone("tag", &["tag"], (0, 3), 0),
    alone("inaccessible", &["inaccessible"], (0, 2), 0),
    alone("authenticated", &["authenticated"], (0, 1), 5),
    alone("requiresScopes", &["requiresScopes"], (0, 1), 5),
    alone("policy", &["policy"], (0, 1), 6),
    alone("context", &["context", "fromContext"], (0, 1), 8),
    alone("cost", &["cost", "listSize"], (0, 1), 9),
    alone("cacheTag", &["cacheTag"], (0, 1), 12),
];

/// Where these specifications are at home.
pub(super) const HOME: &str = "https://specs.apollo.dev/";

/// The specification of connectors, which this composition does not know.
pub(super) const CONNECT: &str = "https://specs.apollo.dev/connect";
