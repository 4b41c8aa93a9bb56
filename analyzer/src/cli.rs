//! The command line: what can be asked for, and what each answer is.

mod rollout;

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use kbwatch_analyzer::{
    Analyzer, AnalyzerConfig, Claim, ClaimError, CodeList, EXIT_CLAIMED, explain_csv,
};
use tokio::sync::watch;

use rollout::RolloutAsk;

/// Usage or configuration is wrong: `EX_USAGE`.
const EXIT_USAGE: u8 = 64;

/// A table that was given cannot be read.
const EXIT_TABLE: u8 = 2;

/// Finds what fails across the fleet, why, what heals it, and tells people.
#[derive(Debug, Parser)]
#[command(name = "kbwatch-analyzer", version)]
pub(crate) struct Command {
    /// What to do.
    #[command(subcommand)]
    ask: Ask,
}

#[derive(Debug, Subcommand)]
enum Ask {
    /// Look at the fleet over and over; serve pages, API and metrics.
    ///
    /// A database belongs to one analyzer, which knows itself by its folder (the
    /// setting `state_dir`).
    /// Exit codes: 64 a configuration that cannot work, 73 the folder is held by
    /// another process, or the database belongs to another analyzer.
    Run {
        #[command(flatten)]
        config: ConfigFile,
        /// Replace the analyzer that the database belonged to before; if it
        /// still runs, it stops at its next look.
        #[arg(long)]
        take_over: bool,
    },
    /// Bring the analyzer's tables up to date and end.
    Migrate {
        /// Print the statements that would be run, and change nothing. Exit code 0
        /// where nothing is to be done, 2 where something is.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Say what sets failed rows of a table apart.
    ///
    /// The table has attribute columns of any name, `failed` and `total`, and,
    /// if a comparison period is known, `usual_failed` and `usual_total`. Rows
    /// with the same attributes are summed; fractions are allowed.
    Explain {
        /// Table as CSV.
        #[arg(long)]
        csv: PathBuf,
        /// How to print the causes.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Declare rollouts.
    Rollout {
        /// What to do with them.
        #[command(subcommand)]
        ask: RolloutAsk,
    },
    /// Bring along what is known from before.
    Baseline {
        /// What to bring.
        #[command(subcommand)]
        ask: BaselineAsk,
    },
}

#[derive(Debug, Subcommand)]
enum BaselineAsk {
    /// Import the result codes that this fleet is known to show, so that
    /// alerts on new codes begin at once instead of after a day.
    Import {
        #[command(flatten)]
        list: CodeList,
        #[command(flatten)]
        config: ConfigFile,
    },
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// Settings as TOML; without it every key has its default.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Prints what is wrong with the command line, or the help that was asked for.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    let is_help = !error.use_stderr();
    if error.print().is_ok() && is_help {
        return ExitCode::SUCCESS;
    }
    ExitCode::from(EXIT_USAGE)
}

/// Logs to stderr, as `RUST_LOG` asks, else what changed.
pub(crate) fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

/// An error with everything behind it, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Does what was asked for.
pub(crate) fn run(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    if let Ask::Explain { csv, format } = &command.ask {
        return Ok(explain(csv, *format));
    }
    let file = match &command.ask {
        Ask::Run { config, .. }
        | Ask::Migrate { config, .. }
        | Ask::Baseline {
            ask: BaselineAsk::Import { config, .. },
        } => config,
        Ask::Rollout { ask } => ask.config(),
        Ask::Explain { .. } => return Ok(ExitCode::SUCCESS),
    };
    let config = match read_config(file.config.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(
                error = chain(error.as_ref()),
                "the configuration is refused"
            );
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if let Ask::Migrate { dry_run: true, .. } = command.ask {
        return runtime.block_on(crate::tables::print_plan(&config));
    }
    runtime.block_on(ask_database(command.ask, config))
}

fn read_config(path: Option<&Path>) -> Result<AnalyzerConfig, Box<dyn Error>> {
    let mut config = match path {
        Some(path) => toml::from_str(&std::fs::read_to_string(path)?)?,
        None => AnalyzerConfig::default(),
    };
    config.overlay(|name| std::env::var(name).ok());
    config.check()?;
    Ok(config)
}

async fn ask_database(ask: Ask, config: AnalyzerConfig) -> Result<ExitCode, Box<dyn Error>> {
    let client = config.client();
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let schema = kbwatch_analyzer::schema(&config.clickhouse.cluster);
    schema.apply(&client).await?;
    match ask {
        Ask::Run { take_over, .. } => return serve(config, client, take_over).await,
        Ask::Rollout { ask } => {
            let told = ask.answer(&client, now_ms).await?;
            writeln!(std::io::stdout(), "{told}")?;
        }
        Ask::Baseline {
            ask: BaselineAsk::Import { list, .. },
        } => {
            let known = list.import(&client, now_ms).await?;
            tracing::info!(known, "imported the baseline");
        }
        Ask::Migrate { .. } | Ask::Explain { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    config: AnalyzerConfig,
    client: clickhouse::Client,
    take_over: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let claim = match Claim::take(&config.state_dir, &client, take_over).await {
        Ok(claim) => claim,
        Err(error @ (ClaimError::Load(_) | ClaimError::Keep(_))) => return Err(error.into()),
        Err(error) => {
            tracing::error!(error = chain(&error), "the database is not this analyzer's");
            return Ok(ExitCode::from(EXIT_CLAIMED));
        }
    };
    let listener = tokio::net::TcpListener::bind(&config.listen).await?;
    tracing::info!(listen = config.listen, "serving pages, API and metrics");
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        asked_to_stop().await;
        stop.send_replace(true);
    });
    let analyzer = Analyzer::open(config, client).holding(claim);
    kbwatch_analyzer::run(analyzer, listener, stopped).await?;
    Ok(ExitCode::SUCCESS)
}

async fn asked_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted => {}
            }
            return;
        }
    }
    drop(interrupted.await);
}

fn explain(csv: &Path, format: Format) -> ExitCode {
    let explained = std::fs::read(csv)
        .map_err(|error| error.to_string())
        .and_then(|bytes| explain_csv(&bytes).map_err(|error| chain(&error)));
    let causes = match explained {
        Ok(causes) => causes,
        Err(error) => {
            tracing::error!(error, csv = %csv.display(), "could not explain the table");
            return ExitCode::from(EXIT_TABLE);
        }
    };
    let text = match format {
        Format::Json => serde_json::to_string(&causes).unwrap_or_else(|_| "[]".to_owned()),
        Format::Text if causes.is_empty() => "no cause stands out".to_owned(),
        Format::Text => causes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
    };
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
