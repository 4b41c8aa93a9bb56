//! The way of single batches through the stages, for those who look into a slow
//! one: spans from the gateway's door to the insert, under one trace.
//!
//! Off unless an address for them is configured, and then for a part of the
//! batches: what is not traced costs a look at an empty box. Spans that cannot
//! be handed on are counted and dropped; nothing waits for them.

mod context;
mod export;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

pub use context::Context;
pub(crate) use context::TRACEPARENT;
pub use export::{Exporting, export};

/// Spans that wait to be sent: some seconds' worth.
const QUEUE: usize = 4_096;

/// Begins spans; the default traces nothing.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Tracing>>);

#[derive(Debug)]
struct Tracing {
    ended: mpsc::Sender<Past>,
    /// Part of all batches, from 0 to 1.
    sample: f64,
    lost: Counter,
}

/// What a span says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// A span that is over.
#[derive(Debug)]
struct Past {
    context: Context,
    /// Zero where it has none.
    parent: u64,
    name: &'static str,
    began_ns: u128,
    ended_ns: u128,
    said: Vec<(&'static str, Value)>,
    failure: Option<String>,
}

/// Something that takes time; over when dropped. Most are empty: their batch is
/// not traced.
#[derive(Debug, Default)]
pub struct Span(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    tracing: Arc<Tracing>,
    context: Context,
    parent: u64,
    name: &'static str,
    began_ns: u128,
    said: Vec<(&'static str, Value)>,
    failure: Option<String>,
}

impl Tracer {
    /// Traces this part of all batches, and gives the spans that ended.
    fn new(sample: f64, lost: Counter) -> (Self, mpsc::Receiver<Past>) {
        let (ended, spans) = mpsc::channel(QUEUE);
        let tracing = Tracing {
            ended,
            sample,
            lost,
        };
        (Self(Some(Arc::new(tracing))), spans)
    }

    /// The first span of a batch, for a part of them. Under its sender's span,
    /// if it names one; whether it is traced is not the sender's to say.
    pub(crate) fn begin(&self, name: &'static str, sender: Option<Context>) -> Span {
        match &self.0 {
            Some(tracing) if fastrand::f64() < tracing.sample => tracing.open(name, sender),
            _ => Span::default(),
        }
    }

    /// A span under one of another process of ours, which chose the batch.
    pub(crate) fn follow(&self, name: &'static str, parent: Option<Context>) -> Span {
        match (&self.0, parent) {
            (Some(tracing), Some(_)) => tracing.open(name, parent),
            _ => Span::default(),
        }
    }
}

impl Tracing {
    fn open(self: &Arc<Self>, name: &'static str, parent: Option<Context>) -> Span {
        let trace_id = parent.map_or_else(|| fastrand::u128(1..), |parent| parent.trace_id);
        Span(Some(Box::new(Open {
            tracing: self.clone(),
            context: Context {
                trace_id,
                span_id: fastrand::u64(1..),
            },
            parent: parent.map_or(0, |parent| parent.span_id),
            name,
            began_ns: now_ns(),
            said: Vec::new(),
            failure: None,
        })))
    }
}

impl Span {
    /// A part of this one.
    pub(crate) fn part(&self, name: &'static str) -> Self {
        self.0.as_ref().map_or_else(Self::default, |open| {
            open.tracing.open(name, Some(open.context))
        })
    }

    /// Whether its batch is traced.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// What hands it on to another process; `None` where it is empty.
    pub(crate) fn context(&self) -> Option<Context> {
        self.0.as_ref().map(|open| open.context)
    }

    /// Says something of it.
    pub(crate) fn say(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(open) = &mut self.0 {
            open.said.push((name, value.into()));
        }
    }

    /// Says that it did not end well.
    pub(crate) fn fail(&mut self, failure: &dyn std::error::Error) {
        if let Some(open) = &mut self.0 {
            open.failure = Some(failure.to_string());
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else {
            return;
        };
        let Open {
            tracing,
            context,
            parent,
            name,
            began_ns,
            said,
            failure,
        } = *open;
        let ended = tracing.ended.try_send(Past {
            context,
            parent,
            name,
            began_ns,
            ended_ns: now_ns(),
            said,
            failure,
        });
        if ended.is_err() {
            tracing.lost.inc();
        }
    }
}

fn now_ns() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_of_a_batch_stand_under_it_in_one_trace() {
        let (tracer, mut ended) = Tracer::new(1.0, Counter::default());
        let sender = Context::read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let whole = tracer.begin("receive", sender);
        let handed_on = whole.part("journal").context();
        drop(tracer.follow("store", handed_on));
        let whole = whole.context().unwrap();
        let (journal, store) = (ended.recv().await.unwrap(), ended.recv().await.unwrap());
        assert_eq!(journal.parent, whole.span_id);
        assert_eq!(store.parent, journal.context.span_id);
        let trace_id = sender.unwrap().trace_id;
        assert!(
            [journal, store]
                .iter()
                .all(|span| span.context.trace_id == trace_id)
        );
    }

    #[test]
    fn a_sender_cannot_have_its_batches_traced() {
        let (tracer, _ended) = Tracer::new(0.0, Counter::default());
        let sender = Context::read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert!(tracer.begin("receive", sender).context().is_none());
        assert!(
            Tracer::default()
                .begin("receive", sender)
                .context()
                .is_none()
        );
    }

    #[test]
    fn spans_that_nobody_takes_are_counted_and_hold_up_nothing() {
        let lost = Counter::default();
        let (tracer, _ended) = Tracer::new(1.0, lost.clone());
        for _ in 0..QUEUE + 3 {
            drop(tracer.begin("receive", None));
        }
        assert_eq!(lost.get(), 3);
    }
}
