//! The registration saga killed after each of its statements, and taken up by another process: it ends as if nothing
//! had been.
//!
//! What a process leaves behind changes with its statements alone, so it dies after the first, after the second, and so
//! on until the saga is through. Calls of auth lie between two statements: it dies before them, and after them with
//! nothing written of their answer.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use chrono::TimeDelta;
use futures::FutureExt;
use futures::future::poll_fn;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use serde_json::{Value, json};
use service::Database;

use crate::auth::Mood;
use crate::world::{Account, World, each_world, text};

/// More statements than the saga has.
const STATEMENTS_LIMIT: usize = 200;

/// When a process dies: after so many statements of the work that is watched.
#[derive(Clone)]
struct Death(Arc<Countdown>);

struct Countdown {
    left: AtomicUsize,
    is_watching: AtomicBool,
}

impl Death {
    fn after(statements: usize) -> Self {
        let is_watching = AtomicBool::new(false);
        Self(Arc::new(Countdown { left: AtomicUsize::new(statements), is_watching }))
    }

    /// The database, as the process that will die reaches it.
    fn database(&self, database: &Database) -> Database {
        let mut mortal = database.clone();
        for connection in [&mut mortal.read, &mut mortal.write] {
            let death = self.clone();
            connection.set_metric_callback(move |_| death.count());
        }
        mortal
    }

