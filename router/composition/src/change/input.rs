//! Compares what clients send: arguments and input fields.

use apollo_compiler::Node;
use apollo_compiler::ast::InputValueDefinition;
use apollo_compiler::schema::InputObjectType;

use super::{Comparison, Impact, is_sendable_as};

/// The names of the changes of arguments, or those of input fields.
struct Kinds {
    noun: &'static str,
    ty: &'static str,
    default: &'static str,
}

const ARGUMENT: Kinds =
    Kinds { noun: "argument", ty: "ARGUMENT_TYPE_CHANGED", default: "ARGUMENT_DEFAULT_CHANGED" };
const INPUT_FIELD: Kinds = Kinds {
    noun: "input field",
    ty: "INPUT_FIELD_TYPE_CHANGED",
    default: "INPUT_FIELD_DEFAULT_CHANGED",
};

impl Comparison<'_> {
    /// Compares the arguments of a field or a directive.
    pub(super) fn arguments(
        &mut self,
        on: &str,
        old: &[Node<InputValueDefinition>],
        new: &[Node<InputValueDefinition>],
    ) {
        let find = |list: &[Node<InputValueDefinition>], name: &str| {
            list.iter().find(|argument| argument.name == name).cloned()
        };
        for argument in old {
            let coordinate = format!("{on}({}:)", argument.name);
            match find(new, &argument.name) {
                None => {
                    let message = format!("argument `{coordinate}` was removed");
                    self.note(Impact::Breaking, "ARGUMENT_REMOVED", &coordinate, message);
                }
                Some(other) => self.input_value(&coordinate, argument, &other, &ARGUMENT),
            }
        }
        for argument in new.iter().filter(|argument| find(old, &argument.name).is_none()) {
            let coordinate = format!("{on}({}:)", argument.name);
            let (impact, kind, how) = added(argument, "ARGUMENT_ADDED", "REQUIRED_ARGUMENT_ADDED");
            let message = format!("{how} argument `{coordinate}` was added");
            self.note_touching(impact, kind, &coordinate, message, vec![on.to_owned()]);
        }
    }

    pub(super) fn input_fields(&mut self, old: &InputObjectType, new: &InputObjectType) {
        let name = &old.name;
        for field in old.fields.values() {
            let coordinate = format!("{name}.{}", field.name);
            match new.fields.get(&field.name) {
                None => {
                    let message = format!("input field `{coordinate}` was removed");
                    self.note(Impact::Breaking, "INPUT_FIELD_REMOVED", &coordinate, message);
                }
                Some(other) => self.input_value(&coordinate, field, other, &INPUT_FIELD),
            }
        }
        for field in new.fields.values().filter(|field| !old.fields.contains_key(&field.name)) {
            let coordinate = format!("{name}.{}", field.name);
            let (impact, kind, how) =
                added(field, "INPUT_FIELD_ADDED", "REQUIRED_INPUT_FIELD_ADDED");
            let message = format!("{how} input field `{coordinate}` was added");
            self.note_touching(impact, kind, &coordinate, message, vec![name.to_string()]);
        }
        let is_one_of = |input: &InputObjectType| input.directives.has("oneOf");
        if is_one_of(old) != is_one_of(new) {
            let (impact, now) = if is_one_of(new) {
                (Impact::Breaking, "takes exactly one of its fields now")
            } else {
                (Impact::Safe, "takes any of its fields now")
            };
            let message = format!("input object `{name}` {now}");
            self.note(impact, "INPUT_OBJECT_ONE_OF_CHANGED", name, message);
        }
    }

    fn input_value(
        &mut self,
        coordinate: &str,
        old: &InputValueDefinition,
        new: &InputValueDefinition,
        kinds: &Kinds,
    ) {
        let noun = kinds.noun;
        // What it belongs to: whoever leaves the value out uses that.
        let owner = coordinate.rsplit_once(['(', '.']).map_or(coordinate, |(owner, _)| owner);
        if old.ty != new.ty {
            // What became required may still be left out where it has a default.
            let is_only_stricter = new.ty.is_non_null() && new.default_value.is_some();
            let impact = if is_sendable_as(&old.ty, &new.ty) {
                Impact::Safe
            } else if is_only_stricter && is_sendable_as(&(*old.ty).clone().non_null(), &new.ty) {
                Impact::Dangerous
            } else {
                Impact::Breaking
            };
            let message = format!("{noun} `{coordinate}` was `{}` and is `{}`", old.ty, new.ty);
            let mut touches = vec![coordinate.to_owned()];
            touches.extend(new.is_required().then(|| owner.to_owned()));
            self.note_touching(impact, kinds.ty, coordinate, message, touches);
        }
        if old.default_value != new.default_value {
            let text = |value: &InputValueDefinition| {
                let default = value.default_value.as_ref();
                default.map_or_else(
                    || "none".to_owned(),
                    |default| format!("`{}`", default.serialize().no_indent()),
                )
            };
            let message = format!(
                "the default of {noun} `{coordinate}` was {} and is {}",
                text(old),
                text(new)
            );
            let touches = vec![owner.to_owned()];
            self.note_touching(Impact::Dangerous, kinds.default, coordinate, message, touches);
        }
        self.described(coordinate, old.description.as_ref(), new.description.as_ref());
    }
}

fn added(
    value: &InputValueDefinition,
    optional: &'static str,
    required: &'static str,
) -> (Impact, &'static str, &'static str) {
    if value.is_required() {
        (Impact::Breaking, required, "the required")
    } else {
        (Impact::Safe, optional, "the optional")
    }
}
