//! The JSON face: every address, every refusal.

use serde_json::Value;

use crate::sample_view::{self, CLUSTER, KB};
use crate::server::{Answer, Server, now_ms};

fn json(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn every_address_answers_with_its_part_of_the_picture() {
    let server = Server::of(sample_view::rich(now_ms()));
    let get = |path: &str| json(&server.get(&format!("/api/v1/{path}"), &[]));
    let overview = get("overview");
    assert_eq!(overview["open_clusters"], serde_json::json!([CLUSTER]));
    assert_eq!(overview["kbs"][0]["outcomes"]["failed"], 61);
    assert_eq!(overview["kbs"][0]["rate"]["tried"], 1312);
    assert!(overview["data_age_s"].as_i64().unwrap() >= 4);
    assert_eq!(get("kbs")[0]["kb"], KB);
    assert_eq!(get("kbs/kb5022286")["build"], "17763.3887");
    let clusters = get("clusters");
    assert_eq!(clusters[0]["life"], "growing");
    assert_eq!(clusters[0]["devices"], Value::Null);
    let cluster = get(&format!("clusters/{CLUSTER}"));
    assert_eq!(cluster["devices"].as_array().unwrap().len(), 47);
    assert_eq!(cluster["causes"][0]["facts"]["image"], "img-teller-2022b");
    assert_eq!(get("rollouts")[0]["targets"], 2000);
    assert_eq!(
        get("rollouts/2023-01%20production")["rows"]["compliant"],
        1240
    );
    assert_eq!(get("silent").as_array().unwrap().len(), 13);
    assert_eq!(get("new-codes")[0]["devices"], 47);
    let name = "rollouts/2023-01%20production";
    let verdicts = get(&format!("{name}/verdicts"));
    assert_eq!(verdicts[2]["verdict"], "stop");
    assert_eq!(verdicts[0]["given"][1]["number"], 1);
    assert_eq!(verdicts[0]["decisions"][0]["decision"], "go");
    assert_eq!(get(&format!("{name}/exceptions"))[0]["in_force"], true);
    assert_eq!(get("windows")[0]["open"], true);
    assert_eq!(get("readiness")["unready"][0]["score"], 15);
    let file = server.get("/api/v1/readiness.csv", &[]);
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(file.body.lines().count(), 4);
    let sources = get("sources");
    assert_eq!(sources[1]["builds"][1]["strange"], true);
    assert_eq!(sources[1]["builds"][1]["unknown_lines"], 4_018);
}

#[test]
fn what_is_not_there_is_refused_with_a_hint() {
    let server = Server::without_database(sample_view::rich(now_ms()));
    let cases = [
        ("", 404),
        ("/nonsense/x", 404),
        ("/kbs/KB1", 404),
        ("/clusters/x", 404),
        ("/clusters/x/devices.csv", 404),
        ("/clusters/x/tried", 404),
        ("/rollouts/x", 404),
        ("/rollouts/x/verdicts", 404),
        ("/rollouts/x/imports", 503),
        ("/events/00", 400),
        ("/events/00?device=a", 404),
        ("/events/000000000000000000000000000000aa?device=a", 503),
        ("/devices/a", 503),
    ];
    for (path, status) in cases {
        let answer = server.get(&format!("/api/v1{path}"), &[]);
        assert_eq!(answer.status, status, "{path}");
        let body = json(&answer);
        let sound = |key: &str| body[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(sound("error") && sound("hint"), "{path}: {body}");
    }
}

#[test]
fn devices_of_a_cluster_come_as_a_file_without_formulas() {
    let mut view = sample_view::rich(now_ms());
    view.clusters[0].devices[0].device_id = "=HYPERLINK(\"http://x\")".to_owned();
    let server = Server::of(view);
    let answer = server.get(&format!("/api/v1/clusters/{CLUSTER}/devices.csv"), &[]);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    let file = "attachment; filename=\"KB5022286-0x800f0985-devices.csv\"";
    assert_eq!(answer.header("content-disposition"), file);
    assert_eq!(answer.body.lines().count(), 48);
    assert!(answer.body.contains("\"'=HYPERLINK(\"\"http://x\"\")\""));
}

type Headers<'a> = &'a [(&'a str, &'a str)];

#[test]
fn decisions_are_taken_from_this_machine_and_from_no_browser() {
    let server = Server::without_database(sample_view::rich(now_ms()));
    let path = "/api/v1/rollouts/2023-01%20production/decisions";
    let sound = r#"{"ring":"ring0","decision":"hold","who":"Li Wei","why":"month end"}"#;
    let kind = ("content-type", "application/json");
    let cases: [(&str, Headers<'_>, u16); 6] = [
        // Nothing but the database is missing.
        (sound, &[kind], 503),
        (sound, &[("content-type", "text/plain")], 403),
        (sound, &[kind, ("origin", "http://evil.example")], 403),
        (sound, &[kind, ("host", "evil.example")], 403),
        ("{}", &[kind], 400),
        (&sound.replace("hold", "maybe"), &[kind], 422),
    ];
    for (body, headers, status) in cases {
        let answer = server.post(path, headers, body);
        assert_eq!(answer.status, status, "{body} {headers:?} {}", answer.body);
        assert!(json(&answer)["hint"].is_string());
    }
    let elsewhere = server.post("/api/v1/clusters", &[kind], sound);
    assert_eq!(elsewhere.status, 405);
}
