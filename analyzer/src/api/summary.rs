//! The picture without its long lists.

use serde::Serialize;

use crate::view::{
    CauseCandidate, Cluster, DamageGroup, Exonerated, Fleet, Life, NewCode, Outcomes, Rate, View,
};

/// What the first page shows.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    cycle: u64,
    made_at_ms: i64,
    took_ms: u64,
    data_at_ms: i64,
    /// Seconds since the newest data came in; `null` before any came.
    data_age_s: Option<i64>,
    fleet: Fleet,
    kbs: Vec<KbLine>,
    open_clusters: Vec<String>,
    new_codes: Vec<NewCode>,
}

/// A KB in numbers.
#[derive(Debug, Serialize)]
struct KbLine {
    kb: String,
    build: String,
    outcomes: Outcomes,
    rate: Rate,
    usual_rate: Option<f64>,
    clusters: Vec<String>,
}

impl Overview {
    pub(super) fn of(view: &View, now_ms: i64) -> Self {
        let kbs = view.kbs.iter().map(|kb| KbLine {
            kb: kb.kb.clone(),
            build: kb.build.clone(),
            outcomes: kb.outcomes,
            rate: kb.rate,
            usual_rate: kb.usual_rate,
            clusters: kb.clusters.clone(),
        });
        let open = view.clusters.iter().filter(|c| c.life != Life::Closed);
        Self {
            cycle: view.cycle,
            made_at_ms: view.made_at_ms,
            took_ms: view.took_ms,
            data_at_ms: view.data_at_ms,
            data_age_s: (view.data_at_ms > 0).then(|| (now_ms - view.data_at_ms).max(0) / 1000),
            fleet: view.fleet.clone(),
            kbs: kbs.collect(),
            open_clusters: open.map(|cluster| cluster.id.clone()).collect(),
            new_codes: view.new_codes.clone(),
        }
    }
}

/// A cluster without its devices and its remedy.
#[derive(Debug, Serialize)]
pub(super) struct ClusterSummary<'v> {
    id: &'v str,
    kb: &'v str,
    hresult: &'v str,
    symbol: &'v str,
    phase: &'v str,
    life: Life,
    since_ms: i64,
    called_at_ms: i64,
    last_failure_at_ms: i64,
    failed: u64,
    ever_failed: u64,
    healed: u64,
    tried: u64,
    usual_rate: Option<f64>,
    p_value: Option<f64>,
    damage: &'v [DamageGroup],
    causes: &'v [CauseCandidate],
    exonerated: &'v [Exonerated],
}

impl<'v> ClusterSummary<'v> {
    pub(super) fn of(cluster: &'v Cluster) -> Self {
        Self {
            id: &cluster.id,
            kb: &cluster.kb,
            hresult: &cluster.hresult,
            symbol: &cluster.symbol,
            phase: &cluster.phase,
            life: cluster.life,
            since_ms: cluster.since_ms,
            called_at_ms: cluster.called_at_ms,
            last_failure_at_ms: cluster.last_failure_at_ms,
            failed: cluster.failed,
            ever_failed: cluster.ever_failed,
            healed: cluster.healed,
            tried: cluster.tried,
            usual_rate: cluster.usual_rate,
            p_value: cluster.p_value,
            damage: &cluster.damage,
            causes: &cluster.causes,
            exonerated: &cluster.exonerated,
        }
    }
}
