//! Splits a random schema at random into subgraphs that compose.
//!
//! An entity has a *hub*, the first subgraph that holds it: it knows all its keys, so that every other subgraph can be
//! left for it and reached from it. That is enough for every field to be reachable.

use indexmap::IndexMap;

use crate::input::Inputs;
use crate::interface_object::InterfaceObject;
use crate::random::Random;
use crate::schema::{Field, Kind, MOODS, Schema, Type, key_field};

/// A schema, and which subgraph has what of it.
pub(crate) struct Split {
    pub(crate) schema: Schema,
    pub(crate) parts: Vec<Part>,
    /// For each entity, the subgraphs that can be asked for it; the hub first.
    pub(crate) holders: IndexMap<String, Vec<usize>>,
    pub(crate) interface_objects: Vec<InterfaceObject>,
    /// A type that clients do not see.
    pub(crate) hidden: Option<String>,
    /// Entities of which a subgraph that holds their type knows nothing: `$id`, and the subgraph.
    pub(crate) unknown: Vec<(String, usize)>,
}

/// A subgraph.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) types: IndexMap<String, PartType>,
    /// Whether its root types have names of its own.
    pub(crate) renames_roots: bool,
    /// Whether it is written for Federation 1, if it can be.
    pub(crate) is_old: bool,
    pub(crate) inputs: Inputs,
    /// The values of the enum `Mood` that it knows.
    pub(crate) moods: Vec<&'static str>,
}

/// A type in a subgraph.
#[derive(Debug, Default)]
pub(crate) struct PartType {
    pub(crate) fields: IndexMap<String, PartField>,
    /// Field set, and whether it is resolvable.
    pub(crate) keys: IndexMap<&'static str, bool>,
    pub(crate) members: Vec<String>,
    /// Whether fields below it may use what it has.
    pub(crate) sets_context: bool,
}

/// A field in a subgraph.
#[derive(Debug, Default, Clone)]
pub(crate) struct PartField {
    pub(crate) directives: Vec<String>,
    /// Whether the type's outermost `!` is left out.
    pub(crate) is_nullable: bool,
    /// An argument that clients do not see.
    pub(crate) contextual: Option<String>,
}

impl PartField {
    pub(crate) fn is_external(&self) -> bool {
        self.directives.iter().any(|it| it == "@external")
    }
}

impl Split {
    pub(crate) fn random(random: &mut Random) -> Self {
        let schema = Schema::random(random);
        let part = |random: &mut Random| {
            let is_old = random.percent(20);
            Part {
                renames_roots: random.percent(15),
                is_old,
                inputs: Inputs::random(is_old, random),
                moods: MOODS.into_iter().filter(|it| *it == "CALM" || random.percent(75)).collect(),
                ..Part::default()
            }
        };
        let parts = (0..random.between(2, 4)).map(|_| part(random)).collect();
        let mut split = Self {
            schema,
            parts,
            holders: IndexMap::new(),
            interface_objects: Vec::new(),
            hidden: None,
            unknown: Vec::new(),
        };
        split.choose_interface_objects(random);
        split.hold_entities(random);
        split.place_interface_objects(random);
        split.place_fields(random);
        split.place_split_value(random);
        split.place_roots(random);
        split
    }

    fn hold_entities(&mut self, random: &mut Random) {
        let is_entity = |ty: &crate::schema::Type| ty.kind == Kind::Entity;
        let entities: Vec<String> = self
            .schema
            .types
            .iter()
            .filter(|(_, ty)| is_entity(ty))
            .map(|(name, _)| name.clone())
            .collect();
        for entity in entities {
            let mut open: Vec<usize> =
                (0..self.parts.len()).filter(|part| !self.is_barred(*part, &entity)).collect();
            let count = random.between(1, open.len().min(3));
            open = random.some(&open, count);
            for it in &self.interface_objects {
                if self.is_barred(it.part, &entity) && !open.contains(&it.home) {
                    open.push(it.home);
                }
            }
            open.rotate_left(random.below(count));
            for (index, part) in open.iter().enumerate() {
                let pool = self.schema.types[&entity].keys.clone();
                let count = random.between(1, pool.len());
                let mut keys = if index == 0 { pool.clone() } else { random.some(&pool, count) };
                if pool[0] == "id"
                    && !keys.contains(&"id")
                    && !self.schema.interfaces(&entity).is_empty()
                {
                    keys.insert(0, "id");
                }
                for key in keys {
                    self.add_key(*part, &entity, key, true);
                }
            }
            self.holders.insert(entity, open);
        }
    }

