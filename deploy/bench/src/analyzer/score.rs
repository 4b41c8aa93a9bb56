//! What was said of worlds, against what was to be said.

use std::collections::BTreeSet;

use kbwatch_analyzer::view::View;
use kbwatch_simulator::plan::AttemptPlan;
use kbwatch_simulator::worlds::tries::kb_of;
use kbwatch_simulator::worlds::truth::Cause;
use kbwatch_simulator::worlds::{Outside, Scenario, World};

use super::play::Play;
use super::rivals::{NAMES, Opinion};
use super::said::{causes_of, in_words, is_exact, outside_said, rival_opinions};
use crate::gates::Hits;

/// The analyzer first, then the rivals.
pub(super) const VOICES: usize = 1 + NAMES.len();

/// Sums over worlds.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) nulls: usize,
    /// Null worlds in which something was called.
    pub(super) false_calls: [usize; VOICES],
    /// What the analyzer got wrong, world by world.
    pub(super) notes: Vec<String>,
    pub(super) bad: [Hits; VOICES],
    /// Exact causes: of S1 and S2, of S3, of S4, of all others.
    pub(super) causes: [[Hits; VOICES]; 4],
    pub(super) outside: [Hits; VOICES],
    /// Worlds with an innocent fact, and those in which it was blamed.
    pub(super) misled: usize,
    pub(super) misblamed: [usize; VOICES],
    /// Bad updates to be repaired, whether a cluster tells of them or none does,
    /// and those whose first source, or one of the first three, holds what all
    /// of its devices need.
    pub(super) repairs: usize,
    pub(super) right_at: [usize; 2],
    /// Devices that an update left dark, by whether the last look says so of
    /// them; wrong are those of which any look said so that are not.
    pub(super) dark: Hits,
    /// Devices with an update, and those whose attempts are exactly the plan's.
    pub(super) lineages: usize,
    pub(super) exact_lineages: usize,
}

/// Whether nothing at all must be called.
fn is_null(scenario: Scenario) -> bool {
    use Scenario::{S0, S7, S9, S11, S14, S16, S17};
    matches!(scenario, S0 | S7 | S9 | S11 | S14 | S16 | S17)
}

/// Devices that a look calls dark in a reboot, and the update in which.
fn said_dark(view: &View) -> BTreeSet<(String, String)> {
    let dark = view.silent.iter().filter(|one| one.why == "dark_in_reboot");
    dark.map(|one| (one.device_id.clone(), one.open_kb.clone()))
        .collect()
}

impl Tally {
    /// Plays one world.
    pub(super) fn of(world: &World) -> Self {
        let mut play = Play::begin(world);
        let mut ever_dark = BTreeSet::new();
        let view = play.play_out(|view| ever_dark.extend(said_dark(view)));
        let mut tally = Self::default();
        tally.score_dark(world, &view, &ever_dark);
        let theirs = rival_opinions(world);
        tally.score_calls(world, &view, &theirs);
        tally.score_causes(world, &view, &theirs);
        tally.score_outside(world, &view, &theirs);
        tally.score_sources(world, &view);
        tally.score_lineage(world, &play);
        tally
    }

    fn score_calls(&mut self, world: &World, view: &View, theirs: &[Opinion]) {
        let own = view
            .clusters
            .iter()
            .filter(|cluster| cluster.outside.is_empty());
        let ours: BTreeSet<String> = own.map(|cluster| cluster.kb.clone()).collect();
        let any: BTreeSet<String> = view.clusters.iter().map(|c| c.kb.clone()).collect();
        if is_null(world.scenario) {
            let opinions = std::iter::once(&any).chain(theirs.iter().map(|one| &one.bad));
            self.nulls += 1;
            for (calls, bad) in self.false_calls.iter_mut().zip(opinions) {
                *calls += usize::from(!bad.is_empty());
            }
        }
        let opinions = std::iter::once(&ours).chain(theirs.iter().map(|one| &one.bad));
        for (hits, bad) in self.bad.iter_mut().zip(opinions) {
            let said = bad.difference(&world.truth.few).cloned().collect();
            hits.add(&said, &world.truth.bad);
        }
        for kb in world.truth.bad.difference(&ours) {
            self.note(world, &format!("missed {kb}"));
        }
        for cluster in &view.clusters {
            let known =
                world.truth.bad.contains(&cluster.kb) || world.truth.few.contains(&cluster.kb);
            if !known && (is_null(world.scenario) || cluster.outside.is_empty()) {
                let (kb, code, phase) = (&cluster.kb, &cluster.hresult, &cluster.phase);
                self.note(world, &format!("called {kb} {code} {phase}"));
            }
        }
    }

