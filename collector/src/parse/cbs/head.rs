//! The inner head of records that the component store writes into CBS.log:
//! a sequence number, now and then a stamp in UTC, and flags.

use super::super::{scan, time};

/// A CSI record's text, taken apart.
pub(super) struct Csi<'a> {
    /// Instant of the `@` stamp.
    pub(super) utc_ms: Option<i64>,
    /// The rest, without sequence number, stamp and flags such as `(F)`.
    pub(super) message: &'a [u8],
}

const SEQUENCE_LEN: usize = 8;

impl<'a> Csi<'a> {
    pub(super) fn read(text: &'a [u8]) -> Self {
        let Some(mut rest) = after_sequence(text) else {
            return Self {
                utc_ms: None,
                message: text,
            };
        };
        let mut utc_ms = None;
        if let Some(stamp) = rest.strip_prefix(b"@") {
            utc_ms = time::csi_stamp(stamp);
            rest = scan::place(stamp, b' ').map_or(&[], |at| &stamp[at..]);
        }
        let mut message = rest.trim_ascii_start();
        if let [b'(', flag, b')', b' ', after @ ..] = message
            && flag.is_ascii_uppercase()
        {
            message = after;
        }
        Self { utc_ms, message }
    }
}

/// What follows the sequence number: exactly so many hexadecimal digits.
fn after_sequence(text: &[u8]) -> Option<&[u8]> {
    let (digits, rest) = text.split_first_chunk::<SEQUENCE_LEN>()?;
    let ends = !rest.first().is_some_and(u8::is_ascii_hexdigit);
    (scan::is_hex(digits) && ends).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_stamp_and_flag_are_taken_off() {
        let csi = Csi::read(b"0000000a@2023/1/9:05:04:03.007 (F) Attempting");
        assert!(csi.utc_ms.is_some());
        assert_eq!(csi.message, b"Attempting");
        assert_eq!(Csi::read(b"0000000a [SR] x").message, b"[SR] x");
        assert_eq!(Csi::read(b"no number").message, b"no number");
    }
}
