//! What every machine's logs are full of: results that look like failure and
//! are none, definition updates, idle upkeep.

use kbwatch_proto::words::EventResult;

use super::events::Offer;
use super::servicing::hresult_text;
use super::{Story, What, session_id};
use crate::plan::{DAY_MS, HOUR_MS, MINUTE_MS};

/// Tells the everyday records of the last weeks.
pub(super) fn tell(story: &mut Story<'_>) {
    let now = story.plan.config.now_ms;
    let days = story.dice.between(3, 5);
    for day in 0..days {
        let at = now - (day * 7 + 1) * DAY_MS + story.dice.between(0, 20 * 60) * 60_000;
        let quiet = quiet_before(story, at);
        idle_upkeep(story, quiet);
        let quiet = quiet_before(story, at + HOUR_MS);
        applicability_probe(story, quiet);
    }
    for day in 0..story.dice.between(2, 4) {
        let at = now - (day + 1) * DAY_MS + story.dice.between(0, 20 * 60) * 60_000;
        definitions(story, at);
    }
    let language = story.device.language;
    if story.dice.chance(0.15) {
        let at = now - story.dice.between(30, 600) * 60_000;
        story.install_ends(
            at,
            &secure_boot(language),
            0x8024_0017,
            EventResult::NotApplicable,
        );
    }
    if story.dice.chance(0.25) {
        let at = now - story.dice.between(30, 9_000) * 60_000;
        story.wusa_not_applicable(at, "KB5012170");
    }
    if story.device.has_dism {
        let at = now - story.dice.between(60, 30_000) * 60_000;
        dism_query(story, at);
    }
}

/// The last moment up to `at` at which no attempt is under way: one servicing
/// session at a time.
fn quiet_before(story: &Story<'_>, at: i64) -> i64 {
    let margin = 5 * MINUTE_MS;
    let mut quiet = at;
    for attempt in story.device.attempts.iter().rev() {
        let busy = attempt.started_at_ms - margin..attempt.ended_at_ms + margin;
        if busy.contains(&quiet) {
            quiet = attempt.started_at_ms - 2 * margin - (at - quiet) % margin;
        }
    }
    quiet
}

fn secure_boot(language: &str) -> Offer {
    let title = if language == "zh-CN" {
        "2022-08 适用于 Windows 10 Version 1809 的安全更新，适合基于 x64 的系统 (KB5012170)"
    } else {
        "2022-08 Security Update for Windows 10 Version 1809 for x64-based Systems (KB5012170)"
    };
    Offer {
        kb: "KB5012170".to_owned(),
        title: title.to_owned(),
        guid: "9d4c1b60-5fe2-4387-a1ce-60b2f97d3e18".to_owned(),
        revision: 200,
    }
}

/// Definition updates of the built-in scanner make up most records 19 and 43.
fn definitions(story: &mut Story<'_>, at: i64) {
    let version = format!("1.381.{}.0", story.dice.between(100, 2_999));
    let title = if story.device.language == "zh-CN" {
        format!("Microsoft Defender Antivirus 安全智能更新 - KB2267602 (版本 {version})")
    } else {
        format!(
            "Security Intelligence Update for Microsoft Defender Antivirus - KB2267602 (Version {version})"
        )
    };
    let id = story.dice.hex(12);
    let offer = Offer {
        kb: "KB2267602".to_owned(),
        title,
        guid: format!("4e2f7a10-88b3-4d5c-9c01-{id}"),
        revision: 200,
    };
    story.install_starts(at, &offer);
    story.install_succeeds(at + 41_000, &offer);
}

/// An idle session that finds nothing to do and says so with codes.
fn idle_upkeep(story: &mut Story<'_>, at: i64) {
    story.stack_starts(at);
    let id = session_id(story.device, at + 2_000);
    story.cbs(at + 2_000, format!("Session: {id} initialized by client CbsTask, external staging directory: (null), external registry directory: (null)"));
    story.cbs(
        at + 3_000,
        format!(
            "Exec: Failed to read AutoRepairNeeded. {}",
            hresult_text(0x8007_0490)
        ),
    );
    story.cbs(
        at + 3_000,
        format!("Maint: processing started.  Client: CbsTask, Session: {id}"),
    );
    story.cbs(at + 4_000, "Scavenge: Start CSI");
    story.csi(
        at + 4_200,
        true,
        "Scavenge of the store ended, nothing to remove",
    );
    for value in ["Ring", "BranchName"] {
        story.cbs(
            at + 5_000,
            format!("Not able to read {value} {}", hresult_text(0x8007_0002)),
        );
    }
    story.cbs(
        at + 6_000,
        format!(
            "Maint: processing complete.  Session: {id}. {}",
            hresult_text(0)
        ),
    );
    story.cbs(
        at + 9_000,
        format!(
            "Session: {id} finalized. Reboot required: no {}",
            hresult_text(0)
        ),
    );
}

/// The update agent asks for packages that never existed.
fn applicability_probe(story: &mut Story<'_>, at: i64) {
    story.stack_starts(at);
    for arch in ["amd64", "x86"] {
        let at = if arch == "x86" {
            at + 3_000
        } else {
            at + 2_000
        };
        let id = session_id(story.device, at);
        let code = hresult_text(0x800f_0805);
        story.cbs(at, format!("Session: {id} initialized by client WindowsUpdateAgent, external staging directory: (null)"));
        story.cbs(at, format!("InternalOpenPackage failed for Package_for_KB3025096~31bf3856ad364e35~{arch}~~6.4.1.0 {code}"));
        story.cbs(at, format!("Failed to internally open package. {code}"));
        story.cbs(at, format!("Failed to create open package. {code}"));
        story.cbs(
            at,
            "Failed to OpenPackage using worker session [HRESULT = 0x800f0805]",
        );
    }
}

/// Someone lists packages; the provider store complains as ever.
fn dism_query(story: &mut Story<'_>, at: i64) {
    let pid = story.dice.between(900, 9_000);
    let build = story.device.build;
    let ubr = story.device.ubr_at(at);
    let line = |story: &mut Story<'_>, level, text: String| {
        story.tell(at, What::Dism { level, text });
    };
    let provider = |name: &str| {
        format!(
            r"DISM Provider Store: PID={pid} TID={} Failed to Load the provider: C:\Windows\System32\Dism\{name}. - CDISMProviderStore::Internal_LoadProvider(hr:0x8007007e)",
            pid + 8
        )
    };
    line(
        story,
        "Info",
        format!(
            "PID={pid} TID={} Scratch directory set to 'C:\\Windows\\TEMP\\'. - CDISMManager::put_ScratchDir",
            pid + 4
        ),
    );
    line(
        story,
        "Info",
        "DISM.EXE: <----- Starting Dism.exe session ----->".to_owned(),
    );
    line(
        story,
        "Info",
        format!(
            "DISM.EXE: Host machine information: OS Version=10.0.{build}, Running architecture=amd64, Number of processors=4"
        ),
    );
    line(
        story,
        "Info",
        "DISM.EXE: Executing command line: dism.exe  /Online /Get-Packages".to_owned(),
    );
    for name in ["PEProvider.dll", "EmbeddedProvider.dll"] {
        line(story, "Warning", provider(name));
    }
    line(
        story,
        "Info",
        format!(
            "DISM.EXE: Target image information: OS Version=10.0.{build}.{ubr}, Image architecture=amd64"
        ),
    );
    line(
        story,
        "Info",
        "DISM.EXE: <----- Ending Dism.exe session ----->".to_owned(),
    );
}
