//! A cycle on a real database: from rows of ingest to the picture and back.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

#[path = "../bank/mod.rs"]
mod bank;
mod plans;
mod reading;
mod trace;

use std::collections::BTreeMap;

use bank::{Bank, DAY, EARLIER, Endpoint, HOUR, KB};
use kbwatch_analyzer::view::{Life, View};
use kbwatch_analyzer::{Analyzer, AnalyzerConfig, ImportRollout, import_baseline, import_rollout};

const SCATTERED: [u32; 4] = [0x8007_0070, 0x8007_3712, 0x8024_402c, 0x800f_0922];

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// 400 devices: the KB before with 2 % usual failures, and now the new one,
/// with `img-bad` on 24 devices here and there.
struct Incident {
    endpoints: Vec<Endpoint>,
    planted: u64,
    scattered: u64,
    fine: u64,
    /// `pc-00005` is taken out of the rollout.
    fate_of_excluded: &'static str,
}

async fn incident(bank: &mut Bank, now: i64) -> Incident {
    let mut endpoints: Vec<Endpoint> = (0..400).map(Endpoint::new).collect();
    for (number, endpoint) in endpoints.iter_mut().enumerate() {
        if number % 17 == 3 {
            endpoint.image = "img-bad".into();
        }
        // An agent that merely follows ring 1.
        if endpoint.ring == "ring1" {
            endpoint.security = "FollowGuard".into();
        }
    }
    let mut fates = Vec::new();
    for (number, endpoint) in endpoints.iter().enumerate() {
        let at = i64::try_from(number).unwrap();
        let before = now - 30 * DAY + at * 60_000;
        if number % 50 == 7 {
            bank.fails(endpoint, EARLIER, before, SCATTERED[number % 4]);
            bank.succeeds(endpoint, EARLIER, before + DAY);
        } else {
            bank.succeeds(endpoint, EARLIER, before);
        }
        bank.facts(endpoint, 3770, now - 2 * DAY);
        bank.heard(endpoint, now);
        let started = now - 5 * HOUR + at * 20_000;
        let fate = if endpoint.image == "img-bad" {
            bank.fails(endpoint, KB, started, 0x800f_0985);
            "planted"
        } else if number % 50 == 31 {
            bank.fails(endpoint, KB, started, SCATTERED[number % 4]);
            "scattered"
        } else if number % 10 != 9 {
            bank.succeeds(endpoint, KB, started);
            bank.facts(endpoint, 3887, started + HOUR);
            "fine"
        } else {
            "not tried"
        };
        fates.push(fate);
    }
    bank.store().await;
    let count = |fate: &str| fates.iter().filter(|f| **f == fate).count() as u64;
    Incident {
        planted: count("planted"),
        scattered: count("scattered"),
        fine: count("fine"),
        fate_of_excluded: fates[5],
        endpoints,
    }
}

fn open(bank: &Bank) -> Analyzer {
    Analyzer::open(AnalyzerConfig::default(), bank.engine.client())
}

fn status<'a>(view: &'a View, kb: &str) -> &'a kbwatch_analyzer::view::KbStatus {
    let found = view.kbs.iter().find(|status| status.kb == kb);
    found.unwrap()
}

