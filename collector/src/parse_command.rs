//! `kbwatch-collector parse`: prints what log files say, for people as a table
//! and for programs as JSON lines.

mod jsonl;
mod table;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::parse::{FileKind, LogReading, ParseFileError};

/// Exit status when a file could not be read or is of no known kind.
const EXIT_UNREADABLE: u8 = 2;

/// What to parse, and how to print it.
#[derive(Debug, Args)]
#[command(long_about = "Print the update events that log files hold.\n\n\
    Reads CBS.log and its archives (.log and .cab), dism.log, WindowsUpdate.log, event logs (.evtx, \
    XML, or copied as text), CheckSUR.log, logs of setup and of Configuration Manager, lists of \
    installed updates and, unverified, ReportingEvents.log and results of SetupDiag. The kind is \
    told from the content. Times are resolved to UTC where the file itself gives the offset away; for \
    that a file with much to say is read more than once, in little memory whatever its size.\n\n\
    Exit status: 0 all files read, 2 a file unreadable or of unknown kind (the others are still \
    printed), 64 a command line that cannot be understood.")]
pub struct ParseArgs {
    /// Log files to read.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to print: a table for people, or one JSON object a line.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Kind of the files; without it, told from their content.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<FileKind>,
    /// Device that the logs are from: part of every event's id, and prints it.
    #[arg(long, value_name = "ID")]
    pub device: Option<String>,
    /// Also print records that look like failure and are not.
    #[arg(long)]
    pub noise: bool,
}

/// Output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people.
    Text,
    /// One JSON object a line.
    Jsonl,
}

/// Parses and prints the files.
pub fn run(args: &ParseArgs) -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    match print_files(args, &mut out).and_then(|all_read| out.flush().map(|()| all_read)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_UNREADABLE),
        // The reader went away: nobody is left to tell.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(EXIT_UNREADABLE)
        }
    }
}

/// Why the events of a file cannot be printed.
#[derive(Debug, thiserror::Error)]
enum PrintError {
    /// The file cannot be read; the others can.
    #[error(transparent)]
    File(#[from] ParseFileError),
    /// Nobody takes what is printed.
    #[error(transparent)]
    Output(#[from] io::Error),
}

fn print_files(args: &ParseArgs, out: &mut impl Write) -> io::Result<bool> {
    let mut all_read = true;
    for path in &args.files {
        match print_file(args, path, out) {
            Ok(()) => {}
            Err(PrintError::Output(error)) => return Err(error),
            Err(PrintError::File(error)) => {
                all_read = false;
                complain(&error);
            }
        }
    }
    Ok(all_read)
}

fn print_file(args: &ParseArgs, path: &Path, out: &mut impl Write) -> Result<(), PrintError> {
    let device = args.device.as_deref().unwrap_or_default();
    let reading = LogReading::open(path, args.kind, device, args.noise)?;
    match args.format {
        Format::Jsonl => jsonl::print(&reading, args.device.is_some(), out),
        Format::Text => table::print(&reading, out),
    }
}

#[expect(clippy::print_stderr, reason = "command-line face")]
fn complain(error: &dyn std::error::Error) {
    eprint!("kbwatch-collector parse: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        eprint!(": {inner}");
        cause = inner.source();
    }
    eprintln!();
}
