//! Coerces the variables of a request to their types: JSON in, JSON out, so that numbers keep their digits.
//!
//! Spec: <https://spec.graphql.org/October2021/#sec-Coercing-Variable-Values>

use std::ops::Range;

use apollo_compiler::Name;

use crate::RequestError;
use crate::json::{Cursor, Malformed, as_int, is_integer, is_number, unescape, write_string};

/// The variables of an operation.
#[derive(Debug, Default)]
pub(crate) struct VariableTypes {
    pub(crate) definitions: Vec<VariableDefinition>,
    /// The named input types in use.
    pub(crate) types: Vec<InputType>,
}

/// A variable's definition; an argument or input field looks the same.
#[derive(Debug)]
pub(crate) struct VariableDefinition {
    pub(crate) name: Name,
    pub(crate) ty: InputTypeReference,
    /// As JSON, not yet coerced.
    pub(crate) default: Option<Box<[u8]>>,
}

/// A named type in lists or not.
#[derive(Debug)]
pub(crate) struct InputTypeReference {
    /// As written: `[ID!]`.
    pub(crate) text: Box<str>,
    /// Whether null is forbidden, level by level, outermost first.
    pub(crate) non_null: Box<[bool]>,
    /// Into [`VariableTypes::types`].
    pub(crate) named: usize,
}

impl InputTypeReference {
    /// The type's name without lists and exclamation marks.
    fn name(&self) -> &str {
        self.text.trim_matches(['[', ']', '!'])
    }
}

/// A named input type.
#[derive(Debug)]
pub(crate) enum InputType {
    Int,
    Float,
    String,
    Boolean,
    Id,
    /// A custom scalar: any JSON.
    Any,
    Enum(Vec<Name>),
    Object {
        fields: Vec<VariableDefinition>,
        /// Whether exactly one field is given, and not null (`@oneOf`).
        is_one_of: bool,
    },
}

/// The values of one request.
#[derive(Debug)]
pub(crate) struct Variables<'t> {
    types: &'t VariableTypes,
    json: Vec<u8>,
    /// For each definition, where its value stands, if it has one.
    values: Vec<Option<Range<usize>>>,
}

impl Variables<'_> {
    /// The coerced value as JSON; `None` where neither client nor default give one.
    pub(crate) fn json(&self, name: &Name) -> Option<&[u8]> {
        let index =
            self.types.definitions.iter().position(|definition| definition.name == *name)?;
        self.values[index].clone().map(|range| &self.json[range])
    }

    /// All coerced values as one JSON object.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut out = vec![b'{'];
        for definition in &self.types.definitions {
            if let Some(value) = self.json(&definition.name) {
                if out.len() > 1 {
                    out.push(b',');
                }
                write_string(&definition.name, &mut out);
                out.push(b':');
                out.extend_from_slice(value);
            }
        }
        out.push(b'}');
        out
    }
}

/// Where in a variable something is wrong, and what.
struct Mismatch {
    path: String,
    reason: String,
}

impl From<Malformed> for Mismatch {
    fn from(_: Malformed) -> Self {
        Mismatch::new("the value nests too deeply")
    }
}

impl Mismatch {
    fn new(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }

    fn within(mut self, segment: &str) -> Self {
        self.path.insert_str(0, segment);
        self
    }
}

