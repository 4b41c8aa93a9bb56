//! On the other side of the gap: pieces are believed or left out one by one,
//! sent for their devices, and answered with receipts to carry back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kbwatch_proto::carry::{CarriedPart, CarriedReceipts, CarriedRefusal, Kind, Sealed};
use kbwatch_proto::event::MAX_TEXT_LEN;
use kbwatch_proto::telemetry::{Batch, Outcome, Receipt};
use prost::Message;

use super::CarryError;
use super::file::{CarryReader, CarryWriter, PieceError};
use super::seal::{SealError, Signer, Verifier};
use crate::config::CollectorConfig;
use crate::parse::clip;
use crate::run::now_ms;
use crate::send::deliver::deliver;

/// Bytes of refused batches that go back with the receipts of one export; of
/// those beyond them only the reasons do.
const MAX_REFUSED_LEN: usize = 16 * 1024 * 1024;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Devices whose exports are durable, and how many exports that were.
    pub exports: u64,
    /// Events made durable.
    pub durable_events: u64,
    /// Batches that the gateway refused.
    pub refused_batches: u64,
    /// Pieces left out, and why.
    pub left_out: Vec<String>,
    /// Where the receipts were written.
    pub receipts: PathBuf,
}

/// One export of one device, as far as it was seen.
#[derive(Debug, Default)]
struct Tally {
    parts: u32,
    last_part: Option<u32>,
    durable_batches: u64,
    refused: Vec<CarriedRefusal>,
    refused_len: usize,
}

impl Tally {
    /// Keeps a refusal for the device, with the batch if there is room.
    fn refuse(&mut self, batch: &Batch, receipt: Receipt) {
        self.refused_len += batch.payload.len();
        let mut batch = Batch {
            on_behalf_of: String::new(),
            ..batch.clone()
        };
        if self.refused_len > MAX_REFUSED_LEN {
            batch.payload.clear();
        }
        self.refused.push(CarriedRefusal {
            batch: Some(batch),
            reason: clip(receipt.reason, MAX_TEXT_LEN),
        });
    }

    fn is_complete(&self) -> bool {
        self.last_part == Some(self.parts)
    }
}

/// Sends a carry file's batches, and writes the receipts to `FILE.receipts`.
///
/// # Errors
/// What was durable by then stays so, and may be sent again.
pub async fn import(config: &CollectorConfig, from: &Path) -> Result<Delivered, CarryError> {
    let tls = config.tls.as_ref().ok_or(CarryError::NoCertificate)?;
    let verifier = Verifier::new(tls)?;
    let signer = Signer::new(tls)?;
    let failed = |source| CarryError::io(from, source);
    let mut reader = CarryReader::open(from).map_err(failed)?;
    let mut delivered = Delivered::default();
    let mut tallies: BTreeMap<(String, u64), Tally> = BTreeMap::new();
    while let Some(piece) = reader.next_piece() {
        let sealed = match piece {
            Ok(sealed) => sealed,
            Err(error @ PieceError::Damaged) => {
                delivered.left_out.push(error.to_string());
                continue;
            }
            Err(error) => {
                delivered
                    .left_out
                    .push(format!("the rest of the file: {error}"));
                break;
            }
        };
        let part = match believe(&verifier, &sealed) {
            Ok(part) => part,
            Err(why) => {
                delivered.left_out.push(why);
                continue;
            }
        };
        let key = (part.device_id.clone(), part.carry_id);
        let tally = tallies.entry(key).or_default();
        send_part(config, part, tally, &mut delivered).await?;
    }
    delivered.receipts = receipts_path(from);
    write_receipts(&signer, tallies, &mut delivered)?;
    Ok(delivered)
}

/// A part that its own device signed.
fn believe(verifier: &Verifier, sealed: &Sealed) -> Result<CarriedPart, String> {
    if sealed.kind() != Kind::Part {
        return Err("a piece that holds no batches".to_owned());
    }
    let signer = verifier.verify(sealed).map_err(|error| match error {
        SealError::Stranger(Some(source)) => format!(
            "a piece: {error}: {source}",
            error = SealError::Stranger(None)
        ),
        error => format!("a piece: {error}"),
    })?;
    let part = CarriedPart::decode(&*sealed.body).map_err(|error| format!("a piece: {error}"))?;
    if part.device_id != signer.id {
        return Err(format!(
            "a piece of {}: signed by {}",
            part.device_id.escape_debug(),
            signer.id.escape_debug()
        ));
    }
    Ok(part)
}

async fn send_part(
    config: &CollectorConfig,
    part: CarriedPart,
    tally: &mut Tally,
    delivered: &mut Delivered,
) -> Result<(), CarryError> {
    let device_id = part.device_id;
    let batches: Vec<Batch> = part
        .batches
        .into_iter()
        .map(|batch| Batch {
            on_behalf_of: device_id.clone(),
            declared_device: String::new(),
            ..batch
        })
        .collect();
    for receipt in deliver(config, &batches).await? {
        let same = |batch: &&Batch| batch.batch_seq == receipt.batch_seq;
        let Some(batch) = batches.iter().find(same) else {
            continue;
        };
        if receipt.outcome() == Outcome::Durable {
            delivered.durable_events += u64::from(batch.event_count);
            tally.durable_batches += 1;
        } else {
            delivered.refused_batches += 1;
            tally.refuse(batch, receipt);
        }
    }
    // Out of order or with a gap it never becomes complete.
    if part.part == tally.parts + 1 {
        tally.parts = part.part;
    }
    if part.is_last {
        tally.last_part = Some(part.part);
    }
    Ok(())
}

fn receipts_path(from: &Path) -> PathBuf {
    let mut name = from.as_os_str().to_owned();
    name.push(".receipts");
    name.into()
}

fn write_receipts(
    signer: &Signer,
    tallies: BTreeMap<(String, u64), Tally>,
    delivered: &mut Delivered,
) -> Result<(), CarryError> {
    let path = &delivered.receipts;
    let failed = |source| CarryError::io(path, source);
    let mut writer = CarryWriter::open(path).map_err(failed)?;
    for ((device_id, carry_id), tally) in tallies {
        if !tally.is_complete() {
            let why = format!("an export of {device_id} is not complete: no receipt for it");
            delivered.left_out.push(why);
            continue;
        }
        let receipts = CarriedReceipts {
            device_id,
            carry_id,
            imported_at_ms: now_ms(),
            durable_batches: tally.durable_batches,
            refused_batches: tally.refused.len() as u64,
            refused: tally.refused,
        };
        let sealed = signer.seal(Kind::Receipts, receipts.encode_to_vec())?;
        writer.append(&sealed).map_err(failed)?;
        delivered.exports += 1;
    }
    writer.finish().map_err(failed)
}
