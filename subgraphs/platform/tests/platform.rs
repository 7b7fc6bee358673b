//! Platform through its real app, on SQLite always and on Postgres where `TEST_DATABASE_URL` is set.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use migrations::Owner;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::Query;
use serde_json::{Value, json};
use service::access_token::JWKS_PATH;
use service::testing::{Client, Metrics, access_token, each_database, parts, signing_keys};
use service::{Database, NewEvent, Outbox, Parts, Tasks};
use uuid::Uuid;

/// Platform with the seeded catalogue: asked by nobody, and by an administrator.
struct World {
    nobody: Client,
    admin: Client,
    rider: Client,
    parts: Parts,
    _tasks: Tasks,
}

impl World {
    async fn start(database: Database) -> Self {
        migrations::up(&database.write, Owner::Platform).await.unwrap();
        let (parts, peers) = parts(database);
        let keys = signing_keys();
        let published = keys.public().clone();
        peers.auth.bind(Router::new().route(JWKS_PATH, get(|| async { Json(published) })));
        let running = platform::start(parts.clone()).await.unwrap();
        assert!(platform::seed(&parts).await.unwrap());
        let nobody = Client::new("platform", running.app, &parts);
        let signed_in = |scopes: &[&str]| {
            nobody.bearer(access_token(&keys, Uuid::from_u128(1), scopes, parts.clock.now()))
        };
        let (admin, rider) = (signed_in(&["read:platform", "write:platform"]), signed_in(&[]));
        Self { nobody, admin, rider, parts, _tasks: running.tasks }
    }
}

async fn each_world(test: impl AsyncFn(World)) {
    each_database(async |database| test(World::start(database).await).await).await;
}

#[tokio::test]
async fn the_seed_is_made_once_and_lists_rides_first() {
    each_world(async |world| {
        assert!(!platform::seed(&world.parts).await.unwrap());
        let query = "{ serviceChannels { nodes { id slug name description isActive products { code vehicleTypes rateCard { currency baseFare } } } totalCount } }";
        let data = world.nobody.data(query, json!({})).await;
        let channels = &data["serviceChannels"];
        assert_eq!(channels["totalCount"], 2);
        assert_eq!(channels["nodes"][0]["slug"], "rides");
        assert_eq!(channels["nodes"][0]["isActive"], true);
        for field in ["id", "name", "description"] {
            assert!(channels["nodes"][0][field].is_string(), "{field}");
        }
        let first = &channels["nodes"][0]["products"][0];
        assert!(first["vehicleTypes"].as_array().unwrap().contains(&json!("SEDAN")), "{first}");
        assert_eq!(first["rateCard"], json!({ "currency": "EUR", "baseFare": 250 }));
        assert_eq!(channels["nodes"][1]["slug"], "deliveries");
    })
    .await;
}

#[tokio::test]
async fn only_write_platform_changes_the_catalogue() {
    each_world(async |world| {
        let create = r#"mutation { createServiceChannel(input: { slug: "rentals", name: "Rentals", description: "By the hour.", isActive: false })
            { channel { id slug } problems { code } } }"#;
        assert_eq!(world.nobody.error_code(create, json!({})).await, "UNAUTHENTICATED");
        assert_eq!(world.rider.error_code(create, json!({})).await, "FORBIDDEN");
        let made = world.admin.data(create, json!({})).await;
        assert_eq!(made["createServiceChannel"]["problems"], json!([]));
        let again = world.admin.data(create, json!({})).await;
        assert_eq!(again["createServiceChannel"]["problems"], json!([{ "code": "SLUG_TAKEN" }]));

        let by_slug = r#"{ serviceChannelBySlug(slug: "rentals") { slug } }"#;
        assert_eq!(world.rider.data(by_slug, json!({})).await["serviceChannelBySlug"], Value::Null);
        assert_eq!(world.admin.data(by_slug, json!({})).await["serviceChannelBySlug"]["slug"], "rentals");
    })
    .await;
}

