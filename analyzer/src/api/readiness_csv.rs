//! Devices that are not ready, for a spreadsheet.

use axum::response::Response;

use super::csv::{self, instant, write_line};
use crate::view::{Readiness, UnreadyReason};

/// The devices as a file to keep, worst first.
pub(super) fn response(readiness: &Readiness) -> Response {
    csv::file("not-ready", written(readiness))
}

fn written(readiness: &Readiness) -> String {
    let mut text = String::from(csv::BEGIN);
    let head = [
        "device_id",
        "score",
        "reasons",
        "free_disk_gb",
        "since",
        "ring",
        "branch",
        "class",
        "evidence",
    ];
    write_line(&mut text, head.into_iter());
    for device in &readiness.unready {
        let of_all = |part: fn(&UnreadyReason) -> String| {
            let parts = device.reasons.iter().map(part);
            let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
            parts.join(" ")
        };
        let score = device.score.to_string();
        let line = [
            &device.device_id,
            &score,
            &of_all(|one| one.reason.clone()),
            &of_all(|one| one.value.clone()),
            &of_all(|one| instant(one.at_ms)),
            &device.ring,
            &device.branch,
            &device.class,
            &of_all(|one| one.evidence.join(" ")),
        ];
        write_line(&mut text, line.into_iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::UnreadyDevice;

    #[test]
    fn a_branch_that_is_a_formula_is_written_as_text() {
        let readiness = Readiness {
            unready: vec![UnreadyDevice {
                device_id: "pc-1".to_owned(),
                branch: "=cmd()".to_owned(),
                score: 25,
                reasons: vec![UnreadyReason {
                    reason: "disk_full".to_owned(),
                    value: "3.5".to_owned(),
                    ..UnreadyReason::default()
                }],
                ..UnreadyDevice::default()
            }],
            ..Readiness::default()
        };
        let text = written(&readiness);
        let line = text.lines().nth(1).unwrap();
        assert_eq!(
            line,
            r#""pc-1","25","disk_full","3.5","","","'=cmd()","","""#
        );
    }
}
