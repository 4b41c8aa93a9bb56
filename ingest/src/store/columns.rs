//! The events of a group as one block of `update_events`, column by column.

use kbwatch_proto::batch::{Block, Row, TEXT_FIELDS, TEXT_NAMES, TextField};
use prost::bytes::Bytes;

use super::native::{Known, Native, Nullable, Vocabulary, Words, text};
use super::opened::Opened;
use super::order::Place;
use super::rows::version;
use super::time_quality::{TimeQuality, filed_at, tick, time_quality};

/// Columns of a block: all of the table but `stored_at`.
const COLUMNS: usize = 45;

const TIME: &str = "DateTime64(3, 'UTC')";

/// Numbers that a record may not state, in the order of [`numbers`].
const NUMBERS: [&str; 7] = [
    "hresult",
    "nested_status",
    "operation_result",
    "revision",
    "corruptions_detected",
    "repaired",
    "duration_s",
];

fn numbers(row: &Row) -> [Option<u32>; NUMBERS.len()] {
    [
        row.hresult,
        row.nested_status,
        row.operation_result,
        row.revision,
        row.corruptions_detected,
        row.repaired,
        row.duration_s,
    ]
}

/// Texts that differ from event to event are stored as they are, the others as
/// words.
const PLAIN: [bool; TEXT_FIELDS] = {
    let mut plain = [false; TEXT_FIELDS];
    plain[TextField::Package as usize] = true;
    plain[TextField::UpdateGuid as usize] = true;
    plain[TextField::Component as usize] = true;
    plain[TextField::File as usize] = true;
    plain[TextField::HashExpected as usize] = true;
    plain[TextField::HashActual as usize] = true;
    plain[TextField::SessionId as usize] = true;
    plain[TextField::Evidence as usize] = true;
    plain
};

/// Names of the columns, and the block that holds them.
pub(super) fn events_block(batches: &[Opened], order: &[Place]) -> (Vec<&'static str>, Vec<Bytes>) {
    let mut vocabulary = Vocabulary::new();
    let mut columns = Columns::default();
    let mut known: Vec<Known> = batches
        .iter()
        .map(|batch| Known::of(batch.block.strings()))
        .collect();
    let devices: Vec<u32> = batches
        .iter()
        .map(|batch| vocabulary.number(batch.device_id.as_bytes()))
        .collect();
    let mut closed = Closed::default();
    let mut extras = Vec::new();
    for place in order {
        let batch = &batches[place.batch];
        let row = &batch.block.rows[place.row];
        columns.device_id.push(devices[place.batch], &vocabulary);
        columns.words_of(row, batch.received_at_ms, &mut closed, &mut vocabulary);
        columns.texts_of(row, &batch.block, &mut known[place.batch], &mut vocabulary);
        columns.numbers_of(row, batch.received_at_ms);
        batch.vouched.extras(&batch.block, row, &mut extras);
        columns.extras_of(&extras);
    }
    columns.finish(order.len())
}

/// Shared numbers of the closed vocabularies' words, by their places in them.
#[derive(Default)]
struct Closed([Vec<Option<u32>>; 5]);

impl Closed {
    /// The number of a word, looked up once per group.
    fn number(&mut self, column: usize, place: usize, find: impl FnOnce() -> u32) -> u32 {
        let known = &mut self.0[column];
        if known.len() <= place {
            known.resize(place + 1, None);
        }
        *known[place].get_or_insert_with(find)
    }
}

#[derive(Default)]
struct Columns {
    device_id: Words,
    /// Source kind, phase, result, time source, time quality.
    closed: [Words; 5],
    event_id: Vec<u8>,
    printed_at: Vec<u8>,
    occurred_at: Nullable,
    observed_at: Vec<u8>,
    received_at: Vec<u8>,
    version: Vec<u8>,
    numbers: [Nullable; NUMBERS.len()],
    words: [Words; TEXT_FIELDS],
    plain: [Vec<u8>; TEXT_FIELDS],
    reboot_required: Nullable,
    noise: Vec<u8>,
    position: Vec<u8>,
    extra_ends: Vec<u8>,
    extra_names: Vec<u8>,
    extra_values: Vec<u8>,
    extra_count: u64,
}

/// The word of a closed vocabulary, once it is needed.
type TextOf = fn(&Row, TimeQuality) -> &'static str;

const CLOSED_NAMES: [&str; 5] = [
    "source_kind",
    "phase",
    "result",
    "time_source",
    "time_quality",
];

