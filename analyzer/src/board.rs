//! One KB over the whole fleet: how every device that began it stands.

mod evidence;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::attempts::{Attempt, Outcome, final_code, settle};
use crate::facts::{Words, value_of};
use crate::find::usual::Usual;
use crate::find::{Ending, Failing, Trial};
use crate::fleet::{Device, Fleet};
use crate::judge::Judge;
use crate::kb::{Build, UpdateKind};
use evidence::taken_back;

/// A KB counts as earlier than another one whose first attempt is at least
/// this much later, where their builds cannot be compared.
const A_WEEK_MS: i64 = 7 * 24 * 3_600_000;

/// Earlier KBs that the usual rate is learned from.
const KBS_LEARNED_FROM: usize = 6;

/// Clocks that are wrong are fewer than one in so many: the begin of a KB is
/// that of the device after them.
const WRONG_CLOCKS: usize = 100;

/// How one device stands with the KB now.
#[derive(Debug, Clone)]
pub(crate) struct Standing<'a> {
    /// Number of the device.
    pub(crate) number: usize,
    pub(crate) device: &'a Device,
    /// All attempts, in time order; benign ones are left out.
    pub(crate) attempts: Vec<(&'a Attempt, Outcome)>,
    /// The latest attempt, which speaks for the device.
    pub(crate) latest: (&'a Attempt, Outcome),
    /// Ring that counts: of the server's list, else as the device says.
    pub(crate) ring: &'a str,
    /// Class, as the device says.
    pub(crate) class: &'a str,
    /// The latest attempt succeeded, and the update is gone again.
    pub(crate) taken_back: bool,
}

impl<'a> Standing<'a> {
    /// The latest closed attempt, which counts in the failure rate.
    pub(crate) fn closed(&self) -> Option<(&'a Attempt, Outcome)> {
        let mut latest_first = self.attempts.iter().rev();
        latest_first
            .find(|(_, outcome)| outcome.is_closed())
            .copied()
    }

    /// Succeeded after a failure.
    pub(crate) fn healed(&self) -> bool {
        self.latest.1 == Outcome::Succeeded
            && self
                .attempts
                .iter()
                .any(|(_, outcome)| outcome.is_failure())
    }

    /// Failed attempts that ended so, latest first.
    pub(crate) fn failures(&self, ending: Ending) -> impl Iterator<Item = &'a Attempt> {
        let latest_first = self.attempts.iter().rev();
        latest_first
            .filter(move |(attempt, outcome)| outcome.is_failure() && ending_of(attempt) == ending)
            .map(|(attempt, _)| *attempt)
    }
}

/// With what a failed attempt ended.
pub(crate) fn ending_of(attempt: &Attempt) -> Ending {
    Ending {
        hresult: final_code(attempt).filter(|code| *code != 0),
        phase: attempt.phase,
    }
}

fn failing_of(attempt: &Attempt) -> Failing {
    Failing {
        ending: ending_of(attempt),
        at_ms: attempt.ended_at_ms,
    }
}

/// One KB over the whole fleet.
#[derive(Debug, Clone)]
pub(crate) struct Board<'a> {
    pub(crate) kb: &'a str,
    pub(crate) build: Option<Build>,
    pub(crate) kind: UpdateKind,
    pub(crate) title: &'a str,
    pub(crate) standings: Vec<Standing<'a>>,
    pub(crate) trials: Vec<Trial>,
    pub(crate) first_started_ms: i64,
    titled_at_ms: i64,
}

/// What boards are made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) now_ms: i64,
    pub(crate) gone_silent_ms: i64,
    /// Rings by device id, from the target lists.
    pub(crate) rings: &'a HashMap<String, String>,
}

/// Lays the fleet out KB by KB, earlier KBs first.
pub(crate) fn boards<'a>(fleet: &'a Fleet, frame: Frame<'a>) -> Vec<Board<'a>> {
    let mut boards: BTreeMap<&str, Board<'a>> = BTreeMap::new();
    let branch = fleet.words.find("branch");
    let counted = fleet.devices.iter().enumerate();
    for (number, device) in counted.filter(|(_, device)| device.counts()) {
        let clock = device.clock(frame.now_ms, frame.gone_silent_ms);
        let facts = device.facts_now();
        let says = |key: &str| facts.map_or("", |facts| fleet.words.value(facts, key));
        let listed = frame.rings.get(device.id.as_ref());
        let ring = listed.map_or_else(|| says("ring"), String::as_str);
        let block = branch.and_then(|branch| value_of(facts?, branch));
        // Without a branch a device is a block of its own.
        let block = block.map_or((1 << 32) + number as u64, |word| u64::from(word.number()));
        let level = device.last_level(&fleet.words);
        for kb in &device.kbs {
            let attempts = kb.attempts.iter().filter(|attempt| !attempt.benign);
            let attempts = attempts.map(|attempt| (attempt, settle(attempt, clock)));
            let attempts: Vec<(&Attempt, Outcome)> = attempts.collect();
            let Some(latest) = attempts.last().copied() else {
                continue;
            };
            let standing = Standing {
                number,
                device,
                attempts,
                latest,
                ring,
                class: says("class"),
                taken_back: taken_back(device, kb, latest, level),
            };
            let board = boards.entry(&kb.kb).or_insert_with(|| Board {
                kb: &kb.kb,
                build: kb.build,
                kind: kb.kind,
                title: &kb.title,
                standings: Vec::new(),
                trials: Vec::new(),
                first_started_ms: i64::MAX,
                titled_at_ms: i64::MIN,
            });
            board.add(standing, block, kb.build, &kb.title, &fleet.words);
        }
    }
    let mut boards: Vec<Board<'a>> = boards.into_values().collect();
    for board in &mut boards {
        board.first_started_ms = first_started(&board.trials);
    }
    boards.sort_by_key(|board| (board.first_started_ms, board.kb));
    boards
}

