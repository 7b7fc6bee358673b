//! What time it is: the system's clock, or one that a test sets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::watch;
use uuid::timestamp::context::ContextV7;
use uuid::{Timestamp, Uuid};

/// Tells the time, to the microsecond (the precision that every database keeps).
///
/// Cheap to clone; the clones of a settable clock move together.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    source: Source,
    /// Counts the identifiers of one millisecond.
    sequence: Arc<Mutex<ContextV7>>,
}

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    System,
    Set(Arc<watch::Sender<DateTime<Utc>>>),
}

/// A sleep looks at the clock again after this long at most: a machine that slept wakes to another time.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `now` until it is advanced.
    pub fn set_to(now: DateTime<Utc>) -> Self {
        Self { source: Source::Set(Arc::new(watch::Sender::new(now))), ..Self::default() }
    }

    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        let now = match &self.source {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the clock that everyone else is given"
            )]
            Source::System => Utc::now(),
            Source::Set(now) => *now.borrow(),
        };
        now.trunc_subsecs(6)
    }

    /// Resolves when this clock says `time` or later.
    pub async fn reached(&self, time: DateTime<Utc>) {
        match &self.source {
            Source::System => loop {
                let left = (time - self.now()).to_std().unwrap_or_default();
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
            },
            Source::Set(now) => {
                // An error would mean that the clock is gone; it is ours, and lives as long as this borrow.
                let _ = now.subscribe().wait_for(|now| *now >= time).await;
            }
        }
    }

    /// Moves a settable clock forward; the system's clock moves by itself and ignores it.
    pub fn advance(&self, by: TimeDelta) {
        if let Source::Set(now) = &self.source {
            now.send_modify(|now| *now += by);
        }
    }

    /// A fresh identifier (`UUIDv7`), which sorts after all that this clock and its clones gave before.
    pub fn new_id(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        let nanoseconds = now.timestamp_subsec_nanos();
        Uuid::new_v7(Timestamp::from_unix(&*self.sequence, seconds, nanoseconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_sort_in_the_order_they_are_given() {
        let clock = Clock::set_to(DateTime::UNIX_EPOCH);
        let given: Vec<Uuid> = (0..1000).map(|_| clock.new_id()).collect();
        assert!(given.is_sorted_by(|before, after| before < after));
    }
}