#[tokio::test]
async fn a_price_is_superseded_under_the_version_that_was_read() {
    each_world(async |world| {
        let product = world.nobody.data("{ products(first: 1) { nodes { id version } } }", json!({})).await;
        let product = &product["products"]["nodes"][0];
        let update = "mutation ($input: UpdateProductInput!) { updateProduct(input: $input)
            { product { version rateCard { baseFare } } problems { code ... on ValidationProblem { path } } } }";
        let input = |base_fare: i64| {
            json!({ "input": { "id": product["id"], "expectedVersion": product["version"], "rateCard": {
                "currency": "EUR", "baseFare": base_fare, "perKilometer": 1, "perMinute": 1, "minimumFare": 1, "cancellationFee": 1,
            } } })
        };
        let refused = world.admin.data(update, input(-1)).await;
        let problem = json!([{ "code": "OUT_OF_RANGE", "path": ["rateCard", "baseFare"] }]);
        assert_eq!(refused["updateProduct"]["problems"], problem);
        let updated = world.admin.data(update, input(300)).await;
        assert_eq!(updated["updateProduct"]["product"], json!({ "version": 2, "rateCard": { "baseFare": 300 } }));
        let late = world.admin.data(update, input(400)).await;
        assert_eq!(late["updateProduct"]["problems"], json!([{ "code": "VERSION_CONFLICT" }]));
    })
    .await;
}

#[tokio::test]
async fn an_event_of_an_advertisement_counts_once() {
    each_world(async |world| {
        let shown = world.nobody.data("{ activeAdvertisements(placement: HOME_BANNER) { id stats { clicks } } }", json!({})).await;
        let advertisement = &shown["activeAdvertisements"][0];
        assert_eq!(advertisement["stats"], Value::Null, "statistics are for operations");
        let record = "mutation ($input: RecordAdEventsInput!) { recordAdEvents(input: $input) { recorded problems { code } } }";
        let event = |number: u128, kind: &str| {
            json!({ "eventId": Uuid::from_u128(number), "advertisementId": advertisement["id"], "type": kind,
                "occurredAt": "2026-05-28T20:00:00Z" })
        };
        let events = json!({ "input": { "events": [event(1, "IMPRESSION"), event(2, "IMPRESSION"), event(3, "CLICK")] } });
        for _ in 0..2 {
            let recorded = world.nobody.data(record, events.clone()).await;
            assert_eq!(recorded["recordAdEvents"], json!({ "recorded": 3, "problems": [] }));
        }
        let stats = "query ($id: ID!) { advertisement(id: $id) { status stats { impressions clicks clickThroughRate } } }";
        let seen = world.admin.data(stats, json!({ "id": advertisement["id"] })).await;
        let counted = json!({ "impressions": 2, "clicks": 1, "clickThroughRate": 0.5 });
        assert_eq!(seen["advertisement"], json!({ "status": "ACTIVE", "stats": counted }));
    })
    .await;
}

