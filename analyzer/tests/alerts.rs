//! Alerts on a real database and a real receiver: at least once, under one id.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

mod bank;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bank::{Bank, DAY, EARLIER, Endpoint, HOUR, KB};
use kbwatch_analyzer::config::Webhook;
use kbwatch_analyzer::tell::{SIGNATURE_HEADER, signature};
use kbwatch_analyzer::{Analyzer, AnalyzerConfig, import_baseline};
use serde_json::Value;

const SECRET: &str = "known to both";

/// What came in: every delivery, and how many are still to be turned away.
#[derive(Default)]
struct Mailbox {
    taken: Vec<Value>,
    forged: usize,
    turn_away: usize,
    turned_away: usize,
}

type Door = Arc<Mutex<Mailbox>>;

async fn take(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut mailbox = door.lock().unwrap();
    let signed = headers
        .get(SIGNATURE_HEADER)
        .map(|value| value.to_str().unwrap().to_owned());
    if signed.as_deref() != Some(signature(SECRET, &body).as_str()) {
        mailbox.forged += 1;
        return StatusCode::FORBIDDEN;
    }
    if mailbox.turned_away < mailbox.turn_away {
        mailbox.turned_away += 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    mailbox.taken.push(serde_json::from_slice(&body).unwrap());
    StatusCode::OK
}

async fn receiver(turn_away: usize) -> (Door, String) {
    let door: Door = Arc::new(Mutex::new(Mailbox {
        turn_away,
        ..Mailbox::default()
    }));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/", post(take))
        .with_state(Arc::clone(&door));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (door, url)
}

fn config(url: &str) -> AnalyzerConfig {
    AnalyzerConfig {
        webhooks: vec![Webhook {
            url: url.to_owned(),
            secret: SECRET.to_owned(),
        }],
        public_url: "http://kbwatch.bank.example".to_owned(),
        ..AnalyzerConfig::default()
    }
}

/// A month of usual success, and now a code that nobody knows on 20 devices.
async fn incident(bank: &mut Bank, now: i64, failed_at: i64) {
    for number in 0..200 {
        let endpoint = Endpoint::new(number);
        bank.facts(&endpoint, 3770, now - 40 * DAY);
        bank.heard(&endpoint, now);
        bank.succeeds(&endpoint, EARLIER, now - 30 * DAY);
        if number % 10 == 3 {
            bank.fails(&endpoint, KB, failed_at, 0x800f_0985);
        } else {
            bank.succeeds(&endpoint, KB, failed_at - HOUR);
        }
    }
    bank.store().await;
}

/// Cycles, a second of the analyzer's clock apart, until `done` or ten seconds.
async fn cycle_until(analyzer: &mut Analyzer, now: i64, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut clock = now;
    while !done() && Instant::now() < deadline {
        analyzer.cycle(clock).await.unwrap();
        clock += 1_000;
    }
    // What is under way may still come in.
    for _ in 0..3 {
        clock += 1_000;
        analyzer.cycle(clock).await.unwrap();
    }
}

fn distinct(door: &Door) -> BTreeMap<String, Value> {
    let mailbox = door.lock().unwrap();
    let alerts = mailbox.taken.iter();
    alerts
        .map(|alert| {
            (
                alert["alert_id"].as_str().unwrap().to_owned(),
                alert.clone(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_new_cluster_and_its_new_code_are_told_once_each_though_turned_away_first() {
    let mut bank = Bank::open().await;
    let now = jiff::Timestamp::now().as_millisecond();
    incident(&mut bank, now, now - 2 * HOUR).await;
    import_baseline(&bank.engine.client(), b"hresult\n0x80070070\n", now)
        .await
        .unwrap();
    let (door, url) = receiver(2).await;
    let mut analyzer = Analyzer::open(config(&url), bank.engine.client());
    cycle_until(&mut analyzer, now, || distinct(&door).len() >= 2).await;

    let alerts = distinct(&door);
    let mut kinds: Vec<&str> = alerts
        .values()
        .map(|a| a["kind"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["new_cluster", "new_code"]);
    for alert in alerts.values() {
        assert_eq!(alert["kb"], KB);
        assert_eq!(alert["hresult"], "0x800f0985");
        assert_eq!(alert["failed"], 20);
        assert_eq!(alert["tried"], 200);
        assert!(alert["first_seen"].as_str().unwrap().ends_with('Z'));
        assert!(alert["data_age_s"].as_i64().unwrap() >= 0);
        assert!(
            alert["link"]
                .as_str()
                .unwrap()
                .starts_with("http://kbwatch.bank.example/")
        );
    }
    let mailbox = door.lock().unwrap();
    assert_eq!((mailbox.forged, mailbox.turned_away), (0, 2));
}

#[tokio::test]
async fn a_restart_tells_nothing_twice_and_forgets_nothing() {
    let mut bank = Bank::open().await;
    let now = jiff::Timestamp::now().as_millisecond();
    incident(&mut bank, now, now - 2 * HOUR).await;
    import_baseline(&bank.engine.client(), b"hresult\n", now)
        .await
        .unwrap();
    // Nobody takes anything: the alerts stay in the outbox.
    let (closed, url) = receiver(usize::MAX).await;
    let mut first = Analyzer::open(config(&url), bank.engine.client());
    cycle_until(&mut first, now, || closed.lock().unwrap().turned_away >= 2).await;
    drop(first);
    closed.lock().unwrap().turn_away = 0;
    let mut second = Analyzer::open(config(&url), bank.engine.client());
    cycle_until(&mut second, now + HOUR, || distinct(&closed).len() >= 2).await;
    assert_eq!(distinct(&closed).len(), 2);
    drop(second);
    let before = closed.lock().unwrap().taken.len();
    let mut third = Analyzer::open(config(&url), bank.engine.client());
    cycle_until(&mut third, now + 2 * HOUR, || false).await;
    assert_eq!(
        closed.lock().unwrap().taken.len(),
        before,
        "delivered alerts rest"
    );
}

/// Lets every INSERT into `table` fail that says `check`, and mends it again.
async fn refuse(bank: &Bank, table: &str, check: Option<&str>) {
    let change = match check {
        Some(check) => format!("ADD CONSTRAINT broken CHECK {check}"),
        None => "DROP CONSTRAINT broken".to_owned(),
    };
    let sql = format!("ALTER TABLE {table} {change}");
    bank.engine.client().query(&sql).execute().await.unwrap();
}

#[tokio::test]
async fn a_stop_between_alert_and_ledger_loses_no_alert_and_doubles_none() {
    for (table, check) in [
        ("alerts", "tries > 1000"),
        ("failure_codes", "standing != 'alerted'"),
    ] {
        let mut bank = Bank::open().await;
        let now = jiff::Timestamp::now().as_millisecond();
        incident(&mut bank, now, now - 2 * HOUR).await;
        import_baseline(&bank.engine.client(), b"hresult\n", now)
            .await
            .unwrap();
        let (door, url) = receiver(0).await;
        refuse(&bank, table, Some(check)).await;
        let mut stopped = Analyzer::open(config(&url), bank.engine.client());
        stopped.cycle(now).await.unwrap_err();
        drop(stopped);
        assert_eq!(distinct(&door), BTreeMap::new(), "nothing is sent unkept");
        refuse(&bank, table, None).await;
        let mut again = Analyzer::open(config(&url), bank.engine.client());
        cycle_until(&mut again, now + HOUR, || distinct(&door).len() >= 2).await;
        let alerts = distinct(&door);
        let mut kinds: Vec<&Value> = alerts.values().map(|alert| &alert["kind"]).collect();
        kinds.sort_unstable_by_key(ToString::to_string);
        assert_eq!(kinds, ["new_cluster", "new_code"], "stopped at {table}");
    }
}

/// GETs what a link leads to, from the routes that this analyzer serves.
async fn follow(analyzer: &Analyzer, link: &str) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let router = kbwatch_analyzer::http::router(analyzer.shared());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let path = link.strip_prefix("http://kbwatch.bank.example").unwrap();
    let url = format!("http://{address}{path}");
    let page = tokio::task::spawn_blocking(move || {
        let mut answer = ureq::get(&url).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    });
    page.await.unwrap()
}

#[tokio::test]
async fn the_link_of_every_alert_leads_to_a_page_that_shows_it() {
    let mut bank = Bank::open().await;
    let now = jiff::Timestamp::now().as_millisecond();
    incident(&mut bank, now, now - 2 * HOUR).await;
    import_baseline(&bank.engine.client(), b"hresult\n", now)
        .await
        .unwrap();
    let (door, url) = receiver(0).await;
    let mut analyzer = Analyzer::open(config(&url), bank.engine.client());
    cycle_until(&mut analyzer, now, || distinct(&door).len() >= 2).await;
    let alerts = distinct(&door);
    assert_eq!(alerts.len(), 2);
    for alert in alerts.values() {
        let link = alert["link"].as_str().unwrap();
        let page = follow(&analyzer, link).await;
        assert!(page.contains(alert["hresult"].as_str().unwrap()), "{link}");
        if let Some((_, part)) = link.split_once('#') {
            assert!(page.contains(&format!("id=\"{part}\"")), "{link}");
        }
    }
}

#[tokio::test]
async fn history_pages_nobody_and_neither_does_the_first_day() {
    let mut bank = Bank::open().await;
    let now = jiff::Timestamp::now().as_millisecond();
    incident(&mut bank, now, now - 3 * DAY).await;
    import_baseline(&bank.engine.client(), b"hresult\n", now)
        .await
        .unwrap();
    let (door, url) = receiver(0).await;
    let mut analyzer = Analyzer::open(config(&url), bank.engine.client());
    let view = analyzer.cycle(now).await.unwrap();
    assert_eq!(view.clusters.len(), 1, "it is shown");
    cycle_until(&mut analyzer, now, || false).await;
    assert_eq!(distinct(&door), BTreeMap::new(), "and told to nobody");

    let mut fresh = Bank::open().await;
    incident(&mut fresh, now, now - 2 * HOUR).await;
    let (door, url) = receiver(0).await;
    let mut analyzer = Analyzer::open(config(&url), fresh.engine.client());
    cycle_until(&mut analyzer, now, || distinct(&door).len() >= 2).await;
    let alerts = distinct(&door);
    let kinds: Vec<&Value> = alerts.values().map(|alert| &alert["kind"]).collect();
    assert_eq!(
        kinds,
        ["new_cluster"],
        "without a baseline no code is new yet"
    );
}
