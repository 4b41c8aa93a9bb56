//! Reads Windows cabinets (`.cab`): what servicing makes of old logs, and what
//! people bundle logs in.
//!
//! Promise: no input panics; memory stays below 3 MiB plus the list of
//! members, whatever a cabinet declares; bytes that do not fit their checksum
//! are never handed out.
//!
//! A cabinet holds folders, each a chain of blocks of at most 32 KiB that are
//! packed together, and members, each a stretch of a folder. Members that
//! reach into another cabinet of a set are not read.

mod blocks;
mod entries;
#[cfg(test)]
mod written;

use std::io::{self, Read, Seek, SeekFrom};

pub use blocks::MemberReader;
use blocks::{FolderReader, Method};
use entries::{Folder, take, take_folder, take_member, take_name, u16_at, u32_at};

/// What a cabinet starts with.
pub const CABINET_MAGIC: &[u8; 4] = b"MSCF";

/// Most members that are listed.
const MAX_MEMBERS: u16 = 4096;

const HAS_PREVIOUS: u16 = 1;
const HAS_NEXT: u16 = 2;
const HAS_RESERVE: u16 = 4;

/// First folder number that means another cabinet of the set.
const ELSEWHERE: u16 = 0xfffd;

/// A cabinet that cannot be read, or a member of it.
#[derive(Debug, thiserror::Error)]
pub enum CabinetError {
    /// The file cannot be read, or ends too early.
    #[error("read the cabinet")]
    Unreadable(#[from] io::Error),
    /// It does not start like a cabinet.
    #[error("it is no cabinet")]
    NoCabinet,
    /// It lists more members than anyone packs.
    #[error("it lists {0} members, more than {MAX_MEMBERS}")]
    TooManyMembers(u16),
    /// Its lists contradict each other.
    #[error("its {0} makes no sense")]
    Damaged(&'static str),
    /// The member begins or ends in another cabinet of the set.
    #[error("the member reaches into another cabinet")]
    Elsewhere,
    /// The member is packed in a way that logs never are.
    #[error("packed with method {0}, which is not read")]
    UnknownMethod(u16),
}

/// A file inside a cabinet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Name as stored, possibly with folders.
    pub name: String,
    /// Unpacked length in bytes, as declared.
    pub len: u64,
    folder: u16,
    start: u64,
}

/// An open cabinet.
pub struct Cabinet<R> {
    reader: R,
    folders: Vec<Folder>,
    members: Vec<Member>,
    /// Bytes between a block's head and its data.
    block_reserve: u8,
}

impl<R: Read + Seek> Cabinet<R> {
    /// Reads the lists at the front of a cabinet.
    ///
    /// # Errors
    /// See [`CabinetError`].
    pub fn open(mut reader: R) -> Result<Self, CabinetError> {
        reader.seek(SeekFrom::Start(0))?;
        let head: [u8; 36] = take(&mut reader)?;
        if !head.starts_with(CABINET_MAGIC) {
            return Err(CabinetError::NoCabinet);
        }
        let members_at = u64::from(u32_at(&head, 16));
        let folder_count = u16_at(&head, 26);
        let member_count = u16_at(&head, 28);
        let flags = u16_at(&head, 30);
        if member_count > MAX_MEMBERS || folder_count > MAX_MEMBERS {
            return Err(CabinetError::TooManyMembers(member_count));
        }
        let (mut folder_reserve, mut block_reserve) = (0, 0);
        if flags & HAS_RESERVE != 0 {
            let sizes: [u8; 4] = take(&mut reader)?;
            (folder_reserve, block_reserve) = (sizes[2], sizes[3]);
            reader.seek(SeekFrom::Current(i64::from(u16_at(&sizes, 0))))?;
        }
        for flag in [HAS_PREVIOUS, HAS_NEXT] {
            if flags & flag != 0 {
                take_name(&mut reader)?;
                take_name(&mut reader)?;
            }
        }
        let mut folders = Vec::with_capacity(folder_count.into());
        for _ in 0..folder_count {
            folders.push(take_folder(&mut reader, folder_reserve)?);
        }
        reader.seek(SeekFrom::Start(members_at))?;
        let mut members = Vec::new();
        for _ in 0..member_count {
            members.push(take_member(&mut reader)?);
        }
        Ok(Self {
            reader,
            folders,
            members,
            block_reserve,
        })
    }

    /// The files in it, in stored order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Unpacks a member of [`Cabinet::members`] by its place there: it gives at
    /// most the declared length.
    ///
    /// # Errors
    /// Where the member cannot be found or its packing is not known; damage
    /// inside shows when the reader gets there.
    pub fn read_member(&mut self, at: usize) -> Result<MemberReader<&mut R>, CabinetError> {
        let place = self.place(at)?;
        Ok(place.read(&mut self.reader))
    }

    /// As [`Cabinet::read_member`], for one member whose reader outlives the
    /// lists.
    ///
    /// # Errors
    /// As [`Cabinet::read_member`].
    pub fn into_member(self, at: usize) -> Result<MemberReader<R>, CabinetError> {
        let place = self.place(at)?;
        Ok(place.read(self.reader))
    }

