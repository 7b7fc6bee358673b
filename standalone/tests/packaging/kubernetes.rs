//! What the manifests in `deploy/kubernetes` say, held to what `compose.yaml` says of the same processes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::compose::{Compose, Service};

const SETTINGS: &str = include_str!("../../../deploy/kubernetes/settings.yaml");
const MANIFESTS: [(&str, &str); 5] = [
    ("migrate", include_str!("../../../deploy/kubernetes/migrate.yaml")),
    ("auth", include_str!("../../../deploy/kubernetes/auth.yaml")),
    ("logistics", include_str!("../../../deploy/kubernetes/logistics.yaml")),
    ("platform", include_str!("../../../deploy/kubernetes/platform.yaml")),
    ("router", include_str!("../../../deploy/kubernetes/router.yaml")),
];

#[derive(Debug, Deserialize)]
struct Manifest {
    kind: String,
    metadata: Metadata,
    #[serde(default)]
    data: BTreeMap<String, String>,
    spec: Option<Spec>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Spec {
    template: Option<Template>,
    #[serde(default)]
    ports: Vec<ServicePort>,
}

#[derive(Debug, Deserialize)]
struct ServicePort {
    port: u16,
}

#[derive(Debug, Deserialize)]
struct Template {
    spec: Pod,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    security_context: SecurityContext,
    containers: Vec<Container>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecurityContext {
    run_as_non_root: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    image: String,
    command: Vec<String>,
    env: Vec<Variable>,
    #[serde(default)]
    ports: Vec<ContainerPort>,
    readiness_probe: Option<Probe>,
    liveness_probe: Option<Probe>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variable {
    name: String,
    value: Option<String>,
    value_from: Option<ValueFrom>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValueFrom {
    secret_key_ref: SecretKeyRef,
}

#[derive(Debug, Deserialize)]
struct SecretKeyRef {
    key: String,
    #[serde(default)]
    optional: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerPort {
    container_port: u16,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    http_get: HttpGet,
}

#[derive(Debug, Deserialize)]
struct HttpGet {
    path: String,
}

fn read(text: &str) -> Vec<Manifest> {
    let documents = text.split("\n---\n");
    documents.map(|text| serde_saphyr::from_str(text).expect("a manifest")).collect()
}

/// The only container of the file.
fn container(manifests: &[Manifest]) -> &Container {
    let pods = manifests.iter().filter_map(|manifest| manifest.spec.as_ref()?.template.as_ref());
    let [pod] = &pods.map(|template| &template.spec).collect::<Vec<_>>()[..] else {
        panic!("one pod: {manifests:?}")
    };
    assert!(pod.security_context.run_as_non_root);
    let [container] = &pod.containers[..] else { panic!("one container: {pod:?}") };
    container
}

#[test]
fn every_process_of_compose_runs_with_its_command_and_variables() {
    let shared = &read(SETTINGS)[0];
    assert_eq!((shared.kind.as_str(), shared.metadata.name.as_str()), ("ConfigMap", "ridegraph"));
    let compose = Compose::read();
    let ours = |service: &&Service| service.image == "ridegraph";
    assert_eq!(compose.services.values().filter(ours).count(), MANIFESTS.len());
    for (name, text) in MANIFESTS {
        let manifests = read(text);
        assert!(manifests.iter().all(|manifest| manifest.metadata.name == name), "{name}");
        let (container, service) = (container(&manifests), &compose.services[name]);
        assert_eq!(container.image, service.image);
        assert_eq!(container.command, service.command, "{name}");
        let set = container.env.iter().map(|variable| &variable.name).chain(shared.data.keys());
        let set: BTreeSet<&String> = set.collect();
        let missing: Vec<&String> =
            service.environment.keys().filter(|variable| !set.contains(variable)).collect();
        assert_eq!(missing, Vec::<&String>::new(), "{name}");
    }
}

#[test]
fn no_secret_stands_in_a_manifest_and_each_is_in_the_example() {
    let example = include_str!("../../../.env.example");
    for (name, text) in MANIFESTS {
        for variable in &container(&read(text)).env {
            match (&variable.value, &variable.value_from) {
                (None, Some(from)) => {
                    assert_eq!(from.secret_key_ref.key, variable.name, "{name}");
                    let named = |line: &str| line.starts_with(&format!("{}=", variable.name));
                    let mark = if from.secret_key_ref.optional { "# " } else { "" };
                    let is_named =
                        example.lines().any(|it| it.strip_prefix(mark).is_some_and(named));
                    assert!(is_named, "{name}: {}", variable.name);
                }
                (Some(value), None) => {
                    let words = ["SECRET", "PASSWORD", "KEY"];
                    assert!(!words.iter().any(|word| variable.name.ends_with(word)), "{name}");
                    let password =
                        value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
                    assert!(
                        password.is_none_or(|(user, _)| user.contains(":$(")),
                        "{name}: {value}"
                    );
                }
                other => panic!("{name}: {}: {other:?}", variable.name),
            }
        }
    }
}

#[test]
fn what_serves_is_reached_and_probed_where_it_listens() {
    let compose = Compose::read();
    for (name, text) in MANIFESTS {
        let manifests = read(text);
        let container = container(&manifests);
        let Some(listen) = compose.services[name].environment.get("LISTEN") else {
            assert!(container.ports.is_empty() && manifests.len() == 1, "{name}");
            continue;
        };
        let listens = container.env.iter().find(|variable| variable.name == "LISTEN");
        assert_eq!(listens.and_then(|variable| variable.value.as_ref()), Some(listen), "{name}");
        let port: u16 = listen.rsplit(':').next().unwrap().parse().unwrap();
        assert_eq!(container.ports[0].container_port, port, "{name}");
        let service = manifests.iter().find(|manifest| manifest.kind == "Service").unwrap();
        assert_eq!(service.spec.as_ref().unwrap().ports[0].port, port, "{name}");
        let path = |probe: &Option<Probe>| probe.as_ref().map(|probe| probe.http_get.path.clone());
        assert_eq!(path(&container.readiness_probe).as_deref(), Some("/readyz"), "{name}");
        assert_eq!(path(&container.liveness_probe).as_deref(), Some("/livez"), "{name}");
    }
}
