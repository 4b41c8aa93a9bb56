//! Facts of a device as it told them, and what changed between revisions.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::dashboard::layout::section_head;
use crate::dashboard::number::{time, time_to_second};
use crate::dashboard::reader::{Lang, Reader};
use crate::dashboard::text;
use crate::dashboard::words::{CLASSES, FACTS, data, find, word};
use crate::load::FactsLine;

/// Changes that the page lists.
const CHANGES: usize = 50;

/// The newest revision and the changes before it.
pub(super) fn section(revisions: &[FactsLine], reader: &Reader) -> Markup {
    let lang = reader.lang;
    let head = section_head(lang, text::FACTS, None);
    let Some(newest) = revisions.first() else {
        return html! { (head) p.empty { (text::NO_FACTS.of(lang)) } };
    };
    let as_of = time_to_second(reader, newest.observed_at_ms);
    html! {
        (head)
        p.muted { (text::FACTS_AS_OF.fill(lang, &[("time", as_of)])) }
        table.facts {
            thead { tr { th scope="col" { (text::FACT.of(lang)) } th scope="col" { (text::VALUE.of(lang)) } } }
            tbody {
                @for (key, value) in &newest.facts {
                    tr { th scope="row" { (word(FACTS, lang, key)) } td { (fact_value(key, value, lang)) } }
                }
            }
        }
        (changes(revisions, reader))
    }
}

/// Facts that differ between revisions, newest first.
fn changes(revisions: &[FactsLine], reader: &Reader) -> Markup {
    let lang = reader.lang;
    let pairs = revisions.iter().zip(revisions.iter().skip(1));
    let changed: Vec<(i64, &str, &str, &str)> = pairs
        .flat_map(|(new, old)| differences(old, new))
        .take(CHANGES)
        .collect();
    html! {
        @if !changed.is_empty() {
            h3 { (text::FACT_CHANGES.of(lang)) }
            ul.list {
                @for (at_ms, key, old, new) in changed {
                    li {
                        (time(reader, at_ms)) " "
                        (text::FACT_CHANGE.fill(lang, &[
                            ("fact", word(FACTS, lang, key)),
                            ("old", fact_value(key, old, lang)),
                            ("new", fact_value(key, new, lang)),
                        ]))
                    }
                }
            }
        }
    }
}

/// Key, old and new value of each fact that changed, with the time at which the
/// new one was read.
fn differences<'f>(
    old: &'f FactsLine,
    new: &'f FactsLine,
) -> impl Iterator<Item = (i64, &'f str, &'f str, &'f str)> {
    let keys: BTreeSet<&String> = old.facts.keys().chain(new.facts.keys()).collect();
    let at_ms = new.observed_at_ms;
    keys.into_iter().filter_map(move |key| {
        let value = |line: &'f FactsLine| line.facts.get(key).map_or("–", String::as_str);
        let (before, after) = (value(old), value(new));
        (before != after).then_some((at_ms, key.as_str(), before, after))
    })
}

fn fact_value(key: &str, value: &str, lang: Lang) -> Markup {
    match find(CLASSES, value).filter(|_| key == "class") {
        Some(class) => html! { (class.of(lang)) },
        None => data(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_a_change() {
        let line = |at_ms: i64, ubr: &str, image: &str| FactsLine {
            observed_at_ms: at_ms,
            facts: [("ubr", ubr), ("image", image)]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        };
        let (old, mut new) = (line(1, "3770", "a"), line(2, "3887", "a"));
        new.facts.insert("wsus".to_owned(), "w1".to_owned());
        let changed: Vec<_> = differences(&old, &new).collect();
        assert_eq!(
            changed,
            [(2, "ubr", "3770", "3887"), (2, "wsus", "–", "w1")]
        );
    }
}
