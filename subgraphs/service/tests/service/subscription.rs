//! Subscriptions, over Server-Sent Events and over a WebSocket: fed from the bus, for whom the tokens name, as long as
//! they live.

use std::net::SocketAddr;

use async_graphql::{Context, EmptyMutation, Error, Object, Result, Subscription};
use chrono::TimeDelta;
use futures::{SinkExt, Stream, StreamExt};
use serde_json::{Value, json};
use service::testing::{Client, access_token, each_database, parts, signing_keys};
use service::{AccessTokens, AllowList, Bus, Caller, Entities, Event, NewEvent, Parts, Subgraph};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};
use uuid::Uuid;

struct Query;

#[Object]
impl Query {
    async fn label(&self, ctx: &Context<'_>) -> String {
        Caller::of(ctx).label()
    }
}

struct Changes;

#[Subscription]
impl Changes {
    /// What is told of one thing; an event missed is one told as null.
    #[expect(clippy::unused_async, reason = "async-graphql wants subscriptions async")]
    async fn changed(
        &self,
        ctx: &Context<'_>,
        id: Uuid,
    ) -> Result<impl Stream<Item = Option<Change>> + use<>> {
        Caller::of(ctx).require_user()?;
        let heard = ctx.data_unchecked::<Bus>().watch(id);
        Ok(heard.map(|heard| heard.ok().map(|event| Change(event.payload.to_string()))))
    }

    #[expect(clippy::unused_async, reason = "async-graphql wants subscriptions async")]
    async fn refused(&self) -> Result<impl Stream<Item = i32> + use<>> {
        Err::<futures::stream::Empty<i32>, _>(Error::new("swordfish"))
    }
}

struct Change(String);

#[Object]
impl Change {
    async fn text(&self) -> &str {
        &self.0
    }
}

const CHANGED: &str = "subscription ($id: UUID!) { changed(id: $id) { text } }";

/// A subgraph with a subscription, in this process and behind a socket.
struct World {
    parts: Parts,
    client: Client,
    address: SocketAddr,
    thing: Uuid,
    _serving: tokio::task::JoinSet<()>,
}

async fn each_world(test: impl AsyncFn(World)) {
    each_database(async |database| {
        let (parts, _) = parts(database);
        let schema =
            service::schema(Query, EmptyMutation, Changes).data(parts.bus.clone()).finish();
        let subgraph = Subgraph {
            name: "rides",
            sdl: service::federation_sdl(&schema),
            schema,
            entities: Entities::new(parts.database.read.clone()),
            access_tokens: AccessTokens::from_keys(signing_keys().public().clone()),
            allow_list: AllowList::router_only(),
            dependencies: vec![],
        };
        let app = service::app(subgraph, &parts);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = tokio::task::JoinSet::new();
        let served = app.clone();
        serving.spawn(async move { axum::serve(listener, served).await.unwrap() });
        let client = Client::new("rides", app, &parts);
        let thing = parts.clock.new_id();
        test(World { parts, client, address, thing, _serving: serving }).await;
    })
    .await;
}

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

impl World {
    fn user_token(&self) -> String {
        access_token(&signing_keys(), Uuid::from_u128(7), &[], self.parts.clock.now())
    }

    fn signed_in(&self) -> Client {
        self.client.bearer(self.user_token())
    }

    fn event(&self, number: i32) -> Event {
        let event = NewEvent {
            kind: "thing.changed",
            aggregate: "thing",
            aggregate_id: self.thing,
            payload: json!(number),
        };
        event.now(&self.parts.clock)
    }

    /// Waits until so many streams and connections are open.
    async fn until_open(&self, open: usize) {
        while self.parts.drain.open() != open {
            tokio::task::yield_now().await;
        }
    }

