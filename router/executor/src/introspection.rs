//! Answers `__schema` and `__type` from the API schema.

mod one_of;

use std::sync::Arc;

use apollo_compiler::collections::HashMap;
use apollo_compiler::executable::{ExecutableDocument, Operation};
use apollo_compiler::introspection::{check_max_depth, partial_execute};
use apollo_compiler::response::JsonMap;
use apollo_compiler::schema::Implementers;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Schema};
use bytes::Bytes;

use self::one_of::Answers;
use crate::RequestError;
use crate::variables::Variables;

/// What an operation that asks for the schema needs.
#[derive(Debug)]
pub(crate) struct Introspection {
    schema: Valid<Schema>,
    implementers: HashMap<Name, Implementers>,
    document: Arc<Valid<ExecutableDocument>>,
    /// The document with the names of types where it asks for `isOneOf`; `None` where it does not.
    asking_names: Option<Valid<ExecutableDocument>>,
    operation_name: Option<Name>,
}

impl Introspection {
    /// What the operation of that name needs; `None` where it does not ask for the schema.
    pub(crate) fn of(
        schema: &Valid<Schema>,
        document: Arc<Valid<ExecutableDocument>>,
        operation_name: Option<Name>,
    ) -> Result<Option<Self>, RequestError> {
        let operation = chosen(&document, operation_name.as_ref());
        let asks = operation
            .root_fields(&document)
            .any(|field| matches!(field.name.as_str(), "__schema" | "__type"));
        if !asks {
            return Ok(None);
        }
        check_max_depth(&document, operation)
            .map_err(|error| RequestError::IntrospectionTooDeep(error.message().to_string()))?;
        let implementers = schema.implementers_map();
        let mut asking_names = ExecutableDocument::clone(&document);
        let asking_names =
            one_of::ask_names(schema, &mut asking_names).then(|| Valid::assume_valid(asking_names));
        let schema = schema.clone();
        Ok(Some(Self { schema, implementers, document, asking_names, operation_name }))
    }

    /// The answer to each root field that asks for the schema: response key and JSON.
    pub(crate) fn answer(&self, variables: &Variables<'_>) -> Vec<(Name, Bytes)> {
        let document = self.asking_names.as_ref().unwrap_or(&self.document);
        let operation = chosen(document, self.operation_name.as_ref());
        let variables: JsonMap =
            serde_json::from_slice(&variables.to_json()).expect("coerced variables are JSON");
        let variables = Valid::assume_valid(variables);
        let response =
            partial_execute(&self.schema, &self.implementers, document, operation, &variables);
        let mut data = response.ok().and_then(|response| response.data).unwrap_or_default();
        if self.asking_names.is_some() {
            let asked = chosen(&self.document, self.operation_name.as_ref());
            let answers = Answers { schema: &self.schema, document: &self.document };
            answers.object(&asked.selection_set, &mut data);
        }
        data.into_iter()
            .filter_map(|(key, value)| {
                let json =
                    serde_json::to_vec(&value).expect("a JSON value can be written to memory");
                Some((Name::new(key.as_str()).ok()?, Bytes::from(json)))
            })
            .collect()
    }
}

/// An operation that was found before.
fn chosen<'d>(document: &'d ExecutableDocument, name: Option<&Name>) -> &'d Operation {
    document.operations.get(name.map(Name::as_str)).expect("the operation was there before")
}
