//! The group policy template against the settings that the registry may hold:
//! names, types, ranges, defaults, and texts in both languages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::load::set_key;
use super::{CollectorConfig, ConfigError, SourcesConfig, TlsConfig};

const TEMPLATE: &str = include_str!("../../../deploy/windows/policy/kbwatch.admx");
const TEXTS: [(&str, &str); 2] = [
    (
        "en-US",
        include_str!("../../../deploy/windows/policy/en-US/kbwatch.adml"),
    ),
    (
        "zh-CN",
        include_str!("../../../deploy/windows/policy/zh-CN/kbwatch.adml"),
    ),
];

/// What reads the registry, on Windows only.
const READER: &str = include_str!("../windows/policy.rs");

const SETTINGS: &str = r"SOFTWARE\Policies\kbwatch\Collector";
const FACTS: &str = r"SOFTWARE\Policies\kbwatch\Facts";

/// Keys without a policy, by why nobody sets them for a whole site.
const WITHOUT_POLICY: [(&str, &[&str]); 3] = [
    (
        "for laboratories and tests",
        &[
            "declared_device",
            "facts_file",
            "sources__event_xml",
            "sources__installed_updates",
            "utc_offset_minutes",
        ],
    ),
    (
        "Windows decides where its logs lie",
        &[
            "sources__cbs_log",
            "sources__dism_log",
            "sources__windows_update_log",
            "sources__more",
        ],
    ),
    (
        "its default suits every site",
        &[
            "batch_max_events",
            "batch_max_age_ms",
            "outbox_max_batches",
            "outbox_max_bytes",
            "in_flight_batches",
            "checkpoint_s",
            "refused_max_bytes",
            "spool_after_s",
            "connect_timeout_ms",
            "receipt_timeout_ms",
            "keepalive_s",
            "stop_grace_ms",
        ],
    ),
];

/// What a policy writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number { least: u32, most: u32 },
    Switch,
}

/// One policy of the template.
#[derive(Debug)]
struct Policy {
    key: String,
    value: String,
    /// Id of its input field.
    field: Option<String>,
    presentation: Option<String>,
    kind: Kind,
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).unwrap()?;
    Some(found.value.into_owned())
}

/// Every element of a document, in order.
fn elements(document: &str) -> Vec<BytesStart<'static>> {
    let mut reader = Reader::from_str(document);
    let mut found = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => found.push(tag.into_owned()),
            Event::Eof => return found,
            _ => {}
        }
    }
}

fn policies() -> Vec<Policy> {
    let mut policies: Vec<Policy> = Vec::new();
    for tag in elements(TEMPLATE) {
        let element = tag.name();
        if element.as_ref() == "policy" {
            assert_eq!(attribute(&tag, "class").unwrap(), "Machine");
            policies.push(Policy {
                key: attribute(&tag, "key").unwrap(),
                value: attribute(&tag, "valueName").unwrap_or_default(),
                field: None,
                presentation: attribute(&tag, "presentation"),
                kind: Kind::Switch,
            });
            continue;
        }
        let kind = match element.as_ref() {
            "text" => Kind::Text,
            // The values of a switch have no field.
            "decimal" if attribute(&tag, "id").is_some() => {
                let number = |name| attribute(&tag, name).unwrap().parse().unwrap();
                Kind::Number {
                    least: number("minValue"),
                    most: number("maxValue"),
                }
            }
            _ => continue,
        };
        let policy = policies.last_mut().unwrap();
        assert_eq!(policy.value, "", "one field each");
        policy.value = attribute(&tag, "valueName").unwrap();
        policy.field = attribute(&tag, "id");
        policy.kind = kind;
    }
    policies
}

fn settings() -> Vec<Policy> {
    let mut policies = policies();
    policies.retain(|policy| policy.key == SETTINGS);
    policies
}

/// A configuration in which every key is set, as the registry names them.
fn every_key() -> BTreeMap<String, toml::Value> {
    let some = || Some(PathBuf::from("x"));
    let full = CollectorConfig {
        tls: Some(TlsConfig {
            store_thumbprint: Some("x".to_owned()),
            store_subject: Some("x".to_owned()),
            ..TlsConfig::default()
        }),
        declared_device: Some("pc-1".to_owned()),
        facts_file: some(),
        utc_offset_minutes: Some(480),
        sources: SourcesConfig {
            event_xml: some(),
            installed_updates: some(),
            windows_update_log: some(),
            ..SourcesConfig::default()
        },
        ..CollectorConfig::default()
    };
    let mut keys = BTreeMap::new();
    for (name, value) in toml::Table::try_from(full).unwrap() {
        if let toml::Value::Table(inner) = value {
            keys.extend(
                inner
                    .into_iter()
                    .map(|(inner, value)| (format!("{name}__{inner}"), value)),
            );
        } else {
            keys.insert(name, value);
        }
    }
    keys
}

#[test]
fn every_policy_is_where_the_collector_reads_and_sets_a_key_of_its_type() {
    let keys = every_key();
    for policy in policies() {
        let path = &policy.key;
        assert!(
            READER.contains(&format!("r\"{path}\"")),
            "nobody reads {path}"
        );
        if path == FACTS {
            let known = ["image", "class", "ring", "branch", "province"];
            assert!(known.contains(&&*policy.value), "{}", policy.value);
            assert_eq!(policy.kind, Kind::Text);
            continue;
        }
        let fits = match keys.get(&policy.value) {
            Some(toml::Value::String(_)) => policy.kind == Kind::Text,
            Some(toml::Value::Integer(_)) => matches!(policy.kind, Kind::Number { .. }),
            Some(toml::Value::Boolean(_)) => policy.kind == Kind::Switch,
            _ => false,
        };
        assert!(fits, "{policy:?}: {:?}", keys.get(&policy.value));
    }
}

#[test]
fn every_key_has_its_policy_or_a_reason_why_not() {
    let without = WITHOUT_POLICY.iter().flat_map(|(_, keys)| keys.iter());
    let mut covered: Vec<String> = without.map(|key| (*key).to_owned()).collect();
    covered.extend(settings().into_iter().map(|policy| policy.value));
    covered.sort();
    assert_eq!(covered, every_key().into_keys().collect::<Vec<_>>());
}

/// What the collector says to a value of the registry.
fn set(key: &str, value: u64) -> Result<(), ConfigError> {
    let sound = CollectorConfig {
        gateway: "http://127.0.0.1:7443".to_owned(),
        declared_device: Some("pc-1".to_owned()),
        state_dir: std::env::temp_dir(),
        ..CollectorConfig::default()
    };
    let mut table = toml::Table::try_from(sound).unwrap();
    set_key(&mut table, key, &value.to_string());
    let config: CollectorConfig = toml::Value::Table(table).try_into().unwrap();
    config.check()
}

#[test]
fn a_policy_allows_the_numbers_that_the_collector_takes() {
    let mut tried = 0;
    for policy in settings() {
        let Kind::Number { least, most } = policy.kind else {
            continue;
        };
        tried += 1;
        let key = &policy.value;
        set(key, least.into()).unwrap();
        set(key, most.into()).unwrap();
        if let Some(below) = least.checked_sub(1) {
            assert!(set(key, below.into()).is_err(), "{key} = {below}");
        }
        // The registry holds no larger number.
        if let Some(above) = most.checked_add(1) {
            assert!(set(key, above.into()).is_err(), "{key} = {above}");
        }
    }
    assert!(tried > 5);
}

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
