//! Chooses the entries of the response tree for what the client did not ask for, so that they never collide.

use std::collections::HashMap;
use std::rc::Rc;

use apollo_compiler::Name;
use indexmap::IndexMap;

use crate::PathElement;
use crate::demand::Demand;

/// A field as it stands in an entry: its name and arguments.
type Held = (Name, String);

/// The entries at every position, the client's and those chosen; `None` holds different fields for different types.
#[derive(Debug, Default)]
pub(crate) struct EntryNames {
    taken: HashMap<Vec<Name>, IndexMap<Name, Option<Held>>>,
}

impl EntryNames {
    /// Notes the entries that the client's fields take.
    pub(crate) fn of_client(demands: &[Rc<Demand>]) -> Self {
        let mut names = Self::default();
        names.note(&mut Vec::new(), demands);
        names
    }

    fn note(&mut self, position: &mut Vec<Name>, demands: &[Rc<Demand>]) {
        for demand in demands {
            let Some(output) = demand.output.as_ref().filter(|_| !demand.is_typename()) else {
                continue;
            };
            let held = Some((demand.name.clone(), demand.arguments.clone()));
            let taken = self.taken.entry(position.clone()).or_default();
            let entry = taken.entry(output.clone()).or_insert_with(|| held.clone());
            if *entry != held {
                *entry = None;
            }
            position.push(output.clone());
            self.note(position, &demand.children);
            position.pop();
        }
    }

    /// The entry for a field at a position: one that holds it already, else a free name.
    pub(crate) fn choose(&mut self, position: &[Name], name: &Name, arguments: &str) -> Name {
        let taken = self.taken.entry(position.to_vec()).or_default();
        let holds =
            |held: &Option<Held>| held.as_ref().is_some_and(|(n, a)| n == name && a == arguments);
        if taken.get(name).is_some_and(holds) {
            return name.clone();
        }
        if let Some((output, _)) = taken.iter().find(|(_, held)| holds(held)) {
            return output.clone();
        }
        let numbered = (0..).map(|n| format!("_{n}_{name}"));
        let output = std::iter::once(name.to_string())
            .chain(numbered)
            .find(|free| !taken.contains_key(free.as_str()))
            .and_then(|free| Name::new(&free).ok())
            .expect("there is always another number, and a prefixed name is a name");
        taken.insert(output.clone(), Some((name.clone(), arguments.to_owned())));
        output
    }
}

/// A position as entry names count it: without lists and types.
pub(crate) fn position(path: &[PathElement]) -> Vec<Name> {
    path.iter()
        .filter_map(|element| match element {
            PathElement::Key(key) => Some(key.clone()),
            PathElement::Items | PathElement::TypeCondition(_) => None,
        })
        .collect()
}
