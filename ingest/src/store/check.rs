//! Which rows and facts can be stored: what the block's own decoder cannot
//! know to be impossible.

use kbwatch_proto::batch::{Block, RejectedRow, Row, TextField};
use kbwatch_proto::event::{FactsSnapshot, MAX_TEXT_LEN};
use kbwatch_proto::ids::EventId;

use super::months::keep_few_months;

/// Longest name of a device fact, in bytes.
const MAX_FACT_NAME_LEN: usize = 64;

/// Keeps the possible rows; the others join those that could not be read.
pub(crate) fn keep_possible(block: &mut Block, rejected: &mut Vec<RejectedRow>) {
    let mut rows = std::mem::take(&mut block.rows);
    rows.retain(|row| match check_row(block, row) {
        Ok(()) => true,
        Err(reason) => {
            rejected.push(RejectedRow {
                row: row.number,
                reason: reason.to_owned(),
            });
            false
        }
    });
    block.rows = rows;
    keep_few_months(block, rejected);
    rejected.sort_by_key(|rejected| rejected.row);
}

/// Whether a row says only what an event can say.
fn check_row(block: &Block, row: &Row) -> Result<(), &'static str> {
    if row.event_id == EventId::default() {
        return Err("event id of zeros");
    }
    let kb = block.text(row.text(TextField::Kb));
    if !kb.is_empty() && !is_kb(kb) {
        return Err("kb is not KB and digits");
    }
    if !matches!(
        block.text(row.text(TextField::Health)),
        b"" | b"healthy" | b"corrupt" | b"repaired" | b"unknown"
    ) {
        return Err("unknown health word");
    }
    if block.extras(row).any(|(name, _)| name.is_empty()) {
        return Err("an extra field without a name");
    }
    Ok(())
}

fn is_kb(text: &[u8]) -> bool {
    text.strip_prefix(b"KB").is_some_and(|digits| {
        (5..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
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

    #[test]
    fn rejected_rows_are_told_in_order_under_the_numbers_of_the_block() {
        let mut rejected = vec![RejectedRow {
            row: 1,
            reason: "not UTF-8".to_owned(),
        }];
        let row = |number, event_id| Row {
            number,
            event_id,
            ..Row::default()
        };
        let mut block = Block::default();
        block.rows = vec![
            row(0, EventId([1; 16])),
            row(2, EventId::default()),
            row(3, EventId([3; 16])),
        ];
        keep_possible(&mut block, &mut rejected);
        let kept: Vec<_> = block.rows.iter().map(|row| row.number).collect();
        assert_eq!(kept, [0, 3]);
        let rows: Vec<_> = rejected.iter().map(|rejected| rejected.row).collect();
        assert_eq!(rows, [1, 2]);
    }
}
