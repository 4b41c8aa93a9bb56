//! Failed hydration: a full file could not be rebuilt from its deltas, the
//! cause behind 0x800f0982 to 0x800f0988.

use kbwatch_proto::result_code::ResultCode;
use kbwatch_proto::words::{EventResult, Phase};

use super::super::report::{Report, put, text};
use super::super::scan;
use super::CbsGrammar;

impl CbsGrammar {
    /// `Hydration failed with …` and `Hydration failed for component …`.
    pub(super) fn hydration(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let Some(rest) = message.strip_prefix(b"Hydration failed ") else {
            return false;
        };
        if let Some(rest) = rest.strip_prefix(b"for component ") {
            self.failed_component(rest, report);
        } else {
            self.failed_delta(rest, report);
        }
        true
    }

    /// `with error X . Delta Type: T , IntegrityState Valid: b , …`.
    fn failed_delta(&mut self, rest: &[u8], report: &mut Report<'_>) {
        self.close_delta(report);
        let mut event = self.begin_csi(report, Phase::Hydrate, EventResult::Fail);
        if let Some(error) = scan::after(rest, b"error ") {
            let error = scan::before(error, b" .").trim_ascii();
            event.nested_status = status(error);
            if scan::code(error).is_none() {
                put(&mut event, "nested_symbol", text(error));
            }
        }
        for (name, mark) in [
            ("delta_type", &b"Delta Type: "[..]),
            ("delta_integrity_valid", b"IntegrityState Valid: "),
            ("checksum_retrieved", b"RetrievedChecksum: "),
            ("checksum_computed", b"ComputedChecksum: "),
        ] {
            if let Some(value) = scan::after(rest, mark) {
                let value = scan::before(scan::before(value, b" ,"), b"[");
                put(&mut event, name, text(value));
            }
        }
        self.delta = Some(self.open(event));
    }

    /// `NAME, version V, arch A, nonSxS, pkt {..} on file F with NTSTATUS n. …`
    fn failed_component(&mut self, rest: &[u8], report: &mut Report<'_>) {
        let mut event = self.begin_csi(report, Phase::Hydrate, EventResult::Fail);
        if let Some(delta) = self.delta.take() {
            event.nested_status = delta.event.nested_status;
            event.extra = delta.event.extra;
        }
        read_identity(&mut event, rest);
        if let Some(file) = scan::after(rest, b" on file ") {
            event.file = text(scan::before(file, b" with NTSTATUS"));
        }
        if let Some(status) = scan::after(rest, b"with NTSTATUS ") {
            event.nested_status = scan::code(status).or(event.nested_status);
        }
        self.rebuilding = None;
        let key = self.memory.key(&[
            "hydrate",
            &event.component,
            &event.component_version,
            &event.arch,
            &event.file,
        ]);
        if self.memory.tell_once(key) {
            report.tell(event);
        }
    }

    /// `Regenerating payload files from delta files on component: '..'`.
    pub(super) fn rebuild_message(&mut self, message: &[u8]) -> bool {
        let Some(rest) = message.strip_prefix(b"Regenerating payload files from delta files")
        else {
            return false;
        };
        self.rebuilding = scan::counted(rest).map(|(component, _)| component.to_vec());
        true
    }

    /// `…deltastore.cpp(n): Error STATUS_…`: names no component, the record
    /// before it does.
    pub(super) fn delta_error(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let Some(error) =
            scan::after(message, b".cpp(").and_then(|rest| scan::after(rest, b"): Error "))
        else {
            return false;
        };
        if !scan::contains(message, b"delta") {
            return false;
        }
        let Some(component) = self.rebuilding.take() else {
            return true;
        };
        let error = scan::before(error, b" ");
        let error = scan::before(error, b"[");
        self.close_delta(report);
        let mut event = self.begin_csi(report, Phase::Hydrate, EventResult::Fail);
        event.component = text(&component);
        event.nested_status = status(error);
        put(&mut event, "nested_symbol", text(error));
        self.delta = Some(self.open(event));
        true
    }

    /// Tells a failure that never named more than it did.
    pub(super) fn close_delta(&mut self, report: &mut Report<'_>) {
        if let Some(delta) = self.delta.take() {
            delta.close(report);
        }
    }
}

/// Reads `NAME, version V, arch A` and the older `NAME, Version = V, pA = A`.
pub(super) fn read_identity(event: &mut kbwatch_proto::event::UpdateEvent, rest: &[u8]) {
    event.component = text(scan::before(rest, b", "));
    let (mut version, mut arch) = (None, None);
    for at in memchr::memchr_iter(b',', rest) {
        let part = &rest[at..];
        let found = |name: &[u8]| part.strip_prefix(name);
        version = version.or_else(|| found(b", version ").or_else(|| found(b", Version = ")));
        arch = arch.or_else(|| found(b", arch ").or_else(|| found(b", pA = ")));
        if version.is_some() && arch.is_some() {
            break;
        }
    }
    if let Some(version) = version {
        let digits = scan::lead(version, |byte| byte.is_ascii_digit() || byte == b'.');
        event.component_version = text(digits);
    }
    let Some(arch) = arch else {
        return;
    };
    if let Some(host) = arch.strip_prefix(b"Host= ") {
        event.arch = arch_word(scan::before(host, b" "));
        if let Some(guest) = scan::after(host, b"Guest= ") {
            let guest = scan::lead(guest, |byte| byte.is_ascii_alphanumeric());
            put(event, "guest_arch", arch_word(guest));
        }
    } else {
        event.arch = arch_word(scan::lead(arch, |byte| {
            byte.is_ascii_alphanumeric() || byte == b'_'
        }));
    }
}

/// Architecture in the words of component names.
fn arch_word(word: &[u8]) -> String {
    let word = text(word).to_ascii_lowercase();
    let word = word
        .strip_prefix("processor_architecture_")
        .unwrap_or(&word);
    match word {
        "intel" => "x86",
        "ia32_on_win64" => "wow64",
        other => other,
    }
    .to_owned()
}

/// Status from its number, or from the symbols that hydration prints.
fn status(error: &[u8]) -> Option<u32> {
    scan::code(error)
        .or(match error {
            b"NTSTATUS_FROM_WIN32(ERROR_INVALID_DATA)" => Some(0xc007_000d),
            b"NTSTATUS_FROM_WIN32(ERROR_FILE_NOT_FOUND)" => Some(0xc007_0002),
            b"STATUS_OBJECT_NAME_NOT_FOUND" => Some(0xc000_0034),
            b"STATUS_OBJECT_PATH_NOT_FOUND" => Some(0xc000_003a),
            b"STATUS_NOT_FOUND" => Some(0xc000_0225),
            b"STATUS_ACCESS_DENIED" => Some(0xc000_0022),
            b"STATUS_SHARING_VIOLATION" => Some(0xc000_0043),
            b"STATUS_SXS_COMPONENT_STORE_CORRUPT" => Some(0xc015_001a),
            b"STATUS_SXS_FILE_HASH_MISMATCH" => Some(0xc015_001b),
            _ => None,
        })
        .map(|code| ResultCode(code).0)
}
