//! What a device sends: its facts and update events, each with the moment at
//! which it arrives, as its collector would have read them out of the logs.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::{EventResult, Phase, SourceKind, TimeSource};

use super::estate::Endpoint;
use super::life::Life;
use crate::plan::{AttemptPlan, Breaks, DamagedFile, Fate, HOUR_MS, Kb, MINUTE_MS};

/// What arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The device says what it is.
    Facts {
        /// When it read them.
        observed_at_ms: i64,
        /// What it read.
        facts: Vec<(String, String)>,
    },
    /// One update event.
    Event(Box<UpdateEvent>),
}

/// Something that arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// When it is stored.
    pub arrives_ms: i64,
    /// What it is.
    pub what: What,
}

const AGENT: &str = "Microsoft-Windows-WindowsUpdateClient";
const SERVICING: &str = "Microsoft-Windows-Servicing";

/// Collects the news of one device.
struct Teller<'a> {
    device: &'a Endpoint,
    life: &'a Life,
    count: u64,
    news: Vec<News>,
}

/// Everything that a device sends, in order of arrival.
pub(super) fn tell(device: &Endpoint, life: &Life) -> Vec<News> {
    let mut teller = Teller {
        device,
        life,
        count: 0,
        news: Vec::with_capacity(8 * life.tries.len() + 4),
    };
    teller.levels();
    for one in &life.tries {
        teller.attempt(one);
    }
    for noise in &life.noise {
        teller.event(
            noise.source_kind,
            noise.phase,
            noise.result,
            noise.at_ms,
            |event| {
                event.hresult = noise.hresult;
                event.kb.clone_from(&noise.kb);
                if !noise.kb.is_empty() {
                    event.source = AGENT.into();
                    event.title = format!("Update ({})", noise.kb);
                }
            },
        );
    }
    let mut news = teller.news;
    if life.repeats {
        let again = |one: &News| News {
            arrives_ms: one.arrives_ms + 3 * HOUR_MS,
            what: one.what.clone(),
        };
        let events = news.iter().filter(|one| matches!(one.what, What::Event(_)));
        let replayed: Vec<News> = events.map(again).collect();
        news.extend(replayed);
    }
    news.sort_by_key(|one| one.arrives_ms);
    news
}

