//! The same through a real database: rows as they are stored, in any order, twice,
//! and read anew by a poorer parser.

use kbwatch_analyzer::view::{Cluster, KbStatus, View};
use kbwatch_analyzer::{Analyzer, AnalyzerConfig};
use serde_json::{Value, json};

use crate::bank::{Bank, DAY, EARLIER, Endpoint, HOUR, KB};

/// A month of usual failures, and a KB that one image fails.
fn history(bank: &mut Bank, seed: u64, now: i64) -> Vec<Endpoint> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut endpoints: Vec<Endpoint> = (0..120).map(Endpoint::new).collect();
    for endpoint in &mut endpoints {
        let minute = dice.i64(0..600) * 60_000;
        bank.succeeds(endpoint, EARLIER, now - 30 * DAY + minute);
        if dice.f64() < 0.2 {
            endpoint.image = "img-bad".into();
        }
        let begun = now - 20 * HOUR + minute;
        match (endpoint.image == "img-bad", dice.f64()) {
            (true, roll) if roll < 0.9 => bank.fails(endpoint, KB, begun, 0x800f_0985),
            (false, roll) if roll < 0.05 => bank.fails(endpoint, KB, begun, 0x8007_0070),
            (_, roll) if roll < 0.6 => bank.succeeds(endpoint, KB, begun),
            _ => {}
        }
    }
    endpoints
}

/// What a person sees, without when it was read.
type Seen = (u64, Vec<KbStatus>, Vec<Cluster>);

fn seen(view: &View) -> Seen {
    (view.fleet.events, view.kbs.clone(), view.clusters.clone())
}

/// Stores parts one after the other, with a look after each.
async fn looked(endpoints: &[Endpoint], now: i64, parts: Vec<Vec<Value>>) -> Seen {
    let mut bank = Bank::open().await;
    for endpoint in endpoints {
        bank.facts(endpoint, 3770, now - 2 * DAY);
        bank.heard(endpoint, now);
    }
    let mut analyzer = Analyzer::open(AnalyzerConfig::default(), bank.engine.client());
    let mut last = Seen::default();
    for part in parts {
        bank.events.extend(part);
        bank.store().await;
        last = seen(&analyzer.cycle(now).await.unwrap());
    }
    let mut anew = Analyzer::open(AnalyzerConfig::default(), bank.engine.client());
    let mut anew = seen(&anew.cycle(now).await.unwrap());
    // Dated by the look that called it, in whichever run.
    for (a, b) in anew.2.iter_mut().zip(&last.2) {
        (a.called_at_ms, a.usual_rate, a.p_value) = (b.called_at_ms, b.usual_rate, b.p_value);
    }
    assert_eq!(anew, last, "whoever begins anew sees the same");
    last
}

fn poorer(row: &Value) -> Value {
    let mut poorer = row.clone();
    poorer["version"] = json!(0);
    for key in ["hresult", "title", "package", "file", "target_state"] {
        if let Some(fields) = poorer.as_object_mut() {
            fields.remove(key);
        }
    }
    poorer
}

#[tokio::test]
async fn order_replays_and_poorer_readings_change_nothing_that_is_seen() {
    let now = jiff::Timestamp::now().as_millisecond() / 1_000 * 1_000;
    for seed in [3, 4] {
        let mut bank = Bank::open().await;
        let endpoints = history(&mut bank, seed, now);
        let rows = std::mem::take(&mut bank.events);
        let plain = looked(&endpoints, now, vec![rows.clone()]).await;
        assert_eq!(plain.2.len(), 1, "the bad image is called");

        let mut dice = fastrand::Rng::with_seed(seed);
        let mut shuffled = rows.clone();
        dice.shuffle(&mut shuffled);
        let half = shuffled.split_off(shuffled.len() / 2);
        let prefix: Vec<Value> = rows.iter().take(rows.len() * 2 / 3).cloned().collect();
        let poor: Vec<Value> = rows.iter().map(poorer).collect();
        let parts = vec![shuffled, half, prefix.clone(), prefix, poor];
        let mut other = looked(&endpoints, now, parts).await;
        for (a, b) in other.2.iter_mut().zip(&plain.2) {
            (a.usual_rate, a.p_value) = (b.usual_rate, b.p_value);
        }
        assert_eq!(other, plain, "seed {seed}");
    }
}
