//! Receipts that came back: the checkpoint follows them, and what the gateway
//! refused is kept aside as if it had answered itself.

use std::fs;
use std::io;
use std::path::Path;

use kbwatch_proto::carry::{CarriedReceipts, Kind};
use prost::Message;

use super::CarryError;
use super::file::{CarryReader, PieceError};
use super::seal::Verifier;
use crate::config::{CollectorConfig, TlsConfig};
use crate::refused::RefusedFolder;
use crate::remember;

/// Folder of checkpoints that wait for receipts, beside the checkpoint.
pub(super) const FOLDER: &str = "carried";

/// What receipts brought.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// Exports that are final now.
    pub(super) exports: u64,
    pub(super) refused_batches: u64,
    pub(super) refused_events: u64,
}

/// Lets the checkpoint follow receipts for this device, and keeps what was
/// refused. Receipts that were taken before do nothing.
pub(super) fn take_receipts(
    config: &CollectorConfig,
    tls: &TlsConfig,
    path: &Path,
) -> Result<Taken, CarryError> {
    let device_id = crate::identity::device_id(config)?;
    let failed = |source| CarryError::io(path, source);
    let verifier = Verifier::new(tls)?;
    let mut reader = CarryReader::open(path).map_err(failed)?;
    let mut taken = Taken::default();
    while let Some(piece) = reader.next_piece() {
        let sealed = match piece {
            Ok(sealed) => sealed,
            Err(error @ PieceError::Damaged) => {
                tracing::warn!(path = %path.display(), %error, "receipts are left out");
                continue;
            }
            Err(error) => return Err(failed(error.into())),
        };
        if sealed.kind() != Kind::Receipts {
            continue;
        }
        let signer = verifier.verify(&sealed)?;
        if !signer.speaks_for_others {
            return Err(CarryError::NoCarrier(signer.id));
        }
        let receipts = CarriedReceipts::decode(&*sealed.body).map_err(|_| CarryError::Damaged)?;
        let noted = noted(&config.state_dir, receipts.carry_id);
        if receipts.device_id != device_id || !noted.exists() {
            continue;
        }
        // Before the checkpoint: whatever ends in between is done again.
        taken.set_aside(config, &receipts);
        let folder = config.state_dir.join(FOLDER);
        adopt(&config.state_dir, &noted).map_err(|source| CarryError::io(&folder, source))?;
        taken.exports += 1;
    }
    Ok(taken)
}

impl Taken {
    /// Keeps refused batches and counts them; of those whose bytes did not come
    /// back, only that.
    fn set_aside(&mut self, config: &CollectorConfig, receipts: &CarriedReceipts) {
        let folder = RefusedFolder::new(&config.state_dir, config.refused_max_bytes);
        for refusal in &receipts.refused {
            let Some(batch) = &refusal.batch else {
                continue;
            };
            self.refused_events += u64::from(batch.event_count);
            if batch.payload.is_empty() {
                let (events, reason) = (batch.event_count, &refusal.reason);
                tracing::error!(
                    events,
                    reason,
                    "gateway refused a batch, which did not come back"
                );
            } else {
                folder.set_aside(batch, &refusal.reason);
            }
        }
        let unnamed = receipts
            .refused_batches
            .saturating_sub(receipts.refused.len() as u64);
        if unnamed > 0 {
            tracing::error!(unnamed, "gateway refused batches, which did not come back");
        }
        self.refused_batches += receipts.refused_batches;
    }
}

/// Where the checkpoint of an export waits.
fn noted(state_dir: &Path, carry_id: u64) -> std::path::PathBuf {
    state_dir.join(FOLDER).join(format!("{carry_id:016x}.json"))
}

/// The checkpoint of an export becomes the device's; those before it are moot.
fn adopt(state_dir: &Path, noted: &Path) -> io::Result<()> {
    let since = fs::metadata(noted)?.modified()?;
    for (modified, path) in notes(&state_dir.join(FOLDER))? {
        if modified < since {
            fs::remove_file(path)?;
        }
    }
    fs::rename(noted, state_dir.join(remember::FILE_NAME))
}

/// Checkpoints that wait, oldest first.
pub(super) fn notes(folder: &Path) -> io::Result<Vec<(std::time::SystemTime, std::path::PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        found.push((entry.metadata()?.modified()?, entry.path()));
    }
    found.sort();
    Ok(found)
}
