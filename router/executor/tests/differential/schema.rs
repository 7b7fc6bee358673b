//! A random schema: what clients would see if there were one server.

use indexmap::IndexMap;

use crate::input::ARGUMENTS;
use crate::random::Random;

/// All types by name, without roots and built-ins.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    pub(crate) types: IndexMap<String, Type>,
}

#[derive(Debug, Clone)]
pub(crate) struct Type {
    pub(crate) kind: Kind,
    pub(crate) fields: IndexMap<String, Field>,
    /// The field sets that name an entity.
    pub(crate) keys: Vec<&'static str>,
    /// Of an abstract type: the object types that it may stand for.
    pub(crate) members: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Entity,
    /// An object without key.
    Value,
    Interface,
    Union,
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// The named type inside lists.
    pub(crate) base: String,
    /// The type with `_` for the named one: `[_!]`.
    pub(crate) wrapping: &'static str,
    /// As in SDL, with parentheses; or empty.
    pub(crate) arguments: &'static str,
    /// Whether its value must be the same, without error, wherever it comes from.
    pub(crate) is_relied_on: bool,
}

impl Field {
    pub(crate) fn new(base: &str, wrapping: &'static str) -> Self {
        Self { base: base.to_owned(), wrapping, arguments: "", is_relied_on: false }
    }

    pub(crate) fn ty(&self) -> String {
        self.wrapping.replace('_', &self.base)
    }
}

/// The key fields that a key may be made of.
pub(crate) fn key_field(name: &str) -> Field {
    match name {
        "id" => Field::new("ID", "_!"),
        "code" => Field::new("String", "_!"),
        "region" => Field::new("Region", "_!"),
        "marks" => Field::new("String", "[_!]!"),
        "legs" => Field::new("Leg", "[_!]!"),
        "stamp" => Field::new("Stamp", "_!"),
        _ => unreachable!("`{name}` is in no key"),
    }
}

const KEYS: [&str; 10] = [
    "id",
    "id",
    "code",
    "id code",
    "region { name }",
    "code region { name zone { code } }",
    "marks",
    "legs { from }",
    "stamp",
    "stamp code",
];
const ENTITIES: [&str; 5] = ["Book", "Author", "Shop", "Order", "Route"];
const FIELDS: [&str; 8] = ["title", "size", "pages", "weight", "owner", "parts", "state", "note"];
const LEAVES: [&str; 10] =
    ["String", "String", "Int", "Float", "Boolean", "ID", "Color", "Mood", "Digits", "Stamp"];
/// The values of an enum that is for output only: each subgraph has some of them. `SECRET` is inaccessible.
pub(crate) const MOODS: [&str; 4] = ["CALM", "MERRY", "GLOOMY", "SECRET"];
const WRAPPINGS: [&str; 8] = ["_", "_", "_", "_!", "[_]", "[_!]!", "[[_]]", "[[_!]!]"];
impl Schema {
    pub(crate) fn random(random: &mut Random) -> Self {
        let mut schema = Self::default();
        let count = random.between(2, 4);
        let entities = random.some(&ENTITIES, count);
        schema.values(random);
        for name in &entities {
            let mut keys: Vec<&'static str> =
                (0..random.between(1, 3)).map(|_| random.pick(&KEYS)).collect();
            keys.sort_unstable();
            keys.dedup();
            schema.insert(name, Kind::Entity, keys);
        }
        schema.abstract_types(&entities, random);
        let bases: Vec<String> = schema.types.keys().cloned().collect();
        for name in entities {
            for _ in 0..random.between(2, 5) {
                let field = Self::field(&bases, random);
                let key = random.pick(&FIELDS).to_owned();
                schema.types[name].fields.entry(key).or_insert(field);
            }
        }
        schema
    }

    fn insert(&mut self, name: &str, kind: Kind, keys: Vec<&'static str>) {
        let ty = Type { kind, fields: IndexMap::new(), keys, members: Vec::new() };
        self.types.insert(name.to_owned(), ty);
    }

