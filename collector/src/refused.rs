//! Batches that the gateway will never take, kept aside for a person.
//!
//! The folder is bounded: when it is full the oldest go, counted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kbwatch_proto::telemetry::Batch;
use prost::Message;

const SUFFIX: &str = "batch";

/// The folder of refused batches.
#[derive(Debug)]
pub(crate) struct RefusedFolder {
    folder: PathBuf,
    max_bytes: u64,
}

impl RefusedFolder {
    pub(crate) fn new(state_dir: &Path, max_bytes: u64) -> Self {
        Self {
            folder: state_dir.join("refused"),
            max_bytes,
        }
    }

    /// Says that a batch was refused, and keeps it.
    pub(crate) fn set_aside(&self, batch: &Batch, reason: &str) {
        tracing::error!(
            batch.batch_seq,
            events = batch.event_count,
            reason,
            "gateway refused a batch, kept in refused/"
        );
        match self.keep(batch, reason) {
            Ok(0) => {}
            Ok(dropped) => {
                tracing::error!(dropped, "refused/ is full, its oldest batches are gone");
            }
            Err(error) => tracing::error!(%error, "refused batch could not be kept"),
        }
    }

    /// Keeps a batch as it was sent, as `EPOCH-SEQ.batch`, and the gateway's
    /// reason beside it. Returns how many older batches had to go.
    fn keep(&self, batch: &Batch, reason: &str) -> io::Result<u64> {
        fs::create_dir_all(&self.folder)?;
        let bytes = batch.encode_to_vec();
        let dropped = self.make_room(bytes.len() as u64)?;
        let name = format!("{:016x}-{:010}", batch.epoch, batch.batch_seq);
        fs::write(self.folder.join(format!("{name}.{SUFFIX}")), bytes)?;
        fs::write(self.folder.join(format!("{name}.reason.txt")), reason)?;
        Ok(dropped)
    }

    fn make_room(&self, needed: u64) -> io::Result<u64> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|suffix| suffix == SUFFIX) {
                let metadata = fs::metadata(&path)?;
                kept.push((metadata.modified()?, metadata.len(), path));
            }
        }
        kept.sort();
        let mut total: u64 = kept.iter().map(|(_, len, _)| len).sum();
        let mut dropped = 0;
        for (_, len, path) in kept {
            if total + needed <= self.max_bytes {
                break;
            }
            fs::remove_file(&path)?;
            // The reason is worth nothing without its batch.
            if let Err(error) = fs::remove_file(path.with_extension("reason.txt")) {
                tracing::debug!(%error, "reason of a refused batch stays behind");
            }
            total -= len;
            dropped += 1;
        }
        Ok(dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(batch_seq: u64) -> Batch {
        Batch {
            epoch: 1,
            batch_seq,
            payload: vec![7; 1000],
            ..Batch::default()
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder.join("refused"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_refused_batch_is_kept_whole_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let refused = RefusedFolder::new(folder.path(), 10_000);
        assert_eq!(refused.keep(&batch(1), "too odd").unwrap(), 0);
        let kept = folder
            .path()
            .join("refused/0000000000000001-0000000001.batch");
        assert_eq!(Batch::decode(&*fs::read(kept).unwrap()).unwrap(), batch(1));
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn a_full_folder_gives_up_its_oldest_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let refused = RefusedFolder::new(folder.path(), 2_500);
        assert_eq!(refused.keep(&batch(1), "").unwrap(), 0);
        assert_eq!(refused.keep(&batch(2), "").unwrap(), 0);
        assert_eq!(refused.keep(&batch(3), "").unwrap(), 1);
        assert_eq!(names(folder.path()).len(), 4);
    }
}
