//! On the device: what would be sent is written to the file instead, and the
//! checkpoint waits for receipts that come back the same way.

use std::fs;
use std::io;
use std::path::Path;

use kbwatch_proto::carry::{CarriedPart, Kind};
use kbwatch_proto::telemetry::{Batch, Outcome, Receipt};
use prost::Message;

use super::CarryError;
use super::file::CarryWriter;
use super::receipts::{FOLDER, notes, take_receipts};
use super::seal::Signer;
use crate::config::CollectorConfig;
use crate::pipeline::Collector;
use crate::run::now_ms;

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
    /// Batches of those that the gateway refused, kept in `refused/`.
    pub refused_batches: u64,
    /// Events in them.
    pub refused_events: u64,
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
        let came = take_receipts(config, tls, receipts)?;
        exported.receipted = came.exports;
        exported.refused_batches = came.refused_batches;
        exported.refused_events = came.refused_events;
    }
    let signer = Signer::new(tls)?;
    let carry_id = fastrand::u64(1..);
    let name = format!("{carry_id:016x}.json");
    let mut collector = Collector::open_to_carry(config.clone(), &folder, name)?;
    collector.count_refused(exported.refused_batches, exported.refused_events);
    let mut parts = Parts {
        signer: &signer,
        to,
        writer: CarryWriter::open(to).map_err(|source| CarryError::io(to, source))?,
        part: CarriedPart {
            device_id: collector.device_id().to_owned(),
            carry_id,
            part: 1,
            exported_at_ms: now_ms(),
            ..CarriedPart::default()
        },
    };
    loop {
        collector.finish(now_ms());
        while let Some(batch) = collector.next_batch(now_ms()) {
            collector.on_receipt(&taken(&batch));
            exported.events += u64::from(batch.event_count);
            exported.batches += 1;
            parts.add(batch)?;
        }
        if collector.pending().is_idle() {
            break;
        }
    }
    parts.finish()?;
    collector.save();
    forget_oldest(&folder).map_err(|source| CarryError::io(&folder, source))?;
    Ok(exported)
}

/// The file that is written, and the part that is not full yet.
struct Parts<'a> {
    signer: &'a Signer,
    to: &'a Path,
    writer: CarryWriter,
    part: CarriedPart,
}

impl Parts<'_> {
    fn add(&mut self, batch: Batch) -> Result<(), CarryError> {
        self.part.batches.push(batch);
        if self.part.encoded_len() >= PART_LEN {
            self.append()?;
            self.part.part += 1;
            self.part.batches.clear();
        }
        Ok(())
    }

    fn append(&mut self) -> Result<(), CarryError> {
        let sealed = self.signer.seal(Kind::Part, self.part.encode_to_vec())?;
        let failed = |source| CarryError::io(self.to, source);
        self.writer.append(&sealed).map_err(failed)
    }

    /// Ends with the last part: without it there is no receipt.
    fn finish(mut self) -> Result<(), CarryError> {
        self.part.is_last = true;
        self.append()?;
        let failed = |source| CarryError::io(self.to, source);
        self.writer.finish().map_err(failed)
    }
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

fn forget_oldest(folder: &Path) -> io::Result<()> {
    let notes = notes(folder)?;
    let surplus = notes.len().saturating_sub(MAX_WAITING);
    for (_, path) in notes.into_iter().take(surplus) {
        fs::remove_file(path)?;
    }
    Ok(())
}
