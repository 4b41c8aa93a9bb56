//! A cluster's devices for a spreadsheet.

use std::collections::BTreeSet;

use axum::response::Response;

use super::csv::{self, instant, write_line};
use crate::view::Cluster;

/// The devices as a file to keep.
pub(super) fn response(cluster: &Cluster) -> Response {
    let stem = format!("{}-{}-devices", cluster.kb, cluster.hresult);
    csv::file(&stem, written(cluster))
}

/// One line a device; facts that any device has become columns.
fn written(cluster: &Cluster) -> String {
    let keys: BTreeSet<&String> = cluster
        .devices
        .iter()
        .flat_map(|d| d.facts.keys())
        .collect();
    let mut text = String::from(csv::BEGIN);
    let head = [
        "device_id",
        "first_failed_at",
        "failed_at",
        "failed_attempts",
        "evidence",
    ];
    write_line(
        &mut text,
        head.into_iter().chain(keys.iter().map(|key| key.as_str())),
    );
    for device in &cluster.devices {
        let first_failed_at = instant(device.first_failed_at_ms);
        let failed_at = instant(device.failed_at_ms);
        let attempts = device.attempts.to_string();
        let evidence = device.evidence.join(" ");
        let known = [
            &device.device_id,
            &first_failed_at,
            &failed_at,
            &attempts,
            &evidence,
        ];
        let facts = keys
            .iter()
            .map(|key| device.facts.get(*key).map_or("", String::as_str));
        write_line(
            &mut text,
            known.into_iter().map(String::as_str).chain(facts),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::MemberDevice;

    fn cluster_of(device_id: &str, branch: &str) -> Cluster {
        let device = MemberDevice {
            device_id: device_id.to_owned(),
            first_failed_at_ms: 1_673_486_000_000,
            failed_at_ms: 1_673_486_040_000,
            attempts: 2,
            evidence: vec!["ab".to_owned(), "cd".to_owned()],
            facts: [("branch".to_owned(), branch.to_owned())].into(),
        };
        Cluster {
            devices: vec![device, MemberDevice::default()],
            ..Cluster::default()
        }
    }

    #[test]
    fn quotes_line_ends_and_commas_stay_inside_their_field() {
        let text = written(&cluster_of("dev-1", "a\",\r\n\"=b"));
        let mut reader = ::csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[0].iter().collect::<Vec<_>>(),
            [
                "dev-1",
                "2023-01-12T01:13:20Z",
                "2023-01-12T01:14:00Z",
                "2",
                "ab cd",
                "a\",\r\n\"=b"
            ]
        );
        assert_eq!(&rows[1][5], "");
    }
}
