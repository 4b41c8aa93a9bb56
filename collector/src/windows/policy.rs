//! Settings by group policy: values under one key of the registry, named like
//! the keys of the configuration.

use windows_registry::{Key, LOCAL_MACHINE};

use crate::config::VARIABLE_PREFIX;

/// Values override the configuration: `gateway`, `tls__ca`, `poll_ms`.
const SETTINGS: &str = r"SOFTWARE\Policies\kbwatch\Collector";

/// Values are facts of this device that its owner states: `image`, `ring`.
const FACTS: &str = r"SOFTWARE\Policies\kbwatch\Facts";

/// Settings as if they were environment variables, which they override.
pub(crate) fn variables() -> Vec<(String, String)> {
    values(SETTINGS)
        .into_iter()
        .map(|(name, value)| (format!("{VARIABLE_PREFIX}{}", name.to_uppercase()), value))
        .collect()
}

/// What the owner states of this device.
pub(super) fn facts() -> Vec<(String, String)> {
    values(FACTS)
}

/// Texts and numbers under a key; nothing where it is missing.
fn values(path: &str) -> Vec<(String, String)> {
    let Ok(key) = LOCAL_MACHINE.open(path) else {
        return Vec::new();
    };
    let Ok(names) = key.values() else {
        return Vec::new();
    };
    names
        .filter_map(|(name, _)| {
            let value = text(&key, &name)?;
            Some((name, value))
        })
        .collect()
}

/// A value as text; a number in decimal digits.
pub(super) fn text(key: &Key, name: &str) -> Option<String> {
    let text = key.get_string(name).ok();
    let text = text.or_else(|| Some(key.get_u32(name).ok()?.to_string()))?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