    async fn upgrade(&self, headers: &[(&'static str, String)]) -> tungstenite::Result<Socket> {
        let mut request = format!("ws://{}/graphql", self.address).into_client_request().unwrap();
        let protocol = ("sec-websocket-protocol", "graphql-transport-ws".to_owned());
        for (name, value) in [protocol].iter().chain(headers) {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        Ok(tokio_tungstenite::connect_async(request).await?.0)
    }

    fn service_token(&self) -> (&'static str, String) {
        let now = self.parts.clock.now();
        ("x-service-token", self.parts.keys.mint("router", "rides", &[], now).0)
    }

    /// A connection from the router, not initialised.
    async fn connection(&self) -> Socket {
        self.upgrade(&[self.service_token()]).await.unwrap()
    }

    /// A connection from the router, initialised for a user.
    async fn connection_of_user(&self) -> Socket {
        let mut socket = self.connection().await;
        let authorization = format!("Bearer {}", self.user_token());
        tell(
            &mut socket,
            json!({"type": "connection_init", "payload": {"Authorization": authorization}}),
        )
        .await;
        assert_eq!(hear(&mut socket).await, json!({"type": "connection_ack"}));
        socket
    }

    fn subscribe(&self, id: &str) -> Value {
        let payload = json!({"query": CHANGED, "variables": {"id": self.thing}});
        json!({"type": "subscribe", "id": id, "payload": payload})
    }
}

async fn tell(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

/// The next message that is not about the connection alone.
async fn hear(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            message => panic!("expected a text: {message:?}"),
        }
    }
}

async fn close_code(socket: &mut Socket) -> u16 {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Close(frame) => return frame.unwrap().code.into(),
            Message::Ping(_) | Message::Pong(_) => {}
            message => panic!("expected a close frame: {message:?}"),
        }
    }
}

fn next(id: &str, text: &str) -> Value {
    json!({"type": "next", "id": id, "payload": {"data": {"changed": {"text": text}}}})
}

