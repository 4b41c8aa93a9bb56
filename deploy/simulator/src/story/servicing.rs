//! Records of component-based servicing: the stack, its sessions, verdicts,
//! and what it says of damage.

use kbwatch_proto::result_code::ResultCode;
use kbwatch_proto::words::{EventResult, SourceKind};

use super::{Expected, Story, What, cbs_line, session_id};
use crate::plan::{DamagedFile, Kb};

/// `0x800f0985 - PSFX_E_…`, as servicing prints it: it does not know the codes
/// of the update client.
pub(crate) fn hresult_text(hresult: u32) -> String {
    let facility = hresult >> 16;
    let name = match facility {
        0 => "S_OK",
        0x8024 | 0x80d0 => "Unknown Error",
        _ => ResultCode(hresult).symbol().unwrap_or("Unknown Error"),
    };
    format!("[HRESULT = 0x{hresult:08x} - {name}]")
}

fn expected(result: EventResult, kb: &str, hresult: Option<u32>, file: &str) -> Expected {
    Expected {
        source: SourceKind::Cbs,
        result,
        kb: kb.to_owned(),
        hresult,
        file: file.to_owned(),
    }
}

/// An open servicing session that installs one package.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) client: &'static str,
    pub(crate) package: String,
    pub(crate) kb: &'static str,
}

