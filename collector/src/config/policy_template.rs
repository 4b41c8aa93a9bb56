//! The group policy template against the settings that the registry may hold:
//! names, types, ranges, defaults, and texts in both languages.

use std::collections::BTreeMap;
use std::path::PathBuf;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::load::set_key;
use super::{CollectorConfig, ConfigError, SourcesConfig, TlsConfig};

mod texts;

const TEMPLATE: &str = include_str!("../../../deploy/windows/policy/kbwatch.admx");
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
