//! The story: a ride goes from registration to rating, through one endpoint, whatever stands behind it.

mod watched;

use reqwest::Client;
use serde_json::{Value, json};
use service::{AccessClaims, SigningKeys};

/// How often the story asks for what happens by itself, before it gives up.
const TRIES: usize = 2_000;
const PASSWORD: &str = "a long and quiet passphrase";

/// Where the story takes place.
pub(crate) struct Place {
    /// The router: `http://127.0.0.1:4000`.
    pub(crate) url: String,
    /// The administrator.
    pub(crate) admin_email: String,
    /// The administrator's password.
    pub(crate) admin_password: String,
    /// What access tokens are signed with (PEM): to make one whose time is over.
    pub(crate) signing_key: String,
}

/// Somebody with an account.
pub(crate) struct User {
    /// Their id.
    pub(crate) id: String,
    /// Their access token.
    pub(crate) token: String,
}

/// Who asks, in the story's words.
pub(crate) struct Story<'a> {
    place: &'a Place,
    client: Client,
}

/// Tells the whole story; panics where it does not go as it should.
pub(crate) async fn run(place: &Place) {
    let story = Story::new(place);
    story.refuses_what_is_malformed().await;
    let admin = story.log_in(&place.admin_email, &place.admin_password).await;
    let rider = story.register("Rita", "rider").await;
    let driver = story.register("Dora", "driver").await;
    let rival = story.register("Ronny", "rival").await;
    story.knows_who_asks(&rider).await;

    let driver_id = story.becomes_driver(&driver, &admin, &rider).await;
    let rival_id = story.becomes_driver(&rival, &admin, &rider).await;
    assert_ne!(driver_id, rival_id);
    story.goes_online(&driver, 52.5210).await;
    story.goes_online(&rival, 52.5230).await;

    let (product, quote) = story.sees_home(&rider).await;
    story.refuses_other_quotes(&rider, &rival, &product, &quote).await;
    let ride = story.requests(&rider, &product, &quote).await;
    story.is_driven(&rider, &driver, &rival, &ride).await;
    story.is_rated(&rider, &driver, &ride, &driver_id).await;
}

impl<'a> Story<'a> {
    /// The story in this place.
    pub(crate) fn new(place: &'a Place) -> Self {
        service::install_tls();
        Self { place, client: Client::new() }
    }

    /// Sends an operation and gives the whole answer.
    async fn answer(&self, user: Option<&User>, query: &str, variables: Value) -> Value {
        let mut request = self.client.post(format!("{}/graphql", self.place.url));
        if let Some(user) = user {
            request = request.bearer_auth(&user.token);
        }
        let body = json!({ "query": query, "variables": variables });
        request.json(&body).send().await.unwrap().json().await.unwrap()
    }

    /// Sends an operation that must succeed, and gives its data.
    pub(crate) async fn data(&self, user: Option<&User>, query: &str, variables: Value) -> Value {
        let answer = self.answer(user, query, variables).await;
        assert!(answer.get("errors").is_none(), "{query}: {answer:#}");
        answer["data"].clone()
    }

    /// Runs a mutation of one input that must have no problems, and gives its payload.
    pub(crate) async fn does(
        &self,
        user: Option<&User>,
        field: &str,
        selection: &str,
        input: Value,
    ) -> Value {
        let payload = self.payload(user, field, selection, input).await;
        assert_eq!(payload["problems"], json!([]), "{field}");
        payload
    }

