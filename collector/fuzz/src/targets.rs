//! What is fuzzed: every parser of a text, event logs, cabinets, the telling of
//! kinds, checkpoints, and the decoder of batches.

use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::sync::OnceLock;

use kbwatch_collector::parse::cabinet::Cabinet;
use kbwatch_collector::parse::{self, FileKind, Origin, ParserCheckpoint, TextParser};
use kbwatch_proto::batch;
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::telemetry::Batch;

use crate::promises;

/// Most bytes of a cabinet's member that are unpacked.
const MOST_UNPACKED: u64 = 1024 * 1024;

/// A promise that is tried on every input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A parser of a kind of text.
    Text(FileKind),
    /// A whole file of any kind, event logs and cabinets included.
    File,
    /// The list and the members of a cabinet.
    Cabinet,
    /// Telling a kind from bytes.
    Detect,
    /// Going on from a checkpoint that someone damaged.
    Checkpoint,
    /// A sealed batch as it arrives.
    Unpack,
    /// The block inside a batch.
    Block,
}

const OTHERS: [(&str, Target); 6] = [
    ("file", Target::File),
    ("cabinet", Target::Cabinet),
    ("detect", Target::Detect),
    ("checkpoint", Target::Checkpoint),
    ("unpack", Target::Unpack),
    ("block", Target::Block),
];

impl Target {
    /// The target with this name: a kind's, or one of the others.
    pub fn named(name: &str) -> Option<Self> {
        if let Some((_, target)) = OTHERS.iter().find(|(known, _)| *known == name) {
            return Some(*target);
        }
        let kind: FileKind = name.parse().ok()?;
        Some(Self::Text(kind))
    }

    /// All names, kinds first.
    pub fn names() -> Vec<String> {
        let kinds = FileKind::names();
        let kinds = kinds
            .split(", ")
            .filter(|name| !name.starts_with("evtx") && *name != "cbs_cab");
        let others = OTHERS.iter().map(|(name, _)| *name);
        kinds.chain(others).map(str::to_owned).collect()
    }

    /// Tries one input.
    pub fn run(self, data: &[u8]) {
        match self {
            Self::Text(kind) => text(kind, data),
            Self::File => file(data),
            Self::Cabinet => cabinet(data),
            Self::Detect => {
                FileKind::detect(data, "CBS.log");
            }
            Self::Checkpoint => checkpoint(data),
            Self::Unpack => unpack(data),
            Self::Block => block(data),
        }
    }
}

fn origin() -> Origin {
    Origin {
        device_id: "pc-1".to_owned(),
        log: "log".to_owned(),
    }
}

/// Events of a text that arrives in pieces.
pub fn read(kind: FileKind, pieces: &[&[u8]]) -> Vec<UpdateEvent> {
    let mut parser = TextParser::new(kind, origin()).with_noise(true);
    let mut events = Vec::new();
    for piece in pieces {
        parser.feed(piece, &mut events);
    }
    parser.finish(&mut events);
    parser.resolve_times(&mut events);
    let checkpoint = parser.checkpoint();
    assert!(
        checkpoint.context.len() <= 64 * 1024,
        "context over its limit"
    );
    events
}

fn text(kind: FileKind, data: &[u8]) {
    let whole = read(kind, &[data]);
    for event in &whole {
        promises::hold(event);
    }
    let share = usize::from(data.last().copied().unwrap_or_default());
    let cut = data.len() * share / 256;
    let (head, tail) = data.split_at(cut);
    assert_eq!(read(kind, &[head, tail]), whole, "cut at {cut}");
    if data.len() <= 512 {
        let bytes: Vec<&[u8]> = data.chunks(1).collect();
        assert_eq!(read(kind, &bytes), whole, "byte by byte");
    }
}

fn file(data: &[u8]) {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        let name = format!("kbwatch-fuzz-{}.bin", std::process::id());
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() {
            memory
        } else {
            std::env::temp_dir()
        };
        folder.join(name)
    });
    std::fs::write(path, data).expect("write the input");
    if let Ok(parsed) = parse::parse_file(path, None, "pc-1") {
        for event in &parsed.events {
            promises::hold(event);
        }
    }
}

fn cabinet(data: &[u8]) {
    let Ok(mut cabinet) = Cabinet::open(Cursor::new(data)) else {
        return;
    };
    for at in 0..cabinet.members().len().min(8) {
        let declared = cabinet.members()[at].len;
        if let Ok(member) = cabinet.read_member(at) {
            let mut content = Vec::new();
            let done = member.take(MOST_UNPACKED).read_to_end(&mut content);
            assert!(content.len() as u64 <= declared);
            assert!(done.is_err() || content.len() as u64 == declared.min(MOST_UNPACKED));
        }
    }
}

fn checkpoint(data: &[u8]) {
    let number = u64::from(data.first().copied().unwrap_or_default());
    let checkpoint = ParserCheckpoint {
        offset: number << 56 | number,
        line: number,
        context: data.to_vec(),
    };
    let log = b"2023-01-11 09:00:00, Info                  CBS    Startup: Processing complete. \
        [HRESULT = 0x00000000 - S_OK]\r\n";
    for kind in [
        FileKind::Cbs,
        FileKind::Dism,
        FileKind::WuDecoded,
        FileKind::ConfigMgr,
    ] {
        let mut parser = TextParser::restore(kind, origin(), &checkpoint);
        let mut events = Vec::new();
        parser.feed(log, &mut events);
        parser.finish(&mut events);
        parser.resolve_times(&mut events);
        parser.checkpoint();
    }
}

fn unpack(data: &[u8]) {
    let sealed = Batch {
        format: 1,
        event_count: u32::from(data.first().copied().unwrap_or_default()),
        unpacked_len: u32::try_from(batch::declared_len(data).unwrap_or(4096)).unwrap_or(u32::MAX),
        checksum: batch::checksum(data),
        payload: data.to_vec(),
        ..Batch::default()
    };
    drop(batch::unpack(&sealed));
}

/// The first byte is the count of events, the rest the block.
fn block(data: &[u8]) {
    let Some((count, block)) = data.split_first() else {
        return;
    };
    let payload = zstd::bulk::compress(block, 1).expect("compress in memory");
    let sealed = Batch {
        format: 1,
        event_count: u32::from(*count),
        unpacked_len: u32::try_from(block.len()).expect("inputs are small"),
        checksum: batch::checksum(&payload),
        payload,
        ..Batch::default()
    };
    if let Ok(unpacked) = batch::unpack(&sealed) {
        let rows = unpacked.contents.events.len() + unpacked.rejected.len();
        assert_eq!(rows, usize::from(*count), "a row is lost");
    }
}