#[tokio::test]
async fn server_sent_events_bring_what_happens_and_end_with_the_token() {
    each_world(async |world| {
        let mut answers = world.signed_in().subscribe(CHANGED, json!({ "id": world.thing })).await;
        let first = async {
            world.until_open(1).await;
            world.parts.bus.tell(&world.event(1)).await;
        };
        // The subscription begins when it is first read.
        let heard = futures::join!(answers.next(), first).0;
        assert_eq!(heard, Some(json!({"data": {"changed": {"text": "1"}}})));
        world.parts.bus.tell(&world.event(2)).await;
        assert_eq!(answers.next().await.unwrap()["data"]["changed"]["text"], "2");

        world.parts.clock.advance(TimeDelta::minutes(16));
        let last = answers.next().await.unwrap();
        assert_eq!(last["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
        assert_eq!(answers.next().await, None);
        drop(answers);
        assert_eq!(world.parts.drain.open(), 0);
    })
    .await;
}

#[tokio::test]
async fn server_sent_events_end_with_the_service() {
    each_world(async |world| {
        let mut answers = world.signed_in().subscribe(CHANGED, json!({ "id": world.thing })).await;
        world.parts.drain.begin();
        let last = answers.next().await.unwrap();
        assert_eq!(last["errors"][0]["extensions"]["code"], "UPSTREAM_UNAVAILABLE");
        assert_eq!(answers.next().await, None);
        world.parts.drain.finished().await;
    })
    .await;
}

#[tokio::test]
async fn server_sent_events_carry_refusals_and_hide_faults() {
    each_world(async |world| {
        let code = async |client: Client, document: &str| {
            let mut answers = client.subscribe(document, json!({ "id": world.thing })).await;
            let answer = answers.next().await.unwrap();
            assert_eq!(answers.next().await, None);
            assert!(!answer.to_string().contains("swordfish"));
            answer["errors"][0]["extensions"]["code"].as_str().unwrap().to_owned()
        };
        let anonymous = world.client.clone();
        assert_eq!(code(anonymous.clone(), CHANGED).await, "UNAUTHENTICATED");
        assert_eq!(code(anonymous.bearer("forged"), CHANGED).await, "UNAUTHENTICATED");
        assert_eq!(code(anonymous.clone(), "subscription {").await, "GRAPHQL_PARSE_FAILED");
        assert_eq!(
            code(anonymous.clone(), "subscription { x }").await,
            "GRAPHQL_VALIDATION_FAILED"
        );
        assert_eq!(code(anonymous, "subscription { refused }").await, "INTERNAL");
    })
    .await;
}

#[tokio::test]
async fn a_web_socket_carries_many_operations() {
    each_world(async |world| {
        let mut socket = world.connection_of_user().await;
        tell(&mut socket, world.subscribe("a")).await;
        tell(&mut socket, world.subscribe("b")).await;
        let label = json!({"type": "subscribe", "id": "c", "payload": {"query": "{ label }"}});
        tell(&mut socket, label).await;
        let user = json!({"label": format!("user:{}", Uuid::from_u128(7))});
        assert_eq!(
            hear(&mut socket).await,
            json!({"type": "next", "id": "c", "payload": {"data": user}})
        );
        assert_eq!(hear(&mut socket).await, json!({"type": "complete", "id": "c"}));

        world.parts.bus.tell(&world.event(1)).await;
        let mut heard = [hear(&mut socket).await, hear(&mut socket).await];
        heard.sort_by_key(|message| message["id"].to_string());
        assert_eq!(heard, [next("a", "1"), next("b", "1")]);

        tell(&mut socket, json!({"type": "complete", "id": "a"})).await;
        tell(&mut socket, json!({"type": "ping"})).await;
        assert_eq!(hear(&mut socket).await, json!({"type": "pong"}));
        world.parts.bus.tell(&world.event(2)).await;
        assert_eq!(hear(&mut socket).await, next("b", "2"));
        // An id that was completed may be used again.
        tell(&mut socket, world.subscribe("a")).await;
        tell(&mut socket, json!({"type": "ping"})).await;
        assert_eq!(hear(&mut socket).await, json!({"type": "pong"}));

        drop(socket);
        world.until_open(0).await;
    })
    .await;
}

#[tokio::test]
async fn a_web_socket_wants_a_service_token_and_the_protocol() {
    each_world(async |world| {
        let status = async |headers: &[(&'static str, String)]| match world.upgrade(headers).await {
            Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
            other => panic!("not refused: {other:?}"),
        };
        assert_eq!(status(&[]).await, 401);
        let now = world.parts.clock.now();
        let for_another = world.parts.keys.mint("router", "auth", &[], now).0;
        assert_eq!(status(&[("x-service-token", for_another)]).await, 401);
        let of_a_stranger = world.parts.keys.mint("platform", "rides", &[], now).0;
        assert_eq!(status(&[("x-service-token", of_a_stranger)]).await, 401);
        let old_protocol = ("sec-websocket-protocol", "graphql-ws".to_owned());
        assert_eq!(status(&[world.service_token(), old_protocol]).await, 400);
    })
    .await;
}

#[tokio::test]
async fn the_user_of_a_web_socket_may_come_with_the_upgrade_and_must_verify() {
    each_world(async |world| {
        let authorization = ("authorization", format!("Bearer {}", world.user_token()));
        let mut socket = world.upgrade(&[world.service_token(), authorization]).await.unwrap();
        tell(&mut socket, json!({"type": "connection_init"})).await;
        assert_eq!(hear(&mut socket).await["type"], "connection_ack");
        tell(&mut socket, world.subscribe("a")).await;
        tell(&mut socket, json!({"type": "ping"})).await;
        assert_eq!(hear(&mut socket).await["type"], "pong");

        let mut socket = world.connection().await;
        let payload = json!({"authorization": "Bearer forged"});
        tell(&mut socket, json!({"type": "connection_init", "payload": payload})).await;
        assert_eq!(close_code(&mut socket).await, 4403);

        let mut socket = world.connection().await;
        tell(&mut socket, json!({"type": "connection_init"})).await;
        assert_eq!(hear(&mut socket).await["type"], "connection_ack");
        tell(&mut socket, world.subscribe("a")).await;
        let refusal = hear(&mut socket).await;
        assert_eq!(refusal["payload"]["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    })
    .await;
}

#[tokio::test]
async fn a_web_socket_that_breaks_the_protocol_is_closed_with_its_code() {
    each_world(async |world| {
        let closed = async |messages: &[Value]| {
            let mut socket = world.connection().await;
            for message in messages {
                tell(&mut socket, message.clone()).await;
            }
            loop {
                if let Message::Close(frame) = socket.next().await.unwrap().unwrap() {
                    return u16::from(frame.unwrap().code);
                }
            }
        };
        let init = json!({"type": "connection_init"});
        let subscribe = world.subscribe("a");
        assert_eq!(closed(&[json!({"type": "nonsense"})]).await, 4400);
        assert_eq!(closed(&[json!({"type": "subscribe", "id": "a"})]).await, 4400);
        assert_eq!(closed(std::slice::from_ref(&subscribe)).await, 4401);
        assert_eq!(closed(&[init.clone(), init.clone()]).await, 4429);
        let authorization = format!("Bearer {}", world.user_token());
        let init = json!({"type": "connection_init", "payload": {"authorization": authorization}});
        assert_eq!(closed(&[init, subscribe.clone(), subscribe]).await, 4409);
    })
    .await;
}

#[tokio::test]
async fn a_web_socket_is_initialised_in_time_and_answers_pings() {
    each_world(async |world| {
        let mut silent = world.connection().await;
        world.until_open(1).await;
        world.parts.clock.advance(TimeDelta::seconds(10));
        assert_eq!(close_code(&mut silent).await, 4408);
        drop(silent);

        let mut socket = world.connection_of_user().await;
        world.parts.clock.advance(TimeDelta::seconds(20));
        // Reading answers it.
        assert!(matches!(socket.next().await, Some(Ok(Message::Ping(_)))));
        tell(&mut socket, json!({"type": "ping"})).await;
        assert_eq!(hear(&mut socket).await["type"], "pong");
        // Now nobody reads: the connection is given up after the second ping.
        world.parts.clock.advance(TimeDelta::seconds(20));
        tokio::task::yield_now().await;
        world.parts.clock.advance(TimeDelta::seconds(20));
        world.until_open(0).await;
    })
    .await;
}

#[tokio::test]
async fn one_web_socket_has_a_hundred_operations_at_most() {
    each_world(async |world| {
        let mut socket = world.connection_of_user().await;
        for number in 0..=100 {
            tell(&mut socket, world.subscribe(&number.to_string())).await;
        }
        let refusal = hear(&mut socket).await;
        assert_eq!((&refusal["type"], &refusal["id"]), (&json!("error"), &json!("100")));
        assert_eq!(refusal["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    })
    .await;
}

#[tokio::test]
async fn a_web_socket_ends_each_operation_with_the_token_and_all_with_the_service() {
    each_world(async |world| {
        let mut socket = world.connection_of_user().await;
        tell(&mut socket, world.subscribe("a")).await;
        tell(&mut socket, json!({"type": "ping"})).await;
        hear(&mut socket).await;
        world.parts.clock.advance(TimeDelta::minutes(16));
        let last = hear(&mut socket).await;
        assert_eq!((&last["type"], &last["id"]), (&json!("error"), &json!("a")));
        assert_eq!(last["payload"][0]["extensions"]["code"], "UNAUTHENTICATED");

        let mut socket = world.connection_of_user().await;
        tell(&mut socket, world.subscribe("a")).await;
        tell(&mut socket, json!({"type": "ping"})).await;
        hear(&mut socket).await;
        world.parts.drain.begin();
        assert_eq!(
            hear(&mut socket).await["payload"][0]["extensions"]["code"],
            "UPSTREAM_UNAVAILABLE"
        );
        assert_eq!(close_code(&mut socket).await, u16::from(CloseCode::Away));
        world.parts.drain.finished().await;
    })
    .await;
}
