//! What a subgraph's fields take: input types that are not the same in all subgraphs, and of which clients see what all have.

use std::fmt::Write as _;

use crate::random::Random;

/// The arguments that a field may have, as in SDL.
pub(crate) const ARGUMENTS: [&str; 10] = [
    "(first: Int = 3)",
    "(ids: [ID!], color: Color)",
    "(filter: Filter)",
    "(filter: Filter! = {text: \"none\"}, factor: Float)",
    "(matrix: [[Int!]], digits: Digits)",
    "(id: ID!)",
    "(color: Color! = GREEN, ids: [ID!]! = [\"a\", 7], far: [[Float!]!] = [[1.5], []])",
    "(choice: Choice)",
    "(choice: Choice!, flag: Boolean = true)",
    // Without a default, lest the subgraph speak of it.
    "(secret: Color @inaccessible, digits: Digits)",
];

/// How a subgraph's version of the input types differs from those of others.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Fields of `Filter` that only some subgraphs have. They have no default, lest the subgraph speak of them.
    own: Vec<&'static str>,
    /// Whether `Filter.text` must be there.
    is_strict: bool,
    /// Whether `Filter.hidden` is known to be inaccessible.
    hides: bool,
    /// Whether `Color` has its inaccessible value.
    has_ultraviolet: bool,
}

impl Inputs {
    /// Federation 1 hides nothing.
    pub(crate) fn random(is_old: bool, random: &mut Random) -> Self {
        let own = ["near: Int", "far: [[Color]!]", "by: Choice"];
        Self {
            own: own.into_iter().filter(|_| random.percent(60)).collect(),
            is_strict: random.percent(30),
            hides: !is_old && random.percent(60),
            has_ultraviolet: !is_old && random.percent(30),
        }
    }

    /// The definitions of those types that are used in some SDL.
    pub(crate) fn print(&self, types: &str) -> String {
        let mut out = String::new();
        let uses = |name: &str| types.contains(name);
        let uses_filter = uses("Filter") || uses("Choice");
        if uses("Color") || uses_filter {
            let ultraviolet = if self.has_ultraviolet { " ULTRAVIOLET @inaccessible" } else { "" };
            let _ = write!(out, "\nenum Color {{ RED GREEN BLUE{ultraviolet} }}\n");
        }
        if uses("Digits") {
            out += "\nscalar Digits @specifiedBy(url: \"https://example.test/digits\")\n";
        }
        if uses("Stamp") {
            out += "\nscalar Stamp\n";
        }
        if uses_filter {
            let strict = if self.is_strict { "!" } else { "" };
            let hidden = if self.hides { " @inaccessible" } else { "" };
            let _ = write!(
                out,
                "\ninput Filter {{\n  text: String{strict}\n  ids: [ID!]\n  color: Color = RED\n  limit: Float\n  \
                 deeper: Filter\n  hidden: String{hidden}\n"
            );
            for field in &self.own {
                let _ = writeln!(out, "  {field}");
            }
            out += "}\n\ninput Choice @oneOf {\n  text: String\n  number: Int\n  filter: Filter\n  colors: [Color!]\n}\n";
        }
        out
    }
}