#[tokio::test]
async fn entities_are_loaded_in_one_statement_a_type() {
    each_world(async |world| {
        let products = world.nobody.data("{ products { nodes { id } } }", json!({})).await;
        let mut representations: Vec<Value> = products["products"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|product| json!({ "__typename": "Product", "id": product["id"] }))
            .collect();
        representations.push(json!({ "__typename": "Product", "id": "no-such-id" }));
        let query = "query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Product { name rateCard { currency } } } }";
        let metrics = Metrics::record();
        let data = world.nobody.data(query, json!({ "representations": representations })).await;
        assert_eq!(metrics.value(r#"entity_loads_total{entity="Product"}"#), 1);
        assert_eq!(metrics.value(r#"entity_loads_total{entity="RateCard"}"#), 1);
        let names = data["_entities"].as_array().unwrap();
        assert_eq!(names.len(), 4);
        assert_eq!(names[0], json!({ "name": "Standard", "rateCard": { "currency": "EUR" } }));
        assert_eq!(names[3], Value::Null);
    })
    .await;
}

/// A thousand channels, and a product in each.
async fn fill(parts: &Parts) -> Vec<Value> {
    let now = parts.clock.now();
    let mut channels = Query::insert();
    channels.into_table("ServiceChannel").columns([
        "id",
        "slug",
        "name",
        "description",
        "is_active",
        "created_at",
        "updated_at",
    ]);
    let mut products = Query::insert();
    products.into_table("Product").columns([
        "id",
        "channel_id",
        "code",
        "name",
        "description",
        "seats",
        "is_active",
        "sort_order",
        "service_type",
        "vehicle_types",
        "version",
        "created_at",
        "updated_at",
    ]);
    let mut representations = Vec::new();
    for number in 0..1_000 {
        let (channel, product) = (parts.clock.new_id(), parts.clock.new_id());
        let slug = format!("channel-{number}");
        channels.values_panic([
            channel.into(),
            slug.into(),
            "Rides".into(),
            "Rides".into(),
            true.into(),
            now.into(),
            now.into(),
        ]);
        products.values_panic([
            product.into(),
            channel.into(),
            "standard".into(),
            "Standard".into(),
            "Standard".into(),
            4.into(),
            true.into(),
            9.into(),
            "RIDE".into(),
            json!(["SEDAN"]).into(),
            1.into(),
            now.into(),
            now.into(),
        ]);
        representations.push(json!({ "__typename": "Product", "id": product }));
    }
    for insert in [channels, products] {
        parts.database.write.execute(&insert).await.unwrap();
    }
    representations
}

#[tokio::test]
async fn what_a_thousand_entities_lead_to_is_one_statement_a_type_too() {
    each_world(async |world| {
        let representations = fill(&world.parts).await;
        let query = "query ($representations: [_Any!]!) { _entities(representations: $representations)
            { ... on Product { channel { slug products { code rateCard { currency } } } } } }";
        let metrics = Metrics::record();
        let data = world.nobody.data(query, json!({ "representations": representations })).await;
        for entity in ["Product", "ServiceChannel", "Product.channel", "RateCard"] {
            let loads = metrics.value(&format!("entity_loads_total{{entity=\"{entity}\"}}"));
            assert_eq!(loads, 1, "{entity}");
        }
        for number in [0, 999] {
            let channel = json!({ "slug": format!("channel-{number}"), "products": [{ "code": "standard", "rateCard": null }] });
            assert_eq!(data["_entities"][number]["channel"], channel);
        }
    })
    .await;
}

/// Logistics tells of a ride.
fn told(ride: u128, product: &Value, (kind, status, version): Transition) -> NewEvent {
    let ride_id = Uuid::from_u128(ride);
    let payload = json!({ "rideId": ride_id, "riderId": Uuid::nil(), "driverId": null,
        "productId": product["id"], "status": status, "version": version });
    NewEvent { kind, aggregate: "ride", aggregate_id: ride_id, payload }
}

type Transition = (&'static str, &'static str, i32);

const REQUESTED: Transition = ("ride.requested", "REQUESTED", 1);
const COMPLETED: Transition = ("ride.completed", "COMPLETED", 4);
const CANCELLED: Transition = ("ride.cancelled", "CANCELLED", 2);

#[tokio::test]
async fn rides_are_counted_for_their_product_in_whatever_order_they_are_told() {
    each_world(async |world| {
        migrations::up(&world.parts.database.write, Owner::Logistics).await.unwrap();
        let products = world.nobody.data("{ products(first: 2) { nodes { id stats { rides } } } }", json!({})).await;
        let [first, second] = [0, 1].map(|index| products["products"]["nodes"][index].clone());
        assert_eq!(first["stats"], Value::Null, "for operations alone");

        let logistics = Outbox::new("logistics", world.parts.clock.clone());
        let mut tasks = Tasks::new();
        let mut heard = service::testing::told(&world.parts.bus, &["ride.requested", "ride.completed", "ride.cancelled"]);
        logistics.start_relay(world.parts.database.clone(), world.parts.bus.clone(), &mut tasks);
        let transaction = world.parts.database.begin().await.unwrap();
        let events = [(1, &first, REQUESTED), (1, &first, COMPLETED), (1, &first, REQUESTED), (2, &first, CANCELLED), (3, &second, REQUESTED)];
        for (ride, product, transition) in events {
            logistics.record(&transaction, told(ride, product, transition)).await.unwrap();
        }
        logistics.commit(transaction).await.unwrap();
        // Heard after platform has counted it.
        for _ in events {
            heard.next().await.unwrap();
        }
        let stats = "query ($id: ID!) { product(id: $id) { stats { rides completedRides cancelledRides } } }";
        let counted = async |product: &Value| world.admin.data(stats, json!({ "id": product["id"] })).await["product"]["stats"].take();
        assert_eq!(counted(&first).await, json!({ "rides": 2, "completedRides": 1, "cancelledRides": 1 }));
        assert_eq!(counted(&second).await, json!({ "rides": 1, "completedRides": 0, "cancelledRides": 0 }));
        tasks.stop().await;
    })
    .await;
}

#[tokio::test]
async fn changes_of_the_catalogue_are_told() {
    each_world(async |world| {
        let mut heard = service::testing::told(&world.parts.bus, &["channel.updated", "product.updated"]);
        let query = "{ serviceChannels(first: 1) { nodes { id products { id version } } } }";
        let channel = world.nobody.data(query, json!({})).await["serviceChannels"]["nodes"][0].take();
        let product = &channel["products"][0];
        let rename = "mutation ($id: ID!) { updateServiceChannel(input: { id: $id, name: \"Trips\" }) { problems { code } } }";
        world.admin.data(rename, json!({ "id": channel["id"] })).await;
        let close = "mutation ($id: ID!, $version: Int!) { updateProduct(input: { id: $id, expectedVersion: $version, isActive: false }) { problems { code } } }";
        world.admin.data(close, json!({ "id": product["id"], "version": product["version"] })).await;
        let mut last = Vec::new();
        while last.len() < 2 {
            let event = heard.next().await.unwrap();
            let is_one = event.aggregate_id.to_string() == channel["id"].as_str().unwrap_or_default()
                || event.payload["version"] == 2;
            if is_one {
                last.push((event.kind, event.payload["isActive"].clone()));
            }
        }
        assert_eq!(last.last(), Some(&("product.updated".to_owned(), json!(false))));
    })
    .await;
}

#[tokio::test]
async fn what_is_inactive_is_for_read_platform_alone() {
    each_world(async |world| {
        let create = r#"mutation { createServiceChannel(input: { slug: "rentals", name: "Rentals", description: "By the hour.", isActive: false })
            { channel { id } } }"#;
        let channel = world.admin.data(create, json!({})).await["createServiceChannel"]["channel"]["id"].take();
        let product = world.nobody.data("{ products(first: 1) { nodes { id version channel { id } } } }", json!({})).await;
        let product = &product["products"]["nodes"][0];
        let close = "mutation ($id: ID!, $version: Int!) { updateProduct(input: { id: $id, expectedVersion: $version, isActive: false }) { problems { code } } }";
        world.admin.data(close, json!({ "id": product["id"], "version": product["version"] })).await;

        let query = "query ($channel: ID!, $product: ID!, $of: ID!) {
            byId: serviceChannel(id: $channel) { slug }
            bySlug: serviceChannelBySlug(slug: \"rentals\") { slug }
            inactive: serviceChannels(filter: { isActive: false }) { nodes { slug } totalCount }
            product(id: $product) { isActive }
            products(filter: { isActive: false }) { nodes { isActive } totalCount }
            of: serviceChannel(id: $of) { products(includeInactive: true) { id } }
            entities: _entities(representations: [{ __typename: \"ServiceChannel\", id: $channel }, { __typename: \"ServiceChannel\", slug: \"rentals\" }])
                { ... on ServiceChannel { slug } } }";
        let variables = json!({ "channel": channel, "product": product["id"], "of": product["channel"]["id"] });
        let has_it = |data: &Value| {
            let products = data["of"]["products"].as_array().unwrap().iter();
            products.filter(|other| other["id"] == product["id"]).count() == 1
        };
        let none = json!({ "nodes": [], "totalCount": 0 });
        for (who, client) in [("anonymous", &world.nobody), ("stranger", &world.rider)] {
            let data = client.data(query, variables.clone()).await;
            for field in ["byId", "bySlug", "product"] {
                assert_eq!(data[field], Value::Null, "{who}: {field}");
            }
            assert_eq!((&data["inactive"], &data["products"]), (&none, &none), "{who}");
            assert_eq!(data["entities"], json!([null, null]), "{who}");
            assert!(!has_it(&data), "{who}");
        }
        let data = world.admin.data(query, variables).await;
        let rentals = json!({ "slug": "rentals" });
        assert_eq!((&data["byId"], &data["bySlug"]), (&rentals, &rentals));
        assert_eq!(data["product"], json!({ "isActive": false }));
        assert_eq!(data["products"]["totalCount"], 1);
        assert_eq!(data["entities"], json!([rentals, rentals]));
        assert!(has_it(&data));
    })
    .await;
}

/// `Ride.product` is never null: a rider keeps what they booked.
#[tokio::test]
async fn what_is_not_sold_keeps_its_name_for_rides_and_has_no_price() {
    each_world(async |world| {
        let query = "query ($id: ID!) { product(id: $id) { name } products { nodes { id } } advertised: activeAdvertisements(placement: RECEIPT) { product { name } channel { slug } }
            _entities(representations: [{ __typename: \"Product\", id: $id }]) { ... on Product { name isActive rateCard { baseFare } stats { rides } channel { products { id } } } } }";
        let product = world.nobody.data("{ products(first: 1) { nodes { id version channel { id } } } }", json!({})).await["products"]["nodes"][0].take();
        let mut advertisement = advertisement_input();
        advertisement["productId"] = product["id"].clone();
        advertisement["channelId"] = product["channel"]["id"].clone();
        world.admin.data(CREATE_ADVERTISEMENT, json!({ "input": advertisement })).await;
        let seen_by = async |client: &Client| client.data(query, json!({ "id": product["id"] })).await;
        let is_listed = |seen: &Value| seen["products"]["nodes"].as_array().unwrap().iter().any(|other| other["id"] == product["id"]);
        let on_sale = seen_by(&world.nobody).await;
        assert!(is_listed(&on_sale));
        assert_eq!(on_sale["_entities"][0]["rateCard"], json!({ "baseFare": 250 }));
        assert_eq!(on_sale["advertised"], json!([{ "product": { "name": "Standard" }, "channel": { "slug": "rides" } }]));

        let set_channel = "mutation ($id: ID!, $open: Boolean!) { updateServiceChannel(input: { id: $id, isActive: $open }) { problems { code } } }";
        let close_product = "mutation ($id: ID!, $version: Int!) { updateProduct(input: { id: $id, expectedVersion: $version, isActive: false }) { problems { code } } }";
        let channel = |open: bool| json!({ "id": product["channel"]["id"], "open": open });
        let version = json!({ "id": product["id"], "version": product["version"] });
        for (mutation, variables, is_active, slug) in [
            (set_channel, channel(false), true, json!(null)),
            (close_product, version, false, json!(null)),
            (set_channel, channel(true), false, json!({ "slug": "rides" })),
        ] {
            world.admin.data(mutation, variables.clone()).await;
            for (who, client) in [("anonymous", &world.nobody), ("rider", &world.rider)] {
                let seen = seen_by(client).await;
                assert_eq!(seen["product"], Value::Null, "{who}: {variables}");
                assert!(!is_listed(&seen), "{who}: {variables}");
                assert_eq!(seen["advertised"], json!([{ "product": null, "channel": slug }]), "{who}: {variables}");
                let mut kept = seen["_entities"][0].clone();
                let siblings = kept["channel"]["products"].take();
                let expected = json!({ "name": "Standard", "isActive": is_active, "rateCard": null, "stats": null, "channel": { "products": null } });
                assert_eq!(kept, expected, "{who}: {variables}");
                assert_eq!(siblings == json!([]), slug == json!(null), "{who}: {variables}");
            }
            let seen = seen_by(&world.admin).await;
            assert_eq!(seen["product"], json!({ "name": "Standard" }));
            assert!(is_listed(&seen));
            assert_eq!(seen["_entities"][0]["rateCard"], json!({ "baseFare": 250 }));
        }
    })
    .await;
}

#[tokio::test]
async fn statistics_are_for_read_platform_alone_entities_included() {
    each_world(async |world| {
        let shown = world.nobody.data("{ activeAdvertisements(placement: HOME_BANNER) { id } products(first: 1) { nodes { id } } }", json!({})).await;
        let query = "query ($advertisement: ID!, $product: ID!) { _entities(representations: [{ __typename: \"Advertisement\", id: $advertisement },
            { __typename: \"Product\", id: $product }]) { ... on Advertisement { title stats { clicks } } ... on Product { name stats { rides } } } }";
        let variables = json!({ "advertisement": shown["activeAdvertisements"][0]["id"], "product": shown["products"]["nodes"][0]["id"] });
        for (client, sees) in [(&world.nobody, false), (&world.rider, false), (&world.admin, true)] {
            let data = client.data(query, variables.clone()).await;
            for entity in data["_entities"].as_array().unwrap() {
                assert_eq!(!entity["stats"].is_null(), sees, "{entity}");
            }
        }
        for operation in ["{ advertisements { totalCount } }", "{ advertisement(id: \"x\") { id } }"] {
            assert_eq!(world.nobody.error_code(operation, json!({})).await, "UNAUTHENTICATED");
            assert_eq!(world.rider.error_code(operation, json!({})).await, "FORBIDDEN");
            world.admin.data(operation, json!({})).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_everyone_sees_may_be_kept_for_a_minute_and_nothing_else() {
    each_world(async |world| {
        let kept = "public, max-age=60";
        for public in [
            "{ serviceChannels { nodes { slug products { name } } } }",
            "{ products { nodes { name } } }",
            "{ activeAdvertisements(placement: HOME_BANNER) { title } }",
        ] {
            assert_eq!(world.nobody.cache_control(public).await, kept, "{public}");
            assert_eq!(world.admin.cache_control(public).await, "no-store", "who may see more");
        }
        assert_eq!(
            world.nobody.cache_control("{ products(first: 1000) { nodes { name } } }").await,
            "no-store"
        );
        assert_eq!(
            world.nobody.cache_control("{ advertisements { totalCount } }").await,
            "no-store"
        );
    })
    .await;
}

#[tokio::test]
async fn products_are_paged_forwards_and_backwards() {
    each_world(async |world| {
        let query = "query ($first: Int, $after: String, $last: Int, $before: String) {
            products(first: $first, after: $after, last: $last, before: $before) {
                nodes { code } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
        let page = async |variables: Value| world.nobody.data(query, variables).await["products"].take();
        let codes = |page: &Value| -> Vec<String> {
            page["nodes"].as_array().unwrap().iter().map(|node| node["code"].to_string()).collect()
        };
        let all = page(json!({})).await;
        let (whole, count) = (codes(&all), codes(&all).len());
        assert!(count > 2);
        let (mut forwards, mut after) = (Vec::new(), Value::Null);
        loop {
            let next = page(json!({ "first": 1, "after": after })).await;
            forwards.extend(codes(&next));
            after = next["pageInfo"]["endCursor"].clone();
            if next["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        let (mut backwards, mut before) = (Vec::new(), Value::Null);
        loop {
            let next = page(json!({ "last": 1, "before": before })).await;
            backwards.extend(codes(&next));
            before = next["pageInfo"]["startCursor"].clone();
            if next["pageInfo"]["hasPreviousPage"] == false {
                break;
            }
        }
        backwards.reverse();
        assert_eq!((&forwards, &backwards), (&whole, &whole));
        assert_eq!(all["totalCount"], count);
        for wrong in [json!({ "first": 101 }), json!({ "first": -1 }), json!({ "first": 1, "last": 1 }), json!({ "after": "nonsense" })] {
            assert_eq!(world.nobody.error_code(query, wrong.clone()).await, "BAD_USER_INPUT", "{wrong}");
        }
    })
    .await;
}

const CREATE_PRODUCT: &str = "mutation ($input: CreateProductInput!) { createProduct(input: $input)
    { product { id } problems { code ... on ValidationProblem { path } } } }";
const CREATE_ADVERTISEMENT: &str =
    "mutation ($input: CreateAdvertisementInput!) { createAdvertisement(input: $input)
    { advertisement { id } problems { code ... on ValidationProblem { path } } } }";

async fn product_input(world: &World) -> Value {
    let channels =
        world.nobody.data("{ serviceChannels(first: 1) { nodes { id } } }", json!({})).await;
    json!({
        "channelId": channels["serviceChannels"]["nodes"][0]["id"], "code": "night", "name": "Night", "description": "Late.",
        "serviceType": "RIDE", "vehicleTypes": ["SEDAN"], "seats": 4,
        "rateCard": {
            "currency": "EUR", "baseFare": 1, "perKilometer": 1, "perMinute": 1, "minimumFare": 1, "cancellationFee": 1,
        },
    })
}

fn advertisement_input() -> Value {
    json!({
        "title": "Rain", "imageUrl": "https://example.com/rain.png", "placement": "RECEIPT",
        "startsAt": "2026-05-28T20:00:00Z",
    })
}

/// Whatever differs: an answer for other input would be a lie.
#[tokio::test]
async fn a_key_remembers_all_of_its_input() {
    each_world(async |world| {
        let cases = [
            (
                CREATE_PRODUCT,
                "createProduct",
                product_input(&world).await,
                vec![
                    ("description", json!("Later.")),
                    ("seats", json!(5)),
                    ("sortOrder", json!(9)),
                    ("isActive", json!(false)),
                    ("serviceType", json!("DELIVERY")),
                    ("iconUrl", json!("https://example.com/night.png")),
                ],
            ),
            (
                CREATE_ADVERTISEMENT,
                "createAdvertisement",
                advertisement_input(),
                vec![
                    ("body", json!("Cats and dogs.")),
                    ("placement", json!("HOME_BANNER")),
                    ("targetUrl", json!("https://example.com/rain")),
                    ("endsAt", json!("2026-05-29T20:00:00Z")),
                ],
            ),
        ];
        for (document, field, mut input, changes) in cases {
            input["idempotencyKey"] = json!("one");
            let made = world.admin.data(document, json!({ "input": input })).await;
            assert_eq!(made[field]["problems"], json!([]));
            assert_eq!(
                world.admin.data(document, json!({ "input": input })).await,
                made,
                "sent again"
            );
            for (name, value) in changes {
                let mut other = input.clone();
                other[name] = value;
                let refused = world.admin.data(document, json!({ "input": other })).await;
                assert_eq!(
                    refused[field]["problems"],
                    json!([{ "code": "IDEMPOTENCY_KEY_REUSED" }]),
                    "{name}"
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn input_that_nobody_should_send_is_named() {
    each_world(async |world| {
        for price in [-1_i64, 10_000_000_001, 9_007_199_254_740_991] {
            let mut input = product_input(&world).await;
            input["rateCard"]["perKilometer"] = json!(price);
            let refused = world.admin.data(CREATE_PRODUCT, json!({ "input": input })).await;
            let problem = json!([{ "code": "OUT_OF_RANGE", "path": ["rateCard", "perKilometer"] }]);
            assert_eq!(refused["createProduct"]["problems"], problem, "{price}");
        }
        for url in
            ["https://", "http:///etc", "https://a b", "https://a\tb", "javascript:alert(1)", ""]
        {
            let mut input = advertisement_input();
            input["imageUrl"] = json!(url);
            let refused = world.admin.data(CREATE_ADVERTISEMENT, json!({ "input": input })).await;
            let problem = json!([{ "code": "INVALID_FORMAT", "path": ["imageUrl"] }]);
            assert_eq!(refused["createAdvertisement"]["problems"], problem, "{url}");
        }
        let mut input = advertisement_input();
        input["body"] = json!("x".repeat(2_001));
        let refused = world.admin.data(CREATE_ADVERTISEMENT, json!({ "input": input })).await;
        assert_eq!(
            refused["createAdvertisement"]["problems"],
            json!([{ "code": "TOO_LONG", "path": ["body"] }])
        );
        let slug = r#"{ serviceChannelBySlug(slug: "\u0000") { id } }"#;
        assert_eq!(world.nobody.error_code(slug, json!({})).await, "BAD_USER_INPUT");
    })
    .await;
}

fn time(value: &Value) -> DateTime<Utc> {
    serde_json::from_value(value.clone()).unwrap()
}

#[tokio::test]
async fn a_channel_and_a_product_are_shown_whole() {
    each_world(async |world| {
        let mut input = product_input(&world).await;
        input["iconUrl"] = json!("https://example.com/night.svg");
        input["sortOrder"] = json!(99);
        world.admin.data(CREATE_PRODUCT, json!({ "input": input })).await;
        let list = "{ products(last: 1) { edges { cursor node { code description seats sortOrder serviceType iconUrl
            rateCard { currency baseFare perKilometer perMinute minimumFare cancellationFee } } } pageInfo { endCursor } } }";
        let page = world.nobody.data(list, json!({})).await["products"].take();
        assert_eq!(page["edges"][0]["cursor"], page["pageInfo"]["endCursor"]);
        let node = &page["edges"][0]["node"];
        for field in ["code", "description", "seats", "sortOrder", "serviceType", "iconUrl", "rateCard"] {
            assert_eq!(node[field], input[field], "{field}");
        }

        let channel_id = &input["channelId"];
        let mut advertisement = advertisement_input();
        advertisement["channelId"] = channel_id.clone();
        world.admin.data(CREATE_ADVERTISEMENT, json!({ "input": advertisement })).await;
        world.parts.clock.advance(TimeDelta::minutes(1));
        let rename = "mutation ($id: ID!) { updateServiceChannel(input: { id: $id, name: \"Trips\" }) { channel { name createdAt updatedAt } problems { code message } } }";
        let renamed = world.admin.data(rename, json!({ "id": channel_id })).await["updateServiceChannel"]["channel"].take();
        assert_eq!(renamed["name"], "Trips");
        assert_eq!(time(&renamed["updatedAt"]) - time(&renamed["createdAt"]), TimeDelta::minutes(1));
        let unknown = world.admin.data(rename, json!({ "id": "no channel" })).await["updateServiceChannel"]["problems"].take();
        assert_eq!(unknown, json!([{ "code": "NOT_FOUND", "message": "no such channel" }]));
        let list = "{ serviceChannels(first: 1) { edges { cursor node { id receipt: advertisements(placement: RECEIPT) { title } home: advertisements(placement: RIDE_WAITING) { title } } }
            pageInfo { hasNextPage startCursor } } }";
        let page = world.nobody.data(list, json!({})).await["serviceChannels"].take();
        assert_eq!(page["pageInfo"], json!({ "hasNextPage": true, "startCursor": page["edges"][0]["cursor"] }));
        let shown = json!({ "id": channel_id, "receipt": [{ "title": "Rain" }], "home": [] });
        assert_eq!(page["edges"][0]["node"], shown);
    })
    .await;
}

#[tokio::test]
async fn an_advertisement_is_shown_whole_changed_and_archived() {
    each_world(async |world| {
        let created = world.admin.data(CREATE_ADVERTISEMENT, json!({ "input": advertisement_input() })).await;
        let id = &created["createAdvertisement"]["advertisement"]["id"];
        let fields = "title body imageUrl targetUrl placement priority startsAt endsAt status";
        let update = format!("mutation ($input: UpdateAdvertisementInput!) {{ updateAdvertisement(input: $input) {{ advertisement {{ {fields} }} problems {{ code }} }} }}");
        let mut changed = json!({
            "title": "Sun", "body": "It shines.", "imageUrl": "https://example.com/sun.png", "targetUrl": "https://example.com/",
            "placement": "RIDE_WAITING", "priority": 7, "startsAt": "2026-05-28T20:00:00Z", "endsAt": "2026-06-01T00:00:00Z",
        });
        let mut input = changed.clone();
        input["id"] = id.clone();
        let answer = world.admin.data(&update, json!({ "input": input })).await["updateAdvertisement"].take();
        changed["status"] = json!("ACTIVE");
        assert_eq!(answer, json!({ "advertisement": changed, "problems": [] }));
        let shown = "{ activeAdvertisements(placement: RIDE_WAITING) { title } }";
        assert_eq!(world.nobody.data(shown, json!({})).await["activeAdvertisements"], json!([{ "title": "Sun" }]));

        let archive = "mutation ($id: ID!) { archiveAdvertisement(input: { id: $id }) { advertisement { status } problems { code } } }";
        assert_eq!(world.rider.error_code(archive, json!({ "id": id })).await, "FORBIDDEN");
        let archived = world.admin.data(archive, json!({ "id": id })).await["archiveAdvertisement"].take();
        assert_eq!(archived, json!({ "advertisement": { "status": "ARCHIVED" }, "problems": [] }));
        let none = world.admin.data(archive, json!({ "id": "no such" })).await["archiveAdvertisement"].take();
        assert_eq!(none, json!({ "advertisement": null, "problems": [{ "code": "NOT_FOUND" }] }));
        assert_eq!(world.nobody.data(shown, json!({})).await["activeAdvertisements"], json!([]));
        let list = "{ advertisements(filter: { status: ARCHIVED }) { edges { cursor node { id } } nodes { id } pageInfo { endCursor } } }";
        let page = world.admin.data(list, json!({})).await["advertisements"].take();
        let edge = json!({ "cursor": page["pageInfo"]["endCursor"], "node": { "id": id } });
        assert_eq!((&page["edges"], &page["nodes"]), (&json!([edge]), &json!([{ "id": id }])));
    })
    .await;
}
