//! Looking at the endpoint: logs that grow, rotate and vanish, and the facts
//! of the machine. Read-only; nothing here scans, triggers or locks anything.

pub(crate) mod facts;
pub(crate) mod file_id;
pub(crate) mod opened;
pub(crate) mod progress;
mod rewind;
pub(crate) mod source;
pub(crate) mod text_file;
