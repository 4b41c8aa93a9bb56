//! Watches the demonstration until it is settled, and says how far it is.

use std::time::Duration;

use kbwatch_simulator::run::Progress;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::checks::checks;
use super::result::Check;
use super::{Failure, Running, say};
use crate::river::River;

/// How long the picture may take once the last receipt is given.
const PICTURE_PATIENCE: Duration = Duration::from_mins(3);

/// Cycles of the analyzer over which every check must hold: one that holds by
/// chance, with a false cluster on its way, is not settled.
const STEADY_CYCLES: u64 = 4;

/// Seconds between two lines while only numbers grow.
const QUIET: Duration = Duration::from_secs(5);

/// Seconds between two lines while nothing changes.
const LONGEST_QUIET: Duration = Duration::from_secs(30);

/// Returns the checks once all hold, or as they are when the time is over.
pub(super) async fn until_settled(
    running: &mut Running,
    deadline: Instant,
) -> Result<Vec<Check>, Failure> {
    let mut ticks = interval(Duration::from_millis(500));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut teller = Teller::default();
    let mut settled_at: Option<Instant> = None;
    let mut holds_since: Option<u64> = None;
    loop {
        tokio::select! {
            error = running.river.failed() => return Err(error.into()),
            _ = ticks.tick() => {}
        }
        let progress = running.fleet.progress();
        let view = running.river.view();
        teller.tell(&progress, view.fleet.events, view.clusters.len())?;
        let settled = progress.settled == progress.devices;
        if settled && settled_at.is_none() {
            say("the fleet is done: every event has its receipt; what came twice counts once")?;
            settled_at = Some(Instant::now());
        }
        let over = Instant::now() > deadline
            || settled_at.is_some_and(|at| at.elapsed() > PICTURE_PATIENCE);
        if settled_at.is_none() && !over {
            continue;
        }
        let now = checks(&running.fleet.truth, &view, &running.receiver.mailbox());
        let all_hold = settled && now.iter().all(|check| check.holds);
        holds_since = all_hold.then(|| holds_since.unwrap_or(view.cycle));
        let steady = holds_since.is_some_and(|since| view.cycle >= since + STEADY_CYCLES);
        if steady || over {
            return Ok(now);
        }
    }
}

/// Says how far the fleet is, neither too often nor never.
#[derive(Default)]
struct Teller {
    told: Option<(String, Instant)>,
    clusters: usize,
}

impl Teller {
    fn tell(&mut self, progress: &Progress, seen: u64, clusters: usize) -> std::io::Result<()> {
        if clusters != self.clusters {
            self.clusters = clusters;
            say(&format!("clusters called: {clusters}"))?;
        }
        let line = format!(
            "history of {} of {} devices receipted, {} settled, {} dark; {} receipts for events, {seen} distinct events seen by the analyzer",
            progress.history_settled,
            progress.devices,
            progress.settled,
            progress.dark,
            progress.durable_events,
        );
        let due = self.told.as_ref().is_none_or(|(told, at)| {
            at.elapsed() >= if *told == line { LONGEST_QUIET } else { QUIET }
        });
        if !due {
            return Ok(());
        }
        say(&line)?;
        self.told = Some((line, Instant::now()));
        Ok(())
    }
}

/// The pages and the API answer, and name what fails.
pub(super) async fn pages_answer(river: &River) -> Result<Check, Failure> {
    let base = format!("http://{}", river.http());
    let clusters = river
        .view()
        .clusters
        .iter()
        .map(|cluster| (cluster.id.clone(), cluster.kb.clone()))
        .collect::<Vec<_>>();
    let wanted: Vec<(String, String)> = clusters
        .iter()
        .flat_map(|(id, kb)| {
            [
                ("/".to_owned(), kb.clone()),
                (format!("/clusters/{id}"), kb.clone()),
                (format!("/api/v1/clusters/{id}"), kb.clone()),
                (format!("/kbs/{kb}"), kb.clone()),
            ]
        })
        .chain([
            ("/rollouts".to_owned(), String::new()),
            ("/silent".to_owned(), String::new()),
            (
                "/metrics".to_owned(),
                "kbwatch_store_events_total".to_owned(),
            ),
        ])
        .collect();
    let found = tokio::task::spawn_blocking(move || {
        wanted
            .into_iter()
            .filter(|(path, word)| !answers(&format!("{base}{path}"), word))
            .map(|(path, _)| path)
            .collect::<Vec<_>>()
    })
    .await?;
    Ok(Check::equal(
        "the_pages_answer_and_name_what_fails",
        Vec::<String>::new(),
        found,
    ))
}

fn answers(url: &str, word: &str) -> bool {
    ureq::get(url)
        .config()
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .call()
        .ok()
        .and_then(|mut response| response.body_mut().read_to_string().ok())
        .is_some_and(|body| body.contains(word))
}
