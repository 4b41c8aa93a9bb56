//! What the analyzer counts, as Prometheus text.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::view::{Life, View};

/// Gauge of whole numbers.
type Whole = Gauge<u64, AtomicU64>;

/// Counters and gauges of the analyzer.
pub(crate) struct Metrics {
    registry: Registry,
    cycles: Counter,
    devices_read: Counter,
    cycle_ms: Whole,
    data_age_s: Whole,
    /// Ages grow between cycles, and most of all when there are none: they are
    /// worked out when someone asks.
    heard_age_s: Whole,
    picture_age_s: Whole,
    heard_at_ms: AtomicI64,
    picture_at_ms: AtomicI64,
    devices: Whole,
    devices_silent: Whole,
    clusters_open: Whole,
    strange_builds: Whole,
    devices_unreadable: Whole,
}

impl Metrics {
    /// The picture ages from `now_ms` on until there is one.
    pub(crate) fn new(now_ms: i64) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            cycles: Counter::default(),
            devices_read: Counter::default(),
            cycle_ms: Whole::default(),
            data_age_s: Whole::default(),
            heard_age_s: Whole::default(),
            picture_age_s: Whole::default(),
            heard_at_ms: AtomicI64::new(0),
            picture_at_ms: AtomicI64::new(now_ms),
            devices: Whole::default(),
            devices_silent: Whole::default(),
            clusters_open: Whole::default(),
            strange_builds: Whole::default(),
            devices_unreadable: Whole::default(),
        };
        let registry = &mut metrics.registry;
        let named = |name: &str| format!("kbwatch_analyzer_{name}");
        registry.register(named("cycles"), "Cycles finished", metrics.cycles.clone());
        registry.register(
            named("devices_read"),
            "Devices read anew because of news",
            metrics.devices_read.clone(),
        );
        let gauges = [
            (
                "cycle_ms",
                "Milliseconds of the latest cycle",
                &metrics.cycle_ms,
            ),
            (
                "data_age_seconds",
                "Age of the newest data as of the latest cycle: days in a quiet fleet",
                &metrics.data_age_s,
            ),
            (
                "heard_age_seconds",
                "Time since any device was last heard of, 0 if none ever was",
                &metrics.heard_age_s,
            ),
            (
                "picture_age_seconds",
                "Age of the picture that is shown",
                &metrics.picture_age_s,
            ),
            ("devices", "Devices ever heard of", &metrics.devices),
            (
                "devices_silent",
                "Devices silent beyond the limit",
                &metrics.devices_silent,
            ),
            (
                "clusters_open",
                "Clusters that are not closed",
                &metrics.clusters_open,
            ),
            (
                "strange_builds",
                "Builds of Windows that write a log that is understood far less than elsewhere",
                &metrics.strange_builds,
            ),
            (
                "devices_unreadable",
                "Devices that cannot read a log that they should tell of",
                &metrics.devices_unreadable,
            ),
        ];
        for (name, help, gauge) in gauges {
            registry.register(named(name), help, gauge.clone());
        }
        metrics
    }

    pub(crate) fn note(&self, view: &View, changed: usize) {
        self.cycles.inc();
        self.devices_read.inc_by(changed as u64);
        self.cycle_ms.set(view.took_ms);
        let age_ms = (view.made_at_ms - view.data_at_ms).max(0);
        self.data_age_s
            .set(u64::try_from(age_ms / 1_000).unwrap_or_default());
        let heard_at_ms = view.fleet.last_heard_ms;
        self.heard_at_ms.store(heard_at_ms, Ordering::Relaxed);
        self.picture_at_ms.store(view.made_at_ms, Ordering::Relaxed);
        self.devices.set(view.fleet.devices);
        self.devices_silent.set(view.fleet.silent);
        let open = view
            .clusters
            .iter()
            .filter(|cluster| cluster.life != Life::Closed);
        self.clusters_open.set(open.count() as u64);
        self.devices_unreadable.set(view.devices_unreadable);
        let builds = view.sources.iter().flat_map(|source| &source.builds);
        let strange = builds.filter(|build| build.strange);
        self.strange_builds.set(strange.count() as u64);
    }

    pub(crate) fn text(&self, now_ms: i64) -> String {
        let age_s = |at_ms: &AtomicI64| match at_ms.load(Ordering::Relaxed) {
            0 => 0,
            at_ms => u64::try_from((now_ms - at_ms) / 1_000).unwrap_or_default(),
        };
        self.heard_age_s.set(age_s(&self.heard_at_ms));
        self.picture_age_s.set(age_s(&self.picture_at_ms));
        let mut text = String::new();
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            tracing::warn!(%error, "could not write the metrics");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Fleet;

    fn says(metrics: &Metrics, now_ms: i64, line: &str) -> bool {
        let text = metrics.text(now_ms);
        let wanted = format!("kbwatch_analyzer_{line}");
        text.lines().any(|said| said == wanted)
    }

    #[test]
    fn a_quiet_fleet_that_is_heard_of_is_not_old() {
        let metrics = Metrics::new(1_000);
        let day_ms = 86_400_000;
        metrics.note(
            &View {
                made_at_ms: 2 * day_ms,
                data_at_ms: day_ms,
                fleet: Fleet {
                    last_heard_ms: 2 * day_ms - 60_000,
                    ..Fleet::default()
                },
                ..View::default()
            },
            0,
        );
        let now_ms = 2 * day_ms + 5_000;
        assert!(says(&metrics, now_ms, "data_age_seconds 86400"));
        assert!(says(&metrics, now_ms, "heard_age_seconds 65"));
        assert!(says(&metrics, now_ms, "picture_age_seconds 5"));
        // Without another cycle both grow.
        assert!(says(&metrics, now_ms + 10_000, "heard_age_seconds 75"));
        assert!(says(&metrics, now_ms + 10_000, "picture_age_seconds 15"));
    }

    #[test]
    fn a_picture_that_was_never_made_ages_from_the_start_and_nobody_is_late() {
        let metrics = Metrics::new(1_000);
        assert!(says(&metrics, 61_000, "picture_age_seconds 60"));
        assert!(says(&metrics, 61_000, "heard_age_seconds 0"));
    }
}
