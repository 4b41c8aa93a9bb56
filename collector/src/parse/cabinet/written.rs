//! Cabinets as the tests need them.

use super::CABINET_MAGIC;
use super::blocks;

pub(super) const MSZIP: u16 = 1;
pub(super) const BLOCK_LEN: usize = 32 * 1024;

/// Packs members into one folder with the method's number (0 or 1).
pub(crate) fn pack(members: &[(&str, &[u8])], method: u16) -> Vec<u8> {
    let content: Vec<u8> = members
        .iter()
        .flat_map(|(_, bytes)| bytes.to_vec())
        .collect();
    let blocks: Vec<(Vec<u8>, usize)> = content
        .chunks(BLOCK_LEN)
        .map(|block| (pack_block(block, method), block.len()))
        .collect();
    let names: usize = members.iter().map(|(name, _)| 17 + name.len()).sum();
    let first_block = u32::try_from(36 + 8 + names).unwrap();
    let mut cabinet = CABINET_MAGIC.to_vec();
    cabinet.extend([0; 12]);
    cabinet.extend((36_u32 + 8).to_le_bytes());
    cabinet.extend([0, 0, 0, 0, 3, 1, 1, 0]);
    cabinet.extend(u16::try_from(members.len()).unwrap().to_le_bytes());
    cabinet.extend([0; 6]);
    cabinet.extend(first_block.to_le_bytes());
    cabinet.extend(u16::try_from(blocks.len()).unwrap().to_le_bytes());
    cabinet.extend(method.to_le_bytes());
    let mut start = 0_u32;
    for (name, bytes) in members {
        let len = u32::try_from(bytes.len()).unwrap();
        cabinet.extend(len.to_le_bytes());
        cabinet.extend(start.to_le_bytes());
        cabinet.extend([0; 8]);
        cabinet.extend(name.as_bytes());
        cabinet.push(0);
        start += len;
    }
    for (packed, len) in blocks {
        let sizes = [packed.len(), len].map(|size| u16::try_from(size).unwrap());
        cabinet.extend(blocks::checksum(&packed, sizes[0], sizes[1]).to_le_bytes());
        cabinet.extend(sizes[0].to_le_bytes());
        cabinet.extend(sizes[1].to_le_bytes());
        cabinet.extend(packed);
    }
    cabinet
}

fn pack_block(block: &[u8], method: u16) -> Vec<u8> {
    if method != MSZIP {
        return block.to_vec();
    }
    let mut packed = b"CK".to_vec();
    packed.extend(miniz_oxide::deflate::compress_to_vec(block, 6));
    packed
}
