//! Types in texts: `[Product!]!`. The parser of SDL panics on texts that do not begin like a type.

use apollo_compiler::Name;
use apollo_compiler::ast::Type;

/// Lists in lists: no schema has more.
const DEPTH: usize = 100;

/// The type that a text names; `None` where it is not one.
pub(crate) fn type_reference(text: &str) -> Option<Type> {
    let mut inside = text.trim();
    // Whether each list, from the outermost, can be null.
    let mut lists = Vec::new();
    loop {
        let (nullable, is_non_null) = match inside.strip_suffix('!') {
            Some(nullable) => (nullable.trim_end(), true),
            None => (inside, false),
        };
        let Some(item) = nullable.strip_prefix('[') else {
            let named = Type::Named(Name::new(nullable).ok()?);
            let named = if is_non_null { named.non_null() } else { named };
            return Some(lists.into_iter().rev().fold(named, |item, is_non_null| {
                if is_non_null { item.list().non_null() } else { item.list() }
            }));
        };
        inside = item.strip_suffix(']')?.trim();
        lists.push(is_non_null);
        if lists.len() > DEPTH {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::type_reference;

    #[test]
    fn reads_what_sdl_writes() {
        for text in ["Product", "Product!", "[Product]", "[[Product!]]!", "[[[ID!]!]!]!"] {
            assert_eq!(type_reference(text).map(|it| it.to_string()).as_deref(), Some(text));
        }
        let spaced = type_reference(" [ Product ! ] ! ").map(|it| it.to_string());
        assert_eq!(spaced.as_deref(), Some("[Product!]!"));
    }

    #[test]
    fn refuses_everything_else() {
        let deep = format!("{}A{}", "[".repeat(101), "]".repeat(101));
        for text in ["", ":", "!", "[]", "[A", "A]", "A!!", "A B", "[A]B", "{ a }", "\"", &deep] {
            assert_eq!(type_reference(text), None, "{text}");
        }
    }
}
