//! Arithmetic of conditions: both, either, and what is left to say inside of another.

use apollo_compiler::Name;

use crate::{Condition, Literal};

/// A condition of more alternatives than this is widened to "always": the answer is filtered by the client's own
/// `@skip` and `@include` anyway.
const ALTERNATIVES: usize = 32;

impl Condition {
    /// Holds always.
    pub fn always() -> Self {
        Self { any: vec![Vec::new()] }
    }

    /// Never holds.
    pub fn never() -> Self {
        Self { any: Vec::new() }
    }

    /// Whether it holds whatever the variables say.
    pub fn is_always(&self) -> bool {
        self.any.iter().any(Vec::is_empty)
    }

    /// Whether it holds, given the value of each variable.
    pub fn holds(&self, value_of: impl Fn(&Name) -> bool) -> bool {
        let literal_holds = |literal: &Literal| value_of(&literal.variable) == literal.holds_if;
        self.any.iter().any(|all| all.iter().all(literal_holds))
    }

    /// Holds where both do.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        if self.is_always() || self == other {
            return other.clone();
        }
        if other.is_always() {
            return self.clone();
        }
        let mut any = Vec::new();
        for a in &self.any {
            for b in &other.any {
                let mut all: Vec<Literal> = a.iter().chain(b).cloned().collect();
                all.sort();
                all.dedup();
                let contradicts = all.windows(2).any(|pair| pair[0].variable == pair[1].variable);
                if !contradicts {
                    any.push(all);
                }
            }
        }
        Self { any }.simplified()
    }

    /// Holds where one of them does.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        if self.is_always() || self == other {
            return self.clone();
        }
        Self { any: self.any.iter().chain(&other.any).cloned().collect() }.simplified()
    }

    /// Holds where it does not.
    #[must_use]
    pub fn not(&self) -> Self {
        let opposite = |literal: &Literal| {
            vec![Literal { variable: literal.variable.clone(), holds_if: !literal.holds_if }]
        };
        self.any.iter().fold(Self::always(), |rest, all| {
            rest.and(&Self { any: all.iter().map(opposite).collect() })
        })
    }

    /// What is left to say where `outer` is known to hold.
    #[must_use]
    pub fn inside(&self, outer: &Self) -> Self {
        if self == outer {
            return Self::always();
        }
        let [known] = outer.any.as_slice() else { return self.clone() };
        let rest =
            |all: &Vec<Literal>| all.iter().filter(|l| !known.contains(l)).cloned().collect();
        Self { any: self.any.iter().map(rest).collect() }.simplified()
    }

    /// Without alternatives that others make superfluous.
    fn simplified(mut self) -> Self {
        loop {
            self.any.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
            self.any.dedup();
            let mut kept: Vec<Vec<Literal>> = Vec::new();
            for all in self.any {
                if !kept.iter().any(|weaker| weaker.iter().all(|literal| all.contains(literal))) {
                    kept.push(all);
                }
            }
            self.any = kept;
            let Some(joined) = self.join_opposites() else { break };
            self.any.push(joined);
        }
        if self.any.len() > ALTERNATIVES { Self::always() } else { self }
    }

    /// `a ∧ x` or `a ∧ ¬x` is `a`: takes both out and gives the one that stands for them.
    fn join_opposites(&mut self) -> Option<Vec<Literal>> {
        for (index, a) in self.any.iter().enumerate() {
            for literal in a {
                let rest = |all: &[Literal], of: &Literal| -> Vec<Literal> {
                    all.iter().filter(|l| *l != of).cloned().collect()
                };
                let opposite = Literal { holds_if: !literal.holds_if, ..literal.clone() };
                let joined = rest(a, literal);
                let other = self.any.iter().position(|b| {
                    b.len() == a.len() && b.contains(&opposite) && rest(b, &opposite) == joined
                });
                if let Some(other) = other {
                    self.any.remove(index.max(other));
                    self.any.remove(index.min(other));
                    return Some(joined);
                }
            }
        }
        None
    }
}

impl Default for Condition {
    fn default() -> Self {
        Self::always()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(name: &str) -> Condition {
        let holds_if = !name.starts_with('!');
        let variable = Name::new(name.trim_start_matches('!')).unwrap();
        Condition { any: vec![vec![Literal { variable, holds_if }]] }
    }

    #[test]
    fn opposites_contradict_and_complete_each_other() {
        assert_eq!(literal("a").and(&literal("!a")), Condition::never());
        assert!(literal("a").or(&literal("!a")).is_always());
        let either = literal("a").and(&literal("b")).or(&literal("a").and(&literal("!b")));
        assert_eq!(either, literal("a"));
    }

    #[test]
    fn inside_says_only_what_is_new() {
        let both = literal("a").and(&literal("b"));
        assert_eq!(both.inside(&literal("a")), literal("b"));
        assert!(both.inside(&both).is_always());
        assert_eq!(literal("b").inside(&literal("a")), literal("b"));
    }

    #[test]
    fn widens_rather_than_grow_without_bound() {
        let mut any = Condition::never();
        for n in 0..100 {
            let pair = literal(&format!("a{n}")).and(&literal(&format!("b{n}")));
            any = any.or(&pair);
        }
        assert!(any.is_always());
    }
}