    fn count(&self) {
        let Countdown { left, is_watching } = &*self.0;
        if is_watching.load(Ordering::Relaxed) && left.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::panic::resume_unwind(Box::new("killed"));
        }
    }

    /// Whether the work ends before the process dies.
    async fn spares(&self, work: impl Future<Output = ()>) -> bool {
        let mut work = Box::pin(AssertUnwindSafe(work).catch_unwind());
        poll_fn(|context| {
            self.0.is_watching.store(true, Ordering::Relaxed);
            let polled = work.poll_unpin(context);
            self.0.is_watching.store(false, Ordering::Relaxed);
            match polled {
                Poll::Ready(ended) => Poll::Ready(ended.is_ok()),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

async fn session(account: &Account, id: &Value) -> Value {
    let query = "query ($id: ID!) { driverRegistration(id: $id) { status steps { status } } }";
    account.client.data(query, json!({ "id": id })).await["driverRegistration"].take()
}

/// What is written of the session: `RUNNING: DONE RUNNING PENDING`.
async fn written(account: &Account, id: &Value) -> String {
    let session = session(account, id).await;
    let steps = session["steps"].as_array().unwrap();
    let steps: Vec<String> = steps.iter().map(|step| text(&step["status"])).collect();
    format!("{}: {}", text(&session["status"]), steps.join(" "))
}

/// How many rows of the table are about this driver or user.
async fn rows(world: &World, table: &'static str, column: &'static str, id: &str) -> i64 {
    let id: uuid::Uuid = id.parse().unwrap();
    let count = Query::select()
        .expr_as(Expr::col(column).count(), "rows")
        .from(table)
        .and_where(Expr::col(column).eq(id))
        .to_owned();
    let row = world.parts.database.read.query_one(&count).await.unwrap().unwrap();
    row.try_get::<i64>("", "rows").unwrap()
}

async fn driver_id(world: &World, account: &Account) -> Option<String> {
    let query = "query ($id: ID!) { driverByUserId(userId: $id) { id } }";
    let found = world.renew(account).client.data(query, json!({ "id": account.id })).await;
    found["driverByUserId"]["id"].as_str().map(str::to_owned)
}

/// Kills the saga after each of its statements while auth is in this mood; what was written then, and how each ended.
async fn sweep(world: &World, mood: Mood) -> BTreeMap<String, String> {
    let mut ends = BTreeMap::new();
    for statements in 1..STATEMENTS_LIMIT {
        world.auth.set(mood);
        let robin = world.sign_in(&[]);
        let registered = world.register(&robin, json!({})).await;
        let id = &registered["registration"]["id"];
        let death = Death::after(statements);
        let process = world.another_process(death.database(&world.parts.database)).await;
        let workers = process.workers();
        let was_spared =
            death.spares(async { while workers.step_registration().await.unwrap() {} }).await;
        drop(process);
        let at_death = written(&robin, id).await;

        // The dead worker's lease runs out.
        world.advance(TimeDelta::seconds(31));
        world.work_off_registrations().await;
        let end = end_of(world, &world.renew(&robin), id, &at_death).await;
        if let Some(before) = ends.insert(at_death.clone(), end.clone()) {
            assert_eq!(before, end, "{at_death}");
        }
        if was_spared {
            println!("killed after each of {} statements: {ends:#?}", statements - 1);
            return ends;
        }
    }
    panic!("it never ends");
}

/// How the session ended, with all that belongs to such an end, and nothing besides.
async fn end_of(world: &World, robin: &Account, id: &Value, at_death: &str) -> String {
    let end = text(&session(robin, id).await["status"]);
    let driver = driver_id(world, robin).await;
    match end.as_str() {
        "COMPLETED" => {
            let driver = driver.unwrap();
            assert!(world.auth.has_granted(&robin.id), "{at_death}");
            assert_eq!(rows(world, "Vehicle", "driver_id", &driver).await, 1, "{at_death}");
            let told = rows(world, "logistics_outbox", "aggregate_id", &driver).await;
            assert_eq!(told, 1, "driver.registered, once: {at_death}");
        }
        "COMPENSATED" => {
            assert_eq!(driver, None, "{at_death}");
            assert!(!world.auth.has_granted(&robin.id), "{at_death}");
        }
        other => panic!("{other} after {at_death}"),
    }
    end
}

fn table(lines: &[&str], end: &str) -> BTreeMap<String, String> {
    lines.iter().map(|line| ((*line).to_owned(), end.to_owned())).collect()
}

#[tokio::test]
async fn killed_anywhere_it_completes() {
    each_world(async |world| {
        let points = [
            "RUNNING: PENDING PENDING PENDING",
            "RUNNING: RUNNING PENDING PENDING",
            "RUNNING: DONE PENDING PENDING",
            "RUNNING: DONE RUNNING PENDING",
            "RUNNING: DONE DONE PENDING",
            "RUNNING: DONE DONE RUNNING",
            "COMPLETED: DONE DONE DONE",
        ];
        assert_eq!(sweep(&world, Mood::Well).await, table(&points, "COMPLETED"));
    })
    .await;
}

#[tokio::test]
async fn killed_anywhere_it_compensates_where_the_role_is_refused() {
    each_world(async |world| {
        let points = [
            "RUNNING: PENDING PENDING PENDING",
            "RUNNING: RUNNING PENDING PENDING",
            "RUNNING: DONE PENDING PENDING",
            "RUNNING: DONE RUNNING PENDING",
            "RUNNING: DONE DONE PENDING",
            "RUNNING: DONE DONE RUNNING",
            "COMPENSATING: DONE DONE FAILED",
            "COMPENSATING: DONE COMPENSATED FAILED",
            "COMPENSATING: COMPENSATED COMPENSATED FAILED",
            "COMPENSATED: COMPENSATED COMPENSATED FAILED",
        ];
        assert_eq!(sweep(&world, Mood::RefusesRole).await, table(&points, "COMPENSATED"));
    })
    .await;
}

/// An auth that answers only when another worker has long taken over: its answer changes nothing, and the grant that it
/// made twice is one.
#[tokio::test]
async fn a_late_second_answer_changes_nothing() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        let registered = world.register(&robin, json!({})).await;
        let id = &registered["registration"]["id"];
        world.auth.set(Mood::HoldsAnswers);
        let slow = async { while world.workers.step_registration().await.unwrap() {} };
        let others = async {
            world.auth.holds_one().await;
            assert_eq!(written(&robin, id).await, "RUNNING: DONE DONE RUNNING");
            world.auth.set(Mood::Well);
            world.advance(TimeDelta::seconds(31));
            world.work_off_registrations().await;
            assert_eq!(written(&robin, id).await, "COMPLETED: DONE DONE DONE");
            world.auth.let_go();
        };
        futures::join!(slow, others);
        assert_eq!(written(&robin, id).await, "COMPLETED: DONE DONE DONE");
        let mut keys = world.auth.keys_seen();
        assert_eq!(keys.len(), 2, "asked twice");
        keys.dedup();
        assert_eq!(keys.len(), 1, "under one key");
    })
    .await;
}
