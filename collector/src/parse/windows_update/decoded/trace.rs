//! Lines as older decoders leave them: `[0]0B2C.0C34::03/07/2017-17:08:41.736
//! [agent]text`, processor, process and thread in hexadecimal, the date as
//! month, day and year whatever the culture.

use super::Head;
use crate::parse::report::text;
use crate::parse::{scan, time};

/// Length of `03/07/2017-17:08:41.736`.
const STAMP_LEN: usize = 23;

/// Takes a line apart; `None` where it is none.
pub(super) fn read(line: &[u8]) -> Option<Head<'_>> {
    let rest = line.strip_prefix(b"[")?;
    let processor = scan::lead(rest, |byte| byte.is_ascii_hexdigit());
    let rest = rest[processor.len()..].strip_prefix(b"]")?;
    let ids = scan::lead(rest, |byte| byte.is_ascii_hexdigit() || byte == b'.');
    let rest = rest[ids.len()..].strip_prefix(b"::")?;
    let (stamp, rest) = rest.split_at_checked(STAMP_LEN)?;
    let rest = rest.trim_ascii_start().strip_prefix(b"[")?;
    let component = scan::before(rest, b"]");
    let said = rest.get(component.len() + 1..)?;
    (!processor.is_empty() && ids.contains(&b'.')).then_some(Head {
        printed_at_ms: instant(stamp)?,
        thread: text(ids),
        component,
        text: said.trim_ascii(),
    })
}

fn instant(stamp: &[u8]) -> Option<i64> {
    let stamp = std::str::from_utf8(stamp).ok()?;
    let (date, clock) = stamp.split_once('-')?;
    let (month, rest) = date.split_once('/')?;
    let (day, year) = rest.split_once('/')?;
    time::iso_instant(&format!("{year}-{month}-{day} {clock}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::time::show;

    #[test]
    fn a_line_of_an_older_decoder_is_taken_apart() {
        let head = read(b"[0]0B2C.0C34::01/31/2017-17:08:41.736 [agent]* START * Finding").unwrap();
        assert_eq!(show(head.printed_at_ms), "2017-01-31T17:08:41.736");
        assert_eq!(
            (&*head.thread, head.component),
            ("0B2C.0C34", &b"agent"[..])
        );
        assert_eq!(head.text, b"* START * Finding");
        for line in [
            &b"[0]0B2C.0C34::31/01/2017-17:08:41.736 [agent]x"[..],
            b"[agent] x",
            b"[1234.5678] Mounting new image.",
            b"[0]0B2C.0C34::01/31/2017",
        ] {
            assert!(read(line).is_none());
        }
    }
}