    /// The code of the problem that a mutation must have.
    async fn problem(&self, user: &User, field: &str, input: Value) -> String {
        let payload = self.payload(Some(user), field, "", input).await;
        payload["problems"][0]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("{field}: {payload}"))
            .to_owned()
    }

    async fn payload(
        &self,
        user: Option<&User>,
        field: &str,
        selection: &str,
        input: Value,
    ) -> Value {
        let mut name = field.to_owned();
        name[..1].make_ascii_uppercase();
        let query = format!(
            "mutation ($input: {name}Input!) {{ {field}(input: $input) {{ {selection} problems {{ code message }} }} }}"
        );
        let mut data = self.data(user, &query, json!({ "input": input })).await;
        data[field].take()
    }

    /// The code of the error that an operation must have.
    async fn error(&self, user: Option<&User>, query: &str, variables: Value) -> String {
        let answer = self.answer(user, query, variables).await;
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        code.unwrap_or_else(|| panic!("{query}: {answer:#}")).to_owned()
    }

    /// Asks again until the answer is what the story waits for.
    pub(crate) async fn until<T>(
        &self,
        user: &User,
        query: &str,
        variables: Value,
        wanted: impl Fn(&Value) -> Option<T>,
    ) -> T {
        let mut last = Value::Null;
        for _ in 0..TRIES {
            last = self.data(Some(user), query, variables.clone()).await;
            if let Some(found) = wanted(&last) {
                return found;
            }
        }
        panic!("{query} never answered what was waited for: {last:#}");
    }

    async fn refuses_what_is_malformed(&self) {
        assert_eq!(self.error(None, "{ me {", json!({})).await, "GRAPHQL_PARSE_FAILED");
        assert_eq!(
            self.error(None, "{ me { shoeSize } }", json!({})).await,
            "GRAPHQL_VALIDATION_FAILED"
        );
        let product = "query ($id: ID!) { product(id: $id) { name } }";
        assert_eq!(
            self.error(None, product, json!({ "id": { "not": "an id" } })).await,
            "BAD_USER_INPUT"
        );
        assert_eq!(
            self.data(None, product, json!({ "id": "no-such-id" })).await["product"],
            Value::Null
        );
        assert_eq!(self.data(None, "{ me { id } }", json!({})).await["me"], Value::Null);
        let login = json!({ "email": self.place.admin_email, "password": "certainly not it" });
        let refused = self.payload(None, "login", "", login).await;
        assert_eq!(refused["problems"][0]["code"], "INVALID_CREDENTIALS");
    }

    pub(crate) async fn register(&self, name: &str, account: &str) -> User {
        let email = format!("{account}@example.com");
        let input = json!({ "email": email, "password": PASSWORD, "firstName": name, "lastName": "Example" });
        self.does(None, "registerUser", "user { id }", input).await;
        self.log_in(&email, PASSWORD).await
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> User {
        let input = json!({ "email": email, "password": password });
        let payload = self.does(None, "login", "user { id } tokens { accessToken }", input).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        User { id: text(&payload["user"]["id"]), token: text(&payload["tokens"]["accessToken"]) }
    }

    async fn knows_who_asks(&self, rider: &User) {
        let me =
            self.data(Some(rider), "{ me { id firstName email roles isDriver } }", json!({})).await;
        let expected = json!({
            "id": rider.id, "firstName": "Rita", "email": "rider@example.com", "roles": ["RIDER"], "isDriver": false,
        });
        assert_eq!(me["me"], expected);

        let forged = User { id: rider.id.clone(), token: format!("{}x", rider.token) };
        assert_eq!(self.error(Some(&forged), "{ me { id } }", json!({})).await, "UNAUTHENTICATED");
        let claims = AccessClaims {
            iss: service::access_token::ISSUER.to_owned(),
            sub: rider.id.parse().unwrap(),
            aud: service::access_token::AUDIENCE.to_owned(),
            iat: 1_000_000_000,
            exp: 1_000_000_900,
            jti: uuid::Uuid::nil(),
            sid: None,
            scope: String::new(),
            permissions: std::collections::BTreeSet::new(),
        };
        let token = SigningKeys::from_pem(&self.place.signing_key).unwrap().sign(&claims);
        let expired = User { id: rider.id.clone(), token };
        assert_eq!(self.error(Some(&expired), "{ me { id } }", json!({})).await, "UNAUTHENTICATED");
    }

    /// From the registration to the approval; gives the driver's id.
    pub(crate) async fn becomes_driver(
        &self,
        driver: &User,
        admin: &User,
        stranger: &User,
    ) -> String {
        let input = registration(&driver.id);
        let started =
            self.does(Some(driver), "registerDriver", "registration { id }", input.clone()).await;
        let again = self.does(Some(driver), "registerDriver", "registration { id }", input).await;
        assert_eq!(
            started["registration"], again["registration"],
            "the same key is the same registration"
        );
        let session = "query ($id: ID!) { driverRegistration(id: $id) {
            status failure steps { name status } driver { id status vehicles { plateNumber } } user { firstName } } }";
        let id = json!({ "id": started["registration"]["id"] });
        let done = self
            .until(driver, session, id, |data| {
                let session = &data["driverRegistration"];
                (session["status"] != "RUNNING").then(|| session.clone())
            })
            .await;
        assert_eq!(done["status"], "COMPLETED", "{done:#}");
        assert!(
            done["steps"].as_array().unwrap().iter().all(|step| step["status"] == "DONE"),
            "{done:#}"
        );
        let driver_id = done["driver"]["id"].as_str().unwrap().to_owned();
        let roles = self.data(Some(driver), "{ me { roles isDriver } }", json!({})).await;
        assert_eq!(roles["me"], json!({ "roles": ["RIDER", "DRIVER"], "isDriver": true }));

        let early = json!({ "availability": "AVAILABLE" });
        assert_eq!(
            self.problem(driver, "setDriverAvailability", early).await,
            "DRIVER_NOT_APPROVED"
        );
        let approve = "mutation ($id: ID!) { approveDriver(input: { driverId: $id }) { driver { status } problems { code } } }";
        assert_eq!(
            self.error(Some(stranger), approve, json!({ "id": driver_id })).await,
            "FORBIDDEN"
        );
        let approved = self.data(Some(admin), approve, json!({ "id": driver_id })).await;
        assert_eq!(
            approved["approveDriver"],
            json!({ "driver": { "status": "APPROVED" }, "problems": [] })
        );
        driver_id
    }

    pub(crate) async fn goes_online(&self, driver: &User, latitude: f64) {
        let now = self.client.get(format!("{}/health", self.place.url)).send().await.unwrap();
        let health: Value = now.json().await.unwrap();
        let selection = "driver { availability activeVehicle { plateNumber } }";
        let online = self
            .does(
                Some(driver),
                "setDriverAvailability",
                selection,
                json!({ "availability": "AVAILABLE" }),
            )
            .await;
        assert_eq!(online["driver"]["availability"], "AVAILABLE");
        let points = json!({ "points": [
            { "coordinates": { "latitude": latitude, "longitude": 13.4094 }, "recordedAt": health["timestamp"] },
        ] });
        assert_eq!(
            self.does(Some(driver), "reportDriverLocation", "accepted", points).await["accepted"],
            1
        );
    }

    /// One operation over three services; gives a product and its quote.
    pub(crate) async fn sees_home(&self, rider: &User) -> (String, String) {
        let home = "query ($from: CoordinatesInput!, $to: CoordinatesInput!) {
            me { firstName isDriver activeRide { id } }
            serviceChannels(first: 10) { nodes { name products {
                id name vehicleTypes quote(pickup: $from, dropoff: $to) { fare { amount currency } token pickupEtaSeconds }
            } } }
            activeAdvertisements(placement: HOME_BANNER) { title imageUrl }
        }";
        let data = self.data(Some(rider), home, trip()).await;
        assert_eq!(
            data["me"],
            json!({ "firstName": "Rita", "isDriver": false, "activeRide": null })
        );
        let product = &data["serviceChannels"]["nodes"][0]["products"][0];
        assert!(
            product["vehicleTypes"].as_array().unwrap().contains(&json!("SEDAN")),
            "{product:#}"
        );
        assert!(product["quote"]["fare"]["amount"].as_i64().unwrap() > 0, "{product:#}");
        assert_eq!(product["quote"]["fare"]["currency"], "EUR");
        assert!(product["quote"]["pickupEtaSeconds"].is_i64(), "{product:#}");
        assert!(!data["activeAdvertisements"].as_array().unwrap().is_empty());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&product["id"]), text(&product["quote"]["token"]))
    }

    async fn refuses_other_quotes(
        &self,
        rider: &User,
        stranger: &User,
        product: &str,
        quote: &str,
    ) {
        let tampered = request(product, &format!("{quote}x"), "tampered");
        assert_eq!(self.problem(rider, "requestRide", tampered).await, "QUOTE_INVALID");
        let of_another = request(product, quote, "of-another");
        assert_eq!(self.problem(stranger, "requestRide", of_another).await, "QUOTE_INVALID");
        let mut elsewhere = request(product, quote, "elsewhere");
        elsewhere["dropoff"]["coordinates"]["latitude"] = json!(52.6);
        assert_eq!(self.problem(rider, "requestRide", elsewhere).await, "QUOTE_INVALID");
    }

    pub(crate) async fn requests(&self, rider: &User, product: &str, quote: &str) -> String {
        let selection = "ride { id status startPin version product { name } rider { firstName } }";
        let input = request(product, quote, "first");
        let payload = self.does(Some(rider), "requestRide", selection, input.clone()).await;
        let ride = &payload["ride"];
        assert_eq!(ride["product"]["name"], "Standard");
        assert_eq!(ride["rider"]["firstName"], "Rita");
        let again = self.does(Some(rider), "requestRide", selection, input).await;
        assert_eq!(again["ride"]["id"], ride["id"], "the same key is the same ride");
        let second = request(product, quote, "second");
        assert_eq!(self.problem(rider, "requestRide", second).await, "ACTIVE_RIDE_EXISTS");
        ride["id"].as_str().unwrap().to_owned()
    }

    async fn is_driven(&self, rider: &User, driver: &User, rival: &User, ride: &str) {
        let offers = "{ rideOffers { pickupDistanceMeters ride { id version startPin } } }";
        let offered = |data: &Value| {
            let offers = data["rideOffers"].as_array()?;
            offers
                .iter()
                .find(|offer| offer["ride"]["id"] == ride)
                .map(|offer| offer["ride"].clone())
        };
        let offer = self.until(driver, offers, json!({}), offered).await;
        self.until(rival, offers, json!({}), offered).await;
        assert_eq!(offer["startPin"], Value::Null, "the PIN is the rider's");
        let mut watched = self.watches(rider, ride).await;

        let selection = "ride { status version }";
        let with = |version: &Value| json!({ "rideId": ride, "expectedVersion": version });
        let accepted =
            self.does(Some(driver), "acceptRide", selection, with(&offer["version"])).await;
        assert_eq!(accepted["ride"]["status"], "ACCEPTED");
        let seen = watched.reaches("ACCEPTED").await;
        assert_eq!(seen["driver"], json!({ "user": { "firstName": "Dora" } }));
        assert_eq!(self.problem(rival, "acceptRide", with(&offer["version"])).await, "RIDE_TAKEN");
        let arrived = self
            .does(Some(driver), "arriveAtPickup", selection, with(&accepted["ride"]["version"]))
            .await;

        let pin = self
            .data(
                Some(rider),
                "query ($id: ID!) { ride(id: $id) { startPin } }",
                json!({ "id": ride }),
            )
            .await;
        let pin = pin["ride"]["startPin"].as_str().unwrap();
        let wrong = if pin == "0000" { "0001" } else { "0000" };
        let start = |pin: &str| json!({ "rideId": ride, "pin": pin, "expectedVersion": arrived["ride"]["version"] });
        assert_eq!(self.problem(driver, "startRide", start(wrong)).await, "WRONG_PIN");
        let started = self.does(Some(driver), "startRide", selection, start(pin)).await;
        assert_eq!(started["ride"]["status"], "IN_PROGRESS");
        watched.reaches("IN_PROGRESS").await;
        let complete = json!({ "rideId": ride, "distanceMeters": 2600, "expectedVersion": started["ride"]["version"] });
        let completed = self.does(Some(driver), "completeRide", selection, complete).await;
        assert_eq!(completed["ride"]["status"], "COMPLETED");
        watched.reaches("COMPLETED").await;
        assert_eq!(watched.next().await, None, "nothing follows");
    }

    async fn is_rated(&self, rider: &User, driver: &User, ride: &str, driver_id: &str) {
        let good = json!({ "rideId": ride, "score": 5, "comment": "Friendly." });
        let rated = self
            .does(Some(rider), "rateRide", "ride { driver { rating ratingCount } }", good.clone())
            .await;
        assert_eq!(rated["ride"]["driver"], json!({ "rating": 5.0, "ratingCount": 1 }));
        assert_eq!(self.problem(rider, "rateRide", good).await, "ALREADY_RATED");
        self.does(Some(driver), "rateRide", "ride { id }", json!({ "rideId": ride, "score": 4 }))
            .await;

        let whole = "query ($id: ID!) { ride(id: $id) {
            status
            rider { firstName riderRating }
            driver { id rating user { firstName lastName } }
            vehicle { make plateNumber }
            product { name channel { name } }
            finalFare { amount currency } quotedFare { amount currency }
            riderRating { score } driverRating { score comment }
            events { status actor }
        } }";
        let data = self.data(Some(rider), whole, json!({ "id": ride })).await;
        let seen = &data["ride"];
        assert_eq!(seen["status"], "COMPLETED");
        assert_eq!(seen["rider"], json!({ "firstName": "Rita", "riderRating": 4.0 }));
        let user = json!({ "firstName": "Dora", "lastName": "Example" });
        assert_eq!(seen["driver"], json!({ "id": driver_id, "rating": 5.0, "user": user }));
        assert_eq!(seen["vehicle"], json!({ "make": "Example", "plateNumber": "B-EX 1" }));
        assert_eq!(seen["product"], json!({ "name": "Standard", "channel": { "name": "Rides" } }));
        assert_eq!(seen["finalFare"], seen["quotedFare"]);
        assert_eq!(seen["riderRating"], json!({ "score": 4 }));
        assert_eq!(seen["driverRating"], json!({ "score": 5, "comment": "Friendly." }));
        let statuses: Vec<&str> = seen["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["status"].as_str().unwrap())
            .collect();
        assert_eq!(
            statuses,
            ["REQUESTED", "ACCEPTED", "DRIVER_ARRIVED", "IN_PROGRESS", "COMPLETED"]
        );
    }
}

