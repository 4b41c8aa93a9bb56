//! What people ask on the pages, over the API and in SQL, and the same asked of
//! the bare events.

use crate::cycle::fleet::NEWEST;

/// Where the answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The analyzer's picture, in memory: what is timed is the HTTP handler.
    Picture,
    /// A handler that asks tables which the analyzer keeps.
    Tables,
    /// A handler that reads the events of one device by their key.
    Key,
    /// A stable view, in SQL.
    View,
}

impl From {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Tables => "tables",
            Self::Key => "key",
            Self::View => "SQL view",
        }
    }
}

/// A question.
pub(super) struct Question {
    pub(super) name: &'static str,
    pub(super) from: From,
    /// Address, or SQL of a stable view.
    pub(super) ours: String,
    /// SQL on the events.
    pub(super) raw: String,
}

/// How each device's latest try ended, of one KB or of all.
fn ends(kb: &str) -> String {
    let which = if kb.is_empty() {
        "kb != ''".to_owned()
    } else {
        format!("kb = '{kb}'")
    };
    format!(
        "(SELECT device_id, kb, argMax(result, printed_at) AS ended, \
         argMax(hresult, printed_at) AS code, max(printed_at) AS at FROM update_events FINAL \
         WHERE {which} AND phase = 'install' AND result IN ('success', 'fail') AND NOT noise \
         GROUP BY device_id, kb)"
    )
}

/// The latest facts of each device.
const FACTS: &str = "(SELECT device_id, argMax(facts, observed_at) AS facts \
                     FROM device_facts FINAL GROUP BY device_id)";

/// A question.
fn ask(name: &'static str, from: From, ours: String, raw: String) -> Question {
    Question {
        name,
        from,
        ours,
        raw,
    }
}

/// All questions; `cluster`: id of the one that was planted, `device`: any.
pub(super) fn questions(cluster: &str, device: &str) -> Vec<Question> {
    let mut questions = of_picture(cluster);
    questions.extend(of_tables(cluster));
    questions.extend(of_views(device));
    questions
}

/// How many devices fail each update.
fn rates() -> String {
    let all = ends("");
    format!("SELECT kb, count(), countIf(ended = 'fail') FROM {all} GROUP BY kb")
}

/// Codes and who showed them.
const CODES: &str = "SELECT hresult, phase, result, kb, min(printed_at), max(printed_at), \
                     uniqExact(device_id) FROM update_events FINAL WHERE hresult IS NOT NULL \
                     AND NOT noise GROUP BY hresult, phase, result, kb";

fn of_picture(cluster: &str) -> Vec<Question> {
    let (all, newest) = (ends(""), ends(NEWEST));
    vec![
        ask("failure rates", From::Picture, "/".into(), rates()),
        ask(
            "one update",
            From::Picture,
            format!("/kbs/{NEWEST}"),
            format!(
                "SELECT toStartOfHour(at) AS hour, count(), countIf(ended = 'fail') FROM {newest} \
                 GROUP BY hour"
            ),
        ),
        ask(
            "new codes",
            From::Picture,
            "/api/v1/new-codes".into(),
            CODES.into(),
        ),
        ask(
            "clusters",
            From::Picture,
            "/clusters".into(),
            format!(
                "SELECT kb, code, count() AS devices FROM {all} WHERE ended = 'fail' \
                 GROUP BY kb, code HAVING devices >= 3"
            ),
        ),
        ask(
            "one cluster",
            From::Picture,
            format!("/clusters/{cluster}"),
            format!(
                "SELECT e.device_id, e.at, f.facts FROM {newest} AS e LEFT JOIN {FACTS} AS f \
                 ON e.device_id = f.device_id WHERE e.ended = 'fail' AND e.code = 2148469125"
            ),
        ),
        ask(
            "rollout",
            From::Picture,
            "/rollouts/february".into(),
            format!(
                "SELECT t.ring, e.ended, count() FROM rollout_targets AS t LEFT JOIN {newest} AS e \
                 ON t.device_id = e.device_id GROUP BY t.ring, e.ended"
            ),
        ),
        ask(
            "readiness",
            From::Picture,
            "/readiness".into(),
            "SELECT device_id, max(printed_at) FROM update_events FINAL WHERE result IN \
             ('hash_mismatch', 'corrupt_unrepaired', 'pending_reboot') GROUP BY device_id"
                .into(),
        ),
        ask(
            "silent devices",
            From::Picture,
            "/silent".into(),
            "SELECT device_id, max(received_at) AS heard FROM update_events FINAL \
             GROUP BY device_id HAVING heard < now() - 3600"
                .into(),
        ),
    ]
}

fn of_tables(cluster: &str) -> Vec<Question> {
    let newest = ends(NEWEST);
    vec![
        ask(
            "devices that failed",
            From::Tables,
            format!("/kbs/{NEWEST}/devices?state=failed"),
            format!(
                "SELECT device_id, code, at FROM {newest} WHERE ended = 'fail' \
                 ORDER BY device_id LIMIT 1000"
            ),
        ),
        ask(
            "targets that failed",
            From::Tables,
            "/rollouts/february/devices?state=failed".into(),
            format!(
                "SELECT t.device_id, e.code FROM rollout_targets AS t JOIN {newest} AS e \
                 ON t.device_id = e.device_id WHERE e.ended = 'fail' ORDER BY 1 LIMIT 1000"
            ),
        ),
        ask(
            "who tried, one by one",
            From::Tables,
            format!("/api/v1/clusters/{cluster}/tried"),
            format!(
                "SELECT e.device_id, e.ended, f.facts FROM {newest} AS e JOIN {FACTS} AS f \
                 ON e.device_id = f.device_id ORDER BY e.device_id LIMIT 2000"
            ),
        ),
        ask(
            "who is still to try",
            From::Tables,
            format!("/api/v1/clusters/{cluster}/waiting"),
            format!(
                "SELECT f.device_id FROM {FACTS} AS f LEFT ANTI JOIN {newest} AS e \
                 ON f.device_id = e.device_id WHERE f.facts['image'] = 'img-bad'"
            ),
        ),
        ask(
            "search",
            From::Tables,
            "/devices?id=pc-00001".into(),
            "SELECT DISTINCT device_id FROM update_events FINAL \
             WHERE positionCaseInsensitiveUTF8(device_id, 'pc-00001') > 0 LIMIT 51"
                .into(),
        ),
    ]
}

fn of_views(device: &str) -> Vec<Question> {
    vec![
        ask(
            "v_failure_rate",
            From::View,
            "SELECT * FROM v_failure_rate".into(),
            rates(),
        ),
        ask(
            "v_codes_seen",
            From::View,
            "SELECT * FROM v_codes_seen".into(),
            CODES.into(),
        ),
        ask(
            "one device",
            From::Key,
            format!("/devices/{device}"),
            format!(
                "SELECT * FROM update_events FINAL WHERE device_id = '{device}' AND NOT noise \
                 ORDER BY printed_at DESC LIMIT 500"
            ),
        ),
    ]
}
