//! What is read: in any order, as long as it is there, when it happened.

use kbwatch_analyzer::load::TimelineEvent;
use serde_json::json;

use crate::bank::{Bank, DAY, EARLIER, Endpoint, HOUR, KB, seconds};
use crate::{now, open};

/// One device's log names a KB beside its build, the other's the package alone.
#[tokio::test]
async fn a_kb_that_one_device_teaches_is_known_of_all_in_any_order() {
    let fail = |bank: &mut Bank, endpoint: &Endpoint, kb: &str, now: i64| {
        bank.event(
            endpoint,
            now - HOUR,
            json!({
                "source_kind": "cbs", "result": "fail", "hresult": 0x8007_0070_u32, "kb": kb,
                "package": "Package_for_RollupFix~31bf3856ad364e35~amd64~~20348.1487.1.2",
            }),
        );
    };
    let mut pictures = Vec::new();
    for order in [[0, 1], [1, 0], [2, 2]] {
        let mut bank = Bank::open().await;
        let now = now();
        let mut analyzer = open(&bank);
        analyzer.cycle(now).await.unwrap();
        for (step, which) in (1..).zip(order) {
            if which != 1 {
                fail(&mut bank, &Endpoint::new(1), "", now);
            }
            if which != 0 {
                fail(&mut bank, &Endpoint::new(2), "KB5022291", now);
            }
            bank.store().await;
            analyzer.cycle(now + step).await.unwrap();
        }
        let view = analyzer.cycle(now + 9).await.unwrap();
        let kbs = view.kbs.iter();
        let shown = kbs.map(|kb| (kb.kb.clone(), kb.build.clone(), kb.rate.failed));
        pictures.push(shown.collect::<Vec<_>>());
    }
    let taught = ("KB5022291".to_owned(), "20348.1487".to_owned(), 2);
    for picture in pictures {
        assert_eq!(picture, std::slice::from_ref(&taught));
    }
}

#[tokio::test]
async fn attempts_go_with_the_events_that_made_them() {
    let mut bank = Bank::open().await;
    let now = now();
    let (gone, stays) = (Endpoint::new(1), Endpoint::new(2));
    bank.fails(&gone, KB, now - HOUR, 0x8007_0070);
    bank.fails(&gone, EARLIER, now - DAY, 0x8007_0070);
    bank.fails(&stays, KB, now - HOUR, 0x8007_0070);
    bank.store().await;
    let mut analyzer = open(&bank);
    let view = analyzer.cycle(now).await.unwrap();
    assert_eq!(view.kbs.len(), 2);

    let client = bank.engine.client();
    let sql = "DELETE FROM update_events WHERE device_id = 'pc-00001'";
    client.query(sql).execute().await.unwrap();
    bank.facts(&gone, 3770, now);
    bank.store().await;
    let view = analyzer.cycle(now + 1_000).await.unwrap();
    let left: Vec<(&str, u64)> = view
        .kbs
        .iter()
        .map(|kb| (kb.kb.as_str(), kb.rate.failed))
        .collect();
    assert_eq!(left, [(KB, 1)]);
    let kept: Vec<String> = client
        .query("SELECT concat(kb, ' ', device_id) FROM v_device_attempts")
        .fetch_all()
        .await
        .unwrap();
    assert_eq!(kept, [format!("{KB} pc-00002")]);
}

#[tokio::test]
async fn a_record_in_local_time_stands_where_it_happened() {
    let mut bank = Bank::open().await;
    let now = now();
    let endpoint = Endpoint::new(1);
    for (minute, zone_known) in [(0, true), (30, false), (60, true)] {
        let utc = now - DAY + minute * 60_000;
        let occurred = zone_known.then(|| seconds(utc));
        let fields = json!({
            "printed_at": seconds(utc + 8 * HOUR), "occurred_at": occurred,
            "file": format!("minute {minute}"),
        });
        bank.event(&endpoint, utc, fields);
    }
    bank.store().await;
    let analyzer = open(&bank);
    let shared = analyzer.shared();
    let timeline = shared.device(&endpoint.id).await.unwrap().unwrap();
    let told = |events: &[TimelineEvent]| -> Vec<String> {
        events.iter().map(|event| event.file.clone()).collect()
    };
    assert_eq!(
        told(&timeline.events),
        ["minute 60", "minute 30", "minute 0"]
    );
    let ids: Vec<String> = timeline.events.iter().map(|e| e.event_id.clone()).collect();
    let oldest_first = shared.events(&endpoint.id, &ids).await.unwrap();
    assert_eq!(told(&oldest_first), ["minute 0", "minute 30", "minute 60"]);
}

#[tokio::test]
async fn a_device_is_found_by_the_name_it_has_now() {
    let bank = Bank::open().await;
    let rows = "INSERT INTO device_facts (device_id, revision, observed_at, received_at, facts) \
                VALUES ('pc-1', 1, now64(3), now64(3), map('hostname', 'ZZ-OLD')), \
                ('pc-1', 2, now64(3), now64(3), map('hostname', 'AA-NEW')), \
                ('pc-1', 3, now64(3), now64(3), map('ubr', '3770'))";
    bank.engine.client().query(rows).execute().await.unwrap();
    let shared = open(&bank).shared();
    for (wanted, names) in [
        ("pc-1", vec!["AA-NEW"]),
        ("aa-n", vec!["AA-NEW"]),
        ("zz", vec![]),
    ] {
        let found = shared.find_devices(wanted).await.unwrap();
        let hostnames: Vec<&str> = found.iter().map(|one| one.hostname.as_str()).collect();
        assert_eq!(hostnames, names, "{wanted}");
    }
}

#[tokio::test]
async fn a_strange_build_that_nobody_runs_any_more_clears_itself() {
    let bank = Bank::open().await;
    let now = now();
    let rows = "INSERT INTO source_lines (device_id, source, os_build, last_heard_at, lines, \
                unknown_lines) VALUES \
                ('pc-1', 'cbs', '17763.1', fromUnixTimestamp64Milli(?), 9000, 100), \
                ('pc-2', 'cbs', '17763.2', fromUnixTimestamp64Milli(?), 9000, 9000)";
    let client = bank.engine.client();
    let query = client.query(rows).bind(now).bind(now - 6 * DAY);
    query.execute().await.unwrap();
    let strange = async |now: i64| -> Vec<(String, bool)> {
        let view = open(&bank).cycle(now).await.unwrap();
        let builds = view.sources.iter().flat_map(|source| &source.builds);
        builds
            .map(|one| (one.os_build.clone(), one.strange))
            .collect()
    };
    let (known, odd) = ("17763.1".to_owned(), "17763.2".to_owned());
    assert_eq!(strange(now).await, [(odd, true), (known.clone(), false)]);
    assert_eq!(strange(now + 2 * DAY).await, [(known, false)]);
}