    fn score_causes(&mut self, world: &World, view: &View, theirs: &[Opinion]) {
        let truth = &world.truth.causes;
        if truth.is_empty() {
            return;
        }
        let ours: BTreeSet<Cause> = view
            .clusters
            .iter()
            .flat_map(|c| causes_of(world, c))
            .collect();
        if ours != *truth {
            self.note(world, &format!("blamed {ours:x?} for {truth:x?}"));
        }
        let group = match world.scenario {
            Scenario::S1 | Scenario::S2 => 0,
            Scenario::S3 => 1,
            Scenario::S4 => 2,
            _ => 3,
        };
        let opinions = std::iter::once(&ours).chain(theirs.iter().map(|one| &one.causes));
        let innocent = world.truth.innocent.iter().next();
        self.misled += usize::from(innocent.is_some());
        for (voice, causes) in opinions.enumerate() {
            self.causes[group][voice].add(causes, truth);
            let blamed = innocent.is_some_and(|(key, value)| {
                causes
                    .iter()
                    .any(|(_, facts)| facts.get(key) == Some(value))
            });
            self.misblamed[voice] += usize::from(blamed);
        }
    }

    fn score_outside(&mut self, world: &World, view: &View, theirs: &[Opinion]) {
        if world.scenario != Scenario::S6 {
            return;
        }
        let truth: BTreeSet<Outside> = world.truth.outside.iter().cloned().collect();
        let said: BTreeSet<(String, String)> = outside_said(view, &truth);
        let wanted: BTreeSet<(String, String)> = truth.iter().map(in_words).collect();
        if said != wanted {
            self.note(world, &format!("outside: {said:?} for {wanted:?}"));
        }
        self.outside[0].add(&said, &wanted);
        // Rivals know no kinds; the right fact is enough for them.
        let where_: BTreeSet<String> = wanted.iter().map(|(_, facts)| facts.clone()).collect();
        for (hits, one) in self.outside.iter_mut().skip(1).zip(theirs) {
            let said = one
                .causes
                .iter()
                .map(|(_, facts)| format!("{facts:?}"))
                .collect();
            hits.add(&said, &where_);
        }
    }

    fn score_sources(&mut self, world: &World, view: &View) {
        if world.shares.is_empty() {
            return;
        }
        let now_ms = view.made_at_ms;
        let mut missed = world.truth.bad.clone();
        let of_store = view
            .clusters
            .iter()
            .filter(|c| c.remedy.class == "component_store");
        for cluster in of_store {
            missed.remove(&cluster.kb);
            let members: BTreeSet<&str> = cluster
                .devices
                .iter()
                .map(|d| d.device_id.as_str())
                .collect();
            let failing = (0..world.devices.len()).filter(|n| {
                world
                    .devices
                    .get(*n)
                    .is_some_and(|d| members.contains(d.id.as_str()))
            });
            let failing: Vec<usize> = failing.collect();
            let helps = |name: &str| {
                failing
                    .iter()
                    .filter(|d| world.can_repair(name, **d, now_ms))
                    .count() as u64
            };
            let sources = &cluster.remedy.sources;
            let right: Vec<bool> = sources
                .iter()
                .take(3)
                .map(|source| source.serves > 0 && helps(&source.name) == source.serves)
                .collect();
            let exists = world.shares.iter().map(|share| share.name.as_str());
            let peers = world.devices.iter().map(|device| device.id.as_str());
            let none = sources.is_empty() && !exists.chain(peers).any(|name| helps(name) > 0);
            self.repairs += 1;
            self.right_at[0] += usize::from(none || right.first() == Some(&true));
            self.right_at[1] += usize::from(none || right.contains(&true));
            if !none && right.first() != Some(&true) {
                let named: Vec<&str> = sources.iter().take(3).map(|s| s.name.as_str()).collect();
                self.note(world, &format!("sources {named:?} {right:?}"));
            }
        }
        for kb in missed {
            self.repairs += 1;
            self.note(world, &format!("no source for {kb}"));
        }
    }

