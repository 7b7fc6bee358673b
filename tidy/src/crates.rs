//! Which crate may import which, and who may know a runtime, HTTP or a database.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand};

/// A package that ends up in the lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its SPDX expression, where it states one.
    pub licence: Option<String>,
    /// Whether it is one of ours.
    pub is_ours: bool,
    /// What its manifest names, in the order of the names.
    pub dependencies: Vec<Dependency>,
    /// The names of what it is built of in this workspace: without its tests, and without options that are off.
    pub built_of: BTreeSet<String>,
}

/// One line of a package's dependencies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// The name of the package meant, whatever it is called inside.
    pub name: String,
    /// Whether only its tests have it.
    pub is_for_tests: bool,
}

/// Which of our crates each of our crates may import: (crate, for all of it, for its tests beside).
pub type Arrows<'a> = &'a [(&'a str, &'a [&'a str], &'a [&'a str])];

/// Asks cargo for the packages of the workspace at `manifest_path`, with all features and for all platforms.
pub fn read(manifest_path: &str) -> Result<Vec<Package>, cargo_metadata::Error> {
    let mut command = MetadataCommand::new();
    command.manifest_path(manifest_path).features(CargoOpt::AllFeatures);
    Ok(packages(&command.exec()?))
}

fn packages(metadata: &Metadata) -> Vec<Package> {
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let nodes: HashMap<_, _> = nodes.map(|node| (&node.id, node)).collect();
    let names: HashMap<_, _> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let packages = metadata.packages.iter().map(|package| {
        let dependencies = package.dependencies.iter().map(|dependency| Dependency {
            name: dependency.name.clone(),
            is_for_tests: dependency.kind == DependencyKind::Development,
        });
        let used = nodes.get(&package.id).into_iter().flat_map(|node| &node.deps);
        let built_of = used.filter(|used| {
            used.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development)
        });
        let mut package = Package {
            name: package.name.to_string(),
            version: package.version.to_string(),
            licence: package.license.clone(),
            is_ours: metadata.workspace_members.contains(&package.id),
            dependencies: dependencies.collect(),
            built_of: built_of.map(|used| names[&used.pkg].to_owned()).collect(),
        };
        package.dependencies.sort();
        package
    });
    packages.collect()
}

/// Our crates import those of our crates that the arrows allow, and each has its line among the arrows.
pub fn follow_the_arrows(packages: &[Package], arrows: Arrows<'_>) -> Vec<String> {
    let ours: Vec<&Package> = packages.iter().filter(|package| package.is_ours).collect();
    let mut breaches = Vec::new();
    for package in &ours {
        let Some((_, always, in_tests)) = arrows.iter().find(|(name, ..)| *name == package.name)
        else {
            breaches.push(format!("`{}` has no place among the arrows", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let Dependency { name, is_for_tests } = dependency;
            let is_ours = ours.iter().any(|package| package.name == *name);
            let is_allowed = *name == package.name
                || always.contains(&name.as_str())
                || (*is_for_tests && in_tests.contains(&name.as_str()));
            if is_ours && !is_allowed {
                let place = if *is_for_tests { " in its tests" } else { "" };
                breaches.push(format!("`{}` may not import `{name}`{place}", package.name));
            }
        }
    }
    for (name, ..) in arrows {
        if !ours.iter().any(|package| package.name == *name) {
            breaches.push(format!("the arrows name `{name}`, which is no crate of ours"));
        }
    }
    breaches
}

/// Nothing that `name` is built of, near or far, is one of `banned`.
pub fn is_built_without(packages: &[Package], name: &str, banned: &[&str]) -> Vec<String> {
    // By name and not by version: where two versions are there, either of them counts.
    let mut built_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        let names = package.built_of.iter().map(String::as_str);
        built_of.entry(&package.name).or_default().extend(names);
    }
    let mut breaches = Vec::new();
    let mut seen = BTreeSet::new();
    let mut paths = vec![vec![name]];
    while let Some(path) = paths.pop() {
        let last = path[path.len() - 1];
        if banned.contains(&last) {
            breaches.push(format!("`{name}` is built of `{last}`: {}", path.join(" → ")));
            continue;
        }
        for next in built_of.get(last).into_iter().flatten() {
            if seen.insert(*next) {
                paths.push([&path[..], &[*next]].concat());
            }
        }
    }
    breaches.sort();
    breaches
}

/// Of our crates only `users` import `library`, and `testers` in their tests.
pub fn is_imported_by(
    packages: &[Package],
    library: &str,
    users: &[&str],
    testers: &[&str],
) -> Vec<String> {
    let mut breaches = Vec::new();
    for package in packages.iter().filter(|package| package.is_ours) {
        let name = package.name.as_str();
        for dependency in package.dependencies.iter().filter(|used| used.name == library) {
            let is_tester = dependency.is_for_tests && testers.contains(&name);
            if !users.contains(&name) && !is_tester {
                breaches.push(format!("`{name}` may not import `{library}`"));
            }
        }
    }
    breaches
}

#[cfg(test)]
impl Package {
    /// A package of ours that depends on `dependencies`; `dev:` before a name means for tests.
    pub(crate) fn sample(name: &str, dependencies: &[&str]) -> Self {
        let dependencies = dependencies.iter().map(|dependency| Dependency {
            name: dependency.trim_start_matches("dev:").to_owned(),
            is_for_tests: dependency.starts_with("dev:"),
        });
        let dependencies: Vec<_> = dependencies.collect();
        let built_of = dependencies.iter().filter(|dependency| !dependency.is_for_tests);
        Self {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: Some("MIT".to_owned()),
            is_ours: true,
            built_of: built_of.map(|dependency| dependency.name.clone()).collect(),
            dependencies,
        }
    }

    fn foreign(name: &str, dependencies: &[&str]) -> Self {
        Self { is_ours: false, ..Self::sample(name, dependencies) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_upwards_is_a_breach() {
        let packages = [
            Package::sample("noun", &["planner", "serde"]),
            Package::sample("planner", &["noun", "dev:server"]),
            Package::sample("server", &["noun", "planner", "dev:server"]),
            Package::sample("stray", &[]),
            Package::foreign("serde", &[]),
        ];
        let arrows: Arrows<'_> = &[
            ("noun", &[], &[]),
            ("planner", &["noun"], &[]),
            ("server", &["noun", "planner"], &[]),
            ("gone", &[], &[]),
        ];
        assert_eq!(
            follow_the_arrows(&packages, arrows),
            [
                "`noun` may not import `planner`",
                "`planner` may not import `server` in its tests",
                "`stray` has no place among the arrows",
                "the arrows name `gone`, which is no crate of ours",
            ]
        );
    }

    #[test]
    fn an_arrow_for_tests_is_for_tests_alone() {
        let arrows: Arrows<'_> = &[("auth", &[], &["migrations"]), ("migrations", &[], &[])];
        let migrations = Package::sample("migrations", &[]);
        let tested = [Package::sample("auth", &["dev:migrations"]), migrations.clone()];
        assert!(follow_the_arrows(&tested, arrows).is_empty());
        let built = [Package::sample("auth", &["migrations"]), migrations];
        assert_eq!(follow_the_arrows(&built, arrows), ["`auth` may not import `migrations`"]);
    }

    #[test]
    fn a_runtime_is_found_however_far_away() {
        let packages = [
            Package::sample("planner", &["language", "dev:tokio"]),
            Package {
                built_of: ["cache".to_owned()].into(),
                ..Package::foreign("language", &["off"])
            },
            Package::foreign("cache", &["tokio"]),
            Package::foreign("tokio", &[]),
            Package::foreign("off", &[]),
        ];
        assert_eq!(
            is_built_without(&packages, "planner", &["tokio", "off"]),
            ["`planner` is built of `tokio`: planner → language → cache → tokio"]
        );
        assert!(is_built_without(&packages[..1], "planner", &["tokio"]).is_empty());
    }

    #[test]
    fn a_library_has_its_users() {
        let packages = [
            Package::sample("server", &["axum"]),
            Package::sample("auth", &["axum"]),
            Package::sample("logistics", &["dev:axum"]),
            Package::sample("platform", &["dev:axum"]),
            Package::foreign("somebody", &["axum"]),
        ];
        assert_eq!(
            is_imported_by(&packages, "axum", &["server"], &["logistics"]),
            ["`auth` may not import `axum`", "`platform` may not import `axum`"]
        );
    }
}
