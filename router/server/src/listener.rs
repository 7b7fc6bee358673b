//! Who is told the answers of an operation: one client, which may be slow, and may leave at any time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What a client is told of an operation. All but `Next` are the last.
#[derive(Debug)]
pub(crate) enum Told {
    /// An answer.
    Next(Bytes),
    /// There is no other answer.
    Complete,
    /// There is no other answer, for the reason in the errors of this one.
    Failed(Bytes),
    /// There may be other answers, but not from here: the graph has changed. Subscribe again.
    GraphChanged,
    /// There may be other answers, but not from here: the router ends. Subscribe again.
    Ending,
}

/// What is told, and by which operation of the connection.
pub(crate) type Word = (OperationId, Told);

/// An operation of a connection: its id, which the client chose, and a number, for ids are used again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct OperationId {
    pub(crate) id: Arc<str>,
    pub(crate) number: u64,
}

/// The one who listens to an operation.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) operation: OperationId,
    /// It holds one word: who tells more waits until it is taken.
    pub(crate) words: mpsc::Sender<Word>,
    /// Cancelled when the client wants to hear no more.
    pub(crate) left: CancellationToken,
    /// How long a word may wait to be taken.
    pub(crate) patience: Duration,
}

/// Nobody listens any more.
#[derive(Debug)]
pub(crate) struct Gone;

impl Listener {
    /// Waits until the client can take it.
    pub(crate) async fn tell(&self, told: Told) -> Result<(), Gone> {
        let sent = self.words.send_timeout((self.operation.clone(), told), self.patience);
        tokio::select! {
            sent = sent => sent.map_err(|_| Gone),
            () = self.left.cancelled() => Err(Gone),
        }
    }

    /// Resolves when nobody listens any more.
    pub(crate) async fn gone(&self) {
        tokio::select! {
            () = self.words.closed() => {}
            () = self.left.cancelled() => {}
        }
    }
}
