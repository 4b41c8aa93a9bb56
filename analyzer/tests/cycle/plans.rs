//! Verdicts, decisions, exceptions, windows and readiness on a real database.

use super::*;
use kbwatch_analyzer::view::{RingVerdict, Verdict};
use kbwatch_analyzer::{
    Excuse, ExcuseRefused, ExcusedDevice, Mapping, RingDecision, excuse, import_windows,
    record_decision,
};

async fn declare(bank: &Bank, endpoints: &[Endpoint], now: i64) {
    let lines = endpoints.iter().map(|e| format!("{},{}", e.id, e.ring));
    let targets: Vec<String> = lines.collect();
    let import = ImportRollout {
        name: "january".into(),
        release: "2023-01".into(),
        targets: format!("device_id,ring\n{}\n", targets.join("\n")).into_bytes(),
        ..ImportRollout::default()
    };
    import_rollout(&bank.engine.client(), &import, now)
        .await
        .unwrap();
}

fn ring<'v>(view: &'v View, name: &str) -> &'v RingVerdict {
    let verdicts = &view.rollouts[0].verdicts;
    verdicts
        .iter()
        .find(|verdict| verdict.ring == name)
        .unwrap()
}

#[tokio::test]
async fn a_verdict_stays_as_it_was_given_and_a_decision_stands_beside_it() {
    let mut bank = Bank::open().await;
    let now = now();
    let endpoints = incident(&mut bank, now).await.endpoints;
    declare(&bank, &endpoints, now).await;
    let mut analyzer = open(&bank);
    let view = analyzer.cycle(now).await.unwrap();
    let first = ring(&view, "ring0");
    assert_eq!(first.verdict, Verdict::Stop, "{:?}", first.evidence);
    let given = &first.given[0];
    assert_eq!((given.number, given.verdict), (1, Verdict::Stop));
    assert_eq!(given.evidence.clusters[0].id, view.clusters[0].id);
    assert!(given.evidence.clusters[0].failed_here > 0);
    let witness = &given.evidence.witnesses[0];
    let shared = analyzer.shared();
    let records = shared
        .events(&witness.device_id, &witness.evidence)
        .await
        .unwrap();
    assert_eq!(records.len(), witness.evidence.len());

    let decided = RingDecision {
        rollout: "january".into(),
        ring: "Ring0".into(),
        decision: "hold".into(),
        who: "Li Wei".into(),
        why: "image is being mended".into(),
        via: "command",
    };
    let client = bank.engine.client();
    let recorded = record_decision(&client, &decided, now).await.unwrap();
    assert_eq!(
        (recorded.verdict_number, recorded.verdict.as_str()),
        (1, "stop")
    );
    let nowhere = RingDecision {
        ring: "ring77".into(),
        ..decided.clone()
    };
    assert!(record_decision(&client, &nowhere, now).await.is_err());

    // All heal: another verdict is given, and the first stands as it was.
    for endpoint in endpoints.iter().filter(|e| e.image == "img-bad") {
        bank.succeeds(endpoint, KB, now + HOUR);
        bank.facts(endpoint, 3887, now + 2 * HOUR);
    }
    bank.store().await;
    let later = analyzer.cycle(now + 3 * HOUR).await.unwrap();
    let after = ring(&later, "ring0");
    assert_eq!(
        after.verdict,
        Verdict::Watch,
        "{:?}",
        after.evidence.blockers
    );
    assert_eq!(after.given.len(), 2);
    assert_eq!(after.given[1], first.given[0]);
    assert_eq!(after.decisions[0].who, "Li Wei");
    // Also after a restart, from the table.
    let again = open(&bank).cycle(now + 3 * HOUR).await.unwrap();
    assert_eq!(ring(&again, "ring0").given, after.given);
    let rows: u64 = client
        .query("SELECT count() FROM ring_verdicts WHERE ring = 'ring0'")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(rows, 2, "nothing is given twice");
}

