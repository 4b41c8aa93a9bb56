//! What the web face reads: the newest picture, and questions to the database
//! that a picture of the whole fleet cannot answer.

use std::sync::Arc;

use tokio::sync::watch;

use crate::baseline::{BaselineError, import_baseline};
use crate::dashboard::now_ms;
use crate::kb::Build;
use crate::load::plans::read_imports;
use crate::load::{
    DeviceList, DeviceTimeline, FoundDevice, LoadError, Reader, TimelineEvent, Traced,
    TracedDevice, WaitingDevice,
};
use crate::metrics::Metrics;
use crate::releases::{
    DecisionRefused, Excuse, ExcuseRefused, Excused, ImportError, ImportReport, ImportRollout,
    ImportRow, RingDecision, excuse, import_rollout, record_decision,
};
use crate::view::{Cluster, Decision, View};

/// Shared between the cycle, which publishes, and the web face, which reads.
pub struct Shared {
    view: watch::Sender<Arc<View>>,
    reader: Reader,
    metrics: Metrics,
}

impl Shared {
    /// Nothing published yet: an empty picture of cycle 0.
    pub fn new(reader: Reader) -> Self {
        Self {
            view: watch::Sender::new(Arc::new(View::default())),
            reader,
            metrics: Metrics::new(now_ms()),
        }
    }

    /// The newest picture.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// Follows the pictures as they are published.
    pub fn follow(&self) -> watch::Receiver<Arc<View>> {
        self.view.subscribe()
    }

    /// Replaces the picture.
    pub fn publish(&self, view: Arc<View>) {
        self.view.send_replace(view);
    }

    /// Everything that is known of one device, newest first; `None` if it was
    /// never heard of.
    pub async fn device(&self, device_id: &str) -> Result<Option<DeviceTimeline>, LoadError> {
        self.reader.device(device_id).await
    }

    /// Devices that a cluster counts as tried, by id, [`MAX_TRACED`] at most,
    /// after the device `after`.
    ///
    /// [`MAX_TRACED`]: crate::load::MAX_TRACED
    pub async fn traced(
        &self,
        cluster: &Cluster,
        after: &str,
    ) -> Result<Vec<TracedDevice>, LoadError> {
        let code = cluster.hresult.strip_prefix("0x");
        let of = Traced {
            kb: &cluster.kb,
            hresult: code.and_then(|code| u32::from_str_radix(code, 16).ok()),
            phase: &cluster.phase,
            after,
        };
        self.reader.traced(of).await
    }

    /// Devices that share a cluster's leading cause, those that have tried the
    /// KB and those that are still to.
    pub async fn waiting(&self, cluster: &Cluster) -> Result<Vec<WaitingDevice>, LoadError> {
        let Some(waiting) = &cluster.waiting else {
            return Ok(Vec::new());
        };
        let view = self.view();
        let status = view.kbs.iter().find(|kb| kb.kb == cluster.kb);
        let build = status.and_then(|kb| Build::parse(&kb.build));
        self.reader
            .sharing(&waiting.facts, &cluster.kb, build)
            .await
    }

    /// Events by their ids (32 hex digits), for evidence; unknown ids are left out.
    pub async fn events(
        &self,
        device_id: &str,
        event_ids: &[String],
    ) -> Result<Vec<TimelineEvent>, LoadError> {
        self.reader.events(device_id, event_ids).await
    }

    /// Devices whose latest attempt of a KB ended in one of these ways.
    pub async fn devices_of_kb(
        &self,
        kb: &str,
        outcomes: &[&str],
    ) -> Result<DeviceList, LoadError> {
        self.reader.devices_of_kb(kb, outcomes).await
    }

    /// Targets of a rollout in one state.
    pub async fn devices_of_rollout(
        &self,
        rollout: &str,
        state: &str,
    ) -> Result<DeviceList, LoadError> {
        self.reader.devices_of_rollout(rollout, state).await
    }

    /// Devices whose id or host name contains a text.
    pub async fn find_devices(&self, text: &str) -> Result<Vec<FoundDevice>, LoadError> {
        self.reader.find_devices(text).await
    }

    /// Imports a rollout's target list; the next cycle shows it.
    pub async fn import_rollout(
        &self,
        import: &ImportRollout,
        now_ms: i64,
    ) -> Result<ImportReport, ImportError> {
        import_rollout(self.reader.client(), import, now_ms).await
    }

    /// Records a decision on a ring; the next cycle shows it.
    pub async fn record_decision(
        &self,
        decided: &RingDecision,
        now_ms: i64,
    ) -> Result<Decision, DecisionRefused> {
        record_decision(self.reader.client(), decided, now_ms).await
    }

    /// Excuses devices from a rollout; they are from the next cycle on.
    pub async fn excuse(&self, order: &Excuse, now_ms: i64) -> Result<Excused, ExcuseRefused> {
        excuse(self.reader.client(), order, now_ms).await
    }

    /// Imports of a rollout's target list, newest first.
    pub(crate) async fn imports(&self, rollout: &str) -> Result<Vec<ImportRow>, LoadError> {
        read_imports(self.reader.client(), rollout).await
    }

    /// Imports codes that the fleet is known to show; see [`import_baseline`].
    pub async fn import_baseline(&self, csv: &[u8], now_ms: i64) -> Result<usize, BaselineError> {
        import_baseline(self.reader.client(), csv, now_ms).await
    }

    /// Counts a cycle.
    pub(crate) fn note_cycle(&self, view: &View, changed: usize) {
        self.metrics.note(view, changed);
    }

    /// Every metric of this stage as Prometheus text.
    pub fn metrics_text(&self) -> String {
        self.metrics.text(now_ms())
    }
}