    fn place(&self, at: usize) -> Result<Place, CabinetError> {
        let member = self.members.get(at).ok_or(CabinetError::Damaged("place"))?;
        if member.folder >= ELSEWHERE {
            return Err(CabinetError::Elsewhere);
        }
        let folder = self.folders.get(usize::from(member.folder));
        let folder = folder.ok_or(CabinetError::Damaged("list of folders"))?;
        Ok(Place {
            blocks: (folder.first_block, folder.blocks),
            block_reserve: self.block_reserve,
            method: folder.method.map_err(CabinetError::UnknownMethod)?,
            start: member.start,
            len: member.len,
        })
    }
}

/// Where a member lies and how it is packed.
struct Place {
    blocks: (u64, u16),
    block_reserve: u8,
    method: Method,
    start: u64,
    len: u64,
}

impl Place {
    fn read<R: Read + Seek>(&self, reader: R) -> MemberReader<R> {
        let packed = FolderReader::new(reader, self.blocks, self.block_reserve, self.method);
        MemberReader::new(packed, self.start, self.len)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    pub(crate) use super::written::pack;
    use super::written::{BLOCK_LEN, MSZIP};
    use super::*;

    pub(crate) fn unpack(bytes: &[u8], at: usize) -> Result<Vec<u8>, CabinetError> {
        let mut cabinet = Cabinet::open(Cursor::new(bytes))?;
        let mut content = Vec::new();
        cabinet.read_member(at)?.read_to_end(&mut content)?;
        Ok(content)
    }

    fn long_log() -> Vec<u8> {
        (0..4000)
            .flat_map(|n| format!("2023-01-11 09:00:00, Info CBS line {n}\r\n").into_bytes())
            .collect()
    }

    #[test]
    fn members_come_out_as_they_went_in() {
        let log = long_log();
        for method in [0, MSZIP] {
            let bytes = pack(&[("a.txt", b"hello"), ("CbsPersist_1.log", &log)], method);
            let cabinet = Cabinet::open(Cursor::new(&bytes)).unwrap();
            assert_eq!(cabinet.members()[1].name, "CbsPersist_1.log");
            assert_eq!(cabinet.members()[1].len, log.len() as u64);
            assert_eq!(unpack(&bytes, 0).unwrap(), b"hello");
            assert_eq!(unpack(&bytes, 1).unwrap(), log);
        }
    }

    /// Two members, LZX, as `makecab` lays them out.
    const LZX: &[u8] = b"MSCF\0\0\0\0\x97\0\0\0\0\0\0\0\x2c\0\0\0\0\0\0\0\x03\x01\x01\0\x02\0\
        \0\0\x2d\x05\0\0\x5b\0\0\0\x01\0\x03\x13\x0f\0\0\0\0\0\0\0\0\0\x21\x53\x0d\xb2\x20\0\
        hi.txt\0\x10\0\0\0\x0f\0\0\0\0\0\x21\x53\x0b\xb2\x20\0bye.txt\0\x5c\xef\x2a\xc7\x34\0\
        \x1f\0\x5b\x80\x80\x8d\0\x30\xf0\x01\x10\0\0\0\x01\0\0\0\x01\0\0\0Hello, world!\r\n\
        See you later!\r\n\0";

    #[test]
    fn lzx_is_unpacked() {
        assert_eq!(unpack(LZX, 0).unwrap(), b"Hello, world!\r\n");
        assert_eq!(unpack(LZX, 1).unwrap(), b"See you later!\r\n");
    }

    #[test]
    fn a_changed_byte_of_data_is_never_handed_out() {
        let mut bytes = pack(&[("a.log", &long_log())], MSZIP);
        let last = bytes.len() - 20;
        bytes[last] ^= 1;
        assert!(unpack(&bytes, 0).is_err());
    }

    #[test]
    fn a_cut_cabinet_gives_what_is_whole_and_then_an_error() {
        let log = long_log();
        let bytes = pack(&[("a.log", &log)], MSZIP);
        let mut cabinet = Cabinet::open(Cursor::new(&bytes[..bytes.len() - 100])).unwrap();
        let mut content = Vec::new();
        let done = cabinet.read_member(0).unwrap().read_to_end(&mut content);
        assert!(done.is_err());
        assert!(content.len() >= BLOCK_LEN && log.starts_with(&content));
    }

    #[test]
    fn what_is_no_cabinet_says_so() {
        assert!(matches!(
            Cabinet::open(Cursor::new(&[0; 64])).err(),
            Some(CabinetError::NoCabinet)
        ));
        let quantum = pack(&[("a", b"b")], 2);
        assert!(matches!(
            unpack(&quantum, 0),
            Err(CabinetError::UnknownMethod(2))
        ));
    }

    proptest! {
        #[test]
        fn damaged_cabinets_never_panic(
            lzx in any::<bool>(),
            places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
            end in any::<prop::sample::Index>(),
        ) {
            let mut bytes = if lzx { LZX.to_vec() } else { pack(&[("a", b"hello hello")], MSZIP) };
            for (place, byte) in places {
                let at = place.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(end.index(bytes.len()) + 1);
            if let Ok(cabinet) = Cabinet::open(Cursor::new(&bytes)) {
                for at in 0..cabinet.members().len().min(4) {
                    drop(unpack(&bytes, at));
                }
            }
        }
    }
}