#[tokio::test]
async fn a_planted_image_is_the_only_cluster_with_cause_damage_and_source() {
    let mut bank = Bank::open().await;
    let now = now();
    let incident = incident(&mut bank, now).await;
    // Two healthy devices on the failing ones' level may serve, in any spelling.
    let config = AnalyzerConfig {
        donors: vec!["PC-00009".into(), "pc-00019".into()],
        ..AnalyzerConfig::default()
    };
    let mut analyzer = Analyzer::open(config, bank.engine.client());
    let view = analyzer.cycle(now).await.unwrap();

    assert_eq!(view.fleet.devices, 400);
    assert_eq!(view.fleet.present, 400);
    let current = status(&view, KB);
    let outcomes = current.outcomes;
    let failed = incident.planted + incident.scattered;
    assert_eq!(outcomes.failed, failed, "{:?}", current.codes);
    assert_eq!(outcomes.succeeded, incident.fine);
    assert_eq!(current.rate.failed, failed);
    assert_eq!(current.rate.tried, failed + incident.fine);
    assert_eq!(current.build, "17763.3887");
    assert_eq!(status(&view, EARLIER).outcomes.healed, 8);

    let called: Vec<(&str, &str)> = view
        .clusters
        .iter()
        .map(|cluster| (cluster.kb.as_str(), cluster.hresult.as_str()))
        .collect();
    assert_eq!(called, [(KB, "0x800f0985")]);
    let cluster = &view.clusters[0];
    assert_eq!(cluster.failed, 24);
    assert_eq!(cluster.phase, "install");
    assert_eq!(cluster.life, Life::New);
    assert!(
        cluster
            .devices
            .iter()
            .all(|device| !device.evidence.is_empty())
    );
    assert_eq!(cluster.damage.len(), 1, "{:?}", cluster.damage);
    assert_eq!(cluster.damage[0].devices, 24);
    assert_eq!(cluster.damage[0].files[0].file, "example.dll");
    let cause = &cluster.causes[0];
    let image = BTreeMap::from([("image".to_owned(), "img-bad".to_owned())]);
    assert_eq!(cause.facts, image);
    assert_eq!((cause.failed, cause.total), (24, 24));

    // The lists behind the counts, and the search.
    let shared = analyzer.shared();
    let list = shared.devices_of_kb(KB, &["failed", "rolled_back"]).await;
    let list = list.unwrap();
    assert_eq!((list.total, list.devices.len() as u64), (failed, failed));
    assert!(
        list.devices
            .iter()
            .any(|device| device.hresult == "0x800f0985")
    );
    let none = shared.devices_of_rollout("none", "failed").await.unwrap();
    assert_eq!(none.total, 0);
    let found = shared.find_devices("C-0000").await.unwrap();
    assert!((9..=10).contains(&found.len()), "{found:?}");

    let sources = &cluster.remedy.sources;
    let names: Vec<&str> = sources.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["pc-00009", "pc-00019"], "{sources:?}");
    assert!(
        sources.iter().all(|s| s.build == "17763.3770"),
        "{sources:?}"
    );
    assert!(cluster.remedy.peers_allowed);
    // Nobody serves who was not named.
    let closed = open(&bank).cycle(now).await.unwrap();
    let remedy = &closed.clusters[0].remedy;
    assert!(remedy.sources.is_empty() && !remedy.peers_allowed);
    let commands: Vec<&str> = cluster
        .remedy
        .steps
        .iter()
        .map(|s| s.command.as_str())
        .collect();
    assert!(
        commands
            .iter()
            .any(|c| c.contains("/RestoreHealth") && c.contains("/LimitAccess"))
    );
    assert!(
        commands
            .iter()
            .any(|c| c.contains("Get-FileHash") && c.contains("example.dll"))
    );
}

#[tokio::test]
async fn a_second_look_reads_nothing_and_changes_nothing() {
    let mut bank = Bank::open().await;
    let now = now();
    incident(&mut bank, now).await;
    let mut analyzer = open(&bank);
    let first = analyzer.cycle(now).await.unwrap();
    let second = analyzer.cycle(now).await.unwrap();
    let same = View {
        cycle: first.cycle,
        took_ms: first.took_ms,
        ..(*second).clone()
    };
    assert_eq!(same, *first);
    // After a restart the picture and the names are the same.
    let again = open(&bank).cycle(now).await.unwrap();
    assert_eq!(again.clusters[0].id, first.clusters[0].id);
    assert_eq!(again.kbs, first.kbs);
    let client = bank.engine.client();
    let rows: u64 = client
        .query("SELECT count() FROM device_attempts")
        .fetch_one()
        .await
        .unwrap();
    let kept: u64 = client
        .query("SELECT count() FROM v_device_attempts")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(rows, kept, "unchanged rows are not written again");
    let failed: u64 = client
        .query("SELECT sum(failed) FROM v_failure_rate WHERE kb = ?")
        .bind(KB)
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(failed, 32);
}

#[tokio::test]
async fn devices_that_heal_leave_and_the_last_one_closes_the_cluster() {
    let mut bank = Bank::open().await;
    let now = now();
    let endpoints = incident(&mut bank, now).await.endpoints;
    let mut analyzer = open(&bank);
    let first = analyzer.cycle(now).await.unwrap();
    for endpoint in endpoints.iter().filter(|e| e.image == "img-bad") {
        bank.succeeds(endpoint, KB, now + HOUR);
        bank.facts(endpoint, 3887, now + 2 * HOUR);
    }
    bank.store().await;
    let later = analyzer.cycle(now + 3 * HOUR).await.unwrap();
    let cluster = &later.clusters[0];
    assert_eq!(cluster.id, first.clusters[0].id);
    assert_eq!(cluster.life, Life::Closed);
    let of_call = (first.clusters[0].usual_rate, first.clusters[0].p_value);
    assert!(of_call.0.is_some() && of_call.1.is_some_and(|p| p < 0.001));
    assert_eq!((cluster.usual_rate, cluster.p_value), of_call);
    let again = open(&bank).cycle(now + 3 * HOUR).await.unwrap();
    let kept = &again.clusters[0];
    assert_eq!((kept.usual_rate, kept.p_value), of_call, "after a restart");
    assert_eq!(
        (cluster.failed, cluster.healed, cluster.ever_failed),
        (0, 24, 24)
    );
    assert_eq!(status(&later, KB).outcomes.healed, 24);
}

