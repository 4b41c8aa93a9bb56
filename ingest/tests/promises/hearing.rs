//! What ingest says while it is tested: shown with a failing test, and kept
//! where a promise asks for it.

use std::fmt::{Debug, Write};
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

/// Brokers come and go in these tests: that clients notice it is no news. What
/// store and receive make of it is shown.
const SHOWN: &str = "info,kbwatch_ingest::kafka=error";

/// The same for processes, whose words are not kept for a failing test.
pub(crate) const SHOWN_OF_PROCESSES: &str = "warn,kbwatch_ingest::kafka=error";

static AUDITED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Begins to listen; once is enough, again does no harm.
pub(crate) fn listen() {
    let shown = fmt::layer()
        .with_test_writer()
        .with_filter(EnvFilter::new(SHOWN));
    let audit = Audit.with_filter(LevelFilter::WARN);
    drop(registry().with(shown).with(audit).try_init());
}

/// Whether a sender was turned away, and written down with all these words.
pub(crate) fn audited(words: &[&str]) -> bool {
    let all = AUDITED.lock().unwrap();
    all.iter()
        .any(|line| words.iter().all(|word| line.contains(word)))
}

struct Audit;

impl<S: Subscriber> Layer<S> for Audit {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        if line.0.contains("denied a sender") {
            AUDITED.lock().unwrap().push(line.0);
        }
    }
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}
