//! Lock files of npm name no host, pin what they lock, and bring allowed licences.

use serde_json::Value;

use crate::licence;
use crate::tree::SourceFile;

/// Checks a `package-lock.json`; other files are fine.
pub fn locks_well(file: &SourceFile, allowed: &[&str]) -> Vec<String> {
    if file.name() != "package-lock.json" {
        return Vec::new();
    }
    let breaches = match serde_json::from_str::<Value>(&file.text) {
        Err(error) => vec![error.to_string()],
        Ok(lock) => match lock["packages"].as_object() {
            None => vec!["it has no `packages`".to_owned()],
            Some(packages) => {
                let others = packages.iter().filter(|(path, _)| !path.is_empty());
                others.flat_map(|(path, package)| check(path, package, allowed)).collect()
            }
        },
    };
    breaches.into_iter().map(|breach| format!("{}: {breach}", file.path)).collect()
}

fn check(path: &str, package: &Value, allowed: &[&str]) -> Vec<String> {
    let mut breaches = Vec::new();
    if !package["resolved"].is_null() {
        breaches
            .push(format!("`{path}` names a host; lock with --omit-lockfile-registry-resolved"));
    }
    if !package["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha512-")) {
        breaches.push(format!("`{path}` is not pinned by a hash"));
    }
    let breach = match package["license"].as_str() {
        None => Some("names no licence".to_owned()),
        Some(expression) => licence::breach(expression, allowed),
    };
    breaches.extend(breach.map(|breach| format!("`{path}`: {breach}")));
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(package: &str) -> Vec<String> {
        let root = r#""": { "name": "root" }"#;
        let text = format!(r#"{{ "packages": {{ {root}, "node_modules/a": {package} }} }}"#);
        let file = SourceFile { path: "web/package-lock.json".to_owned(), text };
        locks_well(&file, &["MIT"])
    }

    #[test]
    fn a_lock_pins_by_hash_and_names_no_host() {
        assert!(check(r#"{ "integrity": "sha512-A", "license": "MIT" }"#).is_empty());
        let resolved = r#"{ "resolved": "https://example.com/a.tgz", "integrity": "sha512-A", "license": "MIT" }"#;
        assert_eq!(
            check(resolved),
            [
                "web/package-lock.json: `node_modules/a` names a host; lock with --omit-lockfile-registry-resolved"
            ]
        );
        assert_eq!(
            check(r#"{ "license": "AGPL-3.0-only" }"#),
            [
                "web/package-lock.json: `node_modules/a` is not pinned by a hash",
                "web/package-lock.json: `node_modules/a`: `AGPL-3.0-only` is not allowed",
            ]
        );
        assert_eq!(check(r#"{ "integrity": "sha512-A" }"#).len(), 1);
    }

    #[test]
    fn what_is_no_lock_file_is_refused() {
        let file = |text: &str| SourceFile { path: "package-lock.json".into(), text: text.into() };
        assert_eq!(locks_well(&file("{}"), &[]), ["package-lock.json: it has no `packages`"]);
        assert_eq!(locks_well(&file("no JSON"), &[]).len(), 1);
    }
}