/// Where the story's ride goes.
pub(crate) fn trip() -> Value {
    json!({
        "from": { "latitude": 52.5208, "longitude": 13.4094 },
        "to": { "latitude": 52.5163, "longitude": 13.3777 },
    })
}

/// The input of a request for that ride.
pub(crate) fn request(product: &str, quote: &str, key: &str) -> Value {
    json!({
        "productId": product,
        "pickup": { "address": "Alexanderplatz", "coordinates": trip()["from"] },
        "dropoff": { "address": "Brandenburger Tor", "coordinates": trip()["to"] },
        "quoteToken": quote,
        "idempotencyKey": key,
    })
}

/// The input of a user's registration as a driver.
pub(crate) fn registration(user_id: &str) -> Value {
    json!({
        "userId": user_id,
        "vehicleType": "SEDAN",
        "serviceTypes": ["RIDE"],
        "personalInfo": {
            "licenseNumber": "B072RRE2I55", "licenseExpiresOn": "2099-12-31",
            "dateOfBirth": "1990-01-31", "address": "1 Example Street",
        },
        "vehicleDetails": {
            "make": "Example", "model": "One", "year": 2024, "color": "blue",
            "plateNumber": "B-EX 1", "seats": 4,
        },
        "idempotencyKey": "once",
    })
}
