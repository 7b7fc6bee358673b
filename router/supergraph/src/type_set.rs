//! Composite types by number, and sets of them.

use std::sync::Arc;

/// The place of a composite type in `Supergraph::types`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

impl TypeId {
    /// The place as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of composite types, cheap to clone and to compare.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeSet(Arc<[TypeId]>);

impl TypeSet {
    /// The set of one type.
    pub fn one(id: TypeId) -> Self {
        Self(Arc::new([id]))
    }

    /// The types, ascending.
    pub fn iter(&self) -> impl Iterator<Item = TypeId> + '_ {
        self.0.iter().copied()
    }

    /// How many types are in it.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the type is in it.
    pub fn contains(&self, id: TypeId) -> bool {
        self.0.binary_search(&id).is_ok()
    }

    /// Whether all of these are in the other set.
    pub fn is_subset(&self, of: &Self) -> bool {
        self.iter().all(|id| of.contains(id))
    }

    /// The types that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        if self == other {
            return self.clone();
        }
        self.iter().filter(|id| other.contains(*id)).collect()
    }

    /// The types that are in one of them.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if other.is_subset(self) {
            return self.clone();
        }
        self.iter().chain(other.iter()).collect()
    }
}

impl FromIterator<TypeId> for TypeSet {
    fn from_iter<I: IntoIterator<Item = TypeId>>(ids: I) -> Self {
        let mut ids: Vec<TypeId> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self(ids.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_sorted_and_without_repetition() {
        let set: TypeSet = [3, 1, 3, 2].into_iter().map(TypeId).collect();
        assert_eq!(set.iter().map(|id| id.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(set.contains(TypeId(2)) && !set.contains(TypeId(4)));
        assert!(set.intersection(&TypeSet::one(TypeId(2))).is_subset(&set));
        assert_eq!(set.union(&TypeSet::one(TypeId(0))).len(), 4);
    }
}
