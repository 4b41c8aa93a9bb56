//! Events as a table for people.

use std::io::{self, Write};

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::result_code::ResultCode;

use super::PrintError;
use crate::parse::{LogReading, show_time};

/// Prints a file's events, after a look at how wide they are.
pub(super) fn print(reading: &LogReading, out: &mut impl Write) -> Result<(), PrintError> {
    let headings = ["time", "line", "phase", "result", "code", "what"].map(str::to_owned);
    let mut widths = [0; 5];
    let mut widen = |row: &[String; 6]| {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    };
    widen(&headings);
    reading.each(|event| {
        widen(&row(&event));
        Ok::<(), PrintError>(())
    })?;
    print_row(&headings, widths, out)?;
    let mut events = 0;
    reading.each(|event| {
        events += 1;
        Ok::<(), PrintError>(print_row(&row(&event), widths, out)?)
    })?;
    let counts = reading.counts();
    writeln!(
        out,
        "{events} events, read as {} ({} lines, {} records, {} lines cut; not understood: {} lines, \
         {} of {} failing codes)",
        reading.kind(),
        counts.lines,
        counts.records,
        counts.cut_lines,
        counts.unknown_lines(),
        counts.unknown_codes,
        counts.codes
    )?;
    Ok(())
}

fn print_row(row: &[String; 6], widths: [usize; 5], out: &mut impl Write) -> io::Result<()> {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
    }
    line.push_str(&row[5]);
    writeln!(out, "{}", line.trim_end())
}

fn row(event: &UpdateEvent) -> [String; 6] {
    let time = match (event.occurred_at_ms, event.printed_at_ms) {
        (Some(ms), _) => format!("{}Z", show_time(ms)),
        (None, Some(ms)) => show_time(ms),
        (None, None) => String::new(),
    };
    let code = event
        .hresult
        .or(event.operation_result)
        .or(event.nested_status);
    let code = code.filter(|code| *code != 0).map(ResultCode);
    [
        time,
        event.position.to_string(),
        event.phase.to_string(),
        event.result.to_string(),
        code.map_or_else(String::new, |code| code.to_string()),
        what(event, code),
    ]
}

/// The most telling fields of an event, control characters replaced.
fn what(event: &UpdateEvent, code: Option<ResultCode>) -> String {
    let symbol = code.and_then(|code| code.symbol().or_else(|| code.canonical().symbol()));
    let parts = [
        event.kb.as_str(),
        &event.package,
        &event.title,
        &event.component,
        &event.file,
        &event.operation,
        &event.health,
        symbol.unwrap_or_default(),
    ];
    let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let said = if said.is_empty() {
        event.extra.values().map(|value| &**value).collect()
    } else {
        said
    };
    said.join("  ").replace(char::is_control, " ")
}
