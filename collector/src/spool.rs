//! Batches on disk: only what would rotate away while no gateway answers.
//!
//! The logs are the buffer; a log that Windows is about to delete is not. The
//! folder is bounded: when it is full the oldest batches of mere information
//! go first, then the oldest of all, and every event given up is counted. A
//! batch that was kept here survives the process and the machine.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kbwatch_proto::telemetry::Batch;
use prost::Message;

mod owner;

/// What a batch is worth when room is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    /// Nobody would act on it.
    Informational,
    /// A failure, a success, a finding.
    Essential,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    worth: Worth,
    events: u32,
    len: u64,
}

/// The folder of spooled batches.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    device_id: String,
    max_bytes: u64,
    /// Oldest first, by their numbers.
    kept: BTreeMap<u64, Kept>,
    bytes: u64,
    in_trouble: bool,
}

impl Spool {
    /// Takes over what an earlier process of this device left. What another
    /// device left, whose disk was copied, is set aside.
    pub(crate) fn open(state_dir: &Path, max_bytes: u64, device_id: &str) -> Self {
        let folder = state_dir.join("spool");
        if let Err(error) = owner::set_aside_foreign(state_dir, &folder, device_id) {
            tracing::error!(%error, "spool of another device cannot be set aside");
        }
        let mut kept = BTreeMap::new();
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let len = entry.metadata().map_or(0, |metadata| metadata.len());
            if let Some((number, found)) = parse_name(&entry.file_name().to_string_lossy(), len) {
                kept.insert(number, found);
            }
        }
        Self {
            folder,
            device_id: device_id.to_owned(),
            max_bytes,
            bytes: kept.values().map(|one| one.len).sum(),
            kept,
            in_trouble: false,
        }
    }

    /// Says once that nothing can be kept, until something can again.
    pub(crate) fn tell_trouble(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.in_trouble, true) {
            tracing::error!(%error, "spool cannot be written, logs may rotate away unread");
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(crate) fn events(&self) -> u64 {
        self.kept.values().map(|one| u64::from(one.events)).sum()
    }

    /// Keeps a batch; it is on the disk when this returns. Returns how many
    /// events had to go for it, its own if there is no room at all.
    ///
    /// # Errors
    /// Nothing was kept.
    pub(crate) fn keep(&mut self, batch: &Batch, worth: Worth) -> io::Result<u64> {
        let bytes = batch.encode_to_vec();
        let len = bytes.len() as u64;
        if len > self.max_bytes {
            return Ok(u64::from(batch.event_count));
        }
        fs::create_dir_all(&self.folder)?;
        if self.kept.is_empty() {
            owner::sign(&self.folder, &self.device_id)?;
        }
        let dropped_events = self.make_room(len)?;
        let number = self.kept.last_key_value().map_or(1, |(last, _)| last + 1);
        let one = Kept {
            worth,
            events: batch.event_count,
            len,
        };
        let path = self.path(number, one);
        let fresh = path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&fresh, &path)?;
        #[cfg(unix)]
        File::open(&self.folder)?.sync_all()?;
        self.kept.insert(number, one);
        self.bytes += len;
        self.in_trouble = false;
        Ok(dropped_events)
    }

    /// Numbers of what is kept, oldest first.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.kept.keys().copied()
    }

    /// Reads a batch back; one that is damaged is given up.
    ///
    /// # Errors
    /// Its events, as far as they are known, are lost.
    pub(crate) fn read(&mut self, number: u64) -> Result<Batch, u32> {
        let Some(one) = self.kept.get(&number).copied() else {
            return Err(0);
        };
        let read = fs::read(self.path(number, one)).map_err(io::Error::other);
        let read = read.and_then(|bytes| Batch::decode(&*bytes).map_err(io::Error::other));
        read.map_err(|error| {
            tracing::error!(number, %error, events = one.events, "spooled batch is lost");
            self.remove(number);
            one.events
        })
    }

    /// A batch is durable elsewhere, or refused for good.
    pub(crate) fn remove(&mut self, number: u64) {
        let Some(one) = self.kept.remove(&number) else {
            return;
        };
        self.bytes -= one.len;
        if let Err(error) = fs::remove_file(self.path(number, one)) {
            // Sent again by the next process: the same events with the same ids.
            tracing::warn!(number, %error, "spooled batch cannot be removed");
        }
    }

    fn make_room(&mut self, len: u64) -> io::Result<u64> {
        let mut dropped_events = 0;
        while self.bytes + len > self.max_bytes {
            let informational = |one: &Kept| one.worth == Worth::Informational;
            let oldest = self.kept.iter().find(|(_, one)| informational(one));
            let Some((&number, &one)) = oldest.or(self.kept.iter().next()) else {
                break;
            };
            fs::remove_file(self.path(number, one))?;
            self.kept.remove(&number);
            self.bytes -= one.len;
            dropped_events += u64::from(one.events);
        }
        Ok(dropped_events)
    }

    fn path(&self, number: u64, one: Kept) -> PathBuf {
        let worth = match one.worth {
            Worth::Informational => "info",
            Worth::Essential => "main",
        };
        let events = one.events;
        self.folder
            .join(format!("{number:012}-{worth}-{events}.batch"))
    }
}

