//! A batch on its way into the journal, until it is heard of again.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use kbwatch_proto::journal::JournalRecord;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinHandle;

use crate::journal::{AppendError, Entry, Journal};
use crate::trace::Span;

/// How a batch on its way is heard of again.
pub(super) enum Handover {
    /// The store of this process tells.
    Told(oneshot::Receiver<()>),
    /// It waits for a place, or for the brokers.
    Carried(JoinHandle<Result<(), AppendError>>),
}

impl Handover {
    /// Hands a batch on, with its share of what may wait.
    pub(super) fn of(
        journal: &Journal,
        record: JournalRecord,
        room: OwnedSemaphorePermit,
        span: Span,
    ) -> Self {
        let room = Some(room);
        if let Journal::Direct(entries) = journal
            && let Ok(place) = entries.try_reserve()
        {
            let (durable, told) = oneshot::channel();
            place.send(Entry {
                record,
                durable,
                room,
                span,
            });
            return Self::Told(told);
        }
        let journal = journal.clone();
        let carried = async move { journal.append_in(record, room, span).await };
        Self::Carried(tokio::spawn(carried))
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), AppendError>> {
        let stopped = AppendError::Stopped;
        match self {
            Self::Told(told) => Pin::new(told).poll(context).map_err(|_| stopped),
            Self::Carried(task) => Pin::new(task)
                .poll(context)
                .map(|joined| joined.unwrap_or(Err(stopped))),
        }
    }
}
