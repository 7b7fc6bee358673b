//! Subgraphs that call the directives of federation otherwise: by other names, or in a namespace.

/// The SDL as a subgraph with names of its own publishes it: `@identity` for `@key`, `@fed__shareable` for `@shareable`.
pub(crate) fn with_own_names(sdl: &str) -> String {
    if !sdl.contains("specs.apollo.dev/federation") {
        return sdl.to_owned();
    }
    let imports = [
        ("import: [", "as: \"fed\", import: ["),
        ("\"@key\"", "{ name: \"@key\", as: \"@identity\" }"),
        ("\"@requires\"", "{ name: \"@requires\", as: \"@needs\" }"),
        ("\"@shareable\"", "\"FieldSet\""),
        ("\"@external\"", "\"@tag\""),
    ];
    let uses = [
        ("@key(", "@identity("),
        ("@requires(", "@needs("),
        ("@shareable", "@fed__shareable"),
        ("@external", "@fed__external"),
    ];
    let (header, rest) = sdl.split_once("\n\n").unwrap_or((sdl, ""));
    let replace = |text: &str, pairs: &[(&str, &str)]| {
        pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    format!("{}\n\n{}", replace(header, &imports), replace(rest, &uses))
}
