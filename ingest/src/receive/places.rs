//! Places for handshakes under way: a bounded number, each costs a signature.
//!
//! Who connects and says nothing holds one. When all are taken, whoever has had
//! one for longest is overtaken: a healthy handshake is done in milliseconds,
//! so silent peers in any number hold up nobody.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use super::audit::Audit;

/// How long a handshake has a place for itself, however many wait. A storm of
/// honest peers needs less for all of them.
const UNDISTURBED: Duration = Duration::from_secs(1);

/// Pause between two looks for someone to overtake.
const LOOK: Duration = Duration::from_millis(50);

/// All places; clones are the same.
#[derive(Clone)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    taken: Arc<Mutex<Row>>,
    audit: Audit,
}

#[derive(Default)]
struct Row {
    next: u64,
    /// Oldest first.
    taken: VecDeque<Taken>,
}

struct Taken {
    number: u64,
    since: Instant,
    /// Whose place it is, once that runs.
    task: Option<AbortHandle>,
}

/// A place; dropped, it is free again.
pub(super) struct Place {
    places: Places,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(places: usize, audit: Audit) -> Self {
        Self {
            free: Arc::new(Semaphore::new(places)),
            taken: Arc::default(),
            audit,
        }
    }

    /// Waits for a place.
    pub(super) async fn take(&self) -> Place {
        loop {
            if let Ok(permit) = self.free.clone().try_acquire_owned() {
                return self.taken(permit);
            }
            self.overtake(Instant::now());
            let freed = self.free.clone().acquire_owned();
            if let Ok(Ok(permit)) = tokio::time::timeout(LOOK, freed).await {
                return self.taken(permit);
            }
        }
    }

    fn taken(&self, permit: OwnedSemaphorePermit) -> Place {
        let mut row = self.lock();
        let number = row.next;
        row.next += 1;
        row.taken.push_back(Taken {
            number,
            since: Instant::now(),
            task: None,
        });
        Place {
            places: self.clone(),
            number,
            _permit: permit,
        }
    }

    /// Says whose place one is; it may be free again by then.
    pub(super) fn held_by(&self, number: u64, task: AbortHandle) {
        let mut row = self.lock();
        if let Some(own) = row.find(number) {
            row.taken[own].task = Some(task);
            row.taken[own].since = Instant::now();
        }
    }

    fn overtake(&self, now: Instant) {
        let mut row = self.lock();
        let oldest = row.taken.front();
        let Some(task) = oldest
            .filter(|oldest| now.saturating_duration_since(oldest.since) >= UNDISTURBED)
            .and_then(|oldest| oldest.task.clone())
        else {
            return;
        };
        row.taken.pop_front();
        drop(row);
        task.abort();
        self.audit.broke("handshake_overtaken");
    }

    // Every change under the lock is complete before anything can panic.
    fn lock(&self) -> MutexGuard<'_, Row> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Row {
    fn find(&self, number: u64) -> Option<usize> {
        let taken = &self.taken;
        taken
            .binary_search_by_key(&number, |taken| taken.number)
            .ok()
    }
}

impl Place {
    /// By what it is known.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut row = self.places.lock();
        if let Some(own) = row.find(self.number) {
            row.taken.remove(own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metrics;

    #[tokio::test]
    async fn whoever_says_nothing_for_longest_is_overtaken_and_nobody_else() {
        let metrics = Metrics::default();
        let places = Places::new(2, Audit::new(metrics.clone()));
        let mut silent = Vec::new();
        for _ in 0..2 {
            let place = places.take().await;
            let number = place.number();
            let task = tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(place);
            });
            places.held_by(number, task.abort_handle());
            silent.push(task);
        }
        let begun = Instant::now();
        let third = places.take().await;
        assert!(begun.elapsed() >= UNDISTURBED, "the first has its time");
        assert!(silent.remove(0).await.unwrap_err().is_cancelled());
        assert!(!silent[0].is_finished());
        assert_eq!(metrics.broken("handshake_overtaken"), 1);
        drop(third);
        drop(places.take().await);
        silent[0].abort();
    }
}