#[tokio::test]
async fn who_is_excused_or_waits_for_a_window_has_a_row_and_comes_back_by_itself() {
    let mut bank = Bank::open().await;
    let now = now();
    let endpoints = incident(&mut bank, now).await.endpoints;
    declare(&bank, &endpoints, now).await;
    let client = bank.engine.client();
    let before = open(&bank).cycle(now).await.unwrap().rollouts[0].rows;
    let until = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap().to_string();
    let order = |rollout: &str, until: String| Excuse {
        rollout: rollout.into(),
        devices: vec![ExcusedDevice {
            // By its host name, and of those that did not try.
            device: "PC-00009.bank.example".into(),
            owner: "Li Wei".into(),
            reason: "branch is rebuilt".into(),
            until,
        }],
    };
    let unknown = excuse(&client, &order("none", until(now + DAY)), now).await;
    assert!(matches!(unknown, Err(ExcuseRefused::Unknown(_))));
    let done = excuse(&client, &order("january", until(now + DAY)), now)
        .await
        .unwrap();
    assert_eq!((done.excused, done.taken_back), (1, 0));
    // A window on one date that is over counts no more; one to come is waited for.
    let day = |ms: i64| {
        jiff::Timestamp::from_millisecond(ms)
            .unwrap()
            .strftime("%Y-%m-%d")
            .to_string()
    };
    let windows = format!(
        "ring,date,from,to,offset\nring1,{},00:00,24:00,Z\nring3,{},00:00,24:00,Z\n",
        day(now + 5 * DAY),
        day(now - 5 * DAY),
    );
    let imported = import_windows(&client, windows.as_bytes(), &Mapping::default(), now).await;
    assert_eq!(imported.unwrap(), 2);

    let view = open(&bank).cycle(now).await.unwrap();
    let rollout = &view.rollouts[0];
    let (rows, of) = (rollout.rows, &rollout.rings);
    assert_eq!(rows.excused, 1);
    assert!(rows.waiting_window > 5, "{rows:?}");
    assert_eq!(
        rows.not_offered + rows.excused + rows.waiting_window,
        before.not_offered
    );
    let ring3 = &of.iter().find(|(ring, _)| ring == "ring3").unwrap().1;
    assert_eq!(ring3.waiting_window, 0);
    assert_eq!(rollout.exceptions[0].device_id, "pc-00009");
    assert_eq!(
        (view.windows.len(), view.windows[0].next_ms.is_some()),
        (2, true)
    );
    assert_eq!(rollout.forecast.why_not, "thin_history");
    assert_eq!(rollout.forecast.waiting_for_window, rows.waiting_window);

    let later = open(&bank).cycle(now + 2 * DAY).await.unwrap();
    let rows = later.rollouts[0].rows;
    assert_eq!(rows.excused, 0, "the exception is over");
    let ended = excuse(&client, &order("january", "now".into()), now + 1)
        .await
        .unwrap();
    assert_eq!((ended.excused, ended.taken_back), (0, 1));
    import_windows(
        &client,
        b"days,from,to,offset\n",
        &Mapping::default(),
        now + 1,
    )
    .await
    .unwrap();
    let free = open(&bank).cycle(now + 1).await.unwrap();
    assert_eq!(free.rollouts[0].rows, before);
    assert!(free.windows.is_empty());
}

#[tokio::test]
async fn a_list_is_previewed_and_its_imports_are_remembered() {
    let mut bank = Bank::open().await;
    let now = now();
    let endpoints = incident(&mut bank, now).await.endpoints;
    declare(&bank, &endpoints, now).await;
    let client = bank.engine.client();
    let preview = ImportRollout {
        name: "january".into(),
        release: "2023-01".into(),
        targets:
            b"#TYPE X\r\n\"Name\",\"ring\"\r\n\"PC-00001\",\"ring9\"\r\n\"NEW-1\",\"ring1\"\r\n"
                .to_vec(),
        preview: true,
        ..ImportRollout::default()
    };
    let report = import_rollout(&client, &preview, now + 1).await.unwrap();
    let difference = &report.difference;
    assert_eq!(
        (difference.added, difference.removed, difference.changed),
        (1, 399, 1)
    );
    assert_eq!((report.targets, report.unheard), (2, 1));
    let mut analyzer = open(&bank);
    assert_eq!(analyzer.cycle(now).await.unwrap().rollouts[0].targets, 400);
    let import = ImportRollout {
        preview: false,
        ..preview
    };
    import_rollout(&client, &import, now + 2).await.unwrap();
    assert_eq!(
        analyzer.cycle(now + 3).await.unwrap().rollouts[0].targets,
        2
    );
    let imports: Vec<(u64, u64, u64)> = client
        .query("SELECT targets, added, removed FROM rollout_imports ORDER BY imported_at")
        .fetch_all()
        .await
        .unwrap();
    assert_eq!(imports, [(400, 400, 0), (2, 1, 399)]);
}

#[tokio::test]
async fn a_device_with_a_damaged_store_is_not_ready_and_its_records_say_why() {
    let mut bank = Bank::open().await;
    let now = now();
    let incident = incident(&mut bank, now).await;
    let mut analyzer = open(&bank);
    let view = analyzer.cycle(now).await.unwrap();
    let readiness = &view.readiness;
    assert_eq!(readiness.devices, 400);
    let damaged: Vec<_> = readiness
        .unready
        .iter()
        .filter(|device| {
            device
                .reasons
                .iter()
                .any(|one| one.reason == "store_corrupt")
        })
        .collect();
    assert_eq!(damaged.len() as u64, incident.planted);
    let evidence = &damaged[0].reasons[0].evidence;
    let records = analyzer
        .shared()
        .events(&damaged[0].device_id, evidence)
        .await
        .unwrap();
    assert!(
        records.iter().any(|record| record.file == "example.dll"),
        "{records:?}"
    );
}

/// A later update brings a device past one that failed, and ends its cluster.
#[tokio::test]
async fn a_superseded_kb_closes_its_cluster_and_the_later_one_complies() {
    let mut bank = Bank::open().await;
    let now = now();
    let endpoints = incident(&mut bank, now).await.endpoints;
    declare(&bank, &endpoints, now).await;
    let mut analyzer = open(&bank);
    let first = analyzer.cycle(now).await.unwrap();
    assert_eq!(first.clusters[0].life, Life::New);
    // Everything that failed goes past the KB by a later one, never by this one.
    for endpoint in endpoints.iter().filter(|e| e.image == "img-bad") {
        bank.facts(endpoint, 4010, now + 2 * HOUR);
        bank.heard(endpoint, now + 2 * HOUR);
    }
    bank.store().await;
    let later = analyzer.cycle(now + 2 * HOUR).await.unwrap();
    assert_eq!(later.clusters[0].life, Life::Closed);
    assert_eq!((later.clusters[0].failed, later.clusters[0].healed), (0, 0));
    let compliant = |view: &View| view.rollouts[0].rows.compliant;
    assert_eq!(compliant(&later), compliant(&first) + 24);
}
