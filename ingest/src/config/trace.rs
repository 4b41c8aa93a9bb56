//! Whether the way of single batches is followed, and where that is told.

use serde::{Deserialize, Serialize};

use super::{ConfigError, impossible};

/// Whether the way of single batches is followed, and where that is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TraceConfig {
    /// HTTP address of an OpenTelemetry collector; empty for no traces.
    pub otlp: String,
    /// Part of the batches that are followed, from 0 to 1.
    pub sample: f64,
}

impl Default for TraceConfig {
    fn default() -> Self {
        Self {
            otlp: String::new(),
            sample: 0.01,
        }
    }
}

impl TraceConfig {
    /// Names the first value that cannot work.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.otlp.is_empty() && !self.otlp.starts_with("http://") {
            return Err(impossible(
                "trace.otlp",
                &self.otlp,
                "an http:// address, such as http://127.0.0.1:4318; a collector on this machine \
                 passes spans on over TLS",
            ));
        }
        if !(0.0..=1.0).contains(&self.sample) {
            return Err(impossible(
                "trace.sample",
                &self.sample,
                "from 0 to 1; 0.01 follows one batch in a hundred",
            ));
        }
        Ok(())
    }
}
