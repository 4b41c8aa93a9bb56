//! Records of every healthy log that say nothing of updates: known, so that the
//! ledger of unknown lines shows what a new Windows changed.
//!
//! A family of records is known by its first letters. Where verdicts stand in a
//! family, a record with a failing code in its text is not: servicing puts codes
//! at the end, in brackets, and the rules know the others. What changes its
//! wording and names no code is not seen here.

use super::super::scan;
use super::noise::is_noise;

/// Whether a record is one of them, by the first letters of its message.
pub(super) fn is_ordinary(source: &[u8], message: &[u8]) -> bool {
    let Some(start) = message.first_chunk() else {
        return true;
    };
    match source {
        b"CBS" => is_of_servicing(*start) || may_be_verdict(*start) && !is_stray(message),
        b"CSI" => message
            .get(SEQUENCE_LEN..)
            .and_then(|rest| Some(&rest[scan::place(rest, b' ')?..]))
            .and_then(|rest| rest.trim_ascii_start().first_chunk())
            .is_some_and(|start| is_of_the_store(*start)),
        b"DPX" | b"SXS" | b"DEPLOY" | b"TI" | b"PERF" => !is_stray(message),
        _ => false,
    }
}

/// Failing code that stands elsewhere than in brackets at the end.
pub(super) fn stray_code(message: &[u8]) -> Option<u32> {
    if message.ends_with(b"]") {
        return None;
    }
    // The lowest ones are flags, such as those of what keeps the system awake.
    let failing = |at| scan::code(&message[at..]).filter(|code| *code > 0x8000_00ff);
    let codes = memchr::memchr_iter(b'x', message).filter_map(|at| at.checked_sub(1));
    let mut codes = codes.filter(|at| message[*at..].starts_with(b"0x8"));
    codes.find_map(failing)
}

/// Whether a record tells a failure in a wording that no rule knows.
fn is_stray(message: &[u8]) -> bool {
    stray_code(message).is_some_and(|code| !is_noise(code, message))
}

/// Families in which verdicts stand, among steps that say nothing.
fn may_be_verdict(start: [u8; 4]) -> bool {
    matches!(&start, b"Exec" | b"Repo" | b"Sess" | b"Shtd" | b"Star")
}

/// Digits before the text of the component store's records.
const SEQUENCE_LEN: usize = 8;

/// Steps of servicing, its locks and threads, applicability, maintenance.
#[rustfmt::skip]
fn is_of_servicing(start: [u8; 4]) -> bool {
    matches!(
        &start,
          b"ACR:" | b"Adde" | b"Appl" | b"Asyn" | b"Buil" | b"CAB " | b"CBS " | b"CSI " | b"CbsC"
        | b"Chec" | b"Clea" | b"Clie" | b"Comm" | b"Coun" | b"Curr" | b"DLWD" | b"DWLD" | b"Dele"
        | b"Delt" | b"Disa" | b"Doqe" | b"Doqi" | b"Down" | b"Driv" | b"Enab" | b"Endi" | b"Enum"
        | b"Expe" | b"Exte" | b"FC: " | b"FLOW" | b"Fina" | b"Flus" | b"Forc" | b"Hydr"
        | b"Iden" | b"Idle" | b"Info" | b"Init" | b"Load" | b"Lock" | b"Main" | b"Modu" | b"NonS"
        | b"No c" | b"No s" | b"Not " | b"Open" | b"Opti" | b"Over" | b"Pack" | b"Perf" | b"Plan"
        | b"Popu" | b"Prio" | b"Proc" | b"Prog" | b"Quer" | b"Read" | b"Rebo" | b"Regi" | b"Remo"
        | b"Repr" | b"Reso" | b"Rest" | b"Retr" | b"SQM:" | b"Save" | b"Scav" | b"Seco"
        | b"SetP" | b"Sett" | b"Skip" | b"Stag" | b"Stop" | b"Syst"
        | b"TI: " | b"TiWo" | b"Trus" | b"Turb" | b"Unab" | b"Unlo" | b"Upda" | b"User"
        | b"Usin" | b"Vers" | b"WU c" | b"WU: " | b"Warn" | b"Wind" | b"Winl"
    )
}

/// Work of the component store and of its installers.
#[rustfmt::skip]
fn is_of_the_store(start: [u8; 4]) -> bool {
    matches!(
        &start,
          b"Begi" | b"CMIA" | b"CSI " | b"Comp" | b"Crea" | b"Dire" | b"Ende" | b"End " | b"Exec"
        | b"Fini" | b"IAdv" | b"ICSI" | b"Load" | b"No m" | b"Onli" | b"Perf" | b"Pois" | b"Poqe"
        | b"Perm" | b"Queu" | b"Rese" | b"Shim" | b"Shut" | b"Skip" | b"Star" | b"Stor" | b"The "
        | b"Tran" | b"Warn" | b"WcpI"
    )
}

#[cfg(test)]
mod tests {
    use super::is_ordinary;

    #[test]
    fn only_records_of_known_wording_are_ordinary() {
        for (source, message, ordinary) in [
            (
                &b"CBS"[..],
                &b"Lock: New lock added: x, level: 30"[..],
                true,
            ),
            (b"CBS", b"Appl: detect Parent, Package: x", true),
            (b"CBS", b"Foobar: a new kind of record", false),
            (b"CBS", b"Exec: Using execution sequence: 180", true),
            (b"CBS", b"Exec: Failed to x [HRESULT = 0x800f0985]", true),
            (b"CBS", b"Exec: Package ended. Result=0x800f0985", false),
            (b"CBS", b"Startup: x at 0x80000000000, 0x0", true),
            (b"CBS", b"WER: Failure of x", false),
            (b"CBS", b"Total corruption found: 12", false),
            (b"CBS", b"Startup: state: 0x80000001", true),
            (b"DPX", b"Started phase", true),
            (b"DPX", b"Extraction failed 0x80070570", false),
            (b"DPX", b"Not there 0x80070002, going on", true),
            (b"CSI", b"0000000a Direct SIL provider: 1.", true),
            (
                b"CSI",
                b"0000000a@2023/1/11:01:02:03.004 CSI perf trace:",
                true,
            ),
            (b"CSI", b"0000000a Foobar", false),
            (b"CSI", b"short", false),
            (b"NEW", b"Lock: x", false),
            (b"CBS", b"", true),
        ] {
            assert_eq!(is_ordinary(source, message), ordinary, "{message:?}");
        }
    }
}
