//! Two subgraphs and a router on real sockets, ended when the test ends.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use composition::SubgraphSource;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::json;
use server::{
    AppParts, Config, Connector, CurrentGraph, Graph, ServiceKey, Serving, app, compose,
    system_clock,
};
use tokio::task::JoinSet;

use crate::subgraph::Subgraph;

/// Servers that live as long as this.
#[derive(Default)]
pub(crate) struct World {
    servers: JoinSet<()>,
}

/// A router with its subgraphs.
pub(crate) struct Federation {
    pub(crate) router: SocketAddr,
    pub(crate) graph: CurrentGraph,
    pub(crate) supergraph_sdl: String,
    pub(crate) accounts: Subgraph,
    pub(crate) reviews: Subgraph,
    _world: World,
}

impl World {
    /// Runs beside the test, to its end or that of the test.
    pub(crate) fn spawn<T: Send + 'static>(
        &mut self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::sync::oneshot::Receiver<T> {
        let (done, result) = tokio::sync::oneshot::channel();
        self.servers.spawn(async move { drop(done.send(work.await)) });
        result
    }

    /// Serves on a free port.
    pub(crate) async fn serve(&mut self, app: impl Into<Serving>) -> SocketAddr {
        let app = app.into();
        let listener = server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap();
        self.servers.spawn(async move {
            server::serve(listener, app, std::future::pending()).await.unwrap();
        });
        address
    }
}

/// Who users are.
pub(crate) fn accounts() -> Subgraph {
    Subgraph::new(
        r#"
            type Query { me: User, user(id: ID!): User, find(by: UserBy!): User }
            input UserBy @oneOf { id: ID, name: String }
            type Mutation { rename(name: String!): User }
            type User @key(fields: "id") { id: ID!, name: String! }
        "#,
        "User",
        json!({
            "Query": { "me": { "id": "1", "name": "Ada" }, "user": { "id": "2", "name": "Alan" },
                       "find": { "id": "1", "name": "Ada" } },
            "Mutation": { "rename": { "id": "1", "name": "Augusta" } },
            "User": [{ "id": "1", "name": "Ada" }, { "id": "2", "name": "Alan" }],
        }),
    )
}

/// What users say.
pub(crate) fn reviews() -> Subgraph {
    Subgraph::new(
        r#"
            type Query { latestReview: Review }
            type Subscription { reviewAdded(of: ID): Review! }
            type Review @key(fields: "id") { id: ID!, text: String!, author: User }
            type User @key(fields: "id") { id: ID!, reviews: [Review!]! }
        "#,
        "User | Review",
        json!({
            "Query": { "latestReview": { "id": "r1", "text": "Good", "author": { "id": "2" } } },
            "User": [
                { "id": "1", "reviews": [{ "id": "r2", "text": "Fine" }] },
                { "id": "2", "reviews": [{ "id": "r1", "text": "Good" }] },
            ],
        }),
    )
}

/// A subgraph's entry for composition.
pub(crate) fn source(name: &str, url: &str, subgraph: &Subgraph) -> SubgraphSource {
    SubgraphSource { name: name.to_owned(), url: url.to_owned(), sdl: subgraph.sdl().to_owned() }
}

/// Renders metrics, none of which are recorded.
pub(crate) fn metrics() -> PrometheusHandle {
    PrometheusBuilder::new().build_recorder().handle()
}

/// The app of a graph.
pub(crate) fn app_of(graph: CurrentGraph, config: &Config) -> Serving {
    let parts = AppParts { graph, metrics: metrics(), examples: Vec::new(), clock: system_clock };
    app(config, parts)
}

impl Federation {
    /// Everything on sockets.
    pub(crate) async fn start(config: Config) -> Self {
        let (accounts, reviews) = (accounts(), reviews());
        let mut world = World::default();
        let accounts_url = format!("http://{}/graphql", world.serve(accounts.app()).await);
        let reviews_url = format!("http://{}/graphql", world.serve(reviews.app()).await);
        let connector = Connector::http(&config, &|_| Some("s".repeat(32)), system_clock).unwrap();
        let sources = [
            source("accounts", &accounts_url, &accounts),
            source("reviews", &reviews_url, &reviews),
        ];
        Self::route(world, config, &connector, &sources, (accounts, reviews)).await
    }

    /// The subgraphs in the router's process: their addresses lead nowhere.
    pub(crate) async fn start_in_process(config: Config, key: &ServiceKey) -> Self {
        let (accounts, reviews) = (accounts(), reviews());
        let apps = BTreeMap::from([
            ("accounts".to_owned(), accounts.app()),
            ("reviews".to_owned(), reviews.app()),
        ]);
        let connector = Connector::in_process(&config, apps, key, system_clock);
        let sources = [source("accounts", "", &accounts), source("reviews", "", &reviews)];
        Self::route(World::default(), config, &connector, &sources, (accounts, reviews)).await
    }

    async fn route(
        mut world: World,
        config: Config,
        connector: &Connector,
        sources: &[SubgraphSource],
        (accounts, reviews): (Subgraph, Subgraph),
    ) -> Self {
        let supergraph_sdl = compose(sources).unwrap().supergraph_sdl;
        let graph = Graph::load(&supergraph_sdl, connector, &config).unwrap();
        let graph = CurrentGraph::holding(graph);
        let router = world.serve(app_of(graph.clone(), &config)).await;
        Self { router, graph, supergraph_sdl, accounts, reviews, _world: world }
    }
}
