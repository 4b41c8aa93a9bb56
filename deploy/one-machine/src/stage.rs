//! One task per stage, each with a way to stop it.

use std::error::Error;
use std::fmt::Write as _;
use std::future::Future;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::failure::RiverError;

/// A running stage.
pub(crate) struct Stage {
    name: &'static str,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), String>>,
}

/// Stages in the order in which they were started, and word of the first that
/// ends by itself.
pub(crate) struct Stages {
    running: Vec<Stage>,
    ended_tx: mpsc::Sender<Ended>,
    ended_rx: mpsc::Receiver<Ended>,
}

/// A stage and how it ended.
pub(crate) type Ended = (&'static str, Result<(), String>);

impl Stages {
    pub(crate) fn new() -> Self {
        // Each stage ends once; nobody reads while the river is being stopped.
        let (ended_tx, ended_rx) = mpsc::channel(16);
        Self {
            running: Vec::new(),
            ended_tx,
            ended_rx,
        }
    }

    /// Starts a stage; it ends when its receiver turns true.
    pub(crate) fn start<F, E>(
        &mut self,
        name: &'static str,
        stage: impl FnOnce(watch::Receiver<bool>) -> F,
    ) where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Error + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        let running = stage(stopped);
        let ended = self.ended_tx.clone();
        // A task of its own, so that a panic is seen as an end like any other.
        let inner = AbortOnDrop(tokio::spawn(running));
        let task = tokio::spawn(async move {
            let mut inner = inner;
            let result = match (&mut inner.0).await {
                Ok(result) => result.map_err(|error| chain(&error)),
                Err(panicked) => Err(panicked.to_string()),
            };
            // A full channel means that other ends are told already.
            drop(ended.try_send((name, result.clone())));
            result
        });
        self.running.push(Stage { name, stop, task });
    }

    /// Waits until a stage ends that nobody asked to.
    pub(crate) async fn first_end(&mut self) -> Ended {
        match self.ended_rx.recv().await {
            Some(ended) => ended,
            // Cannot be: this struct holds a sender.
            None => std::future::pending().await,
        }
    }

    /// Stops the stages one after the other, the last started first, all within
    /// one grace period. The first failure is returned; the others are still
    /// stopped.
    pub(crate) async fn stop(self, grace: Duration) -> Result<(), RiverError> {
        let deadline = Instant::now() + grace;
        let mut outcome = Ok(());
        for stage in self.running.into_iter().rev() {
            let stopped = stop_one(stage, deadline, grace).await;
            outcome = outcome.and(stopped);
        }
        outcome
    }
}

/// Ends the task when its watcher is ended.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn stop_one(stage: Stage, deadline: Instant, grace: Duration) -> Result<(), RiverError> {
    let Stage {
        name,
        stop,
        mut task,
    } = stage;
    stop.send_replace(true);
    match timeout_at(deadline, &mut task).await {
        Ok(Ok(Ok(()))) => {
            tracing::debug!(stage = name, "stopped");
            Ok(())
        }
        Ok(Ok(Err(why))) => Err(RiverError::Stage { stage: name, why }),
        Ok(Err(panicked)) => Err(RiverError::Stage {
            stage: name,
            why: panicked.to_string(),
        }),
        Err(_) => {
            task.abort();
            Err(RiverError::Grace {
                stage: name,
                grace_s: grace.as_secs(),
            })
        }
    }
}

/// An error with everything behind it, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            // Writing to a string cannot fail.
            write!(text, ": {said}").unwrap_or_default();
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn wait(mut stop: watch::Receiver<bool>) -> Result<(), std::io::Error> {
        drop(stop.wait_for(|stop| *stop).await);
        Ok(())
    }

    #[tokio::test]
    async fn a_stage_that_ends_by_itself_is_named_with_its_reason() {
        let mut stages = Stages::new();
        stages.start("receive", wait);
        stages.start("store", async |_| Err(std::io::Error::other("disk full")));
        let (stage, result) = stages.first_end().await;
        assert_eq!((stage, result), ("store", Err("disk full".to_owned())));
        let outcome = stages.stop(Duration::from_secs(5)).await;
        assert!(matches!(
            outcome,
            Err(RiverError::Stage { stage: "store", .. })
        ));
    }

    #[tokio::test]
    async fn a_stage_that_panics_is_named_like_one_that_fails() {
        let mut stages = Stages::new();
        stages.start("analyzer", async |_| -> Result<(), std::io::Error> {
            panic!("odd data")
        });
        let (stage, result) = stages.first_end().await;
        assert_eq!(stage, "analyzer");
        assert!(result.unwrap_err().contains("odd data"));
    }

    #[tokio::test]
    async fn a_stage_that_does_not_stop_is_named_when_the_grace_is_over() {
        let mut stages = Stages::new();
        stages.start("store", async |_| {
            std::future::pending::<Result<(), std::io::Error>>().await
        });
        let outcome = stages.stop(Duration::from_millis(50)).await;
        assert!(matches!(
            outcome,
            Err(RiverError::Grace { stage: "store", .. })
        ));
    }
}
