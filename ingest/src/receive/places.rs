//! Places for handshakes under way: a bounded number, each costs a signature.
//!
//! Who connects and says nothing holds one, and so does who dribbles. When all
//! are taken, those are overtaken first who have not even greeted yet, and then
//! whoever has had one for longest: a healthy peer greets in one packet and is done
//! in milliseconds, so peers that get nowhere hold up nobody, in any number.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use super::audit::Audit;

/// How long a handshake has a place for itself once the peer has greeted, however
/// many wait. A storm of honest peers needs less for all of them.
const UNDISTURBED: Duration = Duration::from_secs(1);

/// How long a peer has to greet, as far as others wait.
const UNGREETED: Duration = Duration::from_millis(250);

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
    has_greeted: bool,
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
            has_greeted: false,
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
        let Some(victim) = row.victim(now) else {
            return;
        };
        let task = row.taken.remove(victim).and_then(|taken| taken.task);
        drop(row);
        if let Some(task) = task {
            task.abort();
        }
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

    /// Who has got nowhere for longest, if anybody's time is over.
    fn victim(&self, now: Instant) -> Option<usize> {
        let is_over = |taken: &Taken, time| {
            let passed = now.saturating_duration_since(taken.since);
            taken.task.is_some() && passed >= time
        };
        let mut taken = self.taken.iter();
        let silent = taken.position(|taken| !taken.has_greeted && is_over(taken, UNGREETED));
        let oldest = self.taken.front();
        silent.or_else(|| {
            oldest
                .filter(|taken| is_over(taken, UNDISTURBED))
                .map(|_| 0)
        })
    }
}

impl Place {
    /// The peer has greeted as TLS wants it.
    pub(super) fn has_greeted(&self) {
        let mut row = self.places.lock();
        if let Some(own) = row.find(self.number) {
            row.taken[own].has_greeted = true;
        }
    }

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

    type Task = tokio::task::JoinHandle<()>;

    /// A place, and a task that holds it for ever.
    async fn taken(places: &Places, greets: bool) -> Task {
        let place = places.take().await;
        if greets {
            place.has_greeted();
        }
        let number = place.number();
        let task = tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(place);
        });
        places.held_by(number, task.abort_handle());
        task
    }

    async fn is_overtaken(task: Task) -> bool {
        task.await.unwrap_err().is_cancelled()
    }

    #[tokio::test]
    async fn whoever_gets_nowhere_for_longest_is_overtaken_and_nobody_else() {
        let metrics = Metrics::default();
        let places = Places::new(2, Audit::new(metrics.clone()));
        let first = taken(&places, true).await;
        let second = taken(&places, true).await;
        let begun = Instant::now();
        let third = taken(&places, true).await;
        assert!(begun.elapsed() >= UNDISTURBED, "the first has its time");
        assert!(is_overtaken(first).await);
        assert!(!second.is_finished());
        assert_eq!(metrics.broken("handshake_overtaken"), 1);
        second.abort();
        third.abort();
        drop(places.take().await);
    }

    #[tokio::test]
    async fn whoever_has_greeted_is_not_overtaken_while_others_have_not() {
        let metrics = Metrics::default();
        let places = Places::new(3, Audit::new(metrics.clone()));
        let honest = taken(&places, true).await;
        let silent = [taken(&places, false).await, taken(&places, false).await];
        let begun = Instant::now();
        let next = [taken(&places, true).await, taken(&places, true).await];
        assert!(begun.elapsed() < UNDISTURBED, "they need not be waited for");
        for silent in silent {
            assert!(is_overtaken(silent).await);
        }
        assert!(!honest.is_finished());
        for task in next.into_iter().chain([honest]) {
            task.abort();
        }
    }
}
