//! Every number of a cluster leads to devices and their records, over HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use kbwatch_analyzer::{Shared, http};
use serde_json::Value;

use super::{AnalyzerConfig, Bank, Endpoint, HOUR, incident, now};
use kbwatch_analyzer::{Analyzer, ImportRollout, import_rollout};

/// Serves the real routes; returns where.
async fn serve(shared: Arc<Shared>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = http::router(shared).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn get(base: &str, path: &str) -> Value {
    let url = format!("{base}{path}");
    let asked = tokio::task::spawn_blocking(move || {
        let mut answer = ureq::get(&url)
            .call()
            .unwrap_or_else(|error| panic!("{url}: {error}"));
        answer.body_mut().read_to_string().unwrap()
    });
    serde_json::from_str(&asked.await.unwrap()).unwrap()
}

/// Every number below `value`, by its path; places in lists become `#`.
fn numbers(value: &Value, path: &str, found: &mut BTreeMap<String, Vec<f64>>) {
    match value {
        Value::Number(number) => {
            let of_path = found.entry(path.to_owned()).or_default();
            of_path.push(number.as_f64().unwrap());
        }
        Value::Array(items) => {
            for item in items {
                numbers(item, &format!("{path}/#"), found);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                numbers(item, &format!("{path}/{key}"), found);
            }
        }
        _ => {}
    }
}

/// The devices that a cluster's figures are counted from.
struct Counted(Vec<Value>);

impl Counted {
    fn count(&self, which: impl Fn(&Value) -> bool) -> u64 {
        self.0.iter().filter(|device| which(device)).count() as u64
    }

    fn has(device: &Value, facts: &Value) -> bool {
        let mut facts = facts.as_object().unwrap().iter();
        facts.all(|(key, value)| device["facts"][key] == *value)
    }

    fn ever(device: &Value) -> bool {
        device["ever_failed"] == true
    }
}

#[tokio::test]
async fn every_number_of_a_cluster_is_counted_from_devices_and_records() {
    let mut bank = Bank::open().await;
    let now = now();
    let endpoints = incident(&mut bank, now).await.endpoints;
    // One heals, and comes to the level that the KB brings.
    let healed = endpoints.iter().find(|e| e.image == "img-bad").unwrap();
    bank.succeeds(healed, super::KB, now - HOUR);
    bank.facts(healed, 3887, now);
    // Another shares the image and is still to try.
    let next = Endpoint {
        image: "img-bad".into(),
        ..Endpoint::new(500)
    };
    bank.facts(&next, 3770, now - HOUR);
    bank.heard(&next, now);
    bank.store().await;
    let endpoints = endpoints.iter().chain([&next]);
    let lines = endpoints.map(|e| format!("{},{}", e.id, e.ring));
    let targets: Vec<String> = lines.collect();
    let import = ImportRollout {
        name: "january".into(),
        release: "2023-01".into(),
        targets: format!("device_id,ring\n{}\n", targets.join("\n")).into_bytes(),
        depots: Some(
            b"name,path,build\ndepot,\\\\srv\\repair$\\3770\\Windows,17763.3770\n".to_vec(),
        ),
        ..ImportRollout::default()
    };
    import_rollout(&bank.engine.client(), &import, now)
        .await
        .unwrap();
    let mut analyzer = Analyzer::open(AnalyzerConfig::default(), bank.engine.client());
    let view = analyzer.cycle(now).await.unwrap();
    let base = serve(analyzer.shared()).await;
    let id = &view.clusters[0].id;
    let cluster = get(&base, &format!("/api/v1/clusters/{id}")).await;
    let answer = get(&base, &format!("/api/v1/clusters/{id}/tried")).await;
    assert_eq!(answer["next"], Value::Null);
    let counted = Counted(answer["devices"].as_array().unwrap().clone());

    let mut found = BTreeMap::new();
    numbers(&cluster, "", &mut found);
    let untraced: Vec<&String> = found.keys().filter(|path| !traces(path)).collect();
    assert!(untraced.is_empty(), "no way down from {untraced:?}");

    figures_are_counts(&cluster, &counted);
    times_are_of_failures(&cluster, &counted);
    causes_are_counts(&cluster, &counted);
    damage_is_in_records(&cluster, &counted);
    cures_are_counts(&cluster, &counted);
    let answer = get(&base, &format!("/api/v1/clusters/{id}/waiting")).await;
    waiting_is_a_count(&cluster, answer.as_array().unwrap());
    records_can_be_read(&base, &counted).await;
}

/// Paths of numbers that the checks below count anew, and those that are worked
/// out of them: a ratio with its interval, a chance, the usual rate.
fn traces(path: &str) -> bool {
    const COUNTED: [&str; 28] = [
        "/failed",
        "/ever_failed",
        "/healed",
        "/tried",
        "/since_ms",
        "/last_failure_at_ms",
        "/devices/#/first_failed_at_ms",
        "/devices/#/failed_at_ms",
        "/devices/#/attempts",
        "/damage/#/devices",
        "/causes/#/failed",
        "/causes/#/total",
        "/causes/#/failed_outside",
        "/causes/#/total_outside",
        "/exonerated/#/counter_examples",
        "/series/#/at_ms",
        "/series/#/tried",
        "/series/#/failed",
        "/remedy/sources/#/serves",
        "/waiting/devices",
        "/waiting/of",
        "/called_at_ms",
        "/remedy/sources/#/tier",
        "/cures/#/devices",
        "/cures/#/waiting",
        "/cures/#/after/devices",
        "/cures/#/after/healed",
        "/cures/#/evidence/#/at_ms",
    ];
    const WORKED_OUT: [&str; 14] = [
        "/usual_rate",
        "/p_value",
        "/causes/#/risk_ratio",
        "/causes/#/interval/#",
        "/exonerated/#/crude_risk_ratio",
        "/exonerated/#/adjusted_risk_ratio",
        "/cures/#/after/value",
        "/cures/#/after/low",
        "/cures/#/after/high",
        "/cures/#/untreated/devices",
        "/cures/#/untreated/healed",
        "/cures/#/untreated/value",
        "/cures/#/untreated/low",
        "/cures/#/untreated/high",
    ];
    COUNTED.contains(&path) || WORKED_OUT.contains(&path)
}

fn figures_are_counts(cluster: &Value, counted: &Counted) {
    let closed = counted.count(|device| device["outcome"] != "");
    assert_eq!(cluster["tried"], closed);
    assert_eq!(cluster["ever_failed"], counted.count(Counted::ever));
    assert_eq!(
        cluster["healed"],
        counted.count(|device| device["healed"] == true)
    );
    assert_eq!(cluster["healed"], 1);
    let fails = |device: &Value| Counted::ever(device) && device["outcome"] == "failed";
    assert_eq!(cluster["failed"], counted.count(fails));
    assert_eq!(
        cluster["failed"],
        cluster["devices"].as_array().unwrap().len() as u64
    );
    // Who can be served is a part of those who fail.
    for source in cluster["remedy"]["sources"].as_array().unwrap() {
        assert!(source["serves"].as_u64() <= cluster["failed"].as_u64());
    }
}

fn times_are_of_failures(cluster: &Value, counted: &Counted) {
    let ever: Vec<&Value> = counted.0.iter().filter(|d| Counted::ever(d)).collect();
    let at = |device: &Value, nth: usize| device["failed_at_ms"][nth].as_i64().unwrap();
    assert_eq!(
        cluster["since_ms"],
        ever.iter().map(|d| at(d, 0)).min().unwrap()
    );
    assert_eq!(
        cluster["last_failure_at_ms"],
        ever.iter().map(|d| at(d, 1)).max().unwrap()
    );
    let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
    for device in &ever {
        *hours
            .entry(at(device, 0).div_euclid(HOUR) * HOUR)
            .or_default() += 1;
    }
    let series: BTreeMap<i64, u64> = cluster["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| {
            assert_eq!(point["tried"], point["failed"]);
            (
                point["at_ms"].as_i64().unwrap(),
                point["failed"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(series, hours);
    for member in cluster["devices"].as_array().unwrap() {
        let traced = counted
            .0
            .iter()
            .find(|d| d["device_id"] == member["device_id"])
            .unwrap();
        assert_eq!(member["first_failed_at_ms"], traced["failed_at_ms"][0]);
        assert_eq!(member["failed_at_ms"], traced["failed_at_ms"][1]);
        assert_eq!(member["attempts"], traced["failures"]);
    }
}

fn causes_are_counts(cluster: &Value, counted: &Counted) {
    let causes = cluster["causes"].as_array().unwrap();
    assert!(!causes.is_empty());
    for cause in causes {
        let has = |device: &Value| Counted::has(device, &cause["facts"]);
        let both = |device: &Value| has(device) && Counted::ever(device);
        assert_eq!(cause["total"], counted.count(has), "{cause}");
        assert_eq!(cause["failed"], counted.count(both), "{cause}");
        assert_eq!(
            cause["total_outside"],
            counted.count(|d| !has(d)),
            "{cause}"
        );
        let outside = counted.count(|d| !has(d) && Counted::ever(d));
        assert_eq!(cause["failed_outside"], outside, "{cause}");
    }
    for cleared in cluster["exonerated"].as_array().unwrap() {
        let fine =
            |device: &Value| Counted::has(device, &cleared["facts"]) && !Counted::ever(device);
        assert_eq!(
            cleared["counter_examples"],
            counted.count(fine),
            "{cleared}"
        );
    }
}

fn damage_is_in_records(cluster: &Value, counted: &Counted) {
    for group in cluster["damage"].as_array().unwrap() {
        let file = group["files"][0]["file"].as_str().unwrap();
        let broken = |device: &Value| {
            let records = device["broken"].as_array().unwrap();
            Counted::ever(device) && records.iter().any(|record| record["file"] == file)
        };
        assert_eq!(group["devices"], counted.count(broken));
    }
}

/// What was tried is counted from the devices that are named with it.
fn cures_are_counts(cluster: &Value, counted: &Counted) {
    let cures = cluster["cures"].as_array().unwrap();
    assert!(!cures.is_empty());
    for cure in cures {
        let named = cure["evidence"].as_array().unwrap();
        let with = |outcome: &str| named.iter().filter(|one| one["outcome"] == outcome).count();
        assert_eq!(cure["devices"], named.len() as u64, "{cure}");
        assert_eq!(cure["waiting"], with("") as u64, "{cure}");
        assert_eq!(cure["after"]["devices"], (named.len() - with("")) as u64);
        let healed = u32::try_from(with("succeeded")).unwrap();
        assert_eq!(cure["after"]["healed"].as_f64(), Some(f64::from(healed)));
        for one in named {
            let is_it = |device: &&Value| device["device_id"] == one["device_id"];
            let device = counted.0.iter().find(is_it).unwrap();
            assert!(Counted::ever(device), "{one}");
            let first_failed_at_ms = device["failed_at_ms"][0].as_i64();
            assert!(one["at_ms"].as_i64() >= first_failed_at_ms, "{one}");
        }
    }
}

fn waiting_is_a_count(cluster: &Value, sharing: &[Value]) {
    assert_eq!(cluster["waiting"]["of"], sharing.len() as u64);
    let to_try = sharing.iter().filter(|device| device["tried"] == false);
    assert_eq!(cluster["waiting"]["devices"], to_try.count() as u64);
    assert_eq!(cluster["waiting"]["devices"], 1);
}

/// Every device names records, and those of some are read to the last line.
async fn records_can_be_read(base: &str, counted: &Counted) {
    for device in &counted.0 {
        assert!(
            !device["evidence"].as_array().unwrap().is_empty(),
            "{device}"
        );
    }
    for device in counted.0.iter().step_by(97) {
        let id = device["device_id"].as_str().unwrap();
        for event in device["evidence"].as_array().unwrap() {
            let path = format!("/api/v1/events/{}?device={id}", event.as_str().unwrap());
            let record = get(base, &path).await;
            assert_eq!(record["event_id"], *event);
        }
    }
}
