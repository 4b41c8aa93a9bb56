//! Groups that ClickHouse refuses at this moment: while there is one, no other
//! is begun. Batches are acknowledged in order, so what is written behind a
//! refused one would only be held in memory, and a server that is full or away
//! is not helped by more of the same.

use tokio::sync::watch;

use crate::Metrics;

/// How many groups are being refused; clones count the same groups.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    count: watch::Sender<usize>,
    changes: watch::Receiver<usize>,
    metrics: Metrics,
}

/// One group that was refused and is tried again; over when dropped.
#[derive(Debug)]
pub(crate) struct Refusal(Refused);

impl Refused {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let (count, changes) = watch::channel(0);
        Self {
            count,
            changes,
            metrics: metrics.clone(),
        }
    }

    /// Counts a group until it is written or given up.
    pub(crate) fn begin(&self) -> Refusal {
        self.count.send_modify(|count| *count += 1);
        self.metrics.refused_groups.inc();
        Refusal(self.clone())
    }

    pub(crate) fn any(&self) -> bool {
        *self.count.borrow() > 0
    }

    /// Waits until a group more or less is refused.
    pub(crate) async fn changed(&mut self) {
        // Never an error: this holds a sender itself.
        drop(self.changes.changed().await);
    }
}

impl Drop for Refusal {
    fn drop(&mut self) {
        self.0.count.send_modify(|count| *count -= 1);
        self.0.metrics.refused_groups.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_group_counts_as_refused_until_it_is_written_or_given_up() {
        let mut refused = Refused::new(&Metrics::default());
        assert!(!refused.any());
        let refusal = refused.begin();
        refused.changed().await;
        assert!(refused.any());
        drop(refusal);
        refused.changed().await;
        assert!(!refused.any());
    }
}
