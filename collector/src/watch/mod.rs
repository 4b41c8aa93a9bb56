//! Looking at the endpoint: logs that grow, rotate and vanish, and the facts
//! of the machine. Read-only; nothing here scans, triggers or locks anything.

mod beginning;
pub(crate) mod channel_board;
// Only Windows has these, but every machine tests them.
#[cfg(any(windows, test))]
pub(crate) mod boot_story;
#[cfg(any(windows, test))]
pub(crate) mod channel_pass;
#[cfg(any(windows, test))]
pub(crate) mod channel_spool;
#[cfg(any(windows, test))]
pub(crate) mod fact_words;
pub(crate) mod facts;
pub(crate) mod file_id;
pub(crate) mod losses;
pub(crate) mod opened;
pub(crate) mod progress;
mod rewind;
pub(crate) mod source;
pub(crate) mod text_file;
pub(crate) mod trouble;
