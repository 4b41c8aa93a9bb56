//! Cuts a stream of bytes into lines, or into any other units with a fixed
//! end, in constant memory.
//!
//! Promise: any cut of the input gives the same units; a unit over 64 KiB is
//! cut there, its rest skipped, and counted.

mod ends;

use std::borrow::Cow;

use super::encoding::{Encoding, TELLING_LEN, without_mark};

/// Longest unit that is kept, in bytes of the file.
pub(crate) const MAX_UNIT_LEN: usize = 64 * 1024;

/// One line (or element) of a file.
pub(crate) struct Line<'a> {
    /// Text as UTF-8 (or a code page), without byte order mark, CR and LF.
    pub(crate) text: &'a [u8],
    /// Where it starts in the file.
    pub(crate) offset: u64,
    /// 1-based number.
    pub(crate) number: u64,
}

/// What ends a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A line, ended by LF.
    Line,
    /// An element, ended by `</Event>`, which belongs to it.
    EventElement,
}

/// Cuts bytes into units.
pub(crate) struct Splitter {
    unit: Unit,
    encoding: Option<Encoding>,
    /// Bytes of the unit that has not ended yet.
    partial: Vec<u8>,
    /// Whether the rest of the unit is skipped because it is too long.
    skipping: bool,
    /// Bytes of the unit that were taken in, kept or skipped.
    taken: u64,
    offset: u64,
    number: u64,
    cut: u64,
}

impl Splitter {
    /// A splitter that starts at `offset` with unit `number` (1-based).
    pub(crate) fn new(unit: Unit, offset: u64, number: u64, encoding: Option<Encoding>) -> Self {
        Self {
            unit,
            encoding,
            partial: Vec::new(),
            skipping: false,
            taken: 0,
            offset,
            number,
            cut: 0,
        }
    }

    /// Offset and number of the unit that has not ended yet.
    pub(crate) fn position(&self) -> (u64, u64) {
        (self.offset, self.number)
    }

    /// How the file is encoded, once known.
    pub(crate) fn encoding(&self) -> Option<Encoding> {
        self.encoding
    }

    /// Units that were too long.
    pub(crate) fn cut_count(&self) -> u64 {
        self.cut
    }

