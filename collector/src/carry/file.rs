//! The file that is carried: sealed pieces of many devices, one after the
//! other. A piece that was cut, when the stick was pulled out too early, ends
//! the reading and costs no piece before it; one that is damaged in the middle
//! costs no other.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use kbwatch_proto::carry::Sealed;
use prost::Message;

const HEAD: &[u8] = b"kbwatch carry 1\n";

/// Largest piece, in bytes.
const MAX_PIECE_LEN: u32 = 64 * 1024 * 1024;

/// Appends pieces; what was cut before is overwritten.
pub(super) struct CarryWriter {
    file: File,
}

impl CarryWriter {
    /// Opens a file behind its last whole piece, or makes it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        if file.metadata()?.len() == 0 {
            file.write_all(HEAD)?;
        } else {
            let mut reader = CarryReader::open(path)?;
            while let Some(piece) = reader.next_piece() {
                match piece {
                    // A damaged piece is whole all the same: those behind it count.
                    Ok(_) | Err(PieceError::Damaged) => {}
                    Err(PieceError::Cut) => break,
                    Err(error) => return Err(error.into()),
                }
            }
            file.set_len(reader.whole)?;
            file.seek(SeekFrom::Start(reader.whole))?;
        }
        Ok(Self { file })
    }

    pub(super) fn append(&mut self, sealed: &Sealed) -> io::Result<()> {
        let bytes = sealed.encode_to_vec();
        let too_long = || io::Error::other("a piece over 64 MiB");
        let len = u32::try_from(bytes.len()).map_err(|_| too_long())?;
        if len > MAX_PIECE_LEN {
            return Err(too_long());
        }
        self.file.write_all(&len.to_le_bytes())?;
        self.file.write_all(&bytes)
    }

    /// Makes sure that the pieces survive pulling the stick.
    pub(super) fn finish(self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Reads pieces in their order.
pub(super) struct CarryReader {
    reader: BufReader<File>,
    /// Bytes up to the end of the last whole piece.
    whole: u64,
}

impl CarryReader {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut reader = BufReader::new(File::open(path)?);
        let mut head = [0; HEAD.len()];
        let read = reader.read_exact(&mut head);
        if read.is_err() || head != HEAD {
            return Err(io::Error::other(
                "it is no whole carry file: name another one, or remove this one",
            ));
        }
        Ok(Self {
            reader,
            whole: HEAD.len() as u64,
        })
    }

    /// The next piece. Behind a damaged one there may be more; any other error
    /// is the last thing that it gives.
    pub(super) fn next_piece(&mut self) -> Option<Result<Sealed, PieceError>> {
        let mut len = [0; 4];
        match self.reader.read(&mut len[..1]) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(error.into())),
        }
        Some(self.read_piece(len))
    }

    fn read_piece(&mut self, mut len: [u8; 4]) -> Result<Sealed, PieceError> {
        self.reader.read_exact(&mut len[1..])?;
        let len = u32::from_le_bytes(len);
        if len > MAX_PIECE_LEN {
            return Err(PieceError::TooLong);
        }
        let mut bytes = Vec::new();
        let read = (&mut self.reader)
            .take(len.into())
            .read_to_end(&mut bytes)?;
        if read < len as usize {
            return Err(PieceError::Cut);
        }
        self.whole += 4 + u64::from(len);
        Sealed::decode(&*bytes).map_err(|_| PieceError::Damaged)
    }
}

/// Why a piece cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum PieceError {
    /// The file ends within it: the stick was pulled out too early.
    #[error("a piece was cut: carry it once more")]
    Cut,
    /// It has its length and no meaning.
    #[error("a piece is damaged: carry it once more")]
    Damaged,
    /// Its length cannot be right, and nothing behind it can be found.
    #[error("a piece is damaged, and what is behind it cannot be found: use another file")]
    TooLong,
    /// The file cannot be read.
    #[error(transparent)]
    Read(io::Error),
}

impl From<io::Error> for PieceError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Cut,
            _ => Self::Read(error),
        }
    }
}

impl From<PieceError> for io::Error {
    fn from(error: PieceError) -> Self {
        match error {
            PieceError::Read(error) => error,
            other => Self::other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(n: u8) -> Sealed {
        Sealed {
            body: vec![n; 100],
            ..Sealed::default()
        }
    }

    /// What can be read, and whether something cannot.
    fn bodies(path: &Path) -> (Vec<u8>, bool) {
        let mut reader = CarryReader::open(path).unwrap();
        let (mut found, mut fails) = (Vec::new(), false);
        while let Some(piece) = reader.next_piece() {
            match piece {
                Ok(piece) => found.push(piece.body[0]),
                Err(PieceError::Damaged) => fails = true,
                Err(_) => return (found, true),
            }
        }
        (found, fails)
    }

    #[test]
    fn pieces_of_several_visits_are_read_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carry.kbw");
        for n in 1..=3 {
            let mut writer = CarryWriter::open(&path).unwrap();
            writer.append(&piece(n)).unwrap();
            writer.finish().unwrap();
        }
        assert_eq!(bodies(&path), (vec![1, 2, 3], false));
    }

    #[test]
    fn a_piece_that_was_cut_is_told_and_overwritten_by_the_next_visit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carry.kbw");
        let mut writer = CarryWriter::open(&path).unwrap();
        writer.append(&piece(1)).unwrap();
        writer.append(&piece(2)).unwrap();
        writer.finish().unwrap();
        let len = std::fs::metadata(&path).unwrap().len();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(len - 7).unwrap();
        assert_eq!(bodies(&path), (vec![1], true));
        let mut writer = CarryWriter::open(&path).unwrap();
        writer.append(&piece(3)).unwrap();
        assert_eq!(bodies(&path), (vec![1, 3], false));
    }

    #[test]
    fn a_damaged_piece_costs_no_piece_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carry.kbw");
        let mut writer = CarryWriter::open(&path).unwrap();
        for n in 1..=3 {
            writer.append(&piece(n)).unwrap();
        }
        writer.finish().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let second = HEAD.len() + 4 + piece(1).encode_to_vec().len() + 4;
        bytes[second] = 0xff;
        std::fs::write(&path, bytes).unwrap();
        let mut writer = CarryWriter::open(&path).unwrap();
        writer.append(&piece(4)).unwrap();
        assert_eq!(bodies(&path), (vec![1, 3, 4], true));
    }

    #[test]
    fn a_file_whose_pieces_cannot_be_found_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carry.kbw");
        let mut writer = CarryWriter::open(&path).unwrap();
        writer.append(&piece(1)).unwrap();
        writer.append(&piece(2)).unwrap();
        writer.finish().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[HEAD.len() + 3] = 0xff;
        std::fs::write(&path, &bytes).unwrap();
        assert!(CarryWriter::open(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn a_file_of_another_kind_is_left_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "precious text, longer than a head").unwrap();
        assert!(CarryWriter::open(file.path()).is_err());
        let kept = std::fs::read_to_string(file.path()).unwrap();
        assert!(kept.starts_with("precious"));
    }
}
