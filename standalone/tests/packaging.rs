//! What `compose.yaml`, `.env.example`, the `Dockerfile` and the manifests say of each other, as far as it can be read.

#[expect(dead_code, reason = "the tests of the processes read more of it")]
mod compose;
#[path = "packaging/kubernetes.rs"]
mod kubernetes;

use std::collections::{BTreeMap, BTreeSet};

use compose::{Compose, interpolate};

const DOCKERFILE: &str = include_str!("../../Dockerfile");
const ENV_EXAMPLE: &str = include_str!("../../.env.example");

/// The variables that compose.yaml insists on: `${NAME:?…}`.
fn required() -> BTreeSet<&'static str> {
    let expressions = compose::TEXT.split("${").skip(1);
    expressions.filter_map(|text| Some(text.split_once('}')?.0.split_once(":?")?.0)).collect()
}

#[test]
fn no_secret_stands_in_the_file() {
    let compose = Compose::read();
    let mut secrets = 0;
    for (name, service) in &compose.services {
        for (variable, value) in &service.environment {
            let is_secret =
                ["SECRET", "PASSWORD", "KEY"].iter().any(|word| variable.ends_with(word));
            if is_secret {
                secrets += 1;
                let is_required =
                    value.starts_with(&format!("${{{variable}:?")) && value.ends_with('}');
                assert!(is_required, "{name}: {variable} is `{value}`");
            }
        }
    }
    assert!(secrets > 0, "the services have secrets");
}

#[test]
fn the_example_names_every_variable_that_is_required() {
    let lines = ENV_EXAMPLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let named: BTreeSet<&str> = lines.filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert_eq!(named, required());
}

#[test]
fn the_example_holds_no_secret() {
    for line in ENV_EXAMPLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        assert!(line.ends_with('=') || line.starts_with("ADMIN_EMAIL="), "{line}");
    }
}

#[test]
fn the_image_has_every_binary_that_is_run() {
    let list = DOCKERFILE.split_once("for binary in ").and_then(|(_, rest)| rest.split_once(';'));
    let (binaries, _) = list.expect("the Dockerfile lists its binaries");
    let binaries: BTreeSet<&str> = binaries.split_whitespace().collect();
    let compose = Compose::read();
    let run = compose.services.values().filter(|service| service.image == "ridegraph");
    let run: BTreeSet<&str> = run.map(|service| service.command[0].as_str()).collect();
    assert_eq!(run, binaries);
    assert!(DOCKERFILE.contains("\nUSER ridegraph\n"), "the image does not run as root");
}

/// Cargo reads them all, whichever it builds.
#[test]
fn the_image_is_built_with_every_member_of_the_workspace() {
    let manifest = include_str!("../../Cargo.toml");
    let members = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    let ignored = include_str!("../../.dockerignore");
    for member in members.expect("the workspace has members").0.split('"').skip(1).step_by(2) {
        let folder = member.split('/').next().unwrap();
        assert!(ignored.lines().any(|line| line == format!("!{folder}")), "{member}");
    }
}

#[test]
fn what_serves_is_checked_for_health_at_its_own_port() {
    let compose = Compose::read();
    for (name, service) in &compose.services {
        let Some(listen) = service.environment.get("LISTEN") else { continue };
        let port = listen.strip_prefix("0.0.0.0:").expect("it listens inside its container");
        let check = service.healthcheck.as_ref().expect("what serves is checked");
        assert_eq!(check.test, ["CMD", "healthy", port], "{name}");
    }
}

#[test]
fn whatever_has_metrics_is_scraped() {
    let scraped = include_str!("../../deploy/prometheus.yml");
    for (name, service) in &Compose::read().services {
        let Some(listen) = service.environment.get("LISTEN") else { continue };
        let port = listen.strip_prefix("0.0.0.0:").expect("it listens inside its container");
        assert!(scraped.contains(&format!("\"{name}:{port}\"")), "{name}");
    }
}

#[test]
fn services_start_after_what_they_depend_on() {
    let compose = Compose::read();
    let order = compose.in_order();
    let place = |name: &str| order.iter().position(|other| *other == name).unwrap();
    assert!(place("postgres") < place("migrate"));
    for service in ["auth", "logistics", "platform"] {
        assert!(place("migrate") < place(service) && place(service) < place("router"), "{order:?}");
    }
}

#[test]
fn variables_are_replaced_as_compose_does() {
    let variables =
        BTreeMap::from([("A".to_owned(), "1".to_owned()), ("EMPTY".to_owned(), String::new())]);
    for (text, expected) in [
        ("x${A}y", Ok("x1y")),
        ("${A:-2}${B:-3}${EMPTY:-4}", Ok("134")),
        ("${A:?why}", Ok("1")),
        ("${B:?why}", Err("`B` is not set")),
        ("${EMPTY:?why}", Err("`EMPTY` is not set")),
        ("$$A", Ok("$A")),
        ("$A", Err("`$A` has a `$` without `{…}`")),
    ] {
        let result = interpolate(text, &variables);
        assert_eq!(result.as_deref().map_err(String::as_str), expected, "{text}");
    }
}
