//! One attempt, told by all logs that see it.

use kbwatch_proto::words::EventResult;

use super::Story;
use super::events::Offer;
use super::servicing::{Session, hresult_text};
use crate::plan::{AttemptPlan, Breaks, Fate, MINUTE_MS};
use crate::scenario::CANCELLED_HRESULT;

/// Tells an attempt between its start and its end.
pub(super) fn tell(story: &mut Story<'_>, attempt: &AttemptPlan) {
    let offer = Offer::of(&attempt.kb, story.device.language);
    let start = attempt.started_at_ms + 137;
    story.download_starts(start, &offer);
    if let Fate::Failed {
        hresult,
        breaks: Breaks::Download,
    } = attempt.fate
    {
        story.download_fails(attempt.ended_at_ms, &offer, hresult);
        return;
    }
    let timing = Timing::of(attempt);
    story.downloaded(timing.downloaded, &offer);
    story.install_starts(timing.downloaded + 2_500, &offer);
    story.stack_starts(timing.session - 4_000);
    let session = story.session_starts(timing.session, &attempt.kb);
    story.package_initiates(timing.session + 1_200, &attempt.kb, session.client);
    staging_chatter(story, timing.session + 2_000, timing.verdict - 3_000);
    match attempt.fate {
        Fate::Succeeded => succeed(story, attempt, &session, &timing, &offer),
        Fate::Failed {
            hresult,
            breaks: Breaks::AfterReboot,
        } => {
            stage_and_reboot(story, attempt, &session, &timing);
            story.startup_rolls_back(timing.boot + 30_000, hresult);
            story.package_changes(timing.boot + 45_000, &attempt.kb, 3, hresult);
            story.install_ends(attempt.ended_at_ms, &offer, hresult, EventResult::Fail);
        }
        Fate::Failed { hresult, breaks } => {
            fail(story, attempt, &session, (hresult, breaks), &offer);
        }
        Fate::PendingReboot => {
            story.session_ends(timing.verdict, &session, 0, true);
            story.package_changes(timing.verdict + 900, &attempt.kb, 4, 0);
            let end = attempt.ended_at_ms;
            story.install_ends(end, &offer, 0x8024_2014, EventResult::PendingReboot);
        }
        Fate::Cancelled => {
            let end = attempt.ended_at_ms;
            story.session_ends(end - 1_500, &session, CANCELLED_HRESULT, false);
            story.install_ends(end, &offer, CANCELLED_HRESULT, EventResult::Cancelled);
        }
        Fate::WentSilent => {
            let end = attempt.ended_at_ms;
            story.session_ends(end - 4_000, &session, 0, true);
            story.package_changes(end - 3_000, &attempt.kb, 4, 0);
            story.reboots(end - 2_000, None);
        }
    }
}

/// Moments inside an attempt, so spread that live ones end live.
struct Timing {
    downloaded: i64,
    session: i64,
    verdict: i64,
    reboot: i64,
    boot: i64,
}

impl Timing {
    fn of(attempt: &AttemptPlan) -> Self {
        let start = attempt.started_at_ms;
        let length = attempt.ended_at_ms - start;
        // The last two minutes belong to the reboot and what follows it.
        let boot = attempt.ended_at_ms - 100_000;
        let reboot = (boot - 45_000)
            .min(start + length * 3 / 5)
            .max(start + length / 3);
        let ends_at_boot = matches!(
            attempt.fate,
            Fate::Succeeded
                | Fate::Failed {
                    breaks: Breaks::AfterReboot,
                    ..
                }
        );
        let verdict = if ends_at_boot {
            reboot - 20_000
        } else {
            attempt.ended_at_ms - 5_000
        };
        Self {
            downloaded: start + length / 6,
            session: start + length / 6 + 9_000,
            verdict,
            reboot,
            boot,
        }
    }
}

fn stage_and_reboot(
    story: &mut Story<'_>,
    attempt: &AttemptPlan,
    session: &Session,
    timing: &Timing,
) {
    story.session_ends(timing.verdict, session, 0, true);
    story.package_changes(timing.verdict + 900, &attempt.kb, 4, 0);
    story.reboots(timing.reboot, Some(timing.boot));
    story.stack_starts(timing.boot + 20_000);
}

fn succeed(
    story: &mut Story<'_>,
    attempt: &AttemptPlan,
    session: &Session,
    timing: &Timing,
    offer: &Offer,
) {
    stage_and_reboot(story, attempt, session, timing);
    story.startup_completes(timing.boot + 40_000);
    story.package_changes(timing.boot + 55_000, &attempt.kb, 2, 0);
    story.install_succeeds(attempt.ended_at_ms, offer);
}

fn fail(
    story: &mut Story<'_>,
    attempt: &AttemptPlan,
    session: &Session,
    (hresult, breaks): (u32, Breaks),
    offer: &Offer,
) {
    let end = attempt.ended_at_ms;
    let mut at = end - 9_000;
    if breaks == Breaks::Hydration {
        for damage in &story.plan.damage {
            story.hydration_fails(at, damage);
            at += 1_000;
        }
        story.store_marked(at);
    }
    if hresult == 0x800f_0831 {
        let part = story.dice.between(100, 9_999);
        let family = crate::plan::family(attempt.kb.build).unwrap_or(&crate::plan::FAMILY_17763);
        let level = format!("{}.{}", family.build, family.base_ubr);
        story.manifest_missing(at, part, family.base_kb, &level);
    }
    let source = match hresult {
        0x8007_0070 => "CBS Other",
        0x800f_0831 => "Resolve",
        0x800f_0985 => "Stage",
        _ => "CSI Other",
    };
    story.cbs(
        end - 5_000,
        format!("Failed to perform operation. {}", hresult_text(hresult)),
    );
    story.failure_reported(end - 4_500, session, hresult, source);
    story.session_ends(end - 2_000, session, hresult, false);
    story.package_changes(end - 1_000, &attempt.kb, 3, hresult);
    story.install_ends(end, offer, hresult, EventResult::Fail);
}

/// Lines that mean nothing to anyone, as most of a log.
fn staging_chatter(story: &mut Story<'_>, from: i64, until: i64) {
    let span = (until - from).max(MINUTE_MS / 60);
    let lines = story.dice.between(14, 34);
    let mut times: Vec<i64> = (0..lines)
        .map(|_| from + story.dice.between(0, span))
        .collect();
    times.sort_unstable();
    for at in times {
        let number = story.dice.between(1, 4_200);
        match story.dice.below(9) {
            0 => story.cbs(at, "FLOW: Entering stage: Staging "),
            1 => story.cbs(at, format!("Plan: Package_{number} is applicable, state Staged wanted")),
            2 => story.cbs(at, format!("Appl: detect update {number}, parent satisfied, applicable state Installed")),
            3 => story.cbs(at, "Package Format: PSFX"),
            4 => story.cbs(at, format!("Exec: Package_{number} is already in the wanted state, skipped")),
            5 => story.csi(at, true, format!("Created new resolve transaction for deployment {number}")),
            6 => story.csi(at, false, format!("CSIPERF: pinning {number} components took {} ms\nCSIPERF: of these {} were new", number * 3, number / 2)),
            7 => story.csi(at, false, format!("Performing 1 operations as follows:\n  (0)  Stage (7): flags: 1 app: [l:{}]'component {number}'", 10 + number.to_string().len())),
            _ => {
                let what = super::What::Cbs {
                    level: "Info",
                    column: "DPX",
                    text: format!("Extraction of {number} files ended"),
                };
                story.tell(at, what);
            }
        }
    }
}
