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
        // Read once without variables, so that a mistake is shown in its line.
        toml::from_str::<Self>(&text).map_err(|error| malformed(error.to_string()))?;
        let mut table: toml::Table =
            toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        for (name, value) in variables {
            if let Some(key) = name.strip_prefix(VARIABLE_PREFIX) {
                set_key(&mut table, &key.to_lowercase(), &value);
            }
        }
        let config: Self = toml::Value::Table(table).try_into().map_err(|error| {
            let text: String = toml::de::Error::to_string(&error);
            malformed(format!("with {VARIABLE_PREFIX}* variables: {text}"))
        })?;
        config.check()?;
        Ok(config)
    }
}

/// Sets `a__b` as key `b` of table `a`. A text of digits becomes a number where
/// the key holds one.
fn set_key(table: &mut toml::Table, key: &str, value: &str) {
    if let Some((outer, inner)) = key.split_once("__") {
        let entry = table
            .entry(outer.to_owned())
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        if let Some(table) = entry.as_table_mut() {
            table.insert(inner.to_owned(), toml::Value::String(value.to_owned()));
        }
        return;
    }
    let number = value.parse().ok().filter(|_| holds_number(key));
    let value = number.map_or_else(
        || toml::Value::String(value.to_owned()),
        toml::Value::Integer,
    );
    table.insert(key.to_owned(), value);
}

fn holds_number(key: &str) -> bool {
    key == "utc_offset_minutes"
        || toml::Table::try_from(CollectorConfig::default())
            .is_ok_and(|table| table.get(key).is_some_and(toml::Value::is_integer))
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
    fn variables_win_over_the_file() {
        let text = "gateway = \"https://one:1\"\nstate_dir = \"/tmp\"\npoll_ms = 500";
        let config = load(
            text,
            &[
                ("PATH", "/bin"),
                ("KBWATCH_COLLECTOR_GATEWAY", "https://two:2"),
                ("KBWATCH_COLLECTOR_POLL_MS", "250"),
                ("KBWATCH_COLLECTOR_TLS__CA", "ca.pem"),
                ("KBWATCH_COLLECTOR_TLS__CERT", "7"),
                ("KBWATCH_COLLECTOR_TLS__KEY", "key.pem"),
            ],
        )
        .unwrap();
        assert_eq!(config.gateway, "https://two:2");
        assert_eq!(config.poll_ms, 250);
        assert_eq!(config.tls.unwrap().cert, Path::new("7"));
    }
}