impl Teller<'_> {
    fn say(&mut self, at_ms: i64, what: What) {
        let arrives_ms = self.life.arrival(at_ms);
        self.news.push(News { arrives_ms, what });
    }

    /// Its facts at first, and anew after every update that moved its level.
    fn levels(&mut self) {
        let first = self.life.first_read_ms;
        self.facts(first, self.life.ubr_at(first));
        let succeeded = self.life.tries.iter().filter(|t| t.fate == Fate::Succeeded);
        let moved: Vec<(i64, u32)> = succeeded.map(|t| (t.ended_at_ms, t.kb.ubr)).collect();
        for (at_ms, ubr) in moved {
            if at_ms > first {
                self.facts(at_ms + 4 * MINUTE_MS, ubr);
            }
        }
    }

    fn facts(&mut self, at_ms: i64, ubr: u32) {
        let mut facts: Vec<(String, String)> = self.device.facts.clone().into_iter().collect();
        facts.push(("ubr".to_owned(), ubr.to_string()));
        let what = What::Facts {
            observed_at_ms: at_ms,
            facts,
        };
        self.say(at_ms, what);
    }

    fn event(
        &mut self,
        kind: SourceKind,
        phase: Phase,
        result: EventResult,
        at_ms: i64,
        fill: impl FnOnce(&mut UpdateEvent),
    ) {
        self.count += 1;
        let read_at_ms = at_ms + self.life.skew_ms;
        let mut event = UpdateEvent {
            event_id: EventId::of_event_log(&self.device.id, kind.as_str(), self.count, ""),
            source_kind: kind,
            phase,
            result,
            occurred_at_ms: Some(read_at_ms),
            printed_at_ms: Some(read_at_ms),
            time_source: TimeSource::Printed,
            observed_at_ms: at_ms,
            ..UpdateEvent::default()
        };
        fill(&mut event);
        event.rate_completeness();
        self.say(at_ms, What::Event(Box::new(event)));
    }

    fn agent(&mut self, kb: &Kb, phase: Phase, result: EventResult, at_ms: i64, code: Option<u32>) {
        let title = kb.title(self.device.says("language"));
        self.event(SourceKind::EventLog, phase, result, at_ms, |event| {
            event.source = AGENT.into();
            event.title = title;
            kb.number.clone_into(&mut event.kb);
            event.hresult = code;
        });
    }

    fn servicing(&mut self, kb: &Kb, result: EventResult, at_ms: i64, code: u32) {
        self.event(
            SourceKind::EventLog,
            Phase::Install,
            result,
            at_ms,
            |event| {
                event.source = SERVICING.into();
                kb.number.clone_into(&mut event.kb);
                "Installed".clone_into(&mut event.target_state);
                event.hresult = Some(code);
            },
        );
    }

    fn cbs(&mut self, kb: &Kb, result: EventResult, at_ms: i64, code: u32) {
        self.event(SourceKind::Cbs, Phase::Install, result, at_ms, |event| {
            event.package = kb.package();
            event.hresult = Some(code);
        });
    }

    fn power(&mut self, at_ms: i64, detail: &str) {
        let info = EventResult::Info;
        self.event(
            SourceKind::EventLog,
            Phase::RebootCommit,
            info,
            at_ms,
            |event| {
                event
                    .extra
                    .insert("detail".into(), detail.to_owned().into());
            },
        );
    }

    fn attempt(&mut self, one: &AttemptPlan) {
        let (kb, start, end) = (&one.kb, one.started_at_ms, one.ended_at_ms);
        self.agent(kb, Phase::Download, EventResult::Start, start, None);
        if let Fate::Failed {
            hresult,
            breaks: Breaks::Download,
        } = one.fate
        {
            self.agent(kb, Phase::Download, EventResult::Fail, end, Some(hresult));
            return;
        }
        let install = start + (end - start).min(30 * MINUTE_MS) / 6;
        self.agent(kb, Phase::Install, EventResult::Start, install, None);
        if self.life.plain {
            self.servicing(kb, EventResult::Start, install + 5_000, 0);
        }
        match one.fate {
            Fate::Succeeded => {
                let boot = end - 5 * MINUTE_MS;
                let staged = (install + 40 * MINUTE_MS).min(boot - 5 * MINUTE_MS);
                self.staged(kb, staged);
                self.power(boot - 60_000, "event log stopped");
                self.power(boot, "event log started");
                self.servicing(kb, EventResult::Success, end - 30_000, 0);
                self.agent(kb, Phase::Install, EventResult::Success, end, None);
            }
            Fate::Failed {
                hresult,
                breaks: Breaks::AfterReboot,
            } => {
                let boot = end - MINUTE_MS;
                self.staged(kb, boot - 3 * MINUTE_MS);
                self.power(boot - 60_000, "event log stopped");
                self.power(boot, "event log started");
                self.servicing(kb, EventResult::Fail, end - 10_000, hresult);
                self.agent(kb, Phase::Install, EventResult::Fail, end, Some(hresult));
            }
            Fate::Failed { hresult, breaks } => {
                if breaks == Breaks::Hydration {
                    for file in &self.life.damage {
                        self.broken(file, end - 9_000);
                    }
                }
                self.cbs(kb, EventResult::Fail, end - 4_000, hresult);
                if self.life.plain {
                    self.servicing(kb, EventResult::Fail, end - 2_000, hresult);
                }
                self.agent(kb, Phase::Install, EventResult::Fail, end, Some(hresult));
            }
            Fate::PendingReboot => self.staged(kb, end),
            Fate::Cancelled => {
                let code = crate::scenario::CANCELLED_HRESULT;
                self.agent(kb, Phase::Install, EventResult::Cancelled, end, Some(code));
            }
            Fate::WentSilent => {
                self.staged(kb, end - 2 * MINUTE_MS);
                self.power(end, "event log stopped");
            }
        }
    }

    fn staged(&mut self, kb: &Kb, at_ms: i64) {
        self.servicing(kb, EventResult::PendingReboot, at_ms, 0);
        if self.life.plain {
            let code = Some(0x8024_2014);
            let waits = EventResult::PendingReboot;
            self.agent(kb, Phase::Install, waits, at_ms + 2_000, code);
        }
    }

    fn broken(&mut self, file: &DamagedFile, at_ms: i64) {
        let found = EventResult::HashMismatch;
        self.event(
            SourceKind::Cbs,
            Phase::CorruptionDetect,
            found,
            at_ms,
            |event| {
                event.component.clone_from(&file.component);
                event.file.clone_from(&file.file);
                event.hash_expected.clone_from(&file.hash_expected);
                event.hash_actual.clone_from(&file.hash_actual);
            },
        );
    }
}