    pub(crate) fn add_key(
        &mut self,
        part: usize,
        entity: &str,
        key: &'static str,
        is_resolvable: bool,
    ) {
        let in_part = self.parts[part].types.entry(entity.to_owned()).or_default();
        in_part.keys.insert(key, is_resolvable);
        for name in ["id", "code", "region", "marks", "legs", "stamp"] {
            if is_key_field(key, name) {
                let field = self.schema.types[entity]
                    .fields
                    .entry(name.to_owned())
                    .or_insert_with(|| key_field(name));
                field.is_relied_on = true;
                let base = field.base.clone();
                let in_part = &mut self.parts[part].types[entity];
                in_part.fields.entry(name.to_owned()).or_default();
                self.ensure(part, &base, &mut Random::new(0));
            }
        }
    }

    /// Makes a subgraph know a type that its fields return.
    pub(crate) fn ensure(&mut self, part: usize, name: &str, random: &mut Random) {
        let Some(schema_type) = self.schema.types.get(name).cloned() else { return };
        if self.parts[part].types.contains_key(name) {
            return;
        }
        match schema_type.kind {
            Kind::Entity => {
                let key = if self.schema.interfaces(name).is_empty() {
                    random.pick(&schema_type.keys)
                } else {
                    schema_type.keys[0]
                };
                let key = if key != "id" && schema_type.keys.contains(&"id") { "id" } else { key };
                self.add_key(part, name, key, random.percent(30));
            }
            Kind::Value => {
                self.parts[part].types.insert(name.to_owned(), PartType::default());
                for (field_name, field) in &schema_type.fields {
                    self.place(part, name, field_name, random);
                    self.ensure(part, &field.base, random);
                }
            }
            Kind::Interface if self.is_object(part, name) => {
                let mut in_part = PartType::default();
                in_part.keys.insert("id", true);
                in_part.fields.insert("id".to_owned(), PartField::default());
                self.parts[part].types.insert(name.to_owned(), in_part);
            }
            Kind::Interface | Kind::Union => {
                self.parts[part].types.insert(name.to_owned(), PartType::default());
                let open: Vec<String> = schema_type
                    .members
                    .iter()
                    .filter(|it| !self.is_barred(part, it))
                    .cloned()
                    .collect();
                let mut members: Vec<String> = open
                    .iter()
                    .filter(|it| self.parts[part].types.contains_key(*it))
                    .cloned()
                    .collect();
                members.retain(|_| random.percent(85));
                if members.is_empty() {
                    let count = random.between(1, open.len());
                    members = random.some(&open, count);
                }
                for member in &members {
                    self.ensure(part, member, random);
                }
                self.parts[part].types[name].members = members;
            }
        }
    }

    /// Puts a field into a subgraph.
    pub(crate) fn place(&mut self, part: usize, ty: &str, field_name: &str, random: &mut Random) {
        let base = self.schema.types[ty].fields[field_name].base.clone();
        self.parts[part]
            .types
            .entry(ty.to_owned())
            .or_default()
            .fields
            .entry(field_name.to_owned())
            .or_default();
        self.ensure(part, &base, random);
    }

    /// Every field of an entity that is not in a key goes to one of its holders, or to several.
    fn place_fields(&mut self, random: &mut Random) {
        for (entity, holders) in self.holders.clone() {
            let fields: Vec<(String, Field)> = self.schema.types[&entity]
                .fields
                .iter()
                .filter(|(name, _)| !self.is_placed(&entity, name))
                .map(|(name, field)| (name.clone(), field.clone()))
                .collect();
            for (name, field) in fields {
                let open: Vec<usize> = holders
                    .iter()
                    .copied()
                    .filter(|part| !self.is_barred(*part, &field.base))
                    .collect();
                if open.is_empty() {
                    self.schema.types[&entity].fields[&name] = Field::new("String", "_");
                    self.place(holders[0], &entity, &name, random);
                    continue;
                }
                let count = if random.percent(70) { 1 } else { random.between(1, open.len()) };
                for part in random.some(&open, count) {
                    self.place(part, &entity, &name, random);
                }
            }
        }
    }

