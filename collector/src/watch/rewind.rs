//! Where to read again from when the grammars have changed.
//!
//! A newer parser may see what its predecessor passed over, and its memory has
//! another shape. It goes back to the start of the last servicing session, as
//! far as that lies within a bound; what is told twice has the same ids.

use std::io;

use crate::watch::opened::Opened;

/// Bytes that are looked back through; a session is seldom longer.
const MAX_BACK: u64 = 1024 * 1024;

/// What the first record of a session holds: CBS.log, then dism.log.
const SESSION_STARTS: [&[u8]; 2] = [
    b" initialized by client ",
    b"<----- Starting Dism.exe session ----->",
];

/// Start of a line, in bytes of the file, and how many lines lie between it
/// and where reading had stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rewound {
    pub(crate) offset: u64,
    pub(crate) lines: u64,
}

/// Finds the line before `offset` that began the last session; where there is
/// none within the bound, the oldest whole line within it. A packed log is read
/// from its start.
pub(crate) fn to_session_start(opened: &mut Opened, offset: u64) -> io::Result<Rewound> {
    if opened.is_packed() {
        return Ok(Rewound {
            offset: 0,
            lines: u64::MAX,
        });
    }
    let from = offset.saturating_sub(MAX_BACK);
    let span = usize::try_from(offset - from).unwrap_or(0);
    let bytes = opened.read_at(from, span)?;
    let found = SESSION_STARTS
        .iter()
        .filter_map(|mark| memchr::memmem::rfind(&bytes, mark))
        .max();
    let start = match found {
        Some(at) => line_start(&bytes, at, from),
        None if from == 0 => Some(0),
        None => memchr::memchr(b'\n', &bytes).map(|at| at + 1),
    };
    let Some(start) = start else {
        return Ok(Rewound { offset, lines: 0 });
    };
    Ok(Rewound {
        offset: from + start as u64,
        lines: memchr::memchr_iter(b'\n', &bytes[start..]).count() as u64,
    })
}

/// Start of the line around a place; `None` where it lies before the bytes.
fn line_start(bytes: &[u8], at: usize, from: u64) -> Option<usize> {
    match memchr::memrchr(b'\n', &bytes[..at]) {
        Some(end) => Some(end + 1),
        None => (from == 0).then_some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewound(text: &str, offset: usize) -> Rewound {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut opened = Opened::open(file.path()).unwrap();
        to_session_start(&mut opened, offset as u64).unwrap()
    }

    #[test]
    fn reading_goes_back_to_the_line_that_began_the_last_session() {
        let text = "a\nSession: 1_1 initialized by client X\nb\nSession: 1_2 initialized by client Y\nc\nd\n";
        let start = text.rfind("Session").unwrap() as u64;
        let found = rewound(text, text.len());
        assert_eq!(
            found,
            Rewound {
                offset: start,
                lines: 3
            }
        );
    }

    #[test]
    fn without_a_session_a_short_file_is_read_from_its_start() {
        let found = rewound("a\nb\n", 4);
        assert_eq!(
            found,
            Rewound {
                offset: 0,
                lines: 2
            }
        );
    }

    #[test]
    fn without_a_session_a_long_file_is_read_from_a_whole_line_within_the_bound() {
        let text = format!("{}\n{}\n", "x".repeat(700_000), "y".repeat(700_000));
        let found = rewound(&text, text.len());
        assert_eq!(
            found,
            Rewound {
                offset: 700_001,
                lines: 1
            }
        );
    }
}
