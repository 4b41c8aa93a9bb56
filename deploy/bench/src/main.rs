//! `kbwatch-bench`: ratios against the limits of the engines, taken in one run.
//!
//! Absolute times mean nothing on shared machines. Every figure is CPU seconds
//! of kbwatch over CPU seconds of the bare engine doing the same work, measured
//! alternately, with at least five pairs; a run in which lines were lost is
//! void.

mod analyzer;
mod collector;
mod cpu;
mod cycle;
mod evtx;
mod explain;
mod gates;
mod parse;
mod query;
mod report;
mod river;
mod server;
mod stages;

use std::process::ExitCode;

use clap::Parser;

/// What a benchmark cannot go on without.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures kbwatch against the limits of its engines.
///
/// Without a name the benchmarks are listed. Each prints a table and writes
/// target/bench/NAME.json. Exit codes: 0 measured, 1 a run was void or crashed,
/// 3 a floor was missed and --strict was given, 64 usage.
#[derive(Debug, Parser)]
#[command(name = "kbwatch-bench", version)]
struct Arguments {
    /// Benchmarks to run.
    names: Vec<String>,
    /// Seed of the generated logs, tables and fleets.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Part of the analyzer's worlds that is played.
    #[arg(long, default_value_t = 100)]
    percent: u64,
    /// Only this family of the analyzer's worlds, S0 to S17, cures or shift.
    #[arg(long)]
    only: Option<String>,
    /// Devices of the largest fleet that the cycles are measured over, of 3,000,
    /// 30,000 and 300,000.
    #[arg(long, default_value_t = 30_000)]
    devices: u32,
    /// Events of the largest database that is asked, of 1,000,000, 10,000,000 and
    /// 100,000,000.
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// Exit with 3 where a floor is missed.
    #[arg(long)]
    strict: bool,
    /// Kafka brokers for the benchmarks that go through Kafka.
    #[arg(long)]
    kafka: Option<String>,
}

const LIST: &[(&str, &str)] = &[
    (
        "parse",
        "ns/line and memory of a 500 MB CBS.log, beside reading and looking for line ends",
    ),
    (
        "evtx",
        "CPU per record of an event log, beside the evtx crate's own dump",
    ),
    (
        "collector",
        "tail, parse, pack, send: CPU s/GB and memory against a bare scan",
    ),
    (
        "footprint",
        "an idle collector: memory, CPU, writes, handles, program size",
    ),
    (
        "receive",
        "gateway CPU per event at batches of 1, 50, 500, beside a bare echo",
    ),
    (
        "journal",
        "gateway CPU until Kafka has reported, beside a bare producer",
    ),
    (
        "store",
        "CPU of store and ClickHouse, beside the same rows as prepared blocks",
    ),
    (
        "river",
        "append to visible: events/s, latency, CPU by stage, on both journals",
    ),
    (
        "cycle",
        "a look of the analyzer where little changed, beside a look at everything",
    ),
    (
        "query",
        "p95 of what pages, API and SQL views are asked, beside the bare events",
    ),
    (
        "analyzer",
        "false calls, bad updates, exact causes over whole simulated rollouts, beside simple rivals",
    ),
    (
        "explain",
        "exact causes of tables of many families and levels of noise, beside simple rivals",
    ),
];

/// What a benchmark measures.
enum Measured {
    /// Cost over the bare engine's.
    Ratios(Vec<report::Report>),
    /// How often it is right.
    Gates(Vec<gates::Gate>),
}

impl Measured {
    fn publish(&self, name: &str, seed: u64) -> Result<bool, Failure> {
        match self {
            Self::Ratios(reports) => report::publish(name, reports),
            Self::Gates(gates) => gates::publish(name, seed, gates),
        }
    }
}

fn measure(name: &str, arguments: &Arguments) -> Option<Result<Measured, Failure>> {
    let seed = arguments.seed;
    let ratios = match name {
        "analyzer" => {
            let course = analyzer::Course {
                seed,
                percent: arguments.percent,
                only: arguments.only.as_deref(),
            };
            return Some(Ok(Measured::Gates(analyzer::measure(course))));
        }
        "explain" => return Some(explain::measure(seed).map(Measured::Gates)),
        "parse" => parse::measure(seed),
        "evtx" => evtx::measure(),
        "collector" => collector::measure(seed),
        "footprint" => collector::footprint::measure(seed),
        "receive" => stages::receive(seed),
        "journal" => stages::journal(seed, arguments.kafka.as_deref()),
        "store" => stages::store(seed),
        "cycle" => cycle::measure(seed, arguments.devices),
        "query" => query::measure(seed, arguments.events),
        "river" => river::measure(seed, arguments.kafka.as_deref()),
        _ => return None,
    };
    Some(ratios.map(Measured::Ratios))
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line face"
)]
fn main() -> ExitCode {
    kbwatch_clickhouse_engine::host_if_asked();
    if let Some(done) = river::collectors_if_asked()
        .or_else(parse::run_if_asked)
        .or_else(stages::serve_if_asked)
    {
        return done;
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let usage = error.use_stderr();
            // Nothing is left to do where even the terminal is gone.
            drop(error.print());
            return ExitCode::from(if usage { 64 } else { 0 });
        }
    };
    if arguments.names.is_empty() {
        for (name, what) in LIST {
            println!("{name:<12} {what}");
        }
        return ExitCode::SUCCESS;
    }
    let mut missed = false;
    for name in &arguments.names {
        let Some(measured) = measure(name, &arguments) else {
            eprintln!("no benchmark is called {name}; without a name they are listed");
            return ExitCode::from(64);
        };
        match measured.and_then(|measured| measured.publish(name, arguments.seed)) {
            Ok(met) => missed |= !met,
            Err(error) => {
                eprintln!("{name}: void: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::from(if missed && arguments.strict { 3 } else { 0 })
}