    fn score_dark(&mut self, world: &World, last: &View, ever: &BTreeSet<(String, String)>) {
        let kb_of = |id: &String| {
            let device = world.devices.iter().find(|device| device.id == *id)?;
            Some((id.clone(), kb_of(device.build, 2).number.to_owned()))
        };
        let truth: BTreeSet<(String, String)> = world.truth.dark.iter().filter_map(kb_of).collect();
        let mut said = said_dark(last);
        said.retain(|one| truth.contains(one));
        said.extend(ever.difference(&truth).cloned());
        if said != truth {
            let (missed, wrong) = (truth.difference(&said), said.difference(&truth));
            let (missed, wrong) = (missed.count(), wrong.count());
            self.note(world, &format!("dark: {missed} missed, {wrong} wrong"));
        }
        self.dark.add(&said, &truth);
    }

    fn score_lineage(&mut self, world: &World, play: &Play<'_>) {
        for (device, life) in world.devices.iter().zip(&world.lives) {
            let joined = play.analyzer.attempts(&device.id);
            let mut kbs: Vec<&str> = life.tries.iter().map(|one| one.kb.number).collect();
            kbs.dedup();
            for kb in kbs {
                let tries: Vec<&AttemptPlan> =
                    life.tries.iter().filter(|t| t.kb.number == kb).collect();
                if tries
                    .iter()
                    .any(|one| life.arrival(one.ended_at_ms) > play.now_ms - 600_000)
                {
                    continue;
                }
                self.lineages += 1;
                let found = joined.iter().find(|one| one.kb == kb);
                let exact = found.is_some_and(|found| is_exact(found, &tries));
                self.exact_lineages += usize::from(exact);
                if !exact && self.notes.len() < 3 {
                    let told = found.map(|kb| kb.attempts.iter().map(|a| (a.stand, a.hresult)));
                    let told: Vec<_> = told.into_iter().flatten().collect();
                    self.note(
                        world,
                        &format!("lineage of {} {kb}: {told:x?} for {tries:x?}", device.id),
                    );
                }
            }
        }
    }

    fn note(&mut self, world: &World, what: &str) {
        let note = format!("{} seed {}: {what}", world.scenario.name(), world.seed);
        self.notes.push(note);
    }

    /// Adds what another thread counted.
    pub(super) fn add(&mut self, other: Self) {
        self.nulls += other.nulls;
        self.notes.extend(other.notes);
        self.misled += other.misled;
        self.repairs += other.repairs;
        self.dark.merge(other.dark);
        self.lineages += other.lineages;
        self.exact_lineages += other.exact_lineages;
        for (sum, one) in self.right_at.iter_mut().zip(other.right_at) {
            *sum += one;
        }
        for voice in 0..VOICES {
            self.false_calls[voice] += other.false_calls[voice];
            self.misblamed[voice] += other.misblamed[voice];
            self.bad[voice].merge(other.bad[voice]);
            self.outside[voice].merge(other.outside[voice]);
            for (sum, one) in self.causes.iter_mut().zip(other.causes) {
                sum[voice].merge(one[voice]);
            }
        }
    }
}
