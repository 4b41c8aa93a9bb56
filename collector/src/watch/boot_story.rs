//! When the machine last started, and why it was down before: from the records
//! 1074, 6005, 6006, 6008 and 41 of the System log.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kbwatch_proto::event::UpdateEvent;

use crate::parse::{FileKind, Origin, TextParser};

/// Records of a start come within this long after it, in milliseconds: that it
/// was not clean is found out only then.
const AFTERTHOUGHT_MS: i64 = 10 * 60_000;

/// What records, as XML and oldest first, tell: `last_boot` in UTC;
/// `last_down`: `requested`, `clean`, `crash` or `unexpected`; `last_down_by`:
/// the program that asked for it. What they do not tell is left out.
pub(crate) fn tell(records: &[String]) -> BTreeMap<String, String> {
    let mut parser = TextParser::new(
        FileKind::EventXml,
        Origin {
            device_id: String::new(),
            log: String::new(),
        },
    );
    let mut events = Vec::new();
    for record in records {
        parser.feed(record.as_bytes(), &mut events);
        parser.feed(b"\n", &mut events);
    }
    parser.finish(&mut events);
    story(&events)
}

fn story(events: &[UpdateEvent]) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let boots: Vec<(usize, i64)> = events
        .iter()
        .enumerate()
        .filter(|(_, event)| number(event) == "6005")
        .filter_map(|(at, event)| Some((at, event.occurred_at_ms?)))
        .collect();
    let Some((boot, boot_ms)) = boots.last().copied() else {
        return facts;
    };
    let earlier = boots.iter().rev().nth(1).copied();
    if let Ok(time) = Timestamp::from_millisecond(boot_ms / 1_000 * 1_000) {
        facts.insert("last_boot".to_owned(), time.to_string());
    }
    // Found out at a start, and written shortly before or after its record.
    let mut findings = events.iter().filter(|event| {
        matches!(number(event), "41" | "6008")
            && event.occurred_at_ms.is_some_and(|at_ms| {
                let far_ms = (at_ms - boot_ms).abs();
                far_ms <= AFTERTHOUGHT_MS
                    && earlier.is_none_or(|(_, earlier_ms)| far_ms < (at_ms - earlier_ms).abs())
            })
    });
    let since = earlier.map_or(0, |(at, _)| at + 1);
    let before = &events[since..boot];
    let requested = before.iter().rev().find(|event| number(event) == "1074");
    let down = if findings.clone().any(bugcheck) {
        "crash"
    } else if findings.next().is_some() {
        "unexpected"
    } else if requested.is_some() {
        "requested"
    } else if before.iter().any(|event| number(event) == "6006") {
        "clean"
    } else {
        return facts;
    };
    facts.insert("last_down".to_owned(), down.to_owned());
    if down == "requested"
        && let Some(process) = requested.and_then(|event| event.extra.get("process"))
    {
        facts.insert("last_down_by".to_owned(), process.clone().into_owned());
    }
    facts
}

fn number(event: &UpdateEvent) -> &str {
    event.extra.get("event_number").map_or("", |number| number)
}

fn bugcheck(event: &UpdateEvent) -> bool {
    event
        .extra
        .get("bugcheck")
        .is_some_and(|code| !matches!(&**code, "" | "0" | "0x0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u32, provider: &str, minute: u32, data: &str) -> String {
        format!(
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>\
             <Provider Name='{provider}'/><EventID>{id}</EventID>\
             <TimeCreated SystemTime='2023-01-11T01:{minute:02}:00.1234567Z'/>\
             <EventRecordID>{minute}</EventRecordID><Channel>System</Channel></System>\
             <EventData>{data}</EventData></Event>"
        )
    }

    fn boot(minute: u32) -> String {
        record(6005, "EventLog", minute, "")
    }

    fn power(minute: u32, bugcheck: &str) -> String {
        let data = format!("<Data Name='BugcheckCode'>{bugcheck}</Data>");
        record(41, "Microsoft-Windows-Kernel-Power", minute, &data)
    }

    fn told(records: &[String], name: &str) -> Option<String> {
        tell(records).get(name).cloned()
    }

    #[test]
    fn a_restart_that_a_program_asked_for_is_told_with_its_name() {
        let data = "<Data Name='param1'>C:\\Windows\\servicing\\TrustedInstaller.exe (PC-1)</Data>\
             <Data Name='param5'>restart</Data>";
        let records = [
            boot(1),
            record(1074, "User32", 5, data),
            record(6006, "EventLog", 6, ""),
            boot(8),
        ];
        assert_eq!(told(&records, "last_boot").unwrap(), "2023-01-11T01:08:00Z");
        assert_eq!(told(&records, "last_down").unwrap(), "requested");
        assert_eq!(
            told(&records, "last_down_by").unwrap(),
            "TrustedInstaller.exe"
        );
    }

    #[test]
    fn a_crash_and_a_lost_power_are_told_apart() {
        let crash = [boot(1), boot(8), power(9, "209")];
        assert_eq!(told(&crash, "last_down").unwrap(), "crash");
        let power_loss = [boot(1), power(8, "0"), boot(8)];
        assert_eq!(told(&power_loss, "last_down").unwrap(), "unexpected");
    }

    #[test]
    fn what_an_earlier_start_tells_is_not_told_of_the_last() {
        let records = [
            boot(1),
            power(2, "209"),
            record(6006, "EventLog", 20, ""),
            boot(22),
        ];
        assert_eq!(told(&records, "last_down").unwrap(), "clean");
        assert!(tell(&[]).is_empty());
    }
}
