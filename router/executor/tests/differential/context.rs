//! Fields that get something from objects above them: `@context` and `@fromContext`.

use indexmap::IndexMap;

use crate::random::Random;
use crate::schema::{Field, Kind, Type, key_field};
use crate::split::Split;

/// The types that such an argument can have, if the value is a leaf.
const LEAVES: [&str; 6] = ["String", "Int", "Float", "Boolean", "ID", "Color"];

impl Split {
    /// A new entity, reached only below one or two entities that set a context, has a field that uses it.
    pub(crate) fn pass_context(&mut self, random: &mut Random) {
        let (entity, part) = self.holding(random);
        let Some((name, field)) = self.contextual_field(&entity, part, None, random) else {
            return;
        };
        let mut fields = vec![(entity, name)];
        let others =
            self.holders.iter().filter(|(it, parts)| **it != fields[0].0 && parts.contains(&part));
        let others: Vec<String> = others.map(|(it, _)| it.clone()).collect();
        if !others.is_empty() && random.percent(50) {
            let other = random.pick(&others);
            let found = self.contextual_field(&other, part, Some(&field), random);
            fields.extend(found.map(|(name, _)| (other, name)));
        }
        self.add_slip(part);
        for (entity, name) in &fields {
            self.schema.types[entity].fields[name].is_relied_on = true;
            if !self.has(part, entity, name) {
                self.add_directive(part, entity, name, "@external");
            }
            self.parts[part].types[entity].sets_context = true;
            self.lead_to_slip(part, entity, random);
        }
        let selection = match &*fields {
            [(_, name)] => format!("{{ {name} }}"),
            fields => {
                let fragment =
                    |(entity, name): &(String, String)| format!("... on {entity} {{ {name} }}");
                fields.iter().map(fragment).collect::<Vec<_>>().join(" ")
            }
        };
        let ty = field.ty();
        let ty = ty.strip_suffix('!').unwrap_or(&ty);
        self.parts[part].types["Slip"].fields["worth"].contextual =
            Some(format!("scope: {ty} @fromContext(field: \"$scope {selection}\")"));
    }

    /// A field whose value can be passed on; of the same type as another one, if there is one.
    fn contextual_field(
        &self,
        entity: &str,
        part: usize,
        like: Option<&Field>,
        random: &mut Random,
    ) -> Option<(String, Field)> {
        let moves = |name: &str| {
            let in_parts =
                self.parts.iter().filter_map(|it| it.types.get(entity)?.fields.get(name));
            in_parts
                .into_iter()
                .any(|it| it.directives.iter().any(|it| it.starts_with("@override")))
        };
        let fields = self.schema.types[entity].fields.iter().filter(|(name, field)| {
            LEAVES.contains(&&*field.base)
                && field.arguments.is_empty()
                && (self.interface_with_added(entity, name).is_none())
                && (self.has(part, entity, name) || !self.owners(entity, name).is_empty())
                && !moves(name)
                && like.is_none_or(|like| {
                    like.ty().trim_end_matches('!') == field.ty().trim_end_matches('!')
                })
        });
        let fields: Vec<(String, Field)> =
            fields.map(|(name, field)| (name.clone(), field.clone())).collect();
        (!fields.is_empty()).then(|| random.pick(&fields))
    }

    fn add_slip(&mut self, part: usize) {
        let mut worth = Field::new("String", "_");
        worth.arguments = "(first: Int = 3)";
        let fields =
            [("id", key_field("id")), ("worth", worth), ("tag", Field::new("String", "_"))];
        let slip = Type {
            kind: Kind::Entity,
            fields: fields
                .into_iter()
                .map(|(name, field)| (name.to_owned(), field))
                .collect::<IndexMap<_, _>>(),
            keys: vec!["id"],
            members: Vec::new(),
        };
        self.schema.types.insert("Slip".to_owned(), slip);
        self.holders.insert("Slip".to_owned(), vec![part]);
        self.add_key(part, "Slip", "id", true);
        let mut random = Random::new(0);
        self.place(part, "Slip", "worth", &mut random);
        self.place(part, "Slip", "tag", &mut random);
    }

    /// An entity leads to the new one, where it sets the context, and perhaps elsewhere: from there one has to come back.
    fn lead_to_slip(&mut self, part: usize, entity: &str, random: &mut Random) {
        let fields = &mut self.schema.types[entity].fields;
        fields.insert("slip".to_owned(), Field::new("Slip", random.pick(&["_", "[_]", "[_!]!"])));
        self.place(part, entity, "slip", random);
        let others: Vec<usize> =
            self.holders[entity].iter().copied().filter(|it| *it != part).collect();
        if !others.is_empty() && random.percent(60) {
            let other = random.pick(&others);
            self.schema.types[entity]
                .fields
                .insert("elsewhere".to_owned(), Field::new("Slip", "_"));
            self.add_key(other, "Slip", "id", true);
            self.place(other, entity, "elsewhere", random);
        }
    }
}
