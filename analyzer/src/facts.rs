//! Device facts, kept small: every word once, a revision as pairs of numbers.

use std::collections::HashMap;
use std::sync::Arc;

/// A word of [`Words`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Word(u32);

impl Word {
    /// A word of a vocabulary that is made of numbers.
    #[cfg(test)]
    pub(crate) fn of_number(number: u32) -> Self {
        Self(number)
    }

    /// A number of its own, for grouping.
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// Keeps every distinct text once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, Word>,
}

impl Words {
    /// The word of `text`, made if it is new.
    pub(crate) fn word(&mut self, text: &str) -> Word {
        if let Some(word) = self.numbers.get(text) {
            return *word;
        }
        let word = Word(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        let text: Arc<str> = Arc::from(text);
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, word);
        word
    }

    /// The word of `text` if it was ever made.
    pub(crate) fn find(&self, text: &str) -> Option<Word> {
        self.numbers.get(text).copied()
    }

    /// The text of `word`.
    pub(crate) fn text(&self, word: Word) -> &str {
        self.texts
            .get(word.0 as usize)
            .map_or("", |text| text.as_ref())
    }
}

/// One revision of a device's facts: key and value, sorted by key.
pub(crate) type Facts = Arc<[(Word, Word)]>;

/// A revision and when the device read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FactsRevision {
    /// First read then, by the device's clock, milliseconds since 1970 UTC.
    pub observed_at_ms: i64,
    /// Last read the same then.
    pub confirmed_at_ms: i64,
    /// The facts.
    pub facts: Facts,
}

/// Rings are compared with those of target lists, which are lower case.
const RING: &str = "ring";

impl Words {
    /// Makes a revision out of texts.
    pub(crate) fn facts<'a>(&mut self, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Facts {
        let mut facts: Vec<(Word, Word)> = pairs
            .map(|(key, value)| match key {
                RING => (self.word(key), self.word(&value.to_lowercase())),
                _ => (self.word(key), self.word(value)),
            })
            .collect();
        facts.sort_unstable();
        facts.dedup_by_key(|pair| pair.0);
        Arc::from(facts)
    }

    /// Value of `key` in `facts`, or empty.
    pub(crate) fn value<'a>(&'a self, facts: &Facts, key: &str) -> &'a str {
        self.find(key)
            .and_then(|key| value_of(facts, key))
            .map_or("", |value| self.text(value))
    }
}

/// Value of `key` in `facts`.
pub(crate) fn value_of(facts: &Facts, key: Word) -> Option<Word> {
    let at = facts.binary_search_by_key(&key, |pair| pair.0).ok()?;
    facts.get(at).map(|pair| pair.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_reads_back_as_it_was_said() {
        let mut words = Words::default();
        let facts = words.facts([("ubr", "3770"), ("class", "teller")].into_iter());
        assert_eq!(words.value(&facts, "ubr"), "3770");
        assert_eq!(words.value(&facts, "class"), "teller");
        assert_eq!(words.value(&facts, "ring"), "");
    }

    #[test]
    fn a_ring_is_the_same_ring_in_capitals() {
        let mut words = Words::default();
        let facts = words.facts([("ring", "Ring1"), ("image", "Img-A")].into_iter());
        assert_eq!(words.value(&facts, "ring"), "ring1");
        assert_eq!(words.value(&facts, "image"), "Img-A");
    }
}
