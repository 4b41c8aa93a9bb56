//! On the device: what would be sent is written to the file instead, and the
//! checkpoint waits for receipts that come back the same way.

use std::fs;
use std::io;
use std::path::Path;

use kbwatch_proto::carry::{CarriedPart, CarriedReceipts, Kind};
use kbwatch_proto::telemetry::{Batch, Outcome, Receipt};
use prost::Message;

use super::CarryError;
use super::file::{CarryReader, CarryWriter};
use super::seal::{Signer, Verifier};
use crate::config::{CollectorConfig, TlsConfig};
use crate::pipeline::Collector;
use crate::remember;
use crate::run::now_ms;

/// Folder of checkpoints that wait for receipts, beside the checkpoint.
const FOLDER: &str = "carried";

/// Exports without receipts that are remembered.
const MAX_WAITING: usize = 16;

/// Bytes of batches after which a part is sealed.
const PART_LEN: usize = 4 * 1024 * 1024;

/// What an export did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Events written to the file.
    pub events: u64,
    /// Batches that hold them.
    pub batches: u64,
    /// Earlier exports that receipts have made final.
    pub receipted: u64,
}

/// Appends everything that has no receipt yet to a carry file.
///
/// # Errors
/// Nothing is forgotten then: the next export holds it again.
pub fn export(
    config: &CollectorConfig,
    to: &Path,
    receipts: Option<&Path>,
) -> Result<Exported, CarryError> {
    let tls = config.tls.as_ref().ok_or(CarryError::NoCertificate)?;
    let folder = config.state_dir.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|source| CarryError::io(&folder, source))?;
    let mut exported = Exported::default();
    if let Some(receipts) = receipts {
        exported.receipted = take_receipts(config, tls, receipts)?;
    }
    let signer = Signer::new(tls)?;
    let carry_id = fastrand::u64(1..);
    let name = format!("{carry_id:016x}.json");
    let mut collector = Collector::open_to_carry(config.clone(), &folder, name)?;
    let failed = |source| CarryError::io(to, source);
    let mut writer = CarryWriter::open(to).map_err(failed)?;
    let mut part = CarriedPart {
        device_id: collector.device_id().to_owned(),
        carry_id,
        part: 1,
        exported_at_ms: now_ms(),
        ..CarriedPart::default()
    };
    loop {
        collector.finish(now_ms());
        while let Some(batch) = collector.next_batch(now_ms()) {
            collector.on_receipt(&taken(&batch));
            exported.events += u64::from(batch.event_count);
            exported.batches += 1;
            part.batches.push(batch);
            if part.encoded_len() >= PART_LEN {
                let sealed = signer.seal(Kind::Part, part.encode_to_vec())?;
                writer.append(&sealed).map_err(failed)?;
                part.part += 1;
                part.batches.clear();
            }
        }
        if collector.pending().is_idle() {
            break;
        }
    }
    part.is_last = true;
    let sealed = signer.seal(Kind::Part, part.encode_to_vec())?;
    writer.append(&sealed).map_err(failed)?;
    writer.finish().map_err(failed)?;
    collector.save();
    forget_oldest(&folder).map_err(|source| CarryError::io(&folder, source))?;
    Ok(exported)
}

/// As far as this export is concerned, the file has it.
fn taken(batch: &Batch) -> Receipt {
    Receipt {
        epoch: batch.epoch,
        batch_seq: batch.batch_seq,
        outcome: Outcome::Durable.into(),
        ..Receipt::default()
    }
}

/// Lets the checkpoint follow receipts for this device; returns how many
/// exports they were for.
fn take_receipts(
    config: &CollectorConfig,
    tls: &TlsConfig,
    path: &Path,
) -> Result<u64, CarryError> {
    let device_id = crate::identity::device_id(config)?;
    let failed = |source| CarryError::io(path, source);
    let verifier = Verifier::new(tls)?;
    let mut reader = CarryReader::open(path).map_err(failed)?;
    let mut taken = 0;
    while let Some(piece) = reader.next_piece() {
        let sealed = piece.map_err(failed)?;
        if sealed.kind() != Kind::Receipts {
            continue;
        }
        let signer = verifier.verify(&sealed)?;
        if !signer.speaks_for_others {
            return Err(CarryError::NoCarrier(signer.id));
        }
        let receipts = CarriedReceipts::decode(&*sealed.body).map_err(|_| CarryError::Damaged)?;
        if receipts.device_id == device_id && adopt(&config.state_dir, receipts.carry_id)? {
            taken += 1;
        }
    }
    Ok(taken)
}

/// The checkpoint of an export becomes the device's; those before it are moot.
fn adopt(state_dir: &Path, carry_id: u64) -> Result<bool, CarryError> {
    let folder = state_dir.join(FOLDER);
    let noted = folder.join(format!("{carry_id:016x}.json"));
    let result = (|| {
        let since = match fs::metadata(&noted) {
            Ok(found) => found.modified()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        for (modified, path) in notes(&folder)? {
            if modified < since {
                fs::remove_file(path)?;
            }
        }
        fs::rename(&noted, state_dir.join(remember::FILE_NAME))?;
        Ok(true)
    })();
    result.map_err(|source| CarryError::io(&folder, source))
}

fn notes(folder: &Path) -> io::Result<Vec<(std::time::SystemTime, std::path::PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        found.push((entry.metadata()?.modified()?, entry.path()));
    }
    found.sort();
    Ok(found)
}

fn forget_oldest(folder: &Path) -> io::Result<()> {
    let notes = notes(folder)?;
    let surplus = notes.len().saturating_sub(MAX_WAITING);
    for (_, path) in notes.into_iter().take(surplus) {
        fs::remove_file(path)?;
    }
    Ok(())
}