    /// An object without key, of which two subgraphs have different fields: what one lacks is reached by the entity around.
    fn place_split_value(&mut self, random: &mut Random) {
        let several = self.holders.iter().filter(|(_, holders)| holders.len() > 1);
        let several: Vec<(String, Vec<usize>)> =
            several.map(|(name, it)| (name.clone(), it.clone())).collect();
        if several.is_empty() || random.percent(50) {
            return;
        }
        let (entity, holders) = random.pick(&several);
        let wrapping = random.pick(&["_", "_", "_!", "[_]", "[_!]!"]);
        self.schema.types[&entity]
            .fields
            .insert("detail".to_owned(), Field::new("Detail", wrapping));
        let mut detail = Type {
            kind: Kind::Value,
            fields: IndexMap::new(),
            keys: Vec::new(),
            members: Vec::new(),
        };
        for name in ["first", "second", "third"] {
            detail.fields.insert(name.to_owned(), Schema::field(&[], random));
        }
        self.schema.types.insert("Detail".to_owned(), detail);
        for (index, part) in holders.iter().enumerate() {
            self.parts[*part].types.insert("Detail".to_owned(), PartType::default());
            self.place(*part, &entity, "detail", random);
            self.place(*part, "Detail", ["first", "second"][index % 2], random);
            if random.percent(50) || index == 0 {
                self.place(*part, "Detail", "third", random);
            }
        }
    }

    fn is_placed(&self, ty: &str, field_name: &str) -> bool {
        let has = |part: &Part, ty: &str| {
            part.types.get(ty).is_some_and(|it| it.fields.contains_key(field_name))
        };
        self.parts.iter().any(|part| has(part, ty))
            || self.interface_with_added(ty, field_name).is_some()
    }

    fn place_roots(&mut self, random: &mut Random) {
        let bases = self.schema.types.keys().filter(|it| *it != "Detail");
        let bases: Vec<String> = bases.cloned().collect();
        let root = Type {
            kind: Kind::Value,
            fields: IndexMap::new(),
            keys: Vec::new(),
            members: Vec::new(),
        };
        self.schema.types.insert("Query".to_owned(), root.clone());
        let mut number = 0;
        for part in 0..self.parts.len() {
            let open: Vec<String> =
                bases.iter().filter(|it| !self.is_barred(part, it)).cloned().collect();
            for _ in 0..random.between(1, 3) {
                number += 1;
                let mut field = Schema::field(&open, random);
                if random.percent(70) {
                    field = Field::new(
                        &random.pick(&open),
                        ["_", "[_]", "[_!]!", "[[_]]"][random.below(4)],
                    );
                }
                let (base, name) = (field.base.clone(), format!("q{number}"));
                self.schema.types["Query"].fields.insert(name.clone(), field);
                self.place(part, "Query", &name, random);
                let other = random.below(self.parts.len());
                if random.percent(20) && !self.is_barred(other, &base) {
                    self.place(other, "Query", &name, random);
                }
            }
        }
        self.schema.types.insert("Subscription".to_owned(), root.clone());
        for number in 0..random.below(3) {
            self.place_root("Subscription", &format!("s{number}"), &bases, random);
        }
        self.schema.types.insert("Mutation".to_owned(), root);
        let count = if random.percent(35) { random.between(2, 4) } else { 0 };
        for number in 0..count {
            self.place_root("Mutation", &format!("m{number}"), &bases, random);
        }
    }

    /// A field that one subgraph has, as it must be of mutations and subscriptions.
    fn place_root(&mut self, root: &str, name: &str, bases: &[String], random: &mut Random) {
        let part = random.below(self.parts.len());
        let open: Vec<String> =
            bases.iter().filter(|it| !self.is_barred(part, it)).cloned().collect();
        let mut field = Field::new(&random.pick(&open), "_");
        if random.percent(if root == "Mutation" { 50 } else { 20 }) {
            field = Field::new("String", "_");
            field.arguments = "(first: Int = 3)";
        }
        self.schema.types[root].fields.insert(name.to_owned(), field);
        self.place(part, root, name, random);
    }
}

/// Whether a key has a field, not below another one: these go first, before the braces.
pub(crate) fn is_key_field(key: &str, field: &str) -> bool {
    key.split(' ').take_while(|it| *it != "{").any(|it| it == field)
}