    /// Takes bytes in and hands out every unit that ended.
    pub(crate) fn feed(&mut self, bytes: &[u8], each: &mut impl FnMut(&Line<'_>)) {
        let mut bytes = Cow::Borrowed(bytes);
        let encoding = if let Some(encoding) = self.encoding {
            encoding
        } else {
            let mut start = std::mem::take(&mut self.partial);
            start.extend_from_slice(&bytes);
            if start.len() < TELLING_LEN {
                self.partial = start;
                return;
            }
            bytes = Cow::Owned(start);
            *self.encoding.insert(Encoding::tell(&bytes))
        };
        let mut rest: &[u8] = &bytes;
        while let Some((end, next)) = self.find_end(rest, encoding) {
            let (here, after) = rest.split_at(next);
            self.end_unit(here, end, encoding, each);
            rest = after;
            if (self.unit, encoding) == (Unit::Line, Encoding::Bytes) {
                rest = self.whole_lines(rest, each);
            }
        }
        self.keep(rest);
    }

    /// The usual case, with nothing kept from before: hands out the lines that
    /// lie here whole, and returns the rest from the first that does not.
    fn whole_lines<'a>(&mut self, bytes: &'a [u8], each: &mut impl FnMut(&Line<'_>)) -> &'a [u8] {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let line = &bytes[start..end];
            if line.len() > MAX_UNIT_LEN {
                break;
            }
            each(&Line {
                text: without_returns(without_mark(line)),
                offset: self.offset,
                number: self.number,
            });
            self.offset += line.len() as u64 + 1;
            self.number += 1;
            start = end + 1;
        }
        &bytes[start..]
    }

    /// Hands out what is left without an end: the file is final.
    pub(crate) fn flush(&mut self, each: &mut impl FnMut(&Line<'_>)) {
        if self.taken == 0 && self.partial.is_empty() {
            return;
        }
        let encoding = if let Some(encoding) = self.encoding {
            encoding
        } else {
            self.taken = self.partial.len() as u64;
            *self.encoding.insert(Encoding::tell(&self.partial))
        };
        self.end_unit(&[], 0, encoding, each);
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.taken += bytes.len() as u64;
        if bytes.is_empty() {
            return;
        }
        let room = MAX_UNIT_LEN.saturating_sub(self.partial.len());
        if self.skipping || bytes.len() > room {
            // The tail of a skipped element must stay visible to the search
            // for its end, hence the last bytes overwrite the kept tail.
            self.note_cut();
            self.partial
                .extend_from_slice(&bytes[..room.min(bytes.len())]);
            self.keep_tail(&bytes[room.min(bytes.len())..]);
            return;
        }
        self.partial.extend_from_slice(bytes);
    }

    fn keep_tail(&mut self, bytes: &[u8]) {
        const TAIL: usize = 16;
        let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
        let start = self.partial.len().saturating_sub(TAIL);
        let mut seam = self.partial.split_off(start);
        seam.extend_from_slice(tail);
        let from = seam.len().saturating_sub(TAIL);
        self.partial.extend_from_slice(&seam[from..]);
    }

    fn note_cut(&mut self) {
        if !self.skipping {
            self.skipping = true;
            self.cut += 1;
        }
    }

    fn end_unit(
        &mut self,
        here: &[u8],
        end: usize,
        encoding: Encoding,
        each: &mut impl FnMut(&Line<'_>),
    ) {
        let length = self.taken + here.len() as u64;
        let whole: &[u8] = if self.partial.is_empty() && end <= MAX_UNIT_LEN {
            &here[..end]
        } else {
            self.keep(&here[..end]);
            &self.partial
        };
        let usable = whole.len() & !(encoding.width() - 1);
        let text = encoding.decode(&whole[..usable]);
        each(&Line {
            text: without_returns(&text),
            offset: self.offset,
            number: self.number,
        });
        self.partial.clear();
        self.offset += length;
        self.number += 1;
        self.taken = 0;
        self.skipping = false;
    }
}

fn without_returns(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b'\r'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(unit: Unit, chunks: &[&[u8]]) -> Vec<(u64, u64, String)> {
        let mut found = Vec::new();
        let mut splitter = Splitter::new(unit, 0, 1, None);
        let mut each = |line: &Line<'_>| {
            let text = String::from_utf8_lossy(line.text).into_owned();
            found.push((line.number, line.offset, text));
        };
        for chunk in chunks {
            splitter.feed(chunk, &mut each);
        }
        splitter.flush(&mut each);
        found
    }

    #[test]
    fn lines_keep_their_offsets_whatever_the_cut() {
        let text = b"\xef\xbb\xbfone\r\ntwo\n\nfour";
        let whole = lines(Unit::Line, &[text]);
        assert_eq!(whole[0], (1, 0, "one".into()));
        assert_eq!(whole[1], (2, 8, "two".into()));
        assert_eq!(whole[2], (3, 12, String::new()));
        assert_eq!(whole[3], (4, 13, "four".into()));
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(lines(Unit::Line, &bytes), whole);
    }

    #[test]
    fn utf_16_lines_are_decoded_whatever_the_cut() {
        let text: Vec<u8> = "\u{feff}KB1\r\n补丁\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let whole = lines(Unit::Line, &[&text]);
        assert_eq!(whole[0].2, "KB1");
        assert_eq!(whole[1].2, "补丁");
        for size in 1..7 {
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(lines(Unit::Line, &chunks), whole, "chunks of {size}");
        }
    }

    #[test]
    fn a_line_over_the_limit_is_cut_and_counted_once() {
        let mut text = vec![b'x'; 3 * MAX_UNIT_LEN];
        text.extend_from_slice(b"\nnext\n");
        let whole = lines(Unit::Line, &[&text]);
        assert_eq!(whole[0].2.len(), MAX_UNIT_LEN);
        assert_eq!(whole[1], (2, 3 * MAX_UNIT_LEN as u64 + 1, "next".into()));
        let chunks: Vec<&[u8]> = text.chunks(1000).collect();
        assert_eq!(lines(Unit::Line, &chunks), whole);

        let mut splitter = Splitter::new(Unit::Line, 0, 1, None);
        for chunk in chunks {
            splitter.feed(chunk, &mut |_| {});
        }
        assert_eq!(splitter.cut_count(), 1);
    }

    #[test]
    fn elements_end_with_their_end_tag_whatever_the_cut() {
        let text = b"<Event>a\nb</Event><Event>c</Event>\r\n";
        let whole = lines(Unit::EventElement, &[text]);
        assert_eq!(whole[0].2, "<Event>a\nb</Event>");
        assert_eq!(whole[1], (2, 18, "<Event>c</Event>".into()));
        for size in 1..9 {
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(
                lines(Unit::EventElement, &chunks),
                whole,
                "chunks of {size}"
            );
        }
    }
}