impl VariableTypes {
    /// Coerces what the client sent: the JSON of an object, or nothing.
    pub(crate) fn coerce(
        &self,
        text: &str,
        nesting_limit: usize,
    ) -> Result<Variables<'_>, RequestError> {
        let given = self
            .given(text, nesting_limit)
            .map_err(|Malformed| RequestError::MalformedVariables)?;
        let mut variables = Variables { types: self, json: Vec::new(), values: Vec::new() };
        for (definition, given) in self.definitions.iter().zip(given) {
            let start = variables.json.len();
            let value =
                given.map(|range| &text.as_bytes()[range]).or(definition.default.as_deref());
            let range = match value {
                Some(value) => {
                    let mut cursor = Cursor::new(value, nesting_limit);
                    self.value(&mut cursor, &definition.ty, 0, &mut variables.json).map_err(
                        |mismatch| {
                            let path = if mismatch.path.is_empty() {
                                String::new()
                            } else {
                                format!("at `{}`, ", mismatch.path.trim_start_matches('.'))
                            };
                            RequestError::Variable {
                                variable: definition.name.clone(),
                                reason: path + &mismatch.reason,
                            }
                        },
                    )?;
                    Some(start..variables.json.len())
                }
                None if definition.ty.non_null[0] => {
                    let reason = format!("a value of type `{}` is missing", definition.ty.text);
                    return Err(RequestError::Variable {
                        variable: definition.name.clone(),
                        reason,
                    });
                }
                None => None,
            };
            variables.values.push(range);
        }
        Ok(variables)
    }

    /// For each definition, where the client's value stands. Variables that the operation does not define are ignored.
    fn given(
        &self,
        text: &str,
        nesting_limit: usize,
    ) -> Result<Vec<Option<Range<usize>>>, Malformed> {
        let mut given = vec![None; self.definitions.len()];
        if matches!(text.trim_ascii(), "" | "null") {
            return Ok(given);
        }
        let mut cursor = Cursor::new(text.as_bytes(), nesting_limit);
        let mut turn = cursor.enter(b'{')?;
        while cursor.next_key(&mut turn)? {
            let key = unescape(&text.as_bytes()[cursor.key()?]).ok_or(Malformed)?;
            let value = cursor.value()?;
            if let Some(index) =
                self.definitions.iter().position(|definition| *definition.name == *key)
            {
                given[index] = Some(value);
            }
        }
        cursor.finish()?;
        Ok(given)
    }

    fn value(
        &self,
        cursor: &mut Cursor<'_>,
        ty: &InputTypeReference,
        level: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Mismatch> {
        let first = cursor.peek()?;
        if first == b'n' {
            cursor.value()?;
            if ty.non_null[level] {
                return Err(Mismatch::new(format!("null is no value of type `{}`", ty.text)));
            }
            out.extend_from_slice(b"null");
            return Ok(());
        }
        if level + 1 == ty.non_null.len() {
            return self.named(cursor, ty, out);
        }
        out.push(b'[');
        if first == b'[' {
            let mut turn = cursor.enter(b'[')?;
            let mut item = 0;
            while cursor.next_item(&mut turn)? {
                if item > 0 {
                    out.push(b',');
                }
                self.value(cursor, ty, level + 1, out)
                    .map_err(|e| e.within(&format!("[{item}]")))?;
                item += 1;
            }
        } else {
            // One value stands for a list of one.
            self.value(cursor, ty, level + 1, out)?;
        }
        out.push(b']');
        Ok(())
    }

    fn named(
        &self,
        cursor: &mut Cursor<'_>,
        ty: &InputTypeReference,
        out: &mut Vec<u8>,
    ) -> Result<(), Mismatch> {
        let named = &self.types[ty.named];
        if let InputType::Object { fields, is_one_of } = named
            && cursor.peek()? == b'{'
        {
            let is_one = self.object(cursor, fields, out)?;
            if *is_one_of && !is_one {
                let reason =
                    format!("`{}` takes exactly one of its fields, and no null", ty.name());
                return Err(Mismatch::new(reason));
            }
            return Ok(());
        }
        let json = cursor.take_value()?;
        let fits = match named {
            InputType::Int => match as_int(json) {
                Some(_) if is_integer(json) => true,
                Some(int) => {
                    out.extend_from_slice(int.to_string().as_bytes());
                    return Ok(());
                }
                None => false,
            },
            InputType::Float => {
                let finite = |text: &str| text.parse().is_ok_and(f64::is_finite);
                is_number(json) && std::str::from_utf8(json).is_ok_and(finite)
            }
            InputType::Id if is_number(json) && is_integer(json) => {
                out.push(b'"');
                out.extend_from_slice(json);
                out.push(b'"');
                return Ok(());
            }
            InputType::String | InputType::Id => json[0] == b'"',
            InputType::Boolean => matches!(json[0], b't' | b'f'),
            InputType::Any => true,
            InputType::Enum(values) => {
                json[0] == b'"'
                    && unescape(json)
                        .is_some_and(|text| values.iter().any(|value| **value == *text))
            }
            InputType::Object { .. } => false,
        };
        if !fits {
            return Err(Mismatch::new(format!(
                "{} is no value of type `{}`",
                excerpt(json),
                ty.text
            )));
        }
        out.extend_from_slice(json);
        Ok(())
    }

    /// Tells whether exactly one field is given, and is not null.
    fn object(
        &self,
        cursor: &mut Cursor<'_>,
        fields: &[VariableDefinition],
        out: &mut Vec<u8>,
    ) -> Result<bool, Mismatch> {
        let mut given = vec![false; fields.len()];
        let mut nulls = 0;
        let mut comma = false;
        let mut write_key = |name: &Name, out: &mut Vec<u8>| {
            out.push(if std::mem::replace(&mut comma, true) { b',' } else { b'{' });
            write_string(name, out);
            out.push(b':');
        };
        let start = out.len();
        let mut turn = cursor.enter(b'{')?;
        while cursor.next_key(&mut turn)? {
            let key = cursor.take_key_text()?;
            let name = unescape(key).ok_or(Malformed)?;
            let Some(index) = fields.iter().position(|field| *field.name == *name) else {
                return Err(Mismatch::new(format!("there is no field `{name}`")));
            };
            if std::mem::replace(&mut given[index], true) {
                return Err(Mismatch::new(format!("the field `{name}` is given twice")));
            }
            let field = &fields[index];
            nulls += usize::from(cursor.peek()? == b'n');
            write_key(&field.name, out);
            self.value(cursor, &field.ty, 0, out)
                .map_err(|e| e.within(&format!(".{}", field.name)))?;
        }
        for (field, _) in fields.iter().zip(&given).filter(|(_, given)| !**given) {
            if let Some(default) = &field.default {
                write_key(&field.name, out);
                // A default that contains itself ends where the nesting does.
                let mut default = Cursor::new(default, cursor.nesting_left().saturating_sub(1));
                self.value(&mut default, &field.ty, 0, out)
                    .map_err(|e| e.within(&format!(".{}", field.name)))?;
            } else if field.ty.non_null[0] {
                return Err(Mismatch::new(format!(
                    "the field `{}` of type `{}` is missing",
                    field.name, field.ty.text
                )));
            }
        }
        out.extend_from_slice(if out.len() == start { b"{}" } else { b"}" });
        Ok(nulls == 0 && given.iter().filter(|given| **given).count() == 1)
    }
}

/// The client's own text, not too much of it.
fn excerpt(json: &[u8]) -> String {
    const LIMIT: usize = 40;
    let text = String::from_utf8_lossy(json);
    let text: String = text.chars().take(LIMIT).collect();
    if json.len() > text.len() { format!("`{text}…`") } else { format!("`{text}`") }
}
