//! Grammars of WindowsUpdate.log: the text that Windows 7 and 8.1 wrote, and
//! the one that is decoded from the traces of Windows 10 and later.

pub(crate) mod decoded;
pub(crate) mod legacy;
mod memory;
pub(crate) mod reported;

use kbwatch_proto::words::{EventResult, Phase};

use super::scan;

/// Phase of a call that a line names: `Install ClientId = …`, `Installing
/// updates`, `Download call complete`.
fn phase_of_call(text: &[u8]) -> Option<Phase> {
    let text = text.trim_ascii_start();
    let text = text
        .strip_prefix(b"Federated ")
        .unwrap_or(text)
        .trim_ascii_start();
    if text.starts_with(b"Uninstall") {
        Some(Phase::Uninstall)
    } else if text.starts_with(b"Install") {
        Some(Phase::Install)
    } else if text.starts_with(b"Download") {
        Some(Phase::Download)
    } else if text.starts_with(b"Search") || text.starts_with(b"Finding updates") {
        Some(Phase::Scan)
    } else {
        None
    }
}

/// Code of a download that a transfer service gave up: `Error 0x80246007
/// occurred while downloading update`, `DO download failed with error
/// 80D05001[…`, `BITS job {…} failed, updateId = {…}.1, hr = 0x80190193`.
fn failed_download(text: &[u8]) -> Option<u32> {
    let text = text.strip_prefix(b"WARNING: ").unwrap_or(text);
    let code = if scan::contains(text, b"occurred while downloading update") {
        scan::after(text, b"Error ")
    } else if let Some(rest) = scan::after(text, b"DO download failed with error ") {
        Some(rest)
    } else if text.starts_with(b"BITS job ") || text.starts_with(b"DO job ") {
        let rest = scan::after(text, b" failed")?;
        scan::after(rest, b"hr = ").or_else(|| scan::after(rest, b"error = "))
    } else {
        None
    };
    let code = code.and_then(scan::hex_code)?;
    (code & 0x8000_0000 != 0).then_some(code)
}

/// A failed transfer's line without what the server answered, but for its status
/// and what it sent: answers name people.
fn without_headers(line: &str) -> String {
    let Some(at) = line.find("HTTP/") else {
        return line.to_owned();
    };
    let (mut kept, answer) = (line[..at].to_owned(), &line[at..]);
    let status = answer.split_ascii_whitespace().take(2);
    let mut parts: Vec<&str> = status.collect();
    for name in ["Content-Type: ", "Content-Length: "] {
        if let Some(value) = answer.find(name) {
            parts.push(name.trim_ascii_end());
            let value = answer[value + name.len()..].split_ascii_whitespace().next();
            parts.extend(value);
        }
    }
    kept.push_str(&parts.join(" "));
    kept
}

/// Result of a finished call from its counters.
fn call_result(text: &[u8]) -> Option<EventResult> {
    let count = |name: &[u8]| scan::after(text, name).and_then(scan::number);
    let failed = count(b" failed = ").or_else(|| count(b"(failed = "));
    let cancelled = count(b"cancelled = ").unwrap_or(0);
    let succeeded = count(b"(succeeded = ")?;
    let flawed = count(b"succeeded with errors = ").unwrap_or(0);
    Some(match (failed.unwrap_or(0), cancelled) {
        (0, 0) if succeeded + flawed == 0 => EventResult::Info,
        (0, 0) => EventResult::Success,
        (0, _) => EventResult::Cancelled,
        _ => EventResult::Fail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_server_s_answer_only_its_kind_is_kept() {
        let line = "DO download failed, HTTP/1.0 200 OK Set-Cookie: user=zhang Content-Type: \
            text/html; charset=x Authorization: Basic abc Content-Length: 1979 Via: zhang";
        assert_eq!(
            without_headers(line),
            "DO download failed, HTTP/1.0 200 Content-Type: text/html; Content-Length: 1979"
        );
        assert_eq!(without_headers("no answer"), "no answer");
    }

    #[test]
    fn a_failed_download_is_read_in_every_wording() {
        for text in [
            &b"Error 0x80D05001 occurred while downloading update; notifying dependent calls."[..],
            b"DO download failed with error 80D05001[Extended: 80D05001].",
            b"BITS job {0A1B} failed, updateId = {0A1B}.1, hr = 0x80D05001",
            b"WARNING: BITS job {0A1B} failed, updateId = {0A1B}.1, hr = 0x80D05001. File URL = x",
        ] {
            assert_eq!(failed_download(text), Some(0x80d0_5001));
        }
        assert_eq!(
            failed_download(b"DO job {0A1B} hit a transient error, error = 0x80D02002"),
            None
        );
        assert_eq!(
            failed_download(b"BITS job {0A1B} completed successfully"),
            None
        );
    }
}
