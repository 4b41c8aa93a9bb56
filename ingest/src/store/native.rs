//! Columns in ClickHouse's Native format: a header, then each column whole.
//!
//! Everything little endian; texts carry their length as a varint. A word is
//! written once per block and referred to (`LowCardinality`), as the column
//! stores it. Format: clickhouse.com/docs/interfaces/formats/Native.

use std::collections::HashMap;

use prost::bytes::Bytes;

/// `SharedDictionariesWithAdditionalKeys`: the only layout of a dictionary.
const DICTIONARY_VERSION: u64 = 1;

/// Keys follow, and belong to this block alone.
const OWN_KEYS: u64 = (1 << 9) | (1 << 10);

/// Marks a reference that was not met yet.
const UNKNOWN: u32 = u32::MAX;

/// Columns longer than this are sent as they are, without another copy.
const OWN_CHUNK: usize = 64 * 1024;

/// A block under construction, in the chunks in which it is sent.
#[derive(Debug)]
pub(super) struct Native {
    names: Vec<&'static str>,
    chunks: Vec<Bytes>,
    tail: Vec<u8>,
}

impl Native {
    /// Begins a block; as many columns have to follow.
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        let mut tail = Vec::new();
        varint(columns, &mut tail);
        varint(rows, &mut tail);
        Self {
            names: Vec::with_capacity(columns),
            chunks: Vec::new(),
            tail,
        }
    }

    /// Adds a column whose values are ready, in one part or several.
    pub(super) fn column<const N: usize>(
        &mut self,
        name: &'static str,
        of_type: &str,
        parts: [Vec<u8>; N],
    ) {
        self.names.push(name);
        text(name.as_bytes(), &mut self.tail);
        text(of_type.as_bytes(), &mut self.tail);
        for part in parts {
            if part.len() < OWN_CHUNK {
                self.tail.extend_from_slice(&part);
            } else {
                self.cut();
                self.chunks.push(part.into());
            }
        }
    }

    /// Adds a column of words.
    pub(super) fn words(&mut self, name: &'static str, words: &Words) {
        let mut bytes = Vec::new();
        words.write(&mut bytes);
        self.column(name, "LowCardinality(String)", [bytes]);
    }

    /// Names of the columns, and the block.
    pub(super) fn finish(mut self) -> (Vec<&'static str>, Vec<Bytes>) {
        self.cut();
        (self.names, self.chunks)
    }

    /// An empty chunk would be the end of a compressed stream.
    fn cut(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push(std::mem::take(&mut self.tail).into());
        }
    }
}

/// Appends a text with its length.
pub(super) fn text(text: &[u8], bytes: &mut Vec<u8>) {
    varint(text.len(), bytes);
    bytes.extend_from_slice(text);
}

fn varint(mut value: usize, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

/// Values that may be absent: marks, and zeros where nothing is.
#[derive(Debug, Default)]
pub(super) struct Nullable {
    pub(super) absent: Vec<u8>,
    pub(super) values: Vec<u8>,
}

impl Nullable {
    pub(super) fn push<const N: usize>(&mut self, value: Option<[u8; N]>) {
        self.absent.push(u8::from(value.is_none()));
        self.values.extend_from_slice(&value.unwrap_or([0; N]));
    }
}

/// A column of words; each is known by a number that all columns of a group
/// share.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Place in the dictionary of each word by its shared number.
    places: Vec<u32>,
    keys: Vec<u8>,
    count: u32,
    rows: Vec<u32>,
}

impl Words {
    pub(super) fn push(&mut self, word: u32, vocabulary: &Vocabulary<'_>) {
        let index = word as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, UNKNOWN);
        }
        if self.places[index] == UNKNOWN {
            self.places[index] = self.count;
            self.count += 1;
            text(vocabulary.word(word), &mut self.keys);
        }
        self.rows.push(self.places[index]);
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let (width, kind) = match self.count {
            0..=0x100 => (1, 0_u64),
            0x101..=0x1_0000 => (2, 1),
            _ => (4, 2),
        };
        bytes.extend_from_slice(&DICTIONARY_VERSION.to_le_bytes());
        bytes.extend_from_slice(&(kind | OWN_KEYS).to_le_bytes());
        bytes.extend_from_slice(&u64::from(self.count).to_le_bytes());
        bytes.extend_from_slice(&self.keys);
        bytes.extend_from_slice(&(self.rows.len() as u64).to_le_bytes());
        match width {
            1 => bytes.extend(self.rows.iter().map(|place| place.to_le_bytes()[0])),
            _ => {
                for place in &self.rows {
                    bytes.extend_from_slice(&place.to_le_bytes()[..width]);
                }
            }
        }
    }
}

/// Numbers for the words of a group; 0 is the empty one.
#[derive(Debug)]
pub(super) struct Vocabulary<'a> {
    numbers: HashMap<&'a [u8], u32>,
    words: Vec<&'a [u8]>,
}

impl<'a> Vocabulary<'a> {
    pub(super) fn new() -> Self {
        Self {
            numbers: HashMap::new(),
            words: vec![b""],
        }
    }

    pub(super) fn number(&mut self, word: &'a [u8]) -> u32 {
        if word.is_empty() {
            return 0;
        }
        *self.numbers.entry(word).or_insert_with(|| {
            self.words.push(word);
            u32::try_from(self.words.len() - 1).unwrap_or(UNKNOWN)
        })
    }

    fn word(&self, number: u32) -> &'a [u8] {
        self.words.get(number as usize).copied().unwrap_or_default()
    }
}

/// The shared numbers of one batch's words, by their references in it.
#[derive(Debug)]
pub(super) struct Known(Vec<u32>);

impl Known {
    pub(super) fn of(strings: usize) -> Self {
        Self(vec![UNKNOWN; strings])
    }

    /// The number of a word, looked up once per batch.
    pub(super) fn number(&mut self, reference: u32, find: impl FnOnce() -> u32) -> u32 {
        match self.0.get_mut(reference as usize) {
            Some(known) if reference != 0 => {
                if *known == UNKNOWN {
                    *known = find();
                }
                *known
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_over_127_takes_two_bytes() {
        let mut bytes = Vec::new();
        text(&[b'x'; 300], &mut bytes);
        assert_eq!(bytes[..3], [0xac, 0x02, b'x']);
        assert_eq!(bytes.len(), 302);
    }

    #[test]
    fn a_word_is_written_once_and_referred_to() {
        let mut vocabulary = Vocabulary::new();
        let [kb, none] = [b"KB1".as_slice(), b""].map(|word| vocabulary.number(word));
        let mut words = Words::default();
        for word in [kb, none, kb] {
            words.push(word, &vocabulary);
        }
        assert_eq!(words.keys, b"\x03KB1\x00");
        assert_eq!(words.rows, [0, 1, 0]);
    }

    #[test]
    fn many_words_are_referred_to_by_wider_numbers() {
        let texts: Vec<String> = (0..300).map(|number| format!("w{number}")).collect();
        let mut vocabulary = Vocabulary::new();
        let mut words = Words::default();
        for text in &texts {
            let number = vocabulary.number(text.as_bytes());
            words.push(number, &vocabulary);
        }
        let mut bytes = Vec::new();
        words.write(&mut bytes);
        assert_eq!(bytes[8..16], (1 | OWN_KEYS).to_le_bytes());
        assert_eq!(bytes[bytes.len() - 2..], 299_u16.to_le_bytes());
    }
}
