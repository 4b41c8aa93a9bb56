//! The entries at the front of a cabinet: its folders and its members.

use std::io::{self, Read, Seek, SeekFrom};

use super::blocks::Method;
use super::{CabinetError, Member};
use crate::parse::encoding::console_text;

/// Longest name of a member, in bytes.
const MAX_NAME_LEN: usize = 256;

pub(super) struct Folder {
    pub(super) first_block: u64,
    pub(super) blocks: u16,
    pub(super) method: Result<Method, u16>,
}

pub(super) fn take<const LEN: usize>(reader: &mut impl Read) -> io::Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

/// Text up to a zero byte.
pub(super) fn take_name(reader: &mut impl Read) -> Result<String, CabinetError> {
    let mut name = Vec::new();
    loop {
        let [byte] = take(reader)?;
        if byte == 0 {
            return Ok(console_text(&name).into_owned());
        }
        if name.len() == MAX_NAME_LEN {
            return Err(CabinetError::Damaged("name of a member"));
        }
        name.push(byte);
    }
}

pub(super) fn take_folder(
    reader: &mut (impl Read + Seek),
    reserve: u8,
) -> Result<Folder, CabinetError> {
    let entry: [u8; 8] = take(reader)?;
    reader.seek(SeekFrom::Current(i64::from(reserve)))?;
    let packing = u16_at(&entry, 6);
    Ok(Folder {
        first_block: u64::from(u32_at(&entry, 0)),
        blocks: u16_at(&entry, 4),
        method: Method::of(packing).ok_or(packing),
    })
}

pub(super) fn take_member(reader: &mut impl Read) -> Result<Member, CabinetError> {
    let entry: [u8; 16] = take(reader)?;
    Ok(Member {
        name: take_name(reader)?,
        len: u64::from(u32_at(&entry, 0)),
        folder: u16_at(&entry, 8),
        start: u64::from(u32_at(&entry, 4)),
    })
}
