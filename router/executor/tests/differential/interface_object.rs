//! Interface objects of a split: subgraphs that add fields to all types of an interface, and know none of them.

use crate::random::Random;
use crate::schema::Schema;
use crate::split::{PartType, Split};

/// A subgraph that has an interface as an object.
#[derive(Debug)]
pub(crate) struct InterfaceObject {
    pub(crate) interface: &'static str,
    /// Where it is an object.
    pub(crate) part: usize,
    /// Where it is an interface with a key.
    pub(crate) home: usize,
    fields: &'static [&'static str],
}

/// Interfaces, and the fields that objects may add to them: all by one subgraph, or some by each of two.
const ADDED: [(&str, [&str; 2]); 2] = [("Item", ["stars", "badge"]), ("Node", ["rank", "shape"])];

impl Split {
    /// Chooses them, before anything is placed.
    pub(crate) fn choose_interface_objects(&mut self, random: &mut Random) {
        // The interfaces may have types in common, which a subgraph with an object does not know.
        let home = random.below(self.parts.len());
        let others: Vec<usize> = (0..self.parts.len()).filter(|it| *it != home).collect();
        for (interface, fields) in &ADDED {
            if !self.schema.types.contains_key(*interface) || !random.percent(40) {
                continue;
            }
            let count = if random.percent(40) { 2.min(others.len()) } else { 1 };
            let parts = random.some(&others, count);
            let fields = fields.chunks(if count == 2 { 1 } else { 2 });
            self.interface_objects.extend(
                parts.into_iter().zip(fields).map(|(part, fields)| InterfaceObject {
                    interface,
                    part,
                    home,
                    fields,
                }),
            );
        }
    }

    /// Whether a type is an interface object in a subgraph.
    pub(crate) fn is_object(&self, part: usize, name: &str) -> bool {
        self.interface_objects.iter().any(|it| it.part == part && it.interface == name)
    }

    /// Whether a subgraph may not know a type: where an interface is an object, its objects have no types.
    pub(crate) fn is_barred(&self, part: usize, name: &str) -> bool {
        let Some(schema_type) = self.schema.types.get(name) else { return false };
        !self.is_object(part, name)
            && (self.schema.interfaces(name).iter().any(|it| self.is_object(part, it))
                || schema_type.members.iter().any(|member| self.is_barred(part, member)))
    }

    /// The interface to which an object adds a field, if one does.
    pub(crate) fn interface_with_added(&self, ty: &str, field: &str) -> Option<&'static str> {
        let adds = |it: &&InterfaceObject| {
            it.fields.contains(&field)
                && (ty == it.interface
                    || self.schema.interfaces(ty).iter().any(|name| name == it.interface))
        };
        self.interface_objects.iter().find(adds).map(|it| it.interface)
    }

    /// The interfaces where they are interfaces, and the objects with their fields.
    pub(crate) fn place_interface_objects(&mut self, random: &mut Random) {
        for index in 0..self.interface_objects.len() {
            let InterfaceObject { interface, part, home, fields } = self.interface_objects[index];
            let members = self.schema.types[interface].members.clone();
            for member in &members {
                self.add_key(home, member, "id", true);
            }
            let mut in_part = PartType { members: members.clone(), ..PartType::default() };
            in_part.keys.insert("id", true);
            self.parts[home].types.insert(interface.to_owned(), in_part);
            self.ensure(part, interface, random);
            let bases: Vec<String> =
                self.schema.types.keys().filter(|it| !self.is_barred(part, it)).cloned().collect();
            for name in fields {
                let mut field = Schema::field(&bases, random);
                // It is asked for before it is known whether the object's type is one for which it is wanted; an error
                // then shows where one server would have none.
                field.is_relied_on = true;
                for ty in members.iter().map(String::as_str).chain([interface]) {
                    self.schema.types[ty].fields.insert((*name).to_owned(), field.clone());
                }
                self.place(part, interface, name, random);
            }
        }
    }
}