#[tokio::test]
async fn a_rollouts_rows_add_up_to_its_list() {
    let mut bank = Bank::open().await;
    let now = now();
    let incident = incident(&mut bank, now).await;
    assert_eq!(incident.fate_of_excluded, "fine");
    let endpoints = &incident.endpoints;
    let mut targets = String::from("device_id,ring,excluded\n");
    for endpoint in endpoints {
        let excluded = if endpoint.id == "pc-00005" {
            "branch closes"
        } else {
            ""
        };
        targets.extend([
            &endpoint.id.to_uppercase(),
            ",",
            &endpoint.ring,
            ",",
            excluded,
            "\n",
        ]);
    }
    targets += "pc-99999,ring0,\n";
    let import = ImportRollout {
        name: "january".into(),
        release: "2023-01".into(),
        targets: targets.into_bytes(),
        depots: Some(
            b"name,path,build,edition,language\ndepot,\\\\srv\\repair$\\3770\\Windows,17763.3770,EnterpriseS,zh-CN\n"
                .to_vec(),
        ),
        ..ImportRollout::default()
    };
    let client = bank.engine.client();
    let report = import_rollout(&client, &import, now).await.unwrap();
    assert_eq!(
        (report.targets, report.excluded, report.depots),
        (401, 1, 1)
    );
    let view = open(&bank).cycle(now).await.unwrap();
    let rollout = &view.rollouts[0];
    assert_eq!(rollout.targets, 401);
    let rows = rollout.rows;
    assert_eq!(rows.no_collector, 1);
    assert_eq!(rows.excluded, 1);
    assert_eq!(
        rows.failed,
        incident.planted + incident.scattered,
        "{rows:?}"
    );
    assert_eq!(rows.compliant, incident.fine - 1, "{rows:?}");
    assert_eq!(
        rows.not_offered,
        401 - 2 - rows.failed - rows.compliant,
        "{rows:?}"
    );
    assert_eq!(rollout.progress.last().unwrap().1, rows.compliant);
    assert_eq!(rollout.kbs["17763"], KB);
    let best = &view.clusters[0].remedy.sources[0];
    assert_eq!(
        (best.tier, best.name.as_str(), best.serves),
        (1, "depot", 24)
    );
    let kept: u64 = client
        .query("SELECT sum(devices) FROM v_rollout WHERE rollout = 'january'")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(kept, 401);

    // A later list of depots without it withdraws the depot; no list does not.
    for (list, depots) in [
        (None, 1),
        (Some(b"name,path,build\nnew,D:\\new,17763.1\n".to_vec()), 0),
    ] {
        let again = ImportRollout {
            depots: list,
            ..import.clone()
        };
        import_rollout(&client, &again, now + 1).await.unwrap();
        let view = open(&bank).cycle(now + 1).await.unwrap();
        let sources = view.clusters[0].remedy.sources.iter();
        let from_depots = sources.filter(|source| source.tier == 1);
        assert_eq!(from_depots.count(), depots);
    }
}

#[tokio::test]
async fn a_device_can_be_looked_at_with_its_evidence() {
    let mut bank = Bank::open().await;
    let now = now();
    incident(&mut bank, now).await;
    let mut analyzer = open(&bank);
    let view = analyzer.cycle(now).await.unwrap();
    let shared = analyzer.shared();
    let member = &view.clusters[0].devices[0];
    let timeline = shared.device(&member.device_id).await.unwrap().unwrap();
    assert_eq!(timeline.facts[0].facts["image"], "img-bad");
    assert!(timeline.presence.is_some());
    assert_eq!(timeline.attempts[0].outcome, "failed");
    assert_eq!(timeline.attempts[0].hresult, "0x800f0985");
    assert!(timeline.events.len() >= 8);
    let events = shared
        .events(&member.device_id, &member.evidence)
        .await
        .unwrap();
    assert_eq!(events.len(), member.evidence.len());
    assert_eq!(shared.device("nobody").await.unwrap(), None);
    import_baseline(&bank.engine.client(), b"hresult\n", now)
        .await
        .unwrap();
}
