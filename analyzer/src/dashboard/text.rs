//! Every sentence of the screens, in both languages, a line each.
//!
//! Words of the closed vocabularies (phases, results, facts) are in
//! [`super::words`], result codes in [`super::codes`].

use maud::{Markup, PreEscaped, Render};

use super::reader::Lang;

#[rustfmt::skip]
mod cluster;
#[rustfmt::skip]
mod fleet;
#[rustfmt::skip]
mod kb;
#[rustfmt::skip]
mod rollout;
#[rustfmt::skip]
mod shared;

pub(super) use cluster::*;
pub(super) use fleet::*;
pub(super) use kb::*;
pub(super) use rollout::*;
pub(super) use shared::*;

/// One text in both languages; `{name}` marks a place to fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phrase {
    en: &'static str,
    zh: &'static str,
}

/// A phrase; neither language can be left out.
pub(super) const fn say(en: &'static str, zh: &'static str) -> Phrase {
    Phrase { en, zh }
}

impl Phrase {
    /// The text in one language.
    pub(crate) const fn of(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }

    /// The text with its places filled by markup. Fillings are never searched
    /// for places themselves.
    pub(super) fn fill(self, lang: Lang, fillings: &[(&str, Markup)]) -> Markup {
        let mut html = String::new();
        let mut rest = self.of(lang);
        while let Some((before, after)) = rest.split_once('{') {
            before.render_to(&mut html);
            let (name, tail) = after.split_once('}').unwrap_or((after, ""));
            let filling = fillings.iter().find(|(key, _)| *key == name);
            debug_assert!(filling.is_some(), "nothing fills {name:?}");
            if let Some((_, markup)) = filling {
                markup.render_to(&mut html);
            }
            rest = tail;
        }
        rest.render_to(&mut html);
        PreEscaped(html)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use maud::html;

    fn is_han(c: char) -> bool {
        ('\u{4e00}'..='\u{9fff}').contains(&c)
    }

    fn places(text: &str) -> Vec<&str> {
        let mut names: Vec<&str> = text
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| name)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    const FILES: [&str; 5] = [
        include_str!("text/cluster.rs"),
        include_str!("text/fleet.rs"),
        include_str!("text/kb.rs"),
        include_str!("text/rollout.rs"),
        include_str!("text/shared.rs"),
    ];

    /// The texts as they stand in the files: name, English, Chinese.
    fn table() -> Vec<(&'static str, &'static str, &'static str)> {
        FILES
            .into_iter()
            .flat_map(str::lines)
            .filter_map(|line| line.strip_prefix("pub(in crate::dashboard) const "))
            .filter_map(|line| {
                let (name, rest) = line.split_once(": Phrase = say(\"")?;
                let (en, rest) = rest.split_once("\", \"")?;
                Some((name, en, rest.strip_suffix("\");")?))
            })
            .collect()
    }

    #[test]
    fn no_text_lacks_a_language_or_a_place() {
        let lines = FILES.concat().matches("Phrase = say(\"").count();
        assert_eq!(table().len(), lines, "a text is not on one line");
        let same_in_both = ["KB", "N_OF_M", "FACT_IS", "FACT_CHANGE"];
        for (name, en, zh) in table() {
            assert_eq!(places(en), places(zh), "{name} fills different places");
            if name == "OTHER_LANG" || same_in_both.contains(&name) {
                continue;
            }
            assert!(!en.is_empty() && !en.chars().any(is_han), "{name}: {en}");
            assert!(zh.chars().any(is_han), "{name}: {zh}");
            assert!(
                !zh.contains([';', '?', '(', ')']),
                "{name} needs full-width signs"
            );
        }
    }

    #[test]
    fn fillings_are_markup_and_texts_are_escaped() {
        let phrase = say("a < {x} {y}", "");
        let x = html! { b { "{y}" } };
        let filled = phrase.fill(Lang::En, &[("x", x), ("y", html! { "&" })]);
        assert_eq!(filled.into_string(), "a &lt; <b>{y}</b> &amp;");
    }
}
