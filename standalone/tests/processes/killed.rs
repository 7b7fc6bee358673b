//! The registration saga, whose processes are killed (SIGKILL) at each of its steps: wherever that happens, a user is a
//! driver in the end with all that belongs to one, or with nothing.
//!
//! Nothing in the binaries helps: calls of auth are held in a [`Gate`], statements by locks on the tables that they
//! write to. What is held is there to be killed.

use serde_json::{Value, json};

use crate::database::{FreshDatabase, Lock, required};
use crate::gate::{Gate, When};
use crate::running::{PATIENCE, Processes, authority};
use crate::story::{Story, User, registration};
use crate::{place, variables};

/// What the texts of the saga's calls contain.
const VALIDATE: &str = "isActive";
const GRANT: &str = "grantRole";
const REVOKE: &str = "revokeRole";
/// How the statements begin at which it waits for a lock.
const CREATES: &str = "INSERT INTO \"Vehicle\"";
const SAVES: &str = "INSERT INTO \"logistics_outbox\"";
const DELETES: &str = "DELETE FROM \"Driver\"";
const ROLE_IS_GRANTED: &str = "INSERT INTO \"UserRole\"";

/// What is done until somebody is to be killed.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Somebody registers.
    Register,
    /// A call is to be held.
    Bar(When, &'static str),
    /// It is held.
    Held,
    /// It goes on.
    LetGo,
    /// A table is locked against writing.
    Lock(&'static str),
    /// A statement that begins so waits for the lock.
    Waits(&'static str),
    /// The table is free.
    Unlock(&'static str),
    /// Operations cancel the registration.
    Cancel,
    /// Somebody registers, and operations cancel that after the role is granted and before the worker knows.
    CancelTooLate,
    /// The time of the worker's lease is over.
    LeaseEnds,
}

/// Where a process is killed.
struct Point {
    victim: &'static str,
    at: &'static str,
    acts: &'static [Act],
    end: &'static str,
}

use Act::{
    Bar, Cancel, CancelTooLate, Held, LeaseEnds, LetGo, Lock as LockTable, Register, Unlock, Waits,
};
use When::{Answered, Asked};

const OUTBOX: &str = "logistics_outbox";
const VEHICLES: &str = "\"Vehicle\"";

const fn logistics(at: &'static str, acts: &'static [Act], end: &'static str) -> Point {
    Point { victim: "logistics", at, acts, end }
}

const fn auth(at: &'static str, acts: &'static [Act]) -> Point {
    Point { victim: "auth", at, acts, end: "COMPLETED" }
}

const POINTS: [Point; 20] = [
    logistics(
        "before the first step",
        &[Bar(Asked, VALIDATE), Register, Held, Register],
        "COMPLETED",
    ),
    logistics("VALIDATE_USER asked", &[Bar(Asked, VALIDATE), Register, Held], "COMPLETED"),
    logistics("VALIDATE_USER answered", &[Bar(Answered, VALIDATE), Register, Held], "COMPLETED"),
    logistics(
        "VALIDATE_USER being written",
        &[Bar(Answered, VALIDATE), Register, Held, LockTable(OUTBOX), LetGo, Waits(SAVES)],
        "COMPLETED",
    ),
    logistics(
        "CREATE_DRIVER half done",
        &[LockTable(VEHICLES), Register, Waits(CREATES)],
        "COMPLETED",
    ),
    logistics(
        "CREATE_DRIVER being written",
        &[
            LockTable(VEHICLES),
            Register,
            Waits(CREATES),
            LockTable(OUTBOX),
            Unlock(VEHICLES),
            Waits(SAVES),
        ],
        "COMPLETED",
    ),
    logistics("GRANT_DRIVER_ROLE asked", &[Bar(Asked, GRANT), Register, Held], "COMPLETED"),
    logistics("GRANT_DRIVER_ROLE answered", &[Bar(Answered, GRANT), Register, Held], "COMPLETED"),
    logistics(
        "COMPLETED being written",
        &[Bar(Answered, GRANT), Register, Held, LockTable(OUTBOX), LetGo, Waits(SAVES)],
        "COMPLETED",
    ),
    logistics(
        "cancelled at VALIDATE_USER",
        &[Bar(Answered, VALIDATE), Register, Held, Cancel],
        "COMPENSATED",
    ),
    logistics(
        "cancelled at the grant, asked",
        &[Bar(Asked, GRANT), Register, Held, Cancel],
        "COMPENSATED",
    ),
    logistics(
        "cancelled at the grant, answered",
        &[Bar(Answered, GRANT), Register, Held, Cancel],
        "COMPENSATED",
    ),
    logistics(
        "the revocation asked",
        &[CancelTooLate, Bar(Asked, REVOKE), LeaseEnds, Held],
        "COMPENSATED",
    ),
    logistics(
        "the revocation answered",
        &[CancelTooLate, Bar(Answered, REVOKE), LeaseEnds, Held],
        "COMPENSATED",
    ),
    logistics(
        "the revocation being written",
        &[
            CancelTooLate,
            Bar(Answered, REVOKE),
            LeaseEnds,
            Held,
            LockTable(OUTBOX),
            LetGo,
            Waits(SAVES),
        ],
        "COMPENSATED",
    ),
    logistics(
        "the driver being deleted",
        &[CancelTooLate, LockTable(VEHICLES), LeaseEnds, Waits(DELETES)],
        "COMPENSATED",
    ),
    logistics(
        "the deletion being written",
        &[
            CancelTooLate,
            LockTable(VEHICLES),
            LeaseEnds,
            Waits(DELETES),
            LockTable(OUTBOX),
            Unlock(VEHICLES),
            Waits(SAVES),
        ],
        "COMPENSATED",
    ),
    auth("asked for the user", &[Bar(Asked, VALIDATE), Register, Held]),
    auth(
        "granting the role",
        &[
            Bar(Asked, GRANT),
            Register,
            Held,
            LockTable("\"UserRole\""),
            LetGo,
            Waits(ROLE_IS_GRANTED),
        ],
    ),
    auth("having granted the role", &[Bar(Answered, GRANT), Register, Held]),
];

/// What takes place, and who takes part.
struct Scene<'a> {
    story: Story<'a>,
    admin: &'a User,
    database: &'a FreshDatabase,
    gate: &'a mut Gate,
    locks: Vec<(&'static str, Lock)>,
    registered: Vec<Registered>,
    /// Who registered and was refused in an earlier scene: they try again.
    refused: &'a mut Vec<User>,
}

/// Somebody who wants to be a driver.
struct Registered {
    user: User,
    session: Value,
}

impl Scene<'_> {
    async fn act(&mut self, act: Act, victim: &str) {
        match act {
            Act::Register => self.register().await,
            Act::Bar(when, text) => self.gate.bar(when, text),
            Act::Held => self.gate.holds_one().await,
            Act::LetGo => self.gate.let_go(),
            Act::Lock(table) => {
                let lock = self.database.lock(&format!("LOCK TABLE {table} IN SHARE MODE")).await;
                self.locks.push((table, lock));
            }
            Act::Waits(statement) => {
                self.database.waits_for_lock(&self.database.role(victim), statement).await;
            }
            Act::Unlock(table) => {
                let place = self.locks.iter().position(|(locked, _)| *locked == table).unwrap();
                self.locks.remove(place).1.release().await;
            }
            Act::Cancel => {
                let session = json!({ "registrationId": self.registered.last().unwrap().session });
                let payload = "registration { status }";
                self.story
                    .does(Some(self.admin), "cancelDriverRegistration", payload, session)
                    .await;
            }
            Act::CancelTooLate => {
                self.gate.bar(When::Answered, GRANT);
                self.register().await;
                self.gate.holds_one().await;
                Box::pin(self.act(Act::Cancel, victim)).await;
                self.gate.let_go();
            }
            Act::LeaseEnds => self.lease_ends().await,
        }
    }

    /// Somebody was killed: nothing is held any more, and nothing of theirs is left.
    async fn is_over(&mut self, victim: &str) {
        if victim == "logistics" {
            self.gate.forget();
        } else {
            self.gate.lose();
        }
        for (_, lock) in self.locks.drain(..) {
            lock.release().await;
        }
        self.database.is_left_by(&self.database.role(victim)).await;
    }

    async fn register(&mut self) {
        let user = match self.refused.pop() {
            Some(user) => user,
            None => self.story.register("Dora", &uuid::Uuid::now_v7().to_string()).await,
        };
        let mut input = registration(&user.id);
        input["idempotencyKey"] = json!(uuid::Uuid::now_v7());
        let started =
            self.story.does(Some(&user), "registerDriver", "registration { id }", input).await;
        self.registered.push(Registered { user, session: started["registration"]["id"].clone() });
    }

    /// The clock is the processes' own: what is written is moved instead.
    async fn lease_ends(&self) {
        let ended = "UPDATE \"DriverRegistrationSession\" SET lease_until = now() WHERE lease_until > now()";
        self.database.run(ended).await;
    }

    /// What is written of the last registration: `RUNNING: DONE RUNNING PENDING`.
    async fn written(&self) -> String {
        let session = &self.registered.last().unwrap().session;
        let written = format!(
            "SELECT status || ': ' || (SELECT string_agg(step->>'status', ' ') FROM json_array_elements(steps::json) step) \
             FROM \"DriverRegistrationSession\" WHERE id::text = '{}'",
            session.as_str().unwrap()
        );
        self.database.text(&written).await
    }

    /// How a registration ended, with all that belongs to such an end, and nothing besides.
    async fn end_of(&self, registered: &Registered) -> String {
        let Registered { user, session } = registered;
        let query = "query ($id: ID!) { driverRegistration(id: $id) { status driver { id } } me { isDriver roles } }";
        let seen = self
            .story
            .until(user, query, json!({ "id": session }), |seen| {
                let status = &seen["driverRegistration"]["status"];
                (status != "RUNNING" && status != "COMPENSATING").then(|| seen.clone())
            })
            .await;
        let rows = async |from: &str| self.database.count(from).await;
        let of_user = |table: &str| format!("\"{table}\" WHERE user_id::text = '{}'", user.id);
        let drivers = rows(&of_user("Driver")).await;
        let roles = rows(&format!("{} AND role = 'DRIVER'", of_user("UserRole"))).await;
        let registrations = "logistics_outbox WHERE kind = 'driver.registered'";
        let told = rows(&format!("{registrations} AND payload::text LIKE '%{}%'", user.id)).await;
        let end = seen["driverRegistration"]["status"].as_str().unwrap().to_owned();
        let is_driver = end == "COMPLETED";
        let one = i64::from(is_driver);
        assert_eq!((drivers, roles, told), (one, one, one), "drivers, roles, events of {end}");
        assert_eq!(seen["me"]["isDriver"], is_driver, "{seen}");
        let vehicles =
            "\"Vehicle\" v JOIN \"Driver\" d ON v.driver_id = d.id WHERE d.user_id::text =";
        assert_eq!(rows(&format!("{vehicles} '{}'", user.id)).await, one, "vehicles of {end}");
        end
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_survives_the_death_of_its_processes_at_every_step() {
    let database = FreshDatabase::create("killed").await;
    let variables = variables(&database);
    let mut processes = Processes::new(&variables, &authority(&required("TEST_DATABASE_URL")));
    let mut gate = Gate::on_the_way_to(processes.url("auth")).await;
    processes.set("logistics", "AUTH_URL", gate.url());
    processes.start();
    let place = place(&processes, &variables);
    let admin = Story::new(&place).log_in(&place.admin_email, &place.admin_password).await;
    println!("{:9}  {:34}  {:44}  end", "killed", "at", "written then");
    let mut refused = Vec::new();
    for point in &POINTS {
        let mut scene = Scene {
            story: Story::new(&place),
            admin: &admin,
            database: &database,
            gate: &mut gate,
            locks: Vec::new(),
            registered: Vec::new(),
            refused: &mut refused,
        };
        for act in point.acts {
            let done = tokio::time::timeout(PATIENCE, scene.act(*act, point.victim)).await;
            assert!(done.is_ok(), "{}: {act:?} does not happen", point.at);
        }
        let at_death = scene.written().await;
        processes.kill(point.victim);
        scene.is_over(point.victim).await;
        processes.start_again(point.victim);
        scene.lease_ends().await;
        for registered in std::mem::take(&mut scene.registered) {
            let end = scene.end_of(&registered).await;
            assert_eq!(end, point.end, "{} killed at {}", point.victim, point.at);
            if end == "COMPENSATED" {
                scene.refused.push(registered.user);
            }
        }
        println!("{:9}  {:34}  {at_death:44}  {}", point.victim, point.at, point.end);
    }
    assert_eq!(
        database.count("\"Vehicle\" WHERE driver_id NOT IN (SELECT id FROM \"Driver\")").await,
        0
    );
    processes.end();
    database.drop().await;
}
