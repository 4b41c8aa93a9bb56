//! What the analyzer counts, as Prometheus text.

use std::sync::atomic::AtomicU64;

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
    devices: Whole,
    devices_silent: Whole,
    clusters_open: Whole,
    strange_builds: Whole,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            cycles: Counter::default(),
            devices_read: Counter::default(),
            cycle_ms: Whole::default(),
            data_age_s: Whole::default(),
            devices: Whole::default(),
            devices_silent: Whole::default(),
            clusters_open: Whole::default(),
            strange_builds: Whole::default(),
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
                "Age of the newest data",
                &metrics.data_age_s,
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
        self.devices.set(view.fleet.devices);
        self.devices_silent.set(view.fleet.silent);
        let open = view
            .clusters
            .iter()
            .filter(|cluster| cluster.life != Life::Closed);
        self.clusters_open.set(open.count() as u64);
        let builds = view.sources.iter().flat_map(|source| &source.builds);
        let strange = builds.filter(|build| build.strange);
        self.strange_builds.set(strange.count() as u64);
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            tracing::warn!(%error, "could not write the metrics");
        }
        text
    }
}
