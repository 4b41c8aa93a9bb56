//! How far each log was read, for the next start.
//!
//! The checkpoint follows the receipts: it never claims more than the gateway
//! has made durable. A lost, foreign or damaged checkpoint costs a second
//! reading and nothing else, because the same record is the same event.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kbwatch_proto::hex;
use serde::{Deserialize, Serialize};

use crate::parse::ParserCheckpoint;
use crate::watch::file_id::{FileId, Fingerprint, Signature};

/// Layout of the checkpoint file.
const VERSION: u32 = 1;
pub(crate) const FILE_NAME: &str = "checkpoint.json";

/// Everything that outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Memory {
    pub(crate) facts_revision: u64,
    pub(crate) facts_hash: u64,
    /// Files by the configuration key of their source.
    pub(crate) sources: Vec<(String, Vec<RememberedFile>)>,
}

impl Memory {
    /// The files of a source, once.
    pub(crate) fn take_files(&mut self, source: &str) -> Vec<RememberedFile> {
        let found = self.sources.iter_mut().find(|(name, _)| name == source);
        found.map_or_else(Vec::new, |(_, files)| std::mem::take(files))
    }
}

/// How far one file was read and receipted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RememberedFile {
    pub(crate) path: PathBuf,
    pub(crate) id: FileId,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) checkpoint: ParserCheckpoint,
    /// Version of the grammars that read it; after another one the file is
    /// read again from the start of its last session.
    pub(crate) parser_version: u32,
    /// Bytes that lay there when the device was first looked at.
    pub(crate) history_len: u64,
    pub(crate) finished: bool,
    pub(crate) version: Option<Signature>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredMemory {
    version: u32,
    device_id: String,
    facts_revision: u64,
    facts_hash: u64,
    sources: Vec<StoredSource>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredSource {
    source: String,
    files: Vec<StoredFile>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredFile {
    path: PathBuf,
    id: FileId,
    fingerprint: Fingerprint,
    offset: u64,
    line: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    context: String,
    #[serde(default)]
    parser_version: u32,
    #[serde(default)]
    history_len: u64,
    #[serde(default)]
    finished: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Signature>,
}

/// Where the checkpoint of one device lies.
#[derive(Debug)]
pub(crate) struct Notebook {
    folder: PathBuf,
    file_name: String,
    device_id: String,
    in_trouble: bool,
}

impl Notebook {
    pub(crate) fn new(folder: &Path, device_id: &str) -> Self {
        Self::named(folder, FILE_NAME.to_owned(), device_id)
    }

    /// A checkpoint that holds only once receipts have come back.
    pub(crate) fn named(folder: &Path, file_name: String, device_id: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            file_name,
            device_id: device_id.to_owned(),
            in_trouble: false,
        }
    }

    /// The last checkpoint, or an empty one where there is none to be trusted.
    pub(crate) fn load(&self) -> Memory {
        let path = self.folder.join(&self.file_name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Memory::default(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "checkpoint unreadable, reading logs anew");
                return Memory::default();
            }
        };
        match self.decode(&bytes) {
            Ok(memory) => memory,
            Err(why) => {
                tracing::warn!(path = %path.display(), why, "checkpoint unusable, reading logs anew");
                Memory::default()
            }
        }
    }

    /// Replaces the checkpoint; returns whether that worked. A failure is told
    /// once: it costs a second reading, no event.
    pub(crate) fn save(&mut self, memory: &Memory) -> bool {
        let outcome = self.replace(memory);
        if let Err(error) = &outcome
            && !self.in_trouble
        {
            let folder = self.folder.display();
            tracing::warn!(%folder, %error, "checkpoint not written, trying again");
        }
        self.in_trouble = outcome.is_err();
        outcome.is_ok()
    }

    /// After a crash there is the old checkpoint or the new one, never half of
    /// either.
    fn replace(&self, memory: &Memory) -> io::Result<()> {
        let bytes = serde_json::to_vec(&self.encode(memory)).map_err(io::Error::other)?;
        let path = self.folder.join(&self.file_name);
        let fresh = self.folder.join(format!("{}.new", self.file_name));
        let mut file = File::create(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&fresh, &path)?;
        // The rename itself must survive too; Windows journals it.
        #[cfg(unix)]
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }

    fn encode(&self, memory: &Memory) -> StoredMemory {
        StoredMemory {
            version: VERSION,
            device_id: self.device_id.clone(),
            facts_revision: memory.facts_revision,
            facts_hash: memory.facts_hash,
            sources: memory
                .sources
                .iter()
                .map(|(source, files)| StoredSource {
                    source: source.clone(),
                    files: files.iter().map(store_file).collect(),
                })
                .collect(),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Memory, &'static str> {
        let stored: StoredMemory =
            serde_json::from_slice(bytes).map_err(|_| "it is damaged or of another layout")?;
        if stored.version != VERSION {
            return Err("it is of another version");
        }
        if stored.device_id != self.device_id {
            return Err("it is of another device");
        }
        let mut sources = Vec::with_capacity(stored.sources.len());
        for source in stored.sources {
            let files: Option<Vec<_>> = source.files.into_iter().map(restore_file).collect();
            sources.push((source.source, files.ok_or("a parser context is damaged")?));
        }
        Ok(Memory {
            facts_revision: stored.facts_revision,
            facts_hash: stored.facts_hash,
            sources,
        })
    }
}

fn store_file(file: &RememberedFile) -> StoredFile {
    StoredFile {
        path: file.path.clone(),
        id: file.id,
        fingerprint: file.fingerprint,
        offset: file.checkpoint.offset,
        line: file.checkpoint.line,
        context: hex::encode(&file.checkpoint.context),
        parser_version: file.parser_version,
        history_len: file.history_len,
        finished: file.finished,
        version: file.version,
    }
}

fn restore_file(stored: StoredFile) -> Option<RememberedFile> {
    Some(RememberedFile {
        path: stored.path,
        id: stored.id,
        fingerprint: stored.fingerprint,
        checkpoint: ParserCheckpoint {
            offset: stored.offset,
            line: stored.line,
            context: hex::decode(&stored.context)?,
        },
        parser_version: stored.parser_version,
        history_len: stored.history_len,
        finished: stored.finished,
        version: stored.version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::opened::Opened;

    fn memory(folder: &Path) -> Memory {
        let log = folder.join("CBS.log");
        fs::write(&log, "first line\n").unwrap();
        let opened = Opened::open(&log).unwrap();
        Memory {
            facts_revision: 7,
            facts_hash: u64::MAX,
            sources: vec![(
                "cbs_log".to_owned(),
                vec![RememberedFile {
                    path: log,
                    id: opened.signature.id,
                    fingerprint: Fingerprint::of(&opened.head),
                    checkpoint: ParserCheckpoint {
                        offset: 11,
                        line: 1,
                        context: vec![0, 127, 255],
                    },
                    parser_version: 3,
                    history_len: 5,
                    finished: false,
                    version: Some(opened.signature),
                }],
            )],
        }
    }

    #[test]
    fn a_checkpoint_reads_back_as_it_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let memory = memory(folder.path());
        let mut notebook = Notebook::new(folder.path(), "pc-1");
        assert!(notebook.save(&memory));
        assert_eq!(notebook.load(), memory);
    }

    #[test]
    fn a_damaged_or_missing_checkpoint_is_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut notebook = Notebook::new(folder.path(), "pc-1");
        assert_eq!(notebook.load(), Memory::default());
        assert!(notebook.save(&memory(folder.path())));
        let path = folder.path().join(FILE_NAME);
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(bytes.len() / 2);
        fs::write(&path, bytes).unwrap();
        assert_eq!(notebook.load(), Memory::default());
    }

    #[test]
    fn the_checkpoint_of_a_cloned_device_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let memory = memory(folder.path());
        assert!(Notebook::new(folder.path(), "golden").save(&memory));
        assert_eq!(
            Notebook::new(folder.path(), "pc-1").load(),
            Memory::default()
        );
    }
}
