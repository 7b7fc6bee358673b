//! Hides parts of a split from clients: `@inaccessible` fields, and types with all fields that return them.

use std::collections::BTreeSet;

use crate::random::Random;
use crate::schema::Kind;
use crate::split::Split;

impl Split {
    /// Hides a field of an entity, unless an interface shows it.
    pub(crate) fn hide_field(&mut self, random: &mut Random) {
        let (entity, part) = self.holding(random);
        let interfaces = self.schema.interfaces(&entity);
        let in_interface = |name: &str| {
            interfaces.iter().any(|it| self.schema.types[it].fields.contains_key(name))
        };
        let fields = self.parts[part].types[&entity].fields.iter();
        let open = fields.filter(|(name, field)| !in_interface(name) && !field.is_external());
        let names: Vec<String> = open.map(|(name, _)| name.clone()).collect();
        if names.len() > 1 {
            let name = random.pick(&names);
            self.add_directive(part, &entity, &name, "@inaccessible");
        }
    }

    /// Hides a type, where all types keep something to show: it is still returned as a member of what clients see. No interface
    /// object stands for it, since clients' schema does not say that it does.
    pub(crate) fn hide_type(&mut self, random: &mut Random) {
        let names = self.schema.types.iter().filter(|(name, it)| {
            matches!(it.kind, Kind::Entity | Kind::Value)
                && !is_root(name)
                && !(0..self.parts.len()).any(|part| self.is_barred(part, name))
        });
        let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
        let hidden = random.pick(&names);
        let returning = self.fields_of_type(&hidden);
        if !self.keep_something(&hidden, &returning) {
            return;
        }
        for (part, ty, field) in returning {
            if !self.parts[part].types[&ty].fields[&field].is_external() {
                self.add_directive(part, &ty, &field, "@inaccessible");
            }
        }
        self.hidden = Some(hidden);
    }

    /// Subgraph, type and name of all fields that return a type.
    fn fields_of_type(&self, name: &str) -> Vec<(usize, String, String)> {
        let mut found = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            for (ty, in_part) in &part.types {
                let fields = in_part.fields.keys();
                let returning = fields.filter(|it| self.schema.types[ty].fields[*it].base == name);
                found.extend(returning.map(|field| (index, ty.clone(), field.clone())));
            }
        }
        found
    }

    /// Whether each type but the hidden one keeps a field or member that clients see.
    fn keep_something(&self, hidden: &str, returning: &[(usize, String, String)]) -> bool {
        let is_shown = |ty: &str, field: &str| {
            let is_hidden = self.parts.iter().any(|part| {
                let in_part = part.types.get(ty).and_then(|it| it.fields.get(field));
                in_part.is_some_and(|it| it.directives.iter().any(|it| it == "@inaccessible"))
            });
            !is_hidden && !returning.iter().any(|(_, it, name)| it == ty && name == field)
        };
        let names: BTreeSet<&String> = self.parts.iter().flat_map(|it| it.types.keys()).collect();
        names.into_iter().filter(|name| *name != hidden).all(|name| {
            let in_parts = || self.parts.iter().filter_map(|it| it.types.get(name));
            let mut fields = in_parts().flat_map(|it| it.fields.keys());
            let mut members = in_parts().flat_map(|it| &it.members);
            let has_fields = in_parts().any(|it| !it.fields.is_empty());
            let is_abstract = in_parts().any(|it| !it.members.is_empty());
            (!has_fields || fields.any(|field| is_shown(name, field)))
                && (!is_abstract || members.any(|member| member != hidden))
        })
    }
}

fn is_root(name: &str) -> bool {
    matches!(name, "Query" | "Mutation" | "Subscription")
}
