//! One look at everything that was loaded: find → judge → tell, and the picture.

use std::collections::BTreeSet;

use crate::board::{Board, Frame, boards, usual_for};
use crate::clusters::{Around, describe, sight};
use crate::config::AnalyzerConfig;
use crate::find::{Demands, Ending, Signal, find};
use crate::fleet::Fleet;
use crate::kb::KbTable;
use crate::load::memory::Declared;
use crate::picture::{KbFailure, failures, fleet_view, kb_status, new_codes, silent};
use crate::pipeline::{BASELINE_KEY, Mind};
use crate::readiness::readiness;
use crate::releases::{Calendar, Sea};
use crate::remedy::Depot;
use crate::tell::{
    CodeFacts, Failure, Moment, cause_text, cluster_alert, code_alert, learns_until,
};
use crate::view::{Cluster, KbStatus, Life, View};

/// One look at everything that was loaded.
pub(crate) struct Look<'a> {
    pub(crate) config: &'a AnalyzerConfig,
    pub(crate) fleet: &'a Fleet,
    pub(crate) kbs: &'a KbTable,
    pub(crate) declared: &'a Declared,
    pub(crate) birth_ms: Option<i64>,
    pub(crate) data_at_ms: i64,
    pub(crate) now_ms: i64,
}

impl Look<'_> {
    /// Finds, judges, puts alerts into the outbox, and paints the picture.
    pub(crate) fn at_everything(&self, mind: &mut Mind) -> View {
        let rings = mind.rollouts.rings();
        let frame = Frame {
            now_ms: self.now_ms,
            gone_silent_ms: seconds(self.config.gone_silent_s),
            rings: &rings,
        };
        let boards = boards(self.fleet, frame);
        let (kbs, clusters) = self.find_and_judge(&boards, mind);
        let failures = failures(&boards);
        self.tell(&kbs, &clusters, &failures, mind);
        let calendar = Calendar::of(&self.declared.windows);
        let sea = Sea {
            fleet: self.fleet,
            boards: &boards,
            kbs: &kbs,
            clusters: &clusters,
            declared: self.declared,
            calendar: &calendar,
            rules: self.config.verdict,
            now_ms: self.now_ms,
            data_at_ms: self.data_at_ms,
            presence_limit_ms: self.presence_limit_ms(),
        };
        let progress = mind.rollouts.progress(&sea, &mut mind.verdicts);
        mind.ledger.note_rollouts(&progress, self.now_ms);
        mind.ledger
            .note_attempts(&boards, &self.fleet.words, self.now_ms);
        View {
            made_at_ms: self.now_ms,
            data_at_ms: self.data_at_ms,
            fleet: fleet_view(self.fleet, self.now_ms, self.presence_limit_ms()),
            kbs,
            clusters,
            windows: calendar.lines(self.now_ms),
            readiness: readiness(self.fleet, &rings, self.now_ms, self.presence_limit_ms()),
            rollouts: progress.into_iter().map(|one| one.status).collect(),
            new_codes: new_codes(mind.codes.alerted(), &failures, self.now_ms),
            silent: silent(self.fleet, self.now_ms, self.presence_limit_ms()),
            ..View::default()
        }
    }

    fn presence_limit_ms(&self) -> i64 {
        seconds(self.config.presence_limit_s)
    }

    /// Tests every KB, earlier ones first: their clusters are no part of what
    /// is usual for later ones.
    fn find_and_judge(
        &self,
        boards: &[Board<'_>],
        mind: &mut Mind,
    ) -> (Vec<KbStatus>, Vec<Cluster>) {
        let demands = Demands {
            alpha: self.config.alpha,
            min_devices: self.config.min_devices,
        };
        let mut kbs = Vec::new();
        let mut clusters = Vec::new();
        for (number, board) in boards.iter().enumerate() {
            let usual = usual_for(boards, number, &mind.judge);
            let signals = find(&board.trials, &usual, demands);
            let found = self.judge_kb(board, &signals, mind);
            let ids = found.iter().map(|cluster| cluster.id.clone()).collect();
            kbs.push(kb_status(board, &usual, ids));
            clusters.extend(found);
        }
        kbs.sort_by(|a, b| {
            let failed = |kb: &KbStatus| std::cmp::Reverse(kb.rate.failed);
            (failed(a), &b.kb).cmp(&(failed(b), &a.kb))
        });
        clusters.sort_by_key(|cluster| {
            let closed = cluster.life == Life::Closed;
            (
                closed,
                std::cmp::Reverse(cluster.failed),
                cluster.id.clone(),
            )
        });
        (kbs, clusters)
    }

    fn judge_kb(&self, board: &Board<'_>, signals: &[Signal], mind: &mut Mind) -> Vec<Cluster> {
        let donors = self.donors();
        let depots: Vec<Depot> = self.declared.depots.iter().map(Depot::from).collect();
        let listed = mind.rollouts.listed(board.kb);
        let exceptions = &self.declared.exceptions;
        let let_off = mind.rollouts.let_off(board.kb, exceptions, self.now_ms);
        let around = Around {
            listed: listed.as_ref(),
            fleet: self.fleet,
            kbs: self.kbs,
            depots: &depots,
            donors: &donors,
            now_ms: self.now_ms,
            presence_limit_ms: self.presence_limit_ms(),
        };
        let mut endings: BTreeSet<Ending> = mind.judge.endings(board.kb);
        endings.extend(signals.iter().map(|signal| signal.ending));
        let mut clusters = Vec::new();
        for ending in endings {
            let signal = signals.iter().find(|signal| signal.ending == ending);
            let sight = sight(board, (ending, signal), &let_off, self.now_ms);
            let Some(row) = mind.judge.judge(&sight, self.now_ms).cloned() else {
                continue;
            };
            let cluster = describe(&row, board, around, &mut mind.answers);
            mind.judge.name_cause(&row.cluster_id, cause_text(&cluster));
            clusters.push(cluster);
        }
        clusters
    }

    /// Host names that may serve as peers.
    fn donors(&self) -> BTreeSet<String> {
        let listed = self.config.donors.iter().map(|name| name.to_lowercase());
        listed.collect()
    }

    /// Puts alerts on new clusters and new codes into the outbox.
    fn tell(
        &self,
        kbs: &[KbStatus],
        clusters: &[Cluster],
        failures: &[KbFailure<'_>],
        mind: &mut Mind,
    ) {
        let moment = Moment {
            now_ms: self.now_ms,
            data_at_ms: self.data_at_ms,
            public_url: &self.config.public_url,
        };
        for cluster in clusters {
            let returned = mind.judge.returned_at(&cluster.id);
            let alert = cluster_alert(cluster, returned, moment);
            if let Some(alert) = alert {
                mind.outbox.put(&alert, self.now_ms);
            }
        }
        let state = self.declared.state.iter();
        let imported = state.clone().any(|row| row.key == BASELINE_KEY);
        let until = learns_until(self.birth_ms, imported);
        let plain: Vec<Failure> = failures.iter().map(|one| one.failure).collect();
        for sight in mind.codes.look(&plain, until, self.now_ms) {
            let newest = failures
                .iter()
                .filter(|one| one.failure.hresult == sight.hresult)
                .max_by_key(|one| one.failure.at_ms);
            let kb = newest.map_or("", |one| one.kb);
            let status = kbs.iter().find(|status| status.kb == kb);
            let hresult = format!("0x{:08x}", sight.hresult);
            let codes = status.into_iter().flat_map(|status| &status.codes);
            let code = codes.into_iter().find(|code| code.hresult == hresult);
            let facts = CodeFacts {
                kb: kb.to_owned(),
                failed: code.map_or(0, |code| code.devices),
                tried: status.map_or(0, |status| status.rate.tried),
            };
            mind.outbox
                .put(&code_alert(&sight, facts, moment), self.now_ms);
        }
    }
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)
}
