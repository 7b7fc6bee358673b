//! Reads `compose.yaml` as far as its services concern us: which commands run, with which variables, after what.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The file.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Compose {
    /// By name.
    pub(crate) services: BTreeMap<String, Service>,
}

/// A service of the file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    /// The image that it runs.
    pub(crate) image: String,
    /// Who has to be asked for, that it runs.
    pub(crate) profiles: Vec<String>,
    /// What runs in it.
    pub(crate) command: Vec<String>,
    /// The variables that it sees.
    pub(crate) environment: BTreeMap<String, String>,
    /// What has to be there before.
    pub(crate) depends_on: BTreeMap<String, Dependency>,
    /// How it is found to be well.
    pub(crate) healthcheck: Option<HealthCheck>,
}

/// How far another service must have come.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dependency {
    /// `service_healthy` or `service_completed_successfully`.
    pub(crate) condition: String,
}

/// How a service is found to be well.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct HealthCheck {
    /// `CMD` or `CMD-SHELL`, and what to run.
    pub(crate) test: Vec<String>,
}

/// The text of the file.
pub(crate) const TEXT: &str = include_str!("../../../compose.yaml");

impl Compose {
    /// Reads what runs by itself from the file of the repository, its variables not yet replaced.
    pub(crate) fn read() -> Self {
        let mut compose: Self =
            serde_saphyr::from_str(TEXT).expect("compose.yaml is what compose reads");
        compose.services.retain(|_, service| service.profiles.is_empty());
        compose
    }

    /// Replaces the variables in commands, environments and health checks, as compose does.
    pub(crate) fn interpolate(
        mut self,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        for service in self.services.values_mut() {
            let checks = service.healthcheck.iter_mut().flat_map(|check| &mut check.test);
            let texts = service.command.iter_mut().chain(service.environment.values_mut());
            for text in texts.chain(checks) {
                *text = interpolate(text, variables)?;
            }
        }
        Ok(self)
    }

    /// The names of the services, each after all that it depends on.
    pub(crate) fn in_order(&self) -> Vec<&str> {
        let mut ordered: Vec<&str> = Vec::new();
        while ordered.len() < self.services.len() {
            let next = self.services.iter().find(|(name, service)| {
                let is_there = |name: &String| ordered.contains(&name.as_str());
                !is_there(name) && service.depends_on.keys().all(is_there)
            });
            let (name, _) = next.expect("services do not wait for each other in a circle");
            ordered.push(name);
        }
        ordered
    }
}

/// Replaces `${NAME}`, `${NAME:-default}`, `${NAME:?what is wrong without it}` and `$$`.
pub(crate) fn interpolate(
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            result.push('$');
            rest = after;
            continue;
        }
        let (expression, after) = rest
            .strip_prefix('{')
            .and_then(|inside| inside.split_once('}'))
            .ok_or_else(|| format!("`{text}` has a `$` without `{{…}}`"))?;
        let (name, default) = match expression.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (expression.split_once(":?").map_or(expression, |(name, _)| name), None),
        };
        let value = variables.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let value = value.or(default).ok_or_else(|| format!("`{name}` is not set"))?;
        result.push_str(value);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}
