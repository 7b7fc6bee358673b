//! Idempotency keys: the same request, sent again, does nothing again and answers with what it made.

use std::borrow::Cow;
use std::sync::Arc;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use serde::Serialize;
use uuid::Uuid;

use crate::clock::Clock;
use crate::digest::digest;
use crate::problem::{ConflictCode, Problem};

/// A key that is longer is stored as its digest.
const KEY_LIMIT_BYTES: usize = 200;

/// The keys that a service has seen: the table `<owner>_idempotency`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Idempotency {
    table: Arc<str>,
    clock: Clock,
}

/// Which request it is: a key counts for one caller and one mutation.
#[derive(Debug, Clone, Copy)]
pub struct RequestKey<'a> {
    /// Who asks: [`crate::Caller::label`].
    pub caller: &'a str,
    /// The mutation's name.
    pub operation: &'a str,
    /// The client's key.
    pub key: &'a str,
}

/// What the key says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Never seen: do the work, in this transaction.
    New,
    /// Done before, with this result.
    Replay(Uuid),
    /// Seen with other input.
    Reused,
}

impl Claim {
    /// The problem of [`Claim::Reused`].
    pub fn reused() -> Problem {
        Problem::conflict(
            ConflictCode::IDEMPOTENCY_KEY_REUSED,
            "this idempotency key came with other input before",
        )
    }
}

impl Idempotency {
    /// The keys of `owner`.
    pub fn new(owner: &str, clock: Clock) -> Self {
        Self { table: format!("{owner}_idempotency").into(), clock }
    }

    /// Claims the key for `input`, whose work will make `result_id`, in the transaction of that work.
    ///
    /// Of two at the same time, the second waits for the first to commit and sees its result: the key is the row's
    /// primary key. What is stored is the id, never the answer.
    pub async fn claim(
        &self,
        transaction: &DatabaseTransaction,
        request: RequestKey<'_>,
        input: &impl Serialize,
        result_id: Uuid,
    ) -> Result<Claim, DbErr> {
        let RequestKey { caller, operation, key } = request;
        let key = &*stored(key);
        let hash = hash(input);
        let insert = Query::insert()
            .into_table(Alias::new(self.table.as_ref()))
            .columns(["caller", "operation", "key", "request_hash", "result_id", "created_at"])
            .values_panic([
                caller.into(),
                operation.into(),
                key.into(),
                hash.as_str().into(),
                result_id.into(),
                self.clock.now().into(),
            ])
            .on_conflict(
                OnConflict::columns(["caller", "operation", "key"]).do_nothing().to_owned(),
            )
            .to_owned();
        if transaction.execute(&insert).await?.rows_affected() == 1 {
            return Ok(Claim::New);
        }
        let select = Query::select()
            .columns(["request_hash", "result_id"])
            .from(Alias::new(self.table.as_ref()))
            .and_where(Expr::col("caller").eq(caller))
            .and_where(Expr::col("operation").eq(operation))
            .and_where(Expr::col("key").eq(key))
            .to_owned();
        let row = transaction.query_one(&select).await?;
        let row = row.ok_or_else(|| {
            DbErr::RecordNotFound("the idempotency key that was just met".to_owned())
        })?;
        let same = row.try_get::<String>("", "request_hash")? == hash;
        if same { Ok(Claim::Replay(row.try_get("", "result_id")?)) } else { Ok(Claim::Reused) }
    }
}

/// A long key as its digest: no index takes a text of any length.
fn stored(key: &str) -> Cow<'_, str> {
    if key.len() <= KEY_LIMIT_BYTES { key.into() } else { digest(key.as_bytes()).into() }
}

fn hash(input: &impl Serialize) -> String {
    let json = serde_json::to_vec(input).expect("an input is plain data");
    digest(&json)
}
