//! Unpacks the blocks of a cabinet's folder, one at a time.

use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use lzxd::{Lzxd, WindowSize};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::CabinetError;
use super::entries::{u16_at, u32_at};

/// Longest unpacked block, and how far back a block may refer.
const BLOCK_LEN: usize = 32 * 1024;

/// How a folder is packed.
#[derive(Clone, Copy)]
pub(super) enum Method {
    Stored,
    MsZip,
    Lzx(WindowSize),
}

impl Method {
    /// Method behind the number in a folder's entry.
    pub(super) fn of(packing: u16) -> Option<Self> {
        match packing & 0x0f {
            0 => Some(Self::Stored),
            1 => Some(Self::MsZip),
            3 => Some(Self::Lzx(match (packing >> 8) & 0x1f {
                15 => WindowSize::KB32,
                16 => WindowSize::KB64,
                17 => WindowSize::KB128,
                18 => WindowSize::KB256,
                19 => WindowSize::KB512,
                20 => WindowSize::MB1,
                21 => WindowSize::MB2,
                _ => return None,
            })),
            _ => None,
        }
    }
}

enum Unpacker {
    Stored,
    /// The last 32 KiB that came out, and room for the next block.
    MsZip {
        window: Vec<u8>,
        history: usize,
    },
    Lzx(Box<Lzxd>),
}

/// Unpacks a folder from its first block on.
pub(super) struct FolderReader<R> {
    reader: R,
    next_block: u64,
    blocks_left: u16,
    reserve: usize,
    unpacker: Unpacker,
    packed: Vec<u8>,
}

impl<R: Read + Seek> FolderReader<R> {
    pub(super) fn new(
        reader: R,
        (first_block, blocks): (u64, u16),
        reserve: u8,
        method: Method,
    ) -> Self {
        Self {
            reader,
            next_block: first_block,
            blocks_left: blocks,
            reserve: usize::from(reserve),
            unpacker: match method {
                Method::Stored => Unpacker::Stored,
                Method::MsZip => Unpacker::MsZip {
                    window: vec![0; 2 * BLOCK_LEN],
                    history: 0,
                },
                Method::Lzx(window) => Unpacker::Lzx(Box::new(Lzxd::new(window))),
            },
            packed: Vec::new(),
        }
    }

    /// Unpacks the next block into `out`; false at the end of the folder.
    fn next_block(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.clear();
        if self.blocks_left == 0 {
            return Ok(false);
        }
        self.reader.seek(SeekFrom::Start(self.next_block))?;
        let mut head = [0; 8];
        self.reader.read_exact(&mut head)?;
        let expected = u32_at(&head, 0);
        let (packed_len, len) = (u16_at(&head, 4), u16_at(&head, 6));
        self.packed
            .resize(self.reserve + usize::from(packed_len), 0);
        self.reader.read_exact(&mut self.packed)?;
        if expected != 0 && checksum(&self.packed, packed_len, len) != expected {
            return Err(damage("block's checksum"));
        }
        let packed = &self.packed[self.reserve..];
        unpack(&mut self.unpacker, packed, usize::from(len), out)?;
        self.blocks_left -= 1;
        self.next_block += 8 + self.packed.len() as u64;
        Ok(true)
    }
}

fn unpack(unpacker: &mut Unpacker, packed: &[u8], len: usize, out: &mut Vec<u8>) -> io::Result<()> {
    if len > BLOCK_LEN {
        return Err(damage("block's length"));
    }
    match unpacker {
        Unpacker::Stored => {
            if packed.len() != len {
                return Err(damage("block's length"));
            }
            out.extend_from_slice(packed);
        }
        Unpacker::MsZip { window, history } => {
            let packed = packed.strip_prefix(b"CK");
            let packed = packed.ok_or_else(|| damage("block's mark"))?;
            let end = inflate(packed, window, *history, len)?;
            out.extend_from_slice(&window[*history..end]);
            let start = end.saturating_sub(BLOCK_LEN);
            window.copy_within(start..end, 0);
            *history = end - start;
        }
        Unpacker::Lzx(lzx) => {
            // Its decoder asserts what a damaged block may not hold; a panic
            // there is damage like any other.
            let sound = catch_unwind(AssertUnwindSafe(|| {
                lzx.decompress_next(packed, len)
                    .map(|bytes| out.extend_from_slice(bytes))
                    .is_ok()
            }));
            if !sound.unwrap_or(false) {
                return Err(damage("block"));
            }
        }
    }
    Ok(())
}

/// Inflates a block behind the history in `window`; where it ends.
fn inflate(packed: &[u8], window: &mut [u8], history: usize, len: usize) -> io::Result<usize> {
    let end = history + len;
    let (status, _, written) = decompress(
        &mut DecompressorOxide::new(),
        packed,
        &mut window[..end],
        history,
        TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
    );
    if status == TINFLStatus::Done && written == len {
        Ok(end)
    } else {
        Err(damage("block"))
    }
}

fn damage(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, CabinetError::Damaged(what))
}

/// Checksum of a block: its bytes by fours, the tail high byte first, and its
/// two lengths.
pub(super) fn checksum(data: &[u8], packed_len: u16, len: u16) -> u32 {
    let mut fours = data.chunks_exact(4);
    let mut sum = u32::from(packed_len) | u32::from(len) << 16;
    for four in fours.by_ref() {
        sum ^= u32_at(four, 0);
    }
    let tail = fours.remainder().iter();
    sum ^ tail.fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// Unpacks one member of a cabinet, in constant memory.
pub struct MemberReader<R> {
    folder: FolderReader<R>,
    block: Vec<u8>,
    taken: usize,
    skip: u64,
    left: u64,
}

impl<R: Read + Seek> MemberReader<R> {
    pub(super) fn new(folder: FolderReader<R>, start: u64, len: u64) -> Self {
        Self {
            folder,
            block: Vec::new(),
            taken: 0,
            skip: start,
            left: len,
        }
    }

    /// Makes sure that the block has bytes of the member; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        while self.taken == self.block.len() {
            self.taken = 0;
            if !self.folder.next_block(&mut self.block)? {
                return Ok(false);
            }
            let skipped = self.skip.min(self.block.len() as u64);
            self.skip -= skipped;
            self.taken = usize::try_from(skipped).unwrap_or(self.block.len());
        }
        Ok(true)
    }
}

impl<R: Read + Seek> Read for MemberReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || out.is_empty() {
            return Ok(0);
        }
        if !self.fill()? {
            return Err(damage("length of a member"));
        }
        let ready = &self.block[self.taken..];
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let count = ready.len().min(out.len()).min(most);
        out[..count].copy_from_slice(&ready[..count]);
        self.taken += count;
        self.left -= count as u64;
        Ok(count)
    }
}
