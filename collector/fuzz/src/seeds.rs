//! What a corpus starts from where no fixture will do: sealed batches, blocks
//! and cabinets.

use std::path::Path;

use kbwatch_collector::parse::FileKind;
use kbwatch_proto::batch::{self, Contents};

use crate::targets::{Target, read};

/// Two members, LZX, as cabinets are laid out.
const CABINET: &[u8] = b"MSCF\0\0\0\0\x97\0\0\0\0\0\0\0\x2c\0\0\0\0\0\0\0\x03\x01\x01\0\x02\0\
    \0\0\x2d\x05\0\0\x5b\0\0\0\x01\0\x03\x13\x0f\0\0\0\0\0\0\0\0\0\x21\x53\x0d\xb2\x20\0\
    hi.txt\0\x10\0\0\0\x0f\0\0\0\0\0\x21\x53\x0b\xb2\x20\0bye.txt\0\0\0\0\0\x34\0\
    \x1f\0\x5b\x80\x80\x8d\0\x30\xf0\x01\x10\0\0\0\x01\0\0\0\x01\0\0\0Hello, world!\r\n\
    See you later!\r\n\0";

/// A member, deflated, without a checksum so that changes get past it.
const DEFLATED: &[u8] = b"MSCF\0\0\0\0\x4f\0\0\0\0\0\0\0\x2c\0\0\0\0\0\0\0\x03\x01\x01\0\x01\0\
    \0\0\0\0\0\0\x42\0\0\0\x01\0\x01\0\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0a.log\0\
    \0\0\0\0\x09\0\x05\0CK\xcbH\xcd\xc9\xc9\x07\0";

const LOG: &[u8] = include_bytes!("../../tests/fixtures/cbs_install_0x800f0985.log");

/// Writes the seeds of a target into a folder.
pub fn write(target: Target, folder: &Path) {
    let seeds: Vec<(&str, Vec<u8>)> = match target {
        Target::Cabinet | Target::File => {
            vec![("lzx", CABINET.to_vec()), ("mszip", DEFLATED.to_vec())]
        }
        Target::Unpack | Target::Block => batches(target),
        Target::Checkpoint => vec![("cbs", checkpoint())],
        Target::Text(_) | Target::Detect => Vec::new(),
    };
    for (name, bytes) in seeds {
        std::fs::write(folder.join(format!("seed-{name}")), bytes).expect("write a seed");
    }
}

fn batches(target: Target) -> Vec<(&'static str, Vec<u8>)> {
    let contents = Contents {
        events: read(FileKind::Cbs, &[LOG]),
        ..Contents::default()
    };
    let sealed = batch::pack(&contents).expect("pack the fixture");
    if target == Target::Unpack {
        return vec![("batch", sealed.payload)];
    }
    let block = zstd::bulk::decompress(&sealed.payload, sealed.unpacked_len as usize);
    let mut seed = vec![u8::try_from(sealed.event_count).expect("a small fixture")];
    seed.extend(block.expect("what was packed unpacks"));
    vec![("block", seed)]
}

fn checkpoint() -> Vec<u8> {
    use kbwatch_collector::parse::{Origin, TextParser};
    let origin = Origin {
        device_id: "pc-1".to_owned(),
        log: "log".to_owned(),
    };
    let mut parser = TextParser::new(FileKind::Cbs, origin);
    parser.feed(LOG, &mut Vec::new());
    parser.checkpoint().context
}
