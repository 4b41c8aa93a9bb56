//! How long the store keeps trying: for ever while it runs, and for one grace
//! period around everything once it is asked to stop.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::stopped;

/// The patience of a store; its grace period begins with the request to stop,
/// even in the middle of a wait. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    shutdown: watch::Receiver<bool>,
    grace: Duration,
    ends_at: Arc<OnceLock<Instant>>,
}

impl Patience {
    pub(crate) fn new(shutdown: watch::Receiver<bool>, grace: Duration) -> Self {
        Self {
            shutdown,
            grace,
            ends_at: Arc::default(),
        }
    }

    /// Works for at most `limit`, and no longer than the grace period has left;
    /// `None` when time ran out first.
    pub(crate) async fn within<T>(
        &mut self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let limit = Instant::now() + limit;
        tokio::pin!(work);
        loop {
            let end = self.ends_at.get().map_or(limit, |end| limit.min(*end));
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = stopped(&mut self.shutdown), if self.ends_at.get().is_none() => self.begin_to_end(),
                () = sleep_until(end) => return None,
            }
        }
    }

    /// Waits between two tries. The request to stop cuts it short: then there
    /// is no time to lose.
    pub(crate) async fn pause(&mut self, pause: Duration) {
        let end = Instant::now() + pause;
        let Some(ends_at) = self.ends_at.get().copied() else {
            tokio::select! {
                () = stopped(&mut self.shutdown) => self.begin_to_end(),
                () = sleep_until(end) => {}
            }
            return;
        };
        sleep_until(end.min(ends_at)).await;
    }

    /// Whether the grace period is over.
    pub(crate) fn is_over(&self) -> bool {
        self.ends_at.get().is_some_and(|end| Instant::now() >= *end)
    }

    fn begin_to_end(&self) {
        self.ends_at.get_or_init(|| Instant::now() + self.grace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_hours(1);
    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn the_request_to_stop_shortens_a_wait_that_is_under_way() {
        let (stop, shutdown) = watch::channel(false);
        let mut patience = Patience::new(shutdown, SHORT);
        let endless = patience.within(LONG, std::future::pending::<()>());
        let (done, _) = tokio::join!(endless, async { stop.send_replace(true) });
        assert_eq!(done, None);
        assert!(patience.is_over());
        // Nothing is granted another grace period.
        let again = patience.within(LONG, std::future::pending::<()>());
        assert_eq!(again.await, None);
        patience.pause(LONG).await;
    }

    #[tokio::test]
    async fn the_request_to_stop_ends_a_pause_and_the_grace_period_begins() {
        let (stop, shutdown) = watch::channel(false);
        let mut patience = Patience::new(shutdown, LONG);
        tokio::join!(patience.pause(LONG), async { stop.send_replace(true) });
        assert!(!patience.is_over());
        assert_eq!(patience.within(LONG, async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn a_limit_holds_while_nobody_asks_to_stop() {
        let (_stop, shutdown) = watch::channel(false);
        let mut patience = Patience::new(shutdown, LONG);
        let late = patience.within(SHORT, std::future::pending::<()>());
        assert_eq!(late.await, None);
        assert!(!patience.is_over());
    }
}
