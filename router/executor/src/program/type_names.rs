//! The object types that a plan and its operation name, and sets of them.

use apollo_compiler::Name;
use foldhash::{HashMap, HashMapExt};

use crate::json::{quoted, unescape};
use crate::program::TypeId;

impl TypeId {
    /// The subgraph has not said.
    pub(crate) const UNKNOWN: Self = Self(0);
    /// One that neither the plan nor the operation names.
    pub(crate) const OTHER: Self = Self(1);
}

/// The object types that the plan and the operation name.
#[derive(Debug)]
pub(crate) struct TypeNames {
    quoted: Vec<Box<[u8]>>,
    ids: HashMap<Box<[u8]>, TypeId>,
}

impl TypeNames {
    pub(crate) fn new() -> Self {
        // UNKNOWN and OTHER have no name.
        Self { quoted: vec![Box::default(), Box::default()], ids: HashMap::new() }
    }

    pub(crate) fn intern(&mut self, name: &Name) -> TypeId {
        let key = quoted(name);
        if let Some(&id) = self.ids.get(&key) {
            return id;
        }
        let id =
            u16::try_from(self.quoted.len()).expect("a schema has less than 65,534 object types");
        self.quoted.push(key.clone());
        self.ids.insert(key, TypeId(id));
        TypeId(id)
    }

    /// The type that a JSON value names; `None` where it is no string.
    pub(crate) fn find(&self, json: &[u8]) -> Option<TypeId> {
        if json.first() != Some(&b'"') {
            return None;
        }
        if let Some(&id) = self.ids.get(json) {
            return Some(id);
        }
        let name = unescape(json)?;
        Some(self.ids.get(&*quoted(&name)).copied().unwrap_or(TypeId::OTHER))
    }

    /// The name as a JSON string.
    pub(crate) fn quoted(&self, id: TypeId) -> &[u8] {
        &self.quoted[id.index()]
    }
}

/// A set of object types.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct TypeSet(Vec<u64>);

impl TypeSet {
    pub(crate) fn insert(&mut self, id: TypeId) {
        let word = id.index() / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (id.index() % 64);
    }

    pub(crate) fn contains(&self, id: TypeId) -> bool {
        self.0.get(id.index() / 64).is_some_and(|word| word & (1 << (id.index() % 64)) != 0)
    }

    /// Whether all of `other` are among these.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let words = other.0.iter().enumerate();
        words.map(|(at, word)| (self.0.get(at).unwrap_or(&0), word)).all(|(own, it)| it & !own == 0)
    }

    /// Whether an object may be of these types: so it is, too, where its type is unknown.
    pub(crate) fn admits(&self, id: TypeId) -> bool {
        id == TypeId::UNKNOWN || self.contains(id)
    }

    pub(crate) fn union(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        self.0.truncate(other.0.len());
        for (word, allowed) in self.0.iter_mut().zip(&other.0) {
            *word &= allowed;
        }
    }
}
