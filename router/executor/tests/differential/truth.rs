//! Random data for a split: what one server would know, of which each subgraph knows its part.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::data::Data;
use crate::random::Random;
use crate::schema::{Field, Kind, MOODS};
use crate::split::{Part, Split};

/// So many entities there are of each type.
const EACH: usize = 3;

/// Data for all fields of the schema.
pub(crate) fn truth(split: &Split, random: &mut Random) -> Data {
    let mut truth = Truth { split, random, texts: 0, is_relied_on: false };
    let mut data = Data {
        query: truth.object("Query"),
        mutation: truth.object("Mutation"),
        subscription: truth.object("Subscription"),
        ..Data::default()
    };
    for entity in split.holders.keys() {
        for number in 1..=EACH {
            let mut object = truth.object(entity);
            let id = format!("{entity}{number}");
            truth.forget(entity, &id, &mut object);
            object.insert("$id".to_owned(), id.into());
            data.entities.push(object);
        }
    }
    data
}

struct Truth<'a> {
    split: &'a Split,
    random: &'a mut Random,
    texts: usize,
    /// Whether the value being made must be without error.
    is_relied_on: bool,
}

impl Truth<'_> {
    fn object(&mut self, name: &str) -> Map<String, Value> {
        let split = self.split;
        let mut object = Map::from_iter([("__typename".to_owned(), name.into())]);
        for (field_name, field) in &split.schema.types[name].fields {
            let outside = self.is_relied_on;
            self.is_relied_on |= field.is_relied_on;
            let value = self.value(name, field_name, field, field.wrapping);
            self.is_relied_on = outside;
            object.insert(field_name.clone(), value);
        }
        object
    }

    /// What only those would say who do not know an entity, nobody says.
    fn forget(&self, entity: &str, id: &str, object: &mut Map<String, Value>) {
        for (field, value) in object.iter_mut().filter(|(name, _)| *name != "__typename") {
            let owners = self.split.owners(entity, field);
            if !owners.is_empty() && owners.iter().all(|part| self.is_unknown(id, *part)) {
                *value = Value::Null;
            }
        }
    }

    fn is_unknown(&self, id: &str, part: usize) -> bool {
        self.split.unknown.iter().any(|(unknown, to)| unknown == id && *to == part)
    }

    fn value(&mut self, ty: &str, name: &str, field: &Field, wrapping: &str) -> Value {
        let (non_null, nulls, errors) = match wrapping.strip_suffix('!') {
            // A non-null field that fails takes the object's type with it, where only that request would have told it; what
            // is wanted of that type is then left out, where one server would have null.
            Some(non_null) => (non_null, 0, usize::from(self.split.interface_objects.is_empty())),
            None => (wrapping, 12, 3),
        };
        // apollo-compiler, by which subgraphs answer, cannot say that an item of a list failed.
        let may_fail = wrapping == field.wrapping && !self.is_relied_on;
        if self.random.percent(nulls) {
            Value::Null
        } else if may_fail && self.random.percent(errors) {
            json!({ "$error": { "message": format!("no {name}") } })
        } else {
            self.non_null(ty, name, field, non_null)
        }
    }

    fn non_null(&mut self, ty: &str, name: &str, field: &Field, wrapping: &str) -> Value {
        if let Some(item) = wrapping.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            let is_in_key = ["marks", "legs"].contains(&name);
            let count = if is_in_key { 2 } else { self.random.below(4) };
            return (0..count).map(|_| self.value(ty, name, field, item)).collect();
        }
        let Some(base) = self.split.schema.types.get(&field.base) else {
            return self.leaf(ty, name, field);
        };
        match base.kind {
            Kind::Value => self.object(&field.base).into(),
            Kind::Entity => self.reference(ty, name, &field.base),
            Kind::Interface | Kind::Union => {
                let possible = self.possible(ty, name, &field.base);
                if possible.is_empty() {
                    return json!({ "$error": { "message": format!("nothing fits {name}") } });
                }
                let runtime_type = self.random.pick(&possible);
                match self.split.schema.types[&runtime_type].kind {
                    Kind::Entity => self.reference(ty, name, &runtime_type),
                    _ => self.object(&runtime_type).into(),
                }
            }
        }
    }

    /// An entity that all who answer the field know.
    fn reference(&mut self, ty: &str, name: &str, entity: &str) -> Value {
        let owners = self.split.owners(ty, name);
        let ids = (1..=EACH).map(|number| format!("{entity}{number}"));
        let known = ids.filter(|id| !owners.iter().any(|part| self.is_unknown(id, *part)));
        let id = self.random.pick(&known.collect::<Vec<_>>());
        json!({ "$id": id, "__typename": entity })
    }

    /// What a field of an abstract type can return in every subgraph that has it.
    fn possible(&self, ty: &str, name: &str, base: &str) -> Vec<String> {
        let mut possible: BTreeSet<String> =
            self.split.schema.runtime_types(base).into_iter().collect();
        let ty = self.split.interface_with_added(ty, name).unwrap_or(ty);
        for (index, part) in self.split.parts.iter().enumerate() {
            let field = part.types.get(ty).and_then(|it| it.fields.get(name));
            let resolves = field.is_some_and(|field| !field.is_external());
            if resolves && !self.split.is_object(index, base) {
                let members = &part.types[base].members;
                possible.retain(|it| members.contains(it));
            }
        }
        possible.into_iter().collect()
    }

    fn leaf(&mut self, ty: &str, name: &str, field: &Field) -> Value {
        self.texts += 1;
        let number = self.texts;
        match field.base.as_str() {
            "Int" => json!(i32::try_from(number).expect("few texts") * 7 - 50),
            "Float" => json!(f64::from(u32::try_from(number).expect("few texts")) / 8.0 - 3.0),
            "Boolean" => json!(self.random.percent(50)),
            "Color" => json!(self.random.pick(&["RED", "GREEN", "BLUE"])),
            "Mood" => {
                let split = self.split;
                let has = |part: &&Part| {
                    let in_types =
                        [ty, "Item", "Node"].into_iter().filter_map(|ty| part.types.get(ty));
                    in_types.into_iter().any(|it| it.fields.contains_key(name))
                };
                let mut moods = MOODS.to_vec();
                for part in split.parts.iter().filter(has) {
                    moods.retain(|mood| part.moods.contains(mood));
                }
                json!(self.random.pick(&moods))
            }
            "Digits" => self.digits(),
            // A custom scalar may be a number here and a text there, or an object; as a key, too.
            "Stamp" => match number % 3 {
                0 => json!(number),
                1 => json!(format!("stamp{number}")),
                _ => json!({ "$json": format!("{{\"n\":[{number}.50,null]}}") }),
            },
            _ if ty == "Mutation" => json!(format!("$mutations: {name} $arguments")),
            _ if !field.arguments.is_empty() => json!(format!("{name}{number} $arguments")),
            _ => {
                let odd = self.random.pick(&["", "", "", " \"é\"\\\n", " 😀", " {}[],:"]);
                json!(format!("{name}{number}{odd}"))
            }
        }
    }

    /// More digits than any number type holds, or JSON of another kind.
    fn digits(&mut self) -> Value {
        let json = match self.random.below(5) {
            0 => r#"{"b":[1.10,{"a":null}],"a":1e40}"#.to_owned(),
            1 => "[1.0,-0,\"x\"]".to_owned(),
            _ => format!(
                "{}{}.{:04}0",
                self.random.next(),
                self.random.next(),
                self.random.below(10_000)
            ),
        };
        json!({ "$json": json })
    }
}
