//! Which rows and facts can be stored: what the block's own decoder cannot
//! know to be impossible.

use kbwatch_proto::batch::RejectedRow;
use kbwatch_proto::event::{FactsSnapshot, MAX_TEXT_LEN, UpdateEvent};
use kbwatch_proto::ids::EventId;

/// Longest name of a device fact, in bytes.
const MAX_FACT_NAME_LEN: usize = 64;

/// Keeps the possible events; the others join the rejected rows under the
/// numbers that they have in the block.
pub(crate) fn keep_possible(
    events: Vec<UpdateEvent>,
    rejected: &mut Vec<RejectedRow>,
) -> Vec<UpdateEvent> {
    let mut undecoded = std::mem::take(rejected).into_iter().peekable();
    let mut kept = Vec::with_capacity(events.len());
    let mut row = 0;
    for event in events {
        while let Some(gap) = undecoded.next_if(|gap| gap.row == row) {
            rejected.push(gap);
            row += 1;
        }
        match check_event(&event) {
            Ok(()) => kept.push(event),
            Err(reason) => rejected.push(RejectedRow {
                row,
                reason: reason.to_owned(),
            }),
        }
        row += 1;
    }
    rejected.extend(undecoded);
    kept
}

/// Whether an event says only what an event can say.
fn check_event(event: &UpdateEvent) -> Result<(), &'static str> {
    if event.event_id == EventId::default() {
        return Err("event id of zeros");
    }
    if !event.kb.is_empty() && !is_kb(&event.kb) {
        return Err("kb is not KB and digits");
    }
    if !matches!(
        event.health.as_str(),
        "" | "healthy" | "corrupt" | "repaired" | "unknown"
    ) {
        return Err("unknown health word");
    }
    if event.extra.keys().any(|name| name.is_empty()) {
        return Err("an extra field without a name");
    }
    Ok(())
}

fn is_kb(text: &str) -> bool {
    text.strip_prefix("KB").is_some_and(|digits| {
        (5..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether facts have names and values that the table and its readers expect.
pub(crate) fn check_facts(facts: FactsSnapshot) -> Result<FactsSnapshot, String> {
    let name_byte = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.')
    };
    for (name, value) in &facts.facts {
        if name.is_empty() || name.len() > MAX_FACT_NAME_LEN || !name.bytes().all(name_byte) {
            return Err("a name that is not lower case with underscores".to_owned());
        }
        if value.len() > MAX_TEXT_LEN {
            return Err("a value over the limit".to_owned());
        }
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(last: u8) -> UpdateEvent {
        UpdateEvent {
            event_id: EventId([last; 16]),
            ..UpdateEvent::default()
        }
    }

    #[test]
    fn row_numbers_count_the_rows_that_could_not_be_decoded() {
        let mut rejected = vec![RejectedRow {
            row: 0,
            reason: "not UTF-8".to_owned(),
        }];
        let bad = UpdateEvent::default();
        let kept = keep_possible(vec![event(1), bad], &mut rejected);
        assert_eq!(kept.len(), 1);
        let rows: Vec<_> = rejected.iter().map(|rejected| rejected.row).collect();
        assert_eq!(rows, [0, 2]);
    }
}
