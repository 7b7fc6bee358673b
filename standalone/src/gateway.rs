//! The router before the services: their schemas composed, and the way to each a call instead of a socket.

use std::collections::BTreeMap;

use axum::http::header;
use server::{
    AppParts, Config, Connector, CurrentGraph, Graph, ServiceKey, Serving, StartError,
    SubgraphSource,
};
use telemetry::PrometheusHandle;

use crate::examples;
use crate::services::Services;

/// The router's routes. `secrets` are those of the services' tokens: of several, the first signs.
pub(crate) fn app(
    services: &Services,
    secrets: &str,
    metrics: PrometheusHandle,
) -> Result<Serving, StartError> {
    let mut config = Config::default();
    config.headers.forward.push(header::AUTHORIZATION);
    let key = ServiceKey::shared_secret(secrets).map_err(|reason| StartError::Variable {
        variable: "SERVICE_JWT_SECRET".to_owned(),
        reason,
    })?;
    let routes = BTreeMap::from([
        ("auth".to_owned(), services.auth.clone()),
        ("logistics".to_owned(), services.logistics.clone()),
        ("platform".to_owned(), services.platform.clone()),
    ]);
    let connector = Connector::in_process(&config, routes, &key, server::system_clock);
    let supergraph_sdl = server::compose(&subgraphs())?.supergraph_sdl;
    let graph = Graph::load(&supergraph_sdl, &connector, &config)?;
    let parts = AppParts {
        graph: CurrentGraph::holding(graph),
        metrics,
        examples: examples::all(),
        clock: server::system_clock,
    };
    Ok(server::app(&config, parts))
}

/// The schemas of the services. Nothing is reached by these addresses: they are names here.
fn subgraphs() -> [SubgraphSource; 3] {
    [("auth", auth::sdl()), ("logistics", logistics::sdl()), ("platform", platform::sdl())].map(
        |(name, sdl)| SubgraphSource {
            name: name.to_owned(),
            url: format!("http://{name}/graphql"),
            sdl,
        },
    )
}
