//! Every certificate that an authority made, by its number: `issued.jsonl` beside
//! it. Who must be revoked is found there, when nobody has the certificate any
//! more.
//!
//! A certificate stands there, on disk, before anybody has it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::certified::private;
use super::{PkiError, keep};

/// The ledger of the authority in a folder.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    path: PathBuf,
}

/// A certificate that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Issued {
    /// Hexadecimal.
    pub(super) serial: String,
    /// Whose: a device, or someone who brings logs. None of a gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// Seconds since 1970 UTC from when on nobody accepts it.
    pub(super) until_s: i64,
}

impl Ledger {
    pub(super) fn of(folder: &Path) -> Self {
        Self {
            path: folder.join("issued.jsonl"),
        }
    }

    /// Notes a certificate; returns when that is on disk.
    pub(super) fn note(&self, issued: &Issued) -> Result<(), PkiError> {
        self.append(issued)
            .map_err(|source| keep(&self.path, source))
    }

    fn append(&self, issued: &Issued) -> io::Result<()> {
        let is_new = !self.path.exists();
        let mut file = private().append(true).create(true).open(&self.path)?;
        // One write, so that lines of several processes do not mix; it begins a
        // line of its own after one that a loss of power has cut.
        let line = format!("\n{}", serde_json::to_string(issued)?);
        file.write_all(line.as_bytes())?;
        file.sync_data()?;
        match self.path.parent() {
            Some(folder) if is_new => fs::File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    }

    /// Numbers of all certificates of a device.
    pub(super) fn serials_of(&self, id: &str) -> Result<Vec<String>, PkiError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(keep(&self.path, source)),
        };
        let mut serials = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            // A line that was cut belongs to a certificate that nobody got.
            let Ok(issued) = serde_json::from_str::<Issued>(line) else {
                tracing::warn!(ledger = %self.path.display(), "a line that is none is passed over");
                continue;
            };
            let is_own = |own: String| own.eq_ignore_ascii_case(id);
            if issued.id.is_some_and(is_own) {
                serials.push(issued.serial);
            }
        }
        Ok(serials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::of(folder.path());
        let issued = |serial: &str, id: Option<&str>| Issued {
            serial: serial.to_owned(),
            id: id.map(str::to_owned),
            until_s: 7,
        };
        ledger.note(&issued("01", Some("PC-1"))).unwrap();
        let mut file = fs::File::options().append(true).open(&ledger.path).unwrap();
        file.write_all(b"\n{\"serial\":\"02\",\"i").unwrap();
        ledger.note(&issued("03", Some("pc-1"))).unwrap();
        ledger.note(&issued("04", Some("pc-2"))).unwrap();
        ledger.note(&issued("05", None)).unwrap();
        assert_eq!(ledger.serials_of("pc-1").unwrap(), ["01", "03"]);
    }
}