impl<'a> Board<'a> {
    fn add(
        &mut self,
        standing: Standing<'a>,
        block: u64,
        build: Option<Build>,
        title: &'a str,
        words: &Words,
    ) {
        let first = standing.attempts.first();
        let started_at_ms = first.map_or(0, |(attempt, _)| attempt.started_at_ms);
        let ended_at_ms = standing.latest.0.ended_at_ms;
        self.build = self.build.max(build);
        if !title.is_empty() && ended_at_ms > self.titled_at_ms {
            self.title = title;
            self.titled_at_ms = ended_at_ms;
        }
        let failed = standing
            .attempts
            .iter()
            .filter(|(_, outcome)| outcome.is_failure());
        let mut ever: Vec<Failing> = failed.map(|(attempt, _)| failing_of(attempt)).collect();
        ever.sort_unstable();
        ever.dedup_by_key(|one| one.ending);
        let closed = standing.closed();
        let failing = closed.filter(|(_, outcome)| outcome.is_failure());
        // A later update brought the device past this one: it fails no more.
        let failing = failing.filter(|(attempt, _)| {
            !passed_since(standing.device, build, attempt.ended_at_ms, words)
        });
        self.trials.push(Trial {
            device: standing.number,
            block,
            started_at_ms,
            failing: failing.map(|(attempt, _)| failing_of(attempt)),
            ever,
            closed: closed.is_some(),
            facts: standing.device.facts_before(started_at_ms, words),
        });
        self.standings.push(standing);
    }

    /// Devices with a closed attempt.
    pub(crate) fn tried(&self) -> u64 {
        self.trials.iter().filter(|trial| trial.closed).count() as u64
    }
}

/// When a KB began to come to the fleet; a clock or two that are wrong by
/// months do not date it.
fn first_started(trials: &[Trial]) -> i64 {
    let mut begins: Vec<i64> = trials.iter().map(|trial| trial.started_at_ms).collect();
    let after = begins.len() / WRONG_CLOCKS;
    if after >= begins.len() {
        return i64::MAX;
    }
    *begins.select_nth_unstable(after).1
}

fn passed_since(device: &Device, build: Option<Build>, at_ms: i64, words: &Words) -> bool {
    let after = device
        .facts
        .last()
        .is_some_and(|revision| revision.confirmed_at_ms > at_ms);
    let covers = device
        .level_now(words)
        .zip(build)
        .is_some_and(|(level, build)| level.covers(build));
    after && covers
}

/// What is usual for `boards[of]`: learned from the earlier boards of its kind,
/// without the devices that belonged to a cluster there.
pub(crate) fn usual_for(boards: &[Board<'_>], of: usize, judge: &Judge) -> Usual {
    let mut usual = Usual::default();
    let Some(board) = boards.get(of) else {
        return usual;
    };
    let earlier = boards
        .iter()
        .filter(|other| other.kind == board.kind && is_earlier(other, board));
    let mut earlier: Vec<&Board<'_>> = earlier.collect();
    earlier.sort_by_key(|board| std::cmp::Reverse(board.first_started_ms));
    for other in earlier.into_iter().take(KBS_LEARNED_FROM) {
        let in_cluster = |one: &Failing| judge.of(other.kb, one.ending).is_some();
        let members = other
            .trials
            .iter()
            .filter(|trial| trial.ever.iter().any(in_cluster));
        let excluded: BTreeSet<usize> = members.map(|trial| trial.device).collect();
        usual.learn(&other.trials, &excluded);
    }
    usual.learned()
}

fn is_earlier(other: &Board<'_>, board: &Board<'_>) -> bool {
    match (other.build, board.build) {
        (Some(a), Some(b)) if a.same_family(b) => a.revision < b.revision,
        _ => other.first_started_ms + A_WEEK_MS <= board.first_started_ms,
    }
}
