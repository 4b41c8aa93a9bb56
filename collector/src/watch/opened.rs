//! An open log: a plain file, or the log inside a cabinet that servicing made
//! of it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::parse::cabinet::{CABINET_MAGIC, Cabinet, MemberReader};
use crate::watch::file_id::{FINGERPRINT_LEN, Signature};

/// An open log and what identifies it, all read from one handle.
pub(crate) struct Opened {
    body: Body,
    /// Length: of the log, unpacked.
    pub(crate) signature: Signature,
    pub(crate) head: Vec<u8>,
}

enum Body {
    Plain(File),
    /// Read from front to back only; `at` is what comes next.
    Packed {
        member: Box<MemberReader<File>>,
        at: u64,
    },
}

impl Opened {
    /// Opens for reading; on Windows the standard library shares the file for
    /// reading, writing and deletion, so that its writer never notices.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::IsADirectory,
                "not a regular file",
            ));
        }
        let signature = Signature::of(&file, &metadata)?;
        let mut head = Vec::new();
        (&mut file)
            .take(FINGERPRINT_LEN as u64)
            .read_to_end(&mut head)?;
        if head.starts_with(CABINET_MAGIC) {
            return Self::unpack(file, signature);
        }
        Ok(Self {
            signature,
            body: Body::Plain(file),
            head,
        })
    }

    fn unpack(file: File, signature: Signature) -> io::Result<Self> {
        let cabinet = Cabinet::open(file).map_err(io::Error::other)?;
        let len = cabinet.members().first().map_or(0, |member| member.len);
        let mut member = Box::new(cabinet.into_member(0).map_err(io::Error::other)?);
        let mut head = Vec::new();
        (&mut *member)
            .take(FINGERPRINT_LEN as u64)
            .read_to_end(&mut head)?;
        Ok(Self {
            signature: Signature { len, ..signature },
            body: Body::Packed {
                at: head.len() as u64,
                member,
            },
            head,
        })
    }

    /// Whether it is a log inside a cabinet: costly to open, never written.
    pub(crate) fn is_packed(&self) -> bool {
        matches!(self.body, Body::Packed { .. })
    }

    /// Reads at most `most` bytes from an offset; fewer than that are not the
    /// end, none are.
    pub(crate) fn read_at(&mut self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let rest = self.signature.len.saturating_sub(offset);
        let wanted = rest.min(most as u64);
        let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or(most));
        match &mut self.body {
            Body::Plain(file) => {
                file.seek(SeekFrom::Start(offset))?;
                file.take(wanted).read_to_end(&mut bytes)?;
            }
            Body::Packed { member, at } => {
                let from_head = usize::try_from(offset)
                    .ok()
                    .and_then(|at| self.head.get(at..));
                if let Some(front) = from_head.filter(|front| !front.is_empty()) {
                    bytes.extend_from_slice(&front[..front.len().min(most)]);
                    return Ok(bytes);
                }
                let Some(between) = offset.checked_sub(*at) else {
                    return Err(io::Error::other("a cabinet is read forwards only"));
                };
                io::copy(&mut member.by_ref().take(between), &mut io::sink())?;
                member.by_ref().take(wanted).read_to_end(&mut bytes)?;
                *at = offset + bytes.len() as u64;
            }
        }
        Ok(bytes)
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("signature", &self.signature)
            .field("is_packed", &self.is_packed())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::cabinet::tests::pack;

    fn opened(bytes: &[u8]) -> io::Result<Opened> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Opened::open(file.path())
    }

    #[test]
    fn an_open_file_is_read_from_an_offset_within_a_bound() {
        let mut log = opened(b"0123456789").unwrap();
        assert_eq!(log.read_at(2, 3).unwrap(), b"234");
        assert_eq!(log.read_at(8, 100).unwrap(), b"89");
        assert_eq!(log.read_at(20, 100).unwrap(), b"");
        assert!(Opened::open(tempfile::tempdir().unwrap().path()).is_err());
    }

    #[test]
    fn a_packed_log_reads_like_the_log_itself_forwards() {
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut log = opened(&pack(&[("CbsPersist_1.log", &text)], 1)).unwrap();
        assert!(log.is_packed());
        assert_eq!(log.signature.len, text.len() as u64);
        assert_eq!(log.head, text[..FINGERPRINT_LEN]);
        let mut read = Vec::new();
        loop {
            let bytes = log.read_at(read.len() as u64, 70_000).unwrap();
            if bytes.is_empty() {
                break;
            }
            read.extend(bytes);
        }
        assert_eq!(read, text);
        assert!(log.read_at(FINGERPRINT_LEN as u64, 10).is_err());
    }

    #[test]
    fn a_packed_log_is_entered_in_its_middle() {
        let text = vec![b'x'; 50_000];
        let mut log = opened(&pack(&[("CbsPersist_1.log", &text)], 0)).unwrap();
        assert_eq!(log.read_at(49_990, 100).unwrap().len(), 10);
    }

    #[test]
    fn a_cabinet_that_is_not_complete_yet_is_an_error() {
        let whole = pack(&[("CbsPersist_1.log", b"text")], 1);
        assert!(opened(&whole[..whole.len() - 3]).is_err());
    }
}