fn parse_name(name: &str, len: u64) -> Option<(u64, Kept)> {
    let mut parts = name.strip_suffix(".batch")?.split('-');
    let number = parts.next()?.parse().ok()?;
    let worth = match parts.next()? {
        "info" => Worth::Informational,
        "main" => Worth::Essential,
        _ => return None,
    };
    let events = parts.next()?.parse().ok()?;
    Some((number, Kept { worth, events, len }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(batch_seq: u64) -> Batch {
        Batch {
            batch_seq,
            event_count: 10,
            payload: vec![7; 1000],
            ..Batch::default()
        }
    }

    fn seqs(spool: &mut Spool) -> Vec<u64> {
        let numbers: Vec<_> = spool.numbers().collect();
        let read = numbers.into_iter().map(|number| spool.read(number));
        read.map(|batch| batch.unwrap().batch_seq).collect()
    }

    #[test]
    fn a_copied_disk_does_not_send_what_another_device_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut master = Spool::open(folder.path(), 10_000, "master");
        master.keep(&batch(1), Worth::Essential).unwrap();
        let mut clone = Spool::open(folder.path(), 10_000, "clone");
        assert_eq!((clone.len(), clone.bytes()), (0, 0));
        assert!(folder.path().join("spool-of-another-device").is_dir());
        clone.keep(&batch(2), Worth::Essential).unwrap();
        assert_eq!(seqs(&mut Spool::open(folder.path(), 10_000, "clone")), [2]);
    }

    #[test]
    fn what_was_kept_is_found_by_the_next_process_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 10_000, "pc-1");
        for seq in 1..=3 {
            assert_eq!(spool.keep(&batch(seq), Worth::Essential).unwrap(), 0);
        }
        fs::write(folder.path().join("spool/000000000009-main-1.new"), "half").unwrap();
        let mut next = Spool::open(folder.path(), 10_000, "pc-1");
        assert_eq!(seqs(&mut next), [1, 2, 3]);
        assert_eq!(next.bytes(), spool.bytes());
        next.remove(1);
        assert_eq!(
            seqs(&mut Spool::open(folder.path(), 10_000, "pc-1")),
            [2, 3]
        );
    }

    #[test]
    fn a_full_spool_gives_up_information_before_findings_and_counts_both() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 3_200, "pc-1");
        spool.keep(&batch(1), Worth::Essential).unwrap();
        spool.keep(&batch(2), Worth::Informational).unwrap();
        spool.keep(&batch(3), Worth::Essential).unwrap();
        assert_eq!(spool.keep(&batch(4), Worth::Essential).unwrap(), 10);
        assert_eq!(seqs(&mut spool), [1, 3, 4]);
        assert_eq!(spool.keep(&batch(5), Worth::Informational).unwrap(), 10);
        assert_eq!(seqs(&mut spool), [3, 4, 5]);
        assert!(spool.bytes() <= 3_200);
    }

    #[test]
    fn a_batch_larger_than_the_spool_is_given_up_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 500, "pc-1");
        assert_eq!(spool.keep(&batch(1), Worth::Essential).unwrap(), 10);
        assert_eq!(spool.len(), 0);
    }

    #[test]
    fn a_damaged_batch_is_given_up_with_its_count() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 10_000, "pc-1");
        spool.keep(&batch(1), Worth::Essential).unwrap();
        fs::write(folder.path().join("spool/000000000001-main-10.batch"), "x").unwrap();
        assert_eq!(spool.read(1), Err(10));
        assert_eq!(spool.len(), 0);
    }
}
