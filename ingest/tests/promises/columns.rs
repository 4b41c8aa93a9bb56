//! Every column of an event as ClickHouse reads it back.

use std::collections::BTreeMap;

use clickhouse::Client;
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::{EventResult, Phase, SourceKind, TimeSource};
use serde_json::{Map, Value};

use crate::device::sealed;
use crate::gateway::River;

/// An event as it should be read back: names and values as JSON has them.
type Columns = BTreeMap<&'static str, String>;

const NUMBERS: [&str; 7] = [
    "hresult",
    "nested_status",
    "operation_result",
    "revision",
    "corruptions_detected",
    "repaired",
    "duration_s",
];

const TEXTS: [&str; 21] = [
    "source",
    "identifier",
    "package",
    "title",
    "update_guid",
    "component",
    "component_version",
    "arch",
    "file",
    "hash_expected",
    "hash_actual",
    "mark",
    "operation",
    "health",
    "client",
    "session_id",
    "failure_source",
    "start_state",
    "target_state",
    "origin",
    "evidence",
];

/// An event that states nothing but its id.
fn bare() -> (UpdateEvent, Columns) {
    let event = UpdateEvent {
        event_id: EventId([b'a'; 16]),
        ..UpdateEvent::default()
    };
    let mut columns: Columns = [
        ("device_id", "pc-1"),
        ("event_id", "aaaaaaaaaaaaaaaa"),
        ("source_kind", event.source_kind.as_str()),
        ("phase", event.phase.as_str()),
        ("result", event.result.as_str()),
        ("printed_at", "2000-01-01 00:00:00.000"),
        ("occurred_at", "null"),
        ("time_source", event.time_source.as_str()),
        ("time_quality", "unknown"),
        ("observed_at", "1970-01-01 00:00:00.000"),
        ("version", "0"),
        ("kb", ""),
        ("reboot_required", "null"),
        ("noise", "false"),
        ("position", "0"),
        ("extra", "{}"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    columns.extend(NUMBERS.map(|name| (name, "null".to_owned())));
    columns.extend(TEXTS.map(|name| (name, String::new())));
    (event, columns)
}

/// An event that states everything, every text another one.
fn full() -> (UpdateEvent, Columns) {
    let (mut event, mut columns) = bare();
    event.event_id = EventId([b'b'; 16]);
    event.source_kind = SourceKind::SetupDiag;
    event.phase = Phase::Install;
    event.result = EventResult::Fail;
    event.time_source = TimeSource::DeviceZone;
    event.completeness = 3;
    event.parser_version = u32::MAX;
    event.printed_at_ms = Some(1_673_427_600_123);
    event.occurred_at_ms = Some(1_673_398_800_123);
    event.observed_at_ms = 1_673_427_601_001;
    event.kb = "KB5022286".to_owned();
    event.reboot_required = Some(false);
    event.noise = true;
    event.position = u64::MAX;
    event.extra = [("stage".into(), "commit".into()), ("a".into(), "".into())].into();
    for (name, value) in [
        ("event_id", "bbbbbbbbbbbbbbbb"),
        ("source_kind", "setupdiag"),
        ("phase", "install"),
        ("result", "fail"),
        ("time_source", event.time_source.as_str()),
        ("time_quality", "sound"),
        ("printed_at", "2023-01-11 09:00:00.123"),
        ("occurred_at", "2023-01-11 01:00:00.123"),
        ("observed_at", "2023-01-11 09:00:01.001"),
        ("version", "17179869183"),
        ("kb", "KB5022286"),
        ("reboot_required", "false"),
        ("noise", "true"),
        ("position", "18446744073709551615"),
        ("extra", r#"{"a":"","stage":"commit"}"#),
    ] {
        columns.insert(name, value.to_owned());
    }
    let numbers = [
        &mut event.hresult,
        &mut event.nested_status,
        &mut event.operation_result,
        &mut event.revision,
        &mut event.corruptions_detected,
        &mut event.repaired,
        &mut event.duration_s,
    ];
    for (place, (name, number)) in NUMBERS.into_iter().zip(numbers).enumerate() {
        let value = u32::MAX - u32::try_from(place).unwrap();
        *number = Some(value);
        columns.insert(name, value.to_string());
    }
    state_texts(&mut event, &mut columns);
    (event, columns)
}

fn state_texts(event: &mut UpdateEvent, columns: &mut Columns) {
    let text = |name: &str| match name {
        "health" => "repaired".to_owned(),
        _ => format!("{name} \u{2713} \"\\"),
    };
    event.source = text("source").into();
    event.origin = text("origin").into();
    let owned = [
        &mut event.identifier,
        &mut event.package,
        &mut event.title,
        &mut event.update_guid,
        &mut event.component,
        &mut event.component_version,
        &mut event.arch,
        &mut event.file,
        &mut event.hash_expected,
        &mut event.hash_actual,
        &mut event.mark,
        &mut event.operation,
        &mut event.health,
        &mut event.client,
        &mut event.session_id,
        &mut event.failure_source,
        &mut event.start_state,
        &mut event.target_state,
    ];
    let own = TEXTS
        .iter()
        .filter(|name| !["source", "origin", "evidence"].contains(*name));
    for (name, field) in own.zip(owned) {
        *field = text(name);
    }
    event.evidence = text("evidence");
    columns.extend(TEXTS.map(|name| (name, text(name))));
}

/// All columns of all events, but those that the server fills.
async fn read_back(client: &Client) -> Vec<BTreeMap<String, String>> {
    let asked = "SELECT * EXCEPT (stored_at, received_at) FROM v_update_events ORDER BY event_id";
    let mut answer = client.query(asked).fetch_bytes("JSONEachRow").unwrap();
    let rows = answer.collect().await.unwrap();
    let rows = std::str::from_utf8(&rows).unwrap().lines();
    let rows = rows.map(|line| serde_json::from_str::<Map<String, Value>>(line).unwrap());
    let plain = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    rows.map(|row| {
        row.into_iter()
            .map(|(name, value)| (name, plain(value)))
            .collect()
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_reads_back_every_column_as_it_was_said() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    let (bare, nothing) = bare();
    let (full, everything) = full();
    device.deliver(sealed(1, vec![bare, full])).await;
    let read = read_back(&river.client).await;
    for (read, said) in read.iter().zip([nothing, everything]) {
        let said: BTreeMap<String, String> = said
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        assert_eq!(*read, said);
    }
    assert_eq!(read.len(), 2);
    let received = river
        .count("update_events WHERE received_at > now() - 600 AND stored_at > now() - 600")
        .await;
    assert_eq!(received, 2);
}
