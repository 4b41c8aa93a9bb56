//! `kbwatch-analyzer migrate --dry-run`: what would be done to the tables.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use kbwatch_analyzer::AnalyzerConfig;

/// It was only asked whether there is something to do, and there is.
const EXIT_TO_DO: u8 = 2;

/// Prints what a migration would run.
pub(crate) async fn print_plan(config: &AnalyzerConfig) -> Result<ExitCode, Box<dyn Error>> {
    let schema = kbwatch_analyzer::schema(&config.clickhouse.cluster);
    let steps = schema.plan(&config.client()).await?;
    let mut text: String = steps.iter().map(ToString::to_string).collect();
    if steps.is_empty() {
        text.push_str("-- nothing to do\n");
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(match steps.len() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_TO_DO),
    })
}