    fn values(&mut self, random: &mut Random) {
        let mut value = |name: &str, fields: &[(&str, Field)]| {
            self.insert(name, Kind::Value, Vec::new());
            let fields = fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone()));
            self.types[name].fields.extend(fields);
        };
        let leaf = |random: &mut Random| Field::new(random.pick(&LEAVES), random.pick(&WRAPPINGS));
        value("Zone", &[("code", Field::new("String", "_!"))]);
        value("Leg", &[("from", Field::new("String", "_!")), ("to", leaf(random))]);
        let zone = Field::new("Zone", "_!");
        value("Region", &[("name", Field::new("String", "_!")), ("zone", zone)]);
        value("Size", &[("width", leaf(random)), ("title", leaf(random))]);
        let size = Field::new("Size", random.pick(&WRAPPINGS));
        value("Box", &[("size", size), ("weight", leaf(random)), ("color", leaf(random))]);
    }

    fn abstract_types(&mut self, entities: &[&str], random: &mut Random) {
        if random.percent(70) {
            self.interface_of_entities("Item", "label", entities, random);
        }
        if random.percent(30) {
            self.interface_of_entities("Node", "nick", entities, random);
        }
        if random.percent(40) {
            self.insert("Sized", Kind::Interface, Vec::new());
            let width = self.types["Size"].fields["width"].clone();
            self.types["Sized"].fields.insert("width".to_owned(), width.clone());
            let mut members = vec!["Size".to_owned()];
            for entity in entities {
                if random.percent(50) {
                    self.types[*entity].fields.insert("width".to_owned(), width.clone());
                    members.push((*entity).to_owned());
                }
            }
            self.types["Sized"].members = members;
        }
        if random.percent(60) {
            let objects = ["Size", "Box"].iter().chain(entities).copied().collect::<Vec<_>>();
            let count = random.between(2, 3);
            self.insert("Hit", Kind::Union, Vec::new());
            let members = random.some(&objects, count);
            self.types["Hit"].members = members.into_iter().map(ToOwned::to_owned).collect();
        }
    }

    /// An interface of entities, all of which have the key `id`.
    fn interface_of_entities(
        &mut self,
        name: &str,
        own: &str,
        entities: &[&str],
        random: &mut Random,
    ) {
        let count = random.between(2, entities.len());
        let members = random.some(entities, count);
        let own = (own.to_owned(), Self::leaf(random));
        for member in &members {
            let ty = &mut self.types[*member];
            ty.fields.extend([own.clone()]);
            ty.keys.retain(|key| !matches!(*key, "id" | "id code"));
            ty.keys.insert(0, "id");
        }
        self.insert(name, Kind::Interface, Vec::new());
        self.types[name].fields.extend([("id".to_owned(), key_field("id")), own]);
        self.types[name].members = members.iter().map(|it| (*it).to_owned()).collect();
    }

    fn leaf(random: &mut Random) -> Field {
        Field::new(random.pick(&LEAVES), random.pick(&WRAPPINGS))
    }

    /// A field of one of the types, or a leaf.
    pub(crate) fn field(bases: &[String], random: &mut Random) -> Field {
        let mut field = if bases.is_empty() || random.percent(50) {
            Self::leaf(random)
        } else {
            Field::new(&random.pick(bases), random.pick(&WRAPPINGS))
        };
        if random.percent(20) {
            field.arguments = random.pick(&ARGUMENTS);
        }
        field
    }

    /// The object types that a type may stand for.
    pub(crate) fn runtime_types(&self, name: &str) -> Vec<String> {
        let ty = &self.types[name];
        match ty.kind {
            Kind::Entity | Kind::Value => vec![name.to_owned()],
            Kind::Interface | Kind::Union => ty.members.clone(),
        }
    }

    /// The interfaces that an object type implements.
    pub(crate) fn interfaces(&self, object: &str) -> Vec<String> {
        let implements =
            |ty: &Type| ty.kind == Kind::Interface && ty.members.iter().any(|it| it == object);
        self.types.iter().filter(|(_, ty)| implements(ty)).map(|(name, _)| name.clone()).collect()
    }
}
