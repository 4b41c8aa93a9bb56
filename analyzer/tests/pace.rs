//! How long a cycle takes on a real database, once everything was read.

mod bank;

use bank::{Bank, DAY, EARLIER, Endpoint, HOUR, KB};
use kbwatch_analyzer::{Analyzer, AnalyzerConfig};

#[tokio::test]
async fn a_cycle_costs_by_what_changed_and_not_by_the_fleet() {
    let mut bank = Bank::open().await;
    let now = jiff::Timestamp::now().as_millisecond();
    let endpoints: Vec<Endpoint> = (0..2_000).map(Endpoint::new).collect();
    for (number, endpoint) in endpoints.iter().enumerate() {
        bank.facts(endpoint, 3770, now - 40 * DAY);
        bank.heard(endpoint, now);
        bank.succeeds(endpoint, EARLIER, now - 30 * DAY);
        if number % 3 != 0 {
            bank.succeeds(endpoint, KB, now - 5 * HOUR);
        } else if number % 12 == 0 {
            bank.fails(endpoint, KB, now - 5 * HOUR, 0x800f_0985);
        }
    }
    bank.store().await;
    let mut analyzer = Analyzer::open(AnalyzerConfig::default(), bank.engine.client());
    let first = analyzer.cycle(now).await.unwrap().took_ms;
    let idle = analyzer.cycle(now + 2_000).await.unwrap().took_ms;
    for endpoint in endpoints.iter().step_by(3).take(20) {
        bank.succeeds(endpoint, KB, now - HOUR);
    }
    bank.store().await;
    let view = analyzer.cycle(now + 4_000).await.unwrap();
    let healed = view
        .kbs
        .iter()
        .find(|kb| kb.kb == KB)
        .unwrap()
        .outcomes
        .healed;
    assert!(healed >= 5, "{healed}");
    println!(
        "first {first} ms, idle {idle} ms, one percent changed {} ms",
        view.took_ms
    );
    // Other tests share the machine; alone it takes a tenth of this.
    assert!(
        idle < 2_000 && view.took_ms < 3_000,
        "{idle} {}",
        view.took_ms
    );
}
