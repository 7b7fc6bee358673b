//! The pace of a request: what is to be loaded waits until no resolver can go on without it, so that all that the
//! resolvers want by then is asked for together. No time passes: a request that can go on is never held up.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures::channel::oneshot;
use futures::{FutureExt, Stream, StreamExt, stream};

/// The pace of one request. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Pace(Arc<Mutex<Vec<oneshot::Sender<()>>>>);

impl Pace {
    /// Waits until everything in the request waits.
    pub(crate) fn rest(&self) -> impl Future<Output = ()> + Send + use<> {
        let (rested, rest) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(rested);
        rest.map(drop)
    }

    /// Executes a request at this pace.
    pub(crate) async fn execute<F: Future>(self, execution: F) -> F::Output {
        let mut execution = pin!(execution);
        poll_fn(|context| self.turn(context, |context| execution.as_mut().poll(context))).await
    }

    /// The answers of a subscription, each resolved at this pace.
    pub(crate) fn stream<S: Stream + Unpin>(self, mut answers: S) -> impl Stream<Item = S::Item> {
        stream::poll_fn(move |context| {
            self.turn(context, |context| answers.poll_next_unpin(context))
        })
    }

    /// Polls once. What is pending and has not woken itself meanwhile waits, all of it.
    fn turn<T>(
        &self,
        context: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let turn =
            Arc::new(Turn { goes_on: AtomicBool::new(false), task: context.waker().clone() });
        let polled = poll(&mut Context::from_waker(&Waker::from(Arc::clone(&turn))));
        if polled.is_pending() && !turn.goes_on.load(Ordering::Acquire) {
            let waiting =
                std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
            for rested in waiting {
                // Whoever waited may have been dropped.
                let _ = rested.send(());
            }
        }
        polled
    }
}

/// Wakes the task, and notes that it was: a list of many futures wakes itself before it has polled them all.
struct Turn {
    goes_on: AtomicBool,
    task: Waker,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.goes_on.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}
