//! The closed vocabularies of tables and events, as words for people.
//!
//! A word that is not listed is shown as it stands, marked as data.

use maud::{Markup, html};

use super::reader::Lang;
use super::text::{Phrase, say};
use crate::view::Life;

pub(super) type Words = &'static [(&'static str, Phrase)];

#[rustfmt::skip]
mod tables;

pub(super) use tables::*;

/// The word for people, or the word itself as data.
pub(super) fn word(words: Words, lang: Lang, key: &str) -> Markup {
    match find(words, key) {
        Some(phrase) => html! { (phrase.of(lang)) },
        None => data(key),
    }
}

/// The word for people, where the vocabulary has it.
pub(super) fn find(words: Words, key: &str) -> Option<Phrase> {
    words
        .iter()
        .find(|(known, _)| *known == key)
        .map(|(_, phrase)| *phrase)
}

/// Stage in the life of a cluster.
pub(super) fn life(life: Life) -> Phrase {
    match life {
        Life::New => say("new", "新出现"),
        Life::Growing => say("growing", "扩大中"),
        Life::Steady => say("steady", "持平"),
        Life::Fading => say("fading", "消退中"),
        Life::Closed => say("closed", "已结"),
        Life::Returned => say("returned", "复发"),
    }
}

/// Longest text from devices that is shown at a glance, in characters.
const GLANCE: usize = 160;

/// Text from logs or devices: marked as not to be translated, kept apart from
/// the direction of the text around it, with hidden characters made visible. A
/// long one is cut; its whole stands in the element's title.
pub(super) fn data(text: &str) -> Markup {
    let shown = visible(text);
    match shown.char_indices().nth(GLANCE) {
        None => html! { bdi translate="no" { (shown) } },
        Some((end, _)) => html! { bdi translate="no" title=(shown) { (shown[..end]) "…" } },
    }
}

/// Makes characters visible that would change how the text around them reads:
/// controls, direction marks, invisible ones. Line ends and tabs stay.
pub(super) fn visible(text: &str) -> String {
    if !text.contains(is_hidden) {
        return text.to_owned();
    }
    let by_number = |c: char| {
        if is_hidden(c) {
            format!("‹{:04X}›", u32::from(c))
        } else {
            c.to_string()
        }
    };
    text.chars().map(by_number).collect()
}

fn is_hidden(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    control
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use kbwatch_proto::words::{EventResult, Phase, SourceKind};

    #[test]
    fn every_word_of_the_event_vocabularies_is_translated() {
        for word in ["hydrate", "reboot_commit", "appx_provision"] {
            assert!(word.parse::<Phase>().is_ok() && find(PHASES, word).is_some());
        }
        for (word, _) in RESULTS {
            assert!(word.parse::<EventResult>().is_ok(), "{word}");
        }
        for (word, _) in SOURCES {
            assert!(word.parse::<SourceKind>().is_ok(), "{word}");
        }
        assert_eq!((RESULTS.len(), SOURCES.len()), (19, 11));
    }

    #[test]
    fn no_word_lacks_a_language() {
        let all = [
            FACTS,
            PHASES,
            RESULTS,
            OUTCOMES,
            SOURCES,
            UNREADABLE,
            SILENCES,
            CLASSES,
            FIELDS,
            UNREADY,
            BLOCKERS,
            DECISIONS,
            NO_FORECAST,
        ];
        for (key, phrase) in all.into_iter().flatten().filter(|(key, _)| *key != "kb") {
            assert!(phrase.of(Lang::En).is_ascii(), "{key}");
            assert!(!phrase.of(Lang::Zh).is_ascii(), "{key}");
        }
    }

    #[test]
    fn hidden_characters_are_shown_by_number() {
        assert_eq!(visible("a\u{202e}gpj.exe"), "a‹202E›gpj.exe");
        assert_eq!(visible("bell\u{7} zero\u{200b}"), "bell‹0007› zero‹200B›");
        assert_eq!(visible("two\r\nlines\t柜员"), "two\r\nlines\t柜员");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_kept_in_the_title() {
        let shown = data(&"柜".repeat(700)).into_string();
        assert_eq!(shown.matches('柜').count(), 700 + GLANCE);
        assert!(shown.contains("…"));
    }

    #[test]
    fn an_unknown_word_is_shown_as_data() {
        let shown = word(PHASES, Lang::Zh, "<explode>").into_string();
        assert_eq!(shown, "<bdi translate=\"no\">&lt;explode&gt;</bdi>");
    }
}
