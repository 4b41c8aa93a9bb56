//! Reading the configuration: the file first, then the variables.

use std::path::Path;

use super::{CollectorConfig, ConfigError};

/// Variables that override keys of the file: `KBWATCH_COLLECTOR_STATE_DIR`,
/// `KBWATCH_COLLECTOR_TLS__CA`; two underscores stand for the dot.
pub const VARIABLE_PREFIX: &str = "KBWATCH_COLLECTOR_";

impl CollectorConfig {
    /// Reads a file, lets variables override it, and checks the result.
    ///
    /// `variables` are those of the process (`std::env::vars()`); names without
    /// [`VARIABLE_PREFIX`] are passed over.
    pub fn load(
        path: &Path,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let malformed = |message: String| ConfigError::Malformed {
            path: path.to_owned(),
            message,
        };
        let mut table: toml::Table =
            toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        check_tables(&table)?;
        // Read once without variables, so that a mistake is shown in its line.
        toml::from_str::<Self>(&text).map_err(|error| malformed(error.to_string()))?;
        for (name, value) in variables {
            if let Some(key) = name.strip_prefix(VARIABLE_PREFIX) {
                set_key(&mut table, &key.to_lowercase(), &value);
            }
        }
        check_tables(&table)?;
        let config: Self = toml::Value::Table(table).try_into().map_err(|error| {
            let text: String = toml::de::Error::to_string(&error);
            malformed(format!("with {VARIABLE_PREFIX}* variables: {text}"))
        })?;
        config.check()?;
        Ok(config)
    }
}

/// Refuses `tls = "…"` by what to write: a parser would speak of types.
fn check_tables(table: &toml::Table) -> Result<(), ConfigError> {
    let tables = [
        (
            "tls",
            "write a table: [tls] with the paths ca, cert and key, each in a line of its own; without TLS leave it out",
        ),
        (
            "sources",
            "write a table: [sources] with the paths of the logs, each in a line of its own",
        ),
    ];
    for (key, remedy) in tables {
        if let Some(value) = table.get(key).filter(|value| !value.is_table()) {
            let value = value.as_str().unwrap_or("(no table)");
            return Err(ConfigError::Impossible {
                key: key.to_owned(),
                value: value.to_owned(),
                remedy: remedy.to_owned(),
            });
        }
    }
    Ok(())
}

/// Sets `a__b` as key `b` of table `a`. A text becomes a number or a truth
/// where the key holds one.
pub(super) fn set_key(table: &mut toml::Table, key: &str, value: &str) {
    let defaults = toml::Table::try_from(CollectorConfig::default()).unwrap_or_default();
    if let Some((outer, inner)) = key.split_once("__") {
        let default = defaults
            .get(outer)
            .and_then(|inner_table| inner_table.get(inner));
        let entry = table
            .entry(outer.to_owned())
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        if let Some(table) = entry.as_table_mut() {
            table.insert(inner.to_owned(), typed(default, value));
        }
        return;
    }
    let number = toml::Value::Integer(0);
    let default = match key {
        "utc_offset_minutes" => Some(&number),
        _ => defaults.get(key),
    };
    table.insert(key.to_owned(), typed(default, value));
}

/// A text as a value of the same type as the default.
fn typed(default: Option<&toml::Value>, value: &str) -> toml::Value {
    let text = || toml::Value::String(value.to_owned());
    match default {
        Some(toml::Value::Integer(_)) => {
            value.parse().map_or_else(|_| text(), toml::Value::Integer)
        }
        // A policy states a truth as 1 or 0.
        Some(toml::Value::Boolean(_)) => match value {
            "1" | "true" => toml::Value::Boolean(true),
            "0" | "false" => toml::Value::Boolean(false),
            _ => text(),
        },
        _ => text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, variables: &[(&str, &str)]) -> Result<CollectorConfig, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        CollectorConfig::load(file.path(), variables)
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let text = "gatway = \"https://x:1\"";
        assert!(load(text, &[]).unwrap_err().to_string().contains("gatway"));
        let error = load("", &[("KBWATCH_COLLECTOR_GATWAY", "x")]).unwrap_err();
        assert!(error.to_string().contains("gatway"));
    }

    #[test]
    fn a_table_that_is_a_text_is_refused_with_what_to_write() {
        let text = "gateway = \"https://gw:7443\"\ntls = \"\"";
        let refused = load(text, &[]).unwrap_err().to_string();
        assert!(
            refused.starts_with("tls = \"\" cannot be: write a table: [tls]"),
            "{refused}"
        );
        let missing = load("gateway = \"https://gw:7443\"\nstate_dir = \"/tmp\"", &[]);
        let missing = missing.unwrap_err().to_string();
        assert!(
            missing.starts_with("tls is missing: https needs a table [tls]"),
            "{missing}"
        );
        let variable = load("", &[("KBWATCH_COLLECTOR_TLS", "ca.pem")]);
        assert!(
            variable
                .unwrap_err()
                .to_string()
                .contains("[tls] with the paths")
        );
    }

    #[test]
    fn variables_win_over_the_file() {
        let text = "gateway = \"https://one:1\"\nstate_dir = \"/tmp\"\npoll_ms = 500";
        let config = load(
            text,
            &[
                ("PATH", "/bin"),
                ("KBWATCH_COLLECTOR_GATEWAY", "https://two:2"),
                ("KBWATCH_COLLECTOR_POLL_MS", "250"),
                ("KBWATCH_COLLECTOR_SOURCES__EVENT_CHANNELS", "0"),
                ("KBWATCH_COLLECTOR_TLS__CA", "ca.pem"),
                ("KBWATCH_COLLECTOR_TLS__CERT", "7"),
                ("KBWATCH_COLLECTOR_TLS__KEY", "key.pem"),
            ],
        )
        .unwrap();
        assert_eq!(config.gateway, "https://two:2");
        assert_eq!(config.poll_ms, 250);
        assert!(!config.sources.event_channels);
        assert_eq!(config.tls.unwrap().cert, Path::new("7"));
    }
}
