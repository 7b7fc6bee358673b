//! Background tasks, owned: started with the service, asked to end with it, and awaited.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

/// The background tasks of a service. Dropped, it aborts them; [`Tasks::stop`] lets them finish what they do.
#[derive(Debug)]
pub struct Tasks {
    running: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// Told to a task: whether it shall end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Default for Tasks {
    fn default() -> Self {
        Self { running: JoinSet::new(), stop: watch::Sender::new(false) }
    }
}

impl Tasks {
    /// No tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task, which ends soon after [`Stop::requested`] resolves.
    pub fn start<F>(&mut self, task: impl FnOnce(Stop) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.running.spawn(task(Stop(self.stop.subscribe())));
    }

    /// Takes over another's tasks: they end with these.
    pub fn absorb(&mut self, mut other: Self) {
        self.start(|mut stop| async move {
            stop.requested().await;
            other.stop.send_replace(true);
            while other.running.join_next().await.is_some() {}
        });
    }

    /// Asks all tasks to end, and waits until they have.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.running.join_next().await.is_some() {}
    }
}

/// Tells what stays open, subscriptions above all, that the service ends: they end by themselves, and connections with
/// them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Drain(Arc<watch::Sender<bool>>);

impl Default for Drain {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Drain {
    /// Nothing open, and no end asked for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters something that stays open: it holds what it is given for as long, and ends when told to.
    pub fn enter(&self) -> Stop {
        Stop(self.0.subscribe())
    }

    /// How many things are open.
    pub fn open(&self) -> usize {
        self.0.receiver_count()
    }

    /// Asks everything to end.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Resolves when nothing is open.
    pub async fn finished(&self) {
        self.0.closed().await;
    }
}

impl Stop {
    /// Resolves when the task shall end.
    pub async fn requested(&mut self) {
        // An error means that the owner is gone: a reason to end, too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Whether the task shall end.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}
