//! `kbwatch demo`: the whole river over a fleet of which the truth is known.
//!
//! Nothing is stood in for: virtual devices write logs, real collectors follow
//! them and send over mutual TLS, the stages of `kbwatch up` do the rest, and
//! alerts come to a receiver that checks their signatures.

mod accounting;
mod checks;
mod cluster_checks;
mod ground;
mod lag;
mod result;
mod watch;
mod webhook;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use kbwatch_simulator::plan::PlanConfig;
use kbwatch_simulator::run::{Credentials, Fleet, LaunchConfig, RunningFleet};
use kbwatch_simulator::scenario;
use tokio::time::Instant;

use crate::cli::Demo;
use crate::pki;
use crate::river::River;
use crate::stage::chain;
use crate::up::Signals;

use self::ground::Ground;
use self::result::{Check, Outcome};
use self::webhook::WebhookReceiver;

/// The promise is an answer within ten minutes; this leaves time to clean up.
const DEADLINE: Duration = Duration::from_secs(9 * 60 + 15);

/// How long the live phase of the fleet lasts.
const LIVE_MS: i64 = 60_000;

/// Where the result is left for who starts the demonstration.
const RESULT_FOLDER: &str = "target/demo";

/// Anything that keeps the demonstration from being held against the truth.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the demonstration; returns the exit code.
pub async fn run(args: &Demo) -> u8 {
    let started = Instant::now();
    match show(args, started).await {
        Ok(None) => 0,
        Ok(Some(checks)) => match tell(args, started, checks) {
            Ok(true) => 0,
            Ok(false) => 1,
            Err(error) => fail(&error),
        },
        Err(error) => fail(&*error),
    }
}

fn fail(error: &(dyn std::error::Error + 'static)) -> u8 {
    tracing::error!("{}", chain(error));
    2
}

/// Prints each check for a person, then the one line for a machine.
fn tell(args: &Demo, started: Instant, checks: Vec<Check>) -> std::io::Result<bool> {
    for check in &checks {
        say(&check.to_string())?;
    }
    let outcome = Outcome::of(checks, args, started.elapsed());
    say(&outcome.publish(Path::new(RESULT_FOLDER))?)?;
    Ok(outcome.ok)
}

fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

/// Everything that runs meanwhile.
struct Running {
    river: River,
    fleet: RunningFleet,
    receiver: WebhookReceiver,
    ground: Ground,
}

/// The checks of `--once`, or nothing if a person had enough.
async fn show(args: &Demo, started: Instant) -> Result<Option<Vec<Check>>, Failure> {
    let mut signals = Signals::listen()?;
    let mut running = start(args).await?;
    let deadline = started + DEADLINE;
    let checks = tokio::select! {
        checks = watch::until_settled(&mut running, deadline) => checks?,
        () = signals.any() => {
            running.close(&mut signals).await?;
            return if args.once { Err("interrupted".into()) } else { Ok(None) };
        }
    };
    if args.once {
        return running.conclude(args, checks).await.map(Some);
    }
    let open: Vec<&Check> = checks.iter().filter(|check| !check.holds).collect();
    for check in &open {
        say(&check.to_string())?;
    }
    say(&format!(
        "{} of {} checks hold. Everything stays up until Ctrl-C: http://{}",
        checks.len() - open.len(),
        checks.len(),
        running.river.http()
    ))?;
    tokio::select! {
        error = running.river.failed() => return Err(error.into()),
        () = signals.any() => {}
    }
    running.close(&mut signals).await?;
    Ok(None)
}

async fn start(args: &Demo) -> Result<Running, Failure> {
    let ground = Ground::prepare(args)?;
    let receiver = WebhookReceiver::start(ground.secret()).await?;
    let mut config = ground.config(args, &receiver.url())?;
    let planned = || {
        scenario::demo(PlanConfig {
            devices: args.devices as usize,
            seed: args.seed,
            now_ms: jiff::Timestamp::now().as_millisecond(),
            live_ms: LIVE_MS,
        })
    };
    config.analyzer.donors = ground::donors(&planned());
    say("starting the river")?;
    let river = River::start(&config, ground.river()).await?;
    say(&format!("pages: http://{}", river.http()))?;
    // Planned anew: its timelines end now, with the river flowing.
    let plan = planned();
    ground::import(&river, &plan).await?;
    say(&format!(
        "{} devices report a month of history, then go on live; who takes the alerts turns each away once, to show that it comes again",
        args.devices
    ))?;
    let fleet = Fleet::launch(
        plan,
        LaunchConfig {
            gateway: format!("https://localhost:{}", river.gateway().port()),
            credentials: Credentials::Authority(pki::folder(ground.river())),
            dir: ground.fleet().to_owned(),
            heartbeat_s: ground::HEARTBEAT_S,
        },
    )?;
    Ok(Running {
        river,
        fleet,
        receiver,
        ground,
    })
}

impl Running {
    /// Stops the fleet, then holds what was stored against the ledger, then
    /// stops the river and sees that nothing is left.
    async fn conclude(self, args: &Demo, mut checks: Vec<Check>) -> Result<Vec<Check>, Failure> {
        checks.push(watch::pages_answer(&self.river).await?);
        say("stopping the fleet and counting")?;
        let ledger = self.fleet.ledger();
        let summary = self.fleet.stop().await?;
        if args.kafka.is_some() {
            checks.push(lag::check(self.ground.kafka()).await?);
        }
        let client = self.river.connection().client();
        let durable = summary.progress.durable_events;
        let counted = accounting::checks(&client, &ledger, durable, self.river.metrics()).await?;
        checks.extend(counted);
        checks.push(Check::equal(
            "no_device_gave_up_an_event",
            (0, 0),
            (summary.dropped_events, summary.refused_events),
        ));
        let engine = self.river.engine_pid();
        let connection = self.river.connection().clone();
        self.river.stop().await?;
        if engine.is_none() {
            ground::remove_database(&connection).await?;
        }
        let left = engine.filter(|pid| Path::new(&format!("/proc/{pid}")).exists());
        checks.push(Check::equal(
            "no_process_is_left",
            Option::<u32>::None,
            left,
        ));
        Ok(checks)
    }

    async fn close(self, signals: &mut Signals) -> Result<(), Failure> {
        say("stopping: first every device, then the river; a second Ctrl-C does not wait")?;
        let stopping = async {
            self.fleet.stop().await?;
            self.river.stop().await?;
            Ok(())
        };
        tokio::select! {
            stopped = stopping => stopped,
            () = signals.any() => Err("told twice to stop".into()),
        }
    }
}
