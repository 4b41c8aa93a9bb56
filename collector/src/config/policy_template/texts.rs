//! What the template shows to people: every field and text in both languages.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, TEMPLATE, attribute, elements, every_key, policies};

const TEXTS: [(&str, &str); 2] = [
    (
        "en-US",
        include_str!("../../../../deploy/windows/policy/en-US/kbwatch.adml"),
    ),
    (
        "zh-CN",
        include_str!("../../../../deploy/windows/policy/zh-CN/kbwatch.adml"),
    ),
];

#[test]
fn every_field_is_presented_in_both_languages_with_the_default() {
    let keys = every_key();
    for (language, texts) in TEXTS {
        let mut presented = BTreeMap::new();
        let mut presentation = String::new();
        for tag in elements(texts) {
            match tag.name().as_ref() {
                "presentation" => presentation = attribute(&tag, "id").unwrap(),
                box_name @ ("textBox" | "decimalTextBox") => {
                    let field = (box_name.to_owned(), tag.clone());
                    assert!(presented.insert(presentation.clone(), field).is_none());
                }
                _ => {}
            }
        }
        for policy in policies() {
            let Some(named) = &policy.presentation else {
                assert_eq!(policy.kind, Kind::Switch);
                continue;
            };
            let id = named.strip_prefix("$(presentation.").unwrap();
            let shown = presented.remove(id.trim_end_matches(')'));
            let (box_name, tag) = shown.unwrap_or_else(|| panic!("{language}: {id}"));
            assert_eq!(attribute(&tag, "refId"), policy.field, "{language}");
            if policy.kind == Kind::Text {
                assert_eq!(box_name, "textBox", "{language}: {id}");
            } else {
                assert_eq!(box_name, "decimalTextBox", "{language}: {id}");
                let default = keys[&policy.value].as_integer().unwrap().to_string();
                assert_eq!(
                    attribute(&tag, "defaultValue"),
                    Some(default),
                    "{language}: {id}"
                );
            }
        }
        let left: Vec<_> = presented.keys().collect();
        assert!(
            left.is_empty(),
            "{language} presents what no policy has: {left:?}"
        );
    }
}

#[test]
fn every_text_is_there_in_both_languages_and_no_other() {
    let named: BTreeSet<&str> = TEMPLATE
        .split("$(string.")
        .skip(1)
        .map(|rest| rest.split_once(')').unwrap().0)
        .collect();
    assert!(named.len() > 30);
    for (language, texts) in TEXTS {
        let strings = texts.split("<string id=\"").skip(1);
        let strings: BTreeMap<&str, &str> = strings
            .map(|rest| {
                let (id, rest) = rest.split_once("\">").unwrap();
                (id, rest.split_once("</string>").unwrap().0)
            })
            .collect();
        let there: BTreeSet<&str> = strings.keys().copied().collect();
        assert_eq!(there, named, "{language}");
        for (id, text) in strings {
            assert!(!text.trim().is_empty(), "{language}: {id}");
            let is_chinese = text
                .chars()
                .any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
            let is_words_of_ours = matches!(id, "fact_class_help" | "kbwatch");
            assert!(
                is_chinese == (language == "zh-CN") || is_words_of_ours,
                "{language}: {id}"
            );
        }
    }
}
