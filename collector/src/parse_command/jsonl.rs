//! Events as JSON objects, one a line, absent fields left out.

use std::io::{self, Write};

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::result_code::ResultCode;
use kbwatch_proto::words::TimeSource;
use serde_json::{Map, Value};

use super::PrintError;
use crate::parse::{FileKind, LogReading, show_time};

/// Prints a file's events.
pub(super) fn print(
    reading: &LogReading,
    with_ids: bool,
    out: &mut impl Write,
) -> Result<(), PrintError> {
    reading.each(|event| {
        let object = object(&event, reading.kind(), with_ids);
        serde_json::to_writer(&mut *out, &Value::Object(object)).map_err(io::Error::from)?;
        Ok(out.write_all(b"\n")?)
    })
}

fn object(event: &UpdateEvent, kind: FileKind, with_ids: bool) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("log", (*event.origin).into());
    put("kind", kind.as_str().into());
    let is_record = kind.is_event_log();
    put(
        if is_record { "record" } else { "line" },
        event.position.into(),
    );
    if with_ids {
        put("event_id", event.event_id.to_string().into());
    }
    put("phase", event.phase.as_str().into());
    put("result", event.result.as_str().into());
    if event.noise {
        put("noise", true.into());
    }
    times(event, is_record, &mut put);
    codes(event, &mut put);
    texts(event, &mut put);
    for (name, value) in &event.extra {
        put(name, (**value).into());
    }
    object
}

fn times(event: &UpdateEvent, is_record: bool, put: &mut dyn FnMut(&str, Value)) {
    let local = event.printed_at_ms.filter(|_| !is_record);
    if let Some(ms) = local {
        put("ts_local", show_time(ms).into());
    }
    if let Some(ms) = event.occurred_at_ms {
        put("ts_utc", format!("{}Z", show_time(ms)).into());
    }
    if event.time_source != TimeSource::Unknown {
        put("time_source", event.time_source.as_str().into());
    }
}

fn codes(event: &UpdateEvent, put: &mut dyn FnMut(&str, Value)) {
    for (name, symbol_name, code) in [
        ("hresult", "symbol", event.hresult),
        ("nested_status", "nested_symbol", event.nested_status),
        (
            "operation_result",
            "operation_symbol",
            event.operation_result,
        ),
    ] {
        let Some(code) = code.map(ResultCode) else {
            continue;
        };
        put(name, code.to_string().into());
        if let Some(symbol) = code.symbol().or_else(|| code.canonical().symbol()) {
            put(symbol_name, symbol.into());
        }
    }
    for (name, number) in [
        ("revision", event.revision),
        ("corruptions_detected", event.corruptions_detected),
        ("repaired", event.repaired),
        ("duration_s", event.duration_s),
    ] {
        if let Some(number) = number {
            put(name, number.into());
        }
    }
    if let Some(required) = event.reboot_required {
        put("reboot_required", required.into());
    }
}

fn texts(event: &UpdateEvent, put: &mut dyn FnMut(&str, Value)) {
    for (name, text) in [
        ("source", &*event.source),
        ("kb", &event.kb),
        ("identifier", &event.identifier),
        ("package", &event.package),
        ("title", &event.title),
        ("update_guid", &event.update_guid),
        ("component", &event.component),
        ("component_version", &event.component_version),
        ("arch", &event.arch),
        ("file", &event.file),
        ("hash_expected", &event.hash_expected),
        ("hash_actual", &event.hash_actual),
        ("mark", &event.mark),
        ("operation", &event.operation),
        ("health", &event.health),
        ("client", &event.client),
        ("session_id", &event.session_id),
        ("failure_source", &event.failure_source),
        ("start_state", &event.start_state),
        ("target_state", &event.target_state),
        ("evidence", &event.evidence),
    ] {
        if !text.is_empty() {
            put(name, text.into());
        }
    }
}