impl Story<'_> {
    /// The servicing stack comes up.
    pub(crate) fn stack_starts(&mut self, at_ms: i64) {
        let stack = if self.device.build == 17763 {
            "10.0.17763.3232"
        } else {
            "10.0.19041.2300"
        };
        self.tell(at_ms, What::StackStart);
        for text in [
            "TI: --- Initializing Trusted Installer ---",
            "Starting TrustedInstaller initialization.",
            "Ending TrustedInstaller initialization.",
            "Starting the TrustedInstaller main loop.",
            "TrustedInstaller service starts successfully.",
            "No startup processing required, TrustedInstaller service was not set as autostart",
        ] {
            self.cbs(at_ms, text);
        }
        self.cbs(
            at_ms + 40,
            format!("Loaded Servicing Stack v{stack} with Core: cbscore.dll"),
        );
        self.csi(
            at_ms + 90,
            true,
            format!("WcpInitialize: wcp.dll version {stack} (WinBuild.160101.0800)"),
        );
        self.csi(at_ms + 130, false, "CSI Store initialized");
    }

    /// A session begins and takes up a package.
    pub(crate) fn session_starts(&mut self, at_ms: i64, kb: &Kb) -> Session {
        let session = Session {
            id: session_id(self.device, at_ms),
            client: "UpdateAgentLCU",
            package: kb.package(),
            kb: kb.number,
        };
        let Session {
            id,
            client,
            package,
            ..
        } = &session;
        self.cbs(at_ms, format!("Session: {id} initialized by client {client}, external staging directory: (null), external registry directory: (null)"));
        self.cbs(at_ms + 1_000, format!("Exec: Processing started.  Client: {client}, Session: {id}, Package: {package}, Identifier: {}", kb.number));
        session
    }

    /// The verdict of a session on its package, and its end.
    pub(crate) fn session_ends(
        &mut self,
        at_ms: i64,
        session: &Session,
        hresult: u32,
        reboot: bool,
    ) {
        let Session {
            id, package, kb, ..
        } = session;
        let code = hresult_text(hresult);
        let result = match hresult {
            0 if reboot => EventResult::PendingReboot,
            0 => EventResult::Success,
            crate::scenario::CANCELLED_HRESULT => EventResult::Cancelled,
            _ => EventResult::Fail,
        };
        let verdict = format!(
            "Exec: Processing complete.  Session: {id}, Package: {package}, Identifier: {kb} {code}"
        );
        self.tell_expecting(
            at_ms,
            cbs_line(verdict),
            expected(result, kb, Some(hresult), ""),
        );
        let reboot = if reboot { "yes" } else { "no" };
        self.cbs(
            at_ms + 60,
            format!("Session: {id} finalized. Reboot required: {reboot} {code}"),
        );
    }

    /// The error report of a failed package, with the attachments it misses. It
    /// names the package and not the KB.
    pub(crate) fn failure_reported(
        &mut self,
        at_ms: i64,
        session: &Session,
        hresult: u32,
        source: &str,
    ) {
        let Session {
            package, client, ..
        } = session;
        let report = format!(
            "WER: Generating failure report for package: {package}, status: 0x{hresult:08x}, failure source: {source}, start state: Absent, target state: Installed, client id: {client}"
        );
        self.tell_expecting(
            at_ms,
            cbs_line(report),
            expected(EventResult::Fail, "", Some(hresult), ""),
        );
        self.cbs(
            at_ms + 10,
            format!(
                "Not able to query DisableWerReporting flag.  Assuming not set... {}",
                hresult_text(0x8007_0002)
            ),
        );
        self.cbs(
            at_ms + 20,
            r"Added C:\Windows\Logs\CBS\CBS.log to WER report.",
        );
        for missing in ["pending.xml", "pending.xml.bad", "poqexec.log", "SCM.EVM"] {
            let text = format!(
                "Not able to add {missing} to Windows Error Report. {}",
                hresult_text(0x8007_0002)
            );
            self.cbs(at_ms + 30, text);
        }
    }

    /// One file of an installed component is not what its manifest says, and
    /// so the delta against it cannot be applied.
    pub(crate) fn hydration_fails(&mut self, at_ms: i64, damage: &DamagedFile) {
        let DamagedFile {
            file,
            component,
            component_version: version,
            arch,
            ..
        } = damage;
        let assembly = printed_assembly(&damage.assembly);
        let len = file.len();
        let mismatch = format!(
            "Hashes for file member [l:{len}]'{file}' do not match.\n Expected: {{l:32 ml:33 b:{}}}.\n Actual: {{l:32 b:{}}}.",
            damage.hash_expected, damage.hash_actual
        );
        let seen = expected(EventResult::HashMismatch, "", None, file);
        self.tell_expecting(at_ms, csi("Info", false, mismatch), seen);
        let checksum = self.dice.between(100_000_000, 900_000_000);
        self.tell(at_ms + 300, csi("Error", true, "(F) onecore\\base\\wcp\\rtllib\\win32lib\\delta_library.cpp(351): Error NTSTATUS_FROM_WIN32(ERROR_INVALID_DATA) originated in function Windows::Rtl::DeltaDecompressBuffer expression: g_pfnApplyDeltaB(( (DELTA_FLAG_TYPE)0x00000000 ), ReferenceInput, CompressedInput, &UncompressedOutput)\n[gle=0x80004005]".to_owned()));
        self.tell(at_ms + 310, csi("Error", false, format!("(F) Hydration failed with original error NTSTATUS_FROM_WIN32(ERROR_INVALID_DATA) . Delta Type: Reverse Delta , IntegrityState Valid: true , RetrievedChecksum: {checksum} , ComputedChecksum: {checksum}[gle=0x80004005]")));
        let identity = format!(
            "{assembly}, version {version}, arch {arch}, nonSxS, pkt {{l:8 b:31bf3856ad364e35}}"
        );
        let failed = format!(
            "(F) Hydration failed for component {identity} on file {file} with NTSTATUS -1073283059. Matching Component = {identity}. FileHasForwardReverseDeltas = true, GenerateReverseDelta = false[gle=0x80004005]"
        );
        let seen = expected(EventResult::Fail, "", None, file);
        self.tell_expecting(at_ms + 320, csi("Error", false, failed), seen);
        let warning = format!(
            "Warning: Unable to repair payload file ([l:{len}]'{file}') for component ([l:{} ml:140]'{component}') from backups directory with disposition (2). A backup file may not exist or may be corrupt. Falling back to WU.",
            component.len()
        );
        self.tell(at_ms + 400, csi("Info", false, warning));
    }

    /// Servicing flags its store.
    pub(crate) fn store_marked(&mut self, at_ms: i64) {
        let text = "(F) Attempting to mark store corrupt with category [l:18 ml:19]'CorruptPayloadFile'[gle=0x80004005]";
        let seen = expected(EventResult::StoreMarkedCorrupt, "", None, "");
        self.tell_expecting(at_ms, csi("Error", true, text.to_owned()), seen);
    }

    /// A package that is needed has lost its manifest.
    pub(crate) fn manifest_missing(&mut self, at_ms: i64, part: i64, kb: &str, level: &str) {
        let text = format!(
            "Store corruption, manifest missing for package: Package_{part}_for_{kb}~31bf3856ad364e35~amd64~~{level}.1.7"
        );
        let seen = expected(EventResult::ManifestMissing, kb, None, "");
        self.tell_expecting(at_ms, cbs_line(text), seen);
    }

    /// Work at boot is done.
    pub(crate) fn startup_completes(&mut self, at_ms: i64) {
        let text = format!("Startup: Processing complete. {}", hresult_text(0));
        let seen = expected(EventResult::Success, "", Some(0), "");
        self.tell_expecting(at_ms, cbs_line(text), seen);
    }

    /// Work at boot fails and everything is undone.
    pub(crate) fn startup_rolls_back(&mut self, at_ms: i64, hresult: u32) {
        let code = hresult_text(hresult);
        let text = format!(
            "Startup: Failed to process advanced operation queue, startupPhase: 0.  A rollback transaction will be created. {code}"
        );
        let seen = expected(EventResult::Fail, "", Some(hresult), "");
        self.tell_expecting(
            at_ms,
            What::Cbs {
                level: "Error",
                column: "CBS",
                text,
            },
            seen,
        );
        self.cbs(at_ms + 20, format!("Setting original failure status: 0x{hresult:08x}, last forward execute state: CbsExecuteStateResolvePending"));
        let text =
            "Progress: UI message updated. Operation type: Update. Stage: 1 out of 1. Rollback.";
        let seen = expected(EventResult::RolledBack, "", Some(hresult), "");
        self.tell_expecting(at_ms + 1_000, cbs_line(text), seen);
        let text = format!("Startup: Processing complete. {code}");
        let seen = expected(EventResult::Fail, "", Some(hresult), "");
        self.tell_expecting(at_ms + 9_000, cbs_line(text), seen);
    }
}

fn csi(level: &'static str, stamped: bool, text: String) -> What {
    What::Csi {
        level,
        stamped,
        text,
    }
}

/// Assemblies print with capitals at word starts; nobody may rely on the case.
fn printed_assembly(assembly: &str) -> String {
    let mut printed = String::with_capacity(assembly.len());
    let mut word_starts = true;
    for letter in assembly.chars() {
        if word_starts {
            printed.extend(letter.to_uppercase());
        } else {
            printed.push(letter);
        }
        word_starts = letter == '-';
    }
    printed
}