impl Columns {
    fn words_of(
        &mut self,
        row: &Row,
        received_at_ms: i64,
        closed: &mut Closed,
        vocabulary: &mut Vocabulary<'_>,
    ) {
        let quality = time_quality(row, received_at_ms);
        let words: [(usize, TextOf); 5] = [
            (row.source_kind as usize, |row, _| row.source_kind.as_str()),
            (row.phase as usize, |row, _| row.phase.as_str()),
            (row.result as usize, |row, _| row.result.as_str()),
            (row.time_source as usize, |row, _| row.time_source.as_str()),
            (quality as usize, |_, quality| quality.as_str()),
        ];
        for (column, (word, text)) in words.into_iter().enumerate() {
            let find = || vocabulary.number(text(row, quality).as_bytes());
            let number = closed.number(column, word, find);
            self.closed[column].push(number, vocabulary);
        }
    }

    fn texts_of<'a>(
        &mut self,
        row: &Row,
        block: &'a Block,
        known: &mut Known,
        vocabulary: &mut Vocabulary<'a>,
    ) {
        for (field, reference) in row.texts.into_iter().enumerate() {
            if PLAIN[field] {
                text(block.text(reference), &mut self.plain[field]);
            } else {
                let find = || vocabulary.number(block.text(reference));
                let number = known.number(reference, find);
                self.words[field].push(number, vocabulary);
            }
        }
    }

    fn numbers_of(&mut self, row: &Row, received_at_ms: i64) {
        let put = |column: &mut Vec<u8>, value: i64| column.extend_from_slice(&value.to_le_bytes());
        self.event_id.extend_from_slice(&row.event_id.0);
        put(&mut self.printed_at, filed_at(row));
        put(&mut self.observed_at, tick(row.observed_at_ms));
        put(&mut self.received_at, tick(received_at_ms));
        let occurred_at = row.occurred_at_ms.map(|time| tick(time).to_le_bytes());
        self.occurred_at.push(occurred_at);
        self.version.extend_from_slice(&version(row).to_le_bytes());
        for (column, number) in self.numbers.iter_mut().zip(numbers(row)) {
            column.push(number.map(u32::to_le_bytes));
        }
        let reboot = row.reboot_required.map(|needed| [u8::from(needed)]);
        self.reboot_required.push(reboot);
        self.noise.push(u8::from(row.noise));
        self.position.extend_from_slice(&row.position.to_le_bytes());
    }

    fn extras_of(&mut self, extras: &[(&[u8], &[u8])]) {
        for (name, value) in extras {
            text(name, &mut self.extra_names);
            text(value, &mut self.extra_values);
            self.extra_count += 1;
        }
        self.extra_ends
            .extend_from_slice(&self.extra_count.to_le_bytes());
    }

    fn finish(self, rows: usize) -> (Vec<&'static str>, Vec<Bytes>) {
        let mut block = Native::new(COLUMNS, rows);
        block.words("device_id", &self.device_id);
        block.column("event_id", "FixedString(16)", [self.event_id]);
        for (name, words) in CLOSED_NAMES.into_iter().zip(&self.closed) {
            block.words(name, words);
        }
        block.column("printed_at", TIME, [self.printed_at]);
        let Nullable { absent, values } = self.occurred_at;
        block.column(
            "occurred_at",
            &format!("Nullable({TIME})"),
            [absent, values],
        );
        block.column("observed_at", TIME, [self.observed_at]);
        block.column("received_at", TIME, [self.received_at]);
        block.column("version", "UInt64", [self.version]);
        for (name, Nullable { absent, values }) in NUMBERS.into_iter().zip(self.numbers) {
            block.column(name, "Nullable(UInt32)", [absent, values]);
        }
        let texts = self.plain.into_iter().zip(&self.words);
        for (field, (plain, words)) in texts.enumerate() {
            if PLAIN[field] {
                block.column(TEXT_NAMES[field], "String", [plain]);
            } else {
                block.words(TEXT_NAMES[field], words);
            }
        }
        let Nullable { absent, values } = self.reboot_required;
        block.column("reboot_required", "Nullable(Bool)", [absent, values]);
        block.column("noise", "Bool", [self.noise]);
        block.column("position", "UInt64", [self.position]);
        let extra = [self.extra_ends, self.extra_names, self.extra_values];
        block.column("extra", "Map(String, String)", extra);
        block.finish()
    }
}
