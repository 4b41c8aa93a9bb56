//! Worlds in which nothing must be called: only the usual fails, in every
//! disguise.

use kbwatch_proto::words::{EventResult, Phase, SourceKind};

use super::draft::{BEGINS_MS, Draft};
use super::life::Noise;
use super::usual::Doom;
use super::{Scenario, Truth, World};
use crate::plan::{AttemptPlan, Breaks, DAY_MS, Fate, HOUR_MS, MINUTE_MS};

/// Devices of a world.
const DEVICES: usize = 2_000;

/// A usual rollout, in the disguise of its family.
pub(super) fn draw(scenario: Scenario, seed: u64) -> World {
    // What heals by itself is only known to do so where there is history.
    let months = match scenario {
        Scenario::S14 => 2,
        _ => Draft::few_months(seed),
    };
    let mut draft = Draft::open(DEVICES, months, seed);
    if scenario == Scenario::S14 {
        draft = first_failures(seed);
    }
    let dooms = draft.usual_month();
    draft.roll_out(2, &dooms);
    match scenario {
        Scenario::S7 => flood(&mut draft),
        Scenario::S9 => late(&mut draft),
        Scenario::S11 => one_that_retries(&mut draft),
        Scenario::S14 => heal(&mut draft, 2),
        Scenario::S16 => successes_overnight(&mut draft),
        Scenario::S17 => weekend(&mut draft),
        _ => {}
    }
    World::of(scenario, seed, draft, Truth::default())
}

/// Codes that look like failure and are not, on most devices, all the time.
fn flood(draft: &mut Draft) {
    const HARMLESS: [(SourceKind, Phase, EventResult, u32); 5] = [
        (
            SourceKind::EventLog,
            Phase::Install,
            EventResult::Fail,
            0x8024_0017,
        ),
        (
            SourceKind::EventLog,
            Phase::Install,
            EventResult::Fail,
            0x8024_000b,
        ),
        (
            SourceKind::Cbs,
            Phase::CorruptionRepair,
            EventResult::Fail,
            0x800f_081f,
        ),
        (SourceKind::Cbs, Phase::Scan, EventResult::Fail, 0x800f_0805),
        (
            SourceKind::Dism,
            Phase::FeatureInstall,
            EventResult::Fail,
            0x800f_081f,
        ),
    ];
    let dice = &mut draft.dice;
    for (device, life) in draft.devices.iter().zip(&mut draft.lives) {
        if dice.chance(0.3) {
            continue;
        }
        // The agent fetches the content once more, by itself, and goes on.
        let rolls_out = life
            .tries
            .iter()
            .filter(|one| one.started_at_ms >= BEGINS_MS);
        for one in rolls_out.take(1) {
            life.noise.push(Noise {
                source_kind: SourceKind::EventLog,
                phase: Phase::Install,
                result: EventResult::Fail,
                at_ms: one.started_at_ms + 20_000,
                hresult: Some(0x8024_200d),
                kb: one.kb.number.to_owned(),
            });
        }
        for _ in 0..dice.between(1, 12) {
            let (source_kind, phase, result, code) = dice.pick(&HARMLESS);
            let of_agent = source_kind == SourceKind::EventLog;
            // Of another update than the one that rolls out.
            let kb = if device.build == 17763 {
                "KB5021085"
            } else {
                "KB5021088"
            };
            life.noise.push(Noise {
                source_kind,
                phase,
                result,
                at_ms: BEGINS_MS + dice.between(0, 8 * DAY_MS),
                hresult: Some(code),
                kb: if of_agent {
                    kb.to_owned()
                } else {
                    String::new()
                },
            });
        }
    }
}

/// What one device sends may come days later, twice, or for the first time.
fn late(draft: &mut Draft) {
    let dice = &mut draft.dice;
    for life in &mut draft.lives {
        match dice.unit() {
            roll if roll < 0.15 => life.delay_ms = dice.between(6 * HOUR_MS, 5 * DAY_MS),
            roll if roll < 0.3 => life.repeats = true,
            roll if roll < 0.4 => {
                // Its collector is installed only now and reads everything.
                life.first_read_ms = BEGINS_MS + dice.between(0, 6 * DAY_MS);
            }
            _ => {}
        }
    }
}

/// One unlucky device fails the whole week, every twenty minutes.
fn one_that_retries(draft: &mut Draft) {
    let code = draft.usual.codes().next().unwrap_or(0x8007_0005);
    let number = draft.dice.below(draft.lives.len());
    let Some(life) = draft.lives.get_mut(number) else {
        return;
    };
    let kb = super::tries::kb_of(draft.devices[number].build, 2);
    life.tries.retain(|one| one.kb.number != kb.number);
    for turn in 0..500 {
        let started_at_ms = BEGINS_MS + turn * 20 * MINUTE_MS;
        life.tries.push(AttemptPlan {
            kb,
            started_at_ms,
            ended_at_ms: started_at_ms + 10 * MINUTE_MS,
            fate: Fate::Failed {
                hresult: code,
                breaks: Breaks::Staging,
            },
        });
    }
}

/// History in which a part of all devices fails first and heals.
fn first_failures(seed: u64) -> Draft {
    let mut draft = Draft::open(DEVICES, 2, seed);
    for month in 0..2 {
        heal(&mut draft, month);
    }
    draft
}

/// First tries of a few percent fail and the second ones succeed.
fn heal(draft: &mut Draft, month: usize) {
    // The same share and code in every month.
    let share = 0.02 + 0.04 * f64::from(u8::from(draft.usual.rate > 0.02));
    let doom = Doom {
        hresult: 0x800f_0988,
        breaks: Breaks::Staging,
        heals_after: Some(1),
        tries: 1,
    };
    for (device, life) in draft.devices.iter().zip(&mut draft.lives) {
        let kb = super::tries::kb_of(device.build, month);
        let of_kb = life.tries.iter().filter(|one| one.kb.number == kb.number);
        let starts: Vec<i64> = of_kb.map(|one| one.started_at_ms).collect();
        if starts.len() == 1 && draft.dice.chance(share) {
            life.tries.retain(|one| one.kb.number != kb.number);
            let tries = super::tries::unfold(kb, starts[0], Some(doom), &mut draft.dice);
            life.tries.extend(tries);
        }
    }
}

/// Failures within minutes; who succeeds is offline until the next morning, in
/// part from before it began.
fn successes_overnight(draft: &mut Draft) {
    for life in &mut draft.lives {
        let Some(last) = life.tries.last() else {
            continue;
        };
        if last.fate != Fate::Succeeded {
            continue;
        }
        let from = if draft.dice.chance(0.1) {
            last.started_at_ms - MINUTE_MS
        } else {
            last.started_at_ms + 30 * MINUTE_MS
        };
        life.away.push((
            from,
            last.ended_at_ms + draft.dice.between(HOUR_MS, 10 * HOUR_MS),
        ));
    }
}

/// Some branches are switched off from the third day to the sixth.
fn weekend(draft: &mut Draft) {
    let branches = draft
        .devices
        .iter()
        .map(|d| d.branch + 1)
        .max()
        .unwrap_or(1);
    let off: Vec<bool> = (0..branches).map(|_| draft.dice.chance(0.15)).collect();
    for (device, life) in draft.devices.iter().zip(&mut draft.lives) {
        if off.get(device.branch).copied().unwrap_or(false) {
            let from = BEGINS_MS + 3 * DAY_MS + draft.dice.between(0, 8 * HOUR_MS);
            life.away.push((
                from,
                BEGINS_MS + 6 * DAY_MS + draft.dice.between(0, HOUR_MS),
            ));
        }
    }
}
