//! Threads that serve connections, each with a runtime of its own: a connection, and all that is done for it, stays on one.
//!
//! Nothing is handed from thread to thread on the way of a request, which a runtime that balances its threads does all
//! the time. What that saves is in `bench/README.md`. What it costs: a client's connection has one thread, whatever is
//! asked on it; so connections are dealt to the thread that has the fewest.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::StartError;
use crate::spare_buffers;

/// How often a thread wakes up, and frees what it has not used since. A runtime that is told of a deadline before all that
/// it knows of wakes itself, by a write to itself: it is not where something earlier is always due.
const TICK: Duration = Duration::from_millis(500);

/// The threads; they end when this is dropped.
#[derive(Default)]
pub(crate) struct Workers {
    workers: Vec<Worker>,
    _end: Option<DropGuard>,
}

struct Worker {
    runtime: Handle,
    /// Each connection of the thread holds another.
    connection: Arc<()>,
}

/// Where a connection is served.
pub(crate) struct Seat {
    pub(crate) runtime: Handle,
    _connection: Option<Arc<()>>,
}

impl Workers {
    /// A thread for each processor.
    pub(crate) fn start() -> Result<Self, StartError> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let end = CancellationToken::new();
        let start = |_| start_worker(end.clone()).map_err(StartError::Serve);
        let workers = (0..processors).map(start).collect::<Result<_, _>>()?;
        Ok(Self { workers, _end: Some(end.drop_guard()) })
    }

    /// A seat on the thread that has the fewest connections; where there are no threads, on the caller's runtime.
    pub(crate) fn seat(&self) -> Seat {
        let connections = |worker: &&Worker| Arc::strong_count(&worker.connection);
        match self.workers.iter().min_by_key(connections) {
            None => Seat { runtime: Handle::current(), _connection: None },
            Some(Worker { runtime, connection }) => {
                Seat { runtime: runtime.clone(), _connection: Some(Arc::clone(connection)) }
            }
        }
    }
}

fn start_worker(end: CancellationToken) -> std::io::Result<Worker> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name("worker".to_owned()).spawn(move || {
        spare_buffers::keep();
        runtime.block_on(end.run_until_cancelled_owned(tick()));
        runtime.shutdown_background();
    })?;
    Ok(Worker { runtime: handle, connection: Arc::default() })
}

async fn tick() -> Infallible {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        spare_buffers::free_unused();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_dealt_to_who_has_the_fewest() {
        let end = CancellationToken::new();
        let workers = (0..2).map(|_| start_worker(end.clone()).unwrap()).collect();
        let workers = Workers { workers, _end: Some(end.drop_guard()) };
        let (first, second) = (workers.seat(), workers.seat());
        assert_ne!(first.runtime.id(), second.runtime.id());
        let freed = first.runtime.id();
        drop(first);
        assert_eq!(workers.seat().runtime.id(), freed);
    }
}
