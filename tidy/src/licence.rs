//! What the dependencies' licences allow, as SPDX expressions.

use crate::crates::Package;

/// Licences that ask for no more than their own text. None with a say over the code beside it or how it is offered.
pub const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    // For data: the certificate authorities that browsers trust.
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Every package may be used under a licence of `allowed`. `stated` is for those that only bring a file: what it says.
pub fn are_allowed(packages: &[Package], allowed: &[&str], stated: &[(&str, &str)]) -> Vec<String> {
    let mut breaches = Vec::new();
    for package in packages {
        let by_name = stated.iter().find(|(name, _)| *name == package.name);
        let licence = package.licence.as_deref().or(by_name.map(|(_, licence)| *licence));
        let breach = match licence {
            None => Some("names no licence".to_owned()),
            Some(expression) => breach(expression, allowed),
        };
        if let Some(breach) = breach {
            breaches.push(format!("{} {}: {breach}", package.name, package.version));
        }
    }
    breaches
}

/// What forbids this expression, if anything.
pub fn breach(expression: &str, allowed: &[&str]) -> Option<String> {
    match allows(expression, allowed) {
        Ok(true) => None,
        Ok(false) => Some(format!("`{expression}` is not allowed")),
        Err(reason) => Some(format!("`{expression}` is no licence expression: {reason}")),
    }
}

/// Whether the expression can be met with licences of the list: one side of an `OR`, both of an `AND`.
fn allows(expression: &str, allowed: &[&str]) -> Result<bool, String> {
    // `A/B` is how crates wrote `A OR B` before SPDX.
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut tokens: Vec<&str> = spaced.split_whitespace().rev().collect();
    let result = any(&mut tokens, allowed)?;
    match tokens.pop() {
        None => Ok(result),
        Some(token) => Err(format!("unexpected `{token}`")),
    }
}

fn any(tokens: &mut Vec<&str>, allowed: &[&str]) -> Result<bool, String> {
    let mut result = all(tokens, allowed)?;
    while take(tokens, "OR") {
        result |= all(tokens, allowed)?;
    }
    Ok(result)
}

fn all(tokens: &mut Vec<&str>, allowed: &[&str]) -> Result<bool, String> {
    let mut result = one(tokens, allowed)?;
    while take(tokens, "AND") {
        result &= one(tokens, allowed)?;
    }
    Ok(result)
}

fn one(tokens: &mut Vec<&str>, allowed: &[&str]) -> Result<bool, String> {
    if take(tokens, "(") {
        let result = any(tokens, allowed)?;
        return if take(tokens, ")") { Ok(result) } else { Err("a `)` is missing".to_owned()) };
    }
    let licence = match tokens.pop() {
        None => return Err("it ends too early".to_owned()),
        Some(token @ ("OR" | "AND" | "WITH" | ")")) => return Err(format!("unexpected `{token}`")),
        Some(licence) => licence,
    };
    if !take(tokens, "WITH") {
        return Ok(allowed.contains(&licence));
    }
    let exception = tokens.pop().ok_or("an exception is missing")?;
    Ok(allowed.contains(&format!("{licence} WITH {exception}").as_str()))
}

fn take(tokens: &mut Vec<&str>, token: &str) -> bool {
    let is_next = tokens.last() == Some(&token);
    if is_next {
        tokens.pop();
    }
    is_next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_side_of_an_or_is_enough_and_an_and_wants_both() {
        for (expression, expected) in [
            ("MIT", true),
            ("AGPL-3.0-only", false),
            ("MIT OR AGPL-3.0-only", true),
            ("MIT AND AGPL-3.0-only", false),
            ("AGPL-3.0-only/MIT", true),
            // AND binds closer than OR.
            ("MIT OR Elastic-2.0 AND SSPL-1.0", true),
            ("(MIT OR Elastic-2.0) AND SSPL-1.0", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("GPL-2.0-only WITH Classpath-exception-2.0", false),
            // An exception is a licence of its own.
            ("MIT WITH Commons-Clause", false),
        ] {
            assert_eq!(allows(expression, &ALLOWED), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for expression in ["", "MIT OR", "(MIT", "MIT)", "MIT Apache-2.0", "AND", "MIT WITH"] {
            assert!(allows(expression, &ALLOWED).is_err(), "{expression}");
        }
    }

    #[test]
    fn a_package_is_named_with_what_is_wrong() {
        let package = |name: &str, licence: Option<&str>| Package {
            licence: licence.map(str::to_owned),
            ..Package::sample(name, &[])
        };
        let packages = [
            package("good", Some("MIT")),
            package("apollo-federation", Some("Elastic-2.0")),
            package("silent", None),
            package("only-a-file", None),
        ];
        assert_eq!(
            are_allowed(&packages, &ALLOWED, &[("only-a-file", "MIT")]),
            [
                "apollo-federation 1.0.0: `Elastic-2.0` is not allowed",
                "silent 1.0.0: names no licence"
            ]
        );
    }
}
