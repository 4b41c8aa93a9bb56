//! Encodings of log files: UTF-8 as a rule, UTF-16 where PowerShell or wmic
//! wrote the file, a code page where a console did.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// How a file's bytes become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Encoding {
    /// One byte per unit: UTF-8, ASCII or a code page.
    Bytes,
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
}

/// Bytes that are needed to tell the encoding of a file.
pub(crate) const TELLING_LEN: usize = 4;

impl Encoding {
    /// Tells the encoding from a file's first bytes.
    pub(crate) fn tell(start: &[u8]) -> Self {
        match start {
            [0xff, 0xfe, ..] => Self::Utf16Le,
            [0xfe, 0xff, ..] => Self::Utf16Be,
            [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Self::Utf16Le,
            [0, a, 0, b, ..] if *a != 0 && *b != 0 => Self::Utf16Be,
            _ => Self::Bytes,
        }
    }

    /// Bytes per unit.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Bytes => 1,
            Self::Utf16Le | Self::Utf16Be => 2,
        }
    }

    /// The text of a stretch of whole units, without its byte order mark.
    #[inline]
    pub(crate) fn decode(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Bytes => Cow::Borrowed(without_mark(bytes)),
            Self::Utf16Le => Cow::Owned(decode_wide(encoding_rs::UTF_16LE, bytes)),
            Self::Utf16Be => Cow::Owned(decode_wide(encoding_rs::UTF_16BE, bytes)),
        }
    }
}

fn decode_wide(coding: &'static encoding_rs::Encoding, bytes: &[u8]) -> Vec<u8> {
    let (text, _) = coding.decode_without_bom_handling(bytes);
    without_mark(text.as_bytes()).to_vec()
}

/// Bytes without the byte order mark of UTF-8.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Whole text of a head of a file.
pub(crate) fn to_utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    Encoding::tell(bytes).decode(bytes)
}

/// Text of a console's output line: UTF-8 if it is that, else GB18030, which
/// covers code page 936, else Western.
pub(crate) fn console_text(line: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(line) {
        return Cow::Borrowed(text);
    }
    let (text, _, damaged) = encoding_rs::GB18030.decode(line);
    if !damaged {
        return text;
    }
    encoding_rs::WINDOWS_1252.decode(line).0
}

/// Text of a log that is UTF-8 as a rule: where most of what is not ASCII is
/// not that, it is a code page. A character that was cut or damaged is not.
pub(crate) fn log_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let (mut sound, mut damaged, mut last) = (0, 0, &bytes[..0]);
    for chunk in bytes.utf8_chunks() {
        let further = chunk.valid().bytes().filter(|byte| !byte.is_ascii());
        sound += further.count();
        last = chunk.invalid();
        damaged += last.len();
    }
    let is_cut = std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
    if is_cut {
        damaged -= last.len();
    }
    if damaged == 0 || sound > 2 * damaged {
        return String::from_utf8_lossy(bytes);
    }
    console_text(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_a_code_page_becomes_text_and_a_damaged_one_stays_what_it_is() {
        let chinese = encoding_rs::GB18030
            .encode("2023-01 适用于 Windows 10 的累积更新")
            .0;
        assert_eq!(log_text(&chinese), "2023-01 适用于 Windows 10 的累积更新");
        let text = "2023-01 适用于 Windows 10 的累积更新";
        let bytes = text.as_bytes();
        assert_eq!(log_text(bytes), text);
        let cut = log_text(&bytes[..bytes.len() - 1]);
        assert!(cut.starts_with("2023-01 适用于 Windows 10 的累积更"));
        let mut damaged = bytes.to_vec();
        damaged[9] = b'x';
        assert!(log_text(&damaged).ends_with("用于 Windows 10 的累积更新"));
        assert_eq!(log_text(b"caf\xe9 au lait"), "caf\u{e9} au lait");
    }

    #[test]
    fn utf_16_is_told_with_and_without_its_mark() {
        assert_eq!(Encoding::tell(b"\xff\xfea\0"), Encoding::Utf16Le);
        assert_eq!(Encoding::tell(b"a\0b\0"), Encoding::Utf16Le);
        assert_eq!(Encoding::tell(b"\0a\0b"), Encoding::Utf16Be);
        assert_eq!(Encoding::tell(b"abcd"), Encoding::Bytes);
        assert_eq!(Encoding::Utf16Le.decode(b"\xff\xfea\0").as_ref(), b"a");
    }

    #[test]
    fn a_chinese_console_line_becomes_text() {
        let line = b"OS \xb0\xe6\xb1\xbe: 10.0.17763";
        assert_eq!(console_text(line), "OS 版本: 10.0.17763");
    }
}
