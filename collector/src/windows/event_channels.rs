//! The event channels that tell of updates, carried into the spool that the
//! collector follows like any other log.
//!
//! A thread of its own asks every few seconds for the newest record's number
//! and, where that grew, for what lies behind the last record that it looked
//! at. The event log is the buffer: what was not carried yet is asked for again
//! after a crash.

use std::io;
use std::time::Duration;

use super::event_log::{Order, Query};
use crate::config::CollectorConfig;
use crate::run::now_ms;
use crate::watch::channel_board::ChannelBoard;
use crate::watch::channel_pass::{ChannelPass, Todo, behind, take};
use crate::watch::channel_spool::{Carried, ChannelSpool, record_id};

/// What is read.
const CHANNELS: [&str; 3] = [
    "System",
    "Setup",
    "Microsoft-Windows-WindowsUpdateClient/Operational",
];

/// Pause between two passes.
const PAUSE: Duration = Duration::from_secs(5);

/// Starts the thread, which ends with the process; how it fares stands on the
/// board.
pub(super) fn start(config: &CollectorConfig) -> ChannelBoard {
    let mut spool = ChannelSpool::open(&config.state_dir);
    let history_days = config.history_days;
    let board = ChannelBoard::of(&CHANNELS, now_ms());
    let noted = board.clone();
    let spawned = std::thread::Builder::new()
        .name("event channels".to_owned())
        .spawn(move || carry(&mut spool, &noted, history_days));
    if let Err(error) = spawned {
        tracing::error!(%error, "event channels are not read");
    }
    board
}

/// Carries all that the channels hold by now: for work that ends by itself.
pub(super) fn carry_now(config: &CollectorConfig) -> ChannelBoard {
    let mut spool = ChannelSpool::open(&config.state_dir);
    let board = ChannelBoard::of(&CHANNELS, now_ms());
    for channel in CHANNELS {
        let mut pass = ChannelPass::default();
        loop {
            let carried = carry_channel(&mut spool, channel, &mut pass, config.history_days);
            note(&board, channel, &carried);
            if !matches!(carried, Ok(true)) {
                break;
            }
        }
    }
    board
}

fn carry(spool: &mut ChannelSpool, board: &ChannelBoard, history_days: u32) {
    let mut passes = CHANNELS.map(|channel| (channel, ChannelPass::default()));
    loop {
        for (channel, pass) in &mut passes {
            let carried = carry_channel(spool, channel, pass, history_days);
            note(board, channel, &carried);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Notes how a channel fares, and says so when that changes.
fn note(board: &ChannelBoard, channel: &'static str, carried: &io::Result<bool>) {
    if !board.note(channel, carried, now_ms()) {
        return;
    }
    match carried {
        Ok(_) => tracing::info!(channel, "event channel can be read again"),
        Err(error) => tracing::warn!(channel, %error, "event channel cannot be read"),
    }
}

/// Carries what is new in a channel; true where there is more.
fn carry_channel(
    spool: &mut ChannelSpool,
    channel: &str,
    pass: &mut ChannelPass,
    history_days: u32,
) -> io::Result<bool> {
    let newest = newest(channel)?;
    let carried = spool.last(channel);
    if carried.id > 0 && pass.is_first() && is_other(channel, &carried)? {
        tracing::warn!(channel, "event log was cleared, reading it anew");
        spool.forget(channel);
    }
    let after = match pass.todo(spool.last(channel).id, newest) {
        Todo::Nothing => return Ok(false),
        Todo::Behind(after) => after,
        Todo::Anew => {
            tracing::warn!(channel, "event log was cleared, reading it anew");
            spool.forget(channel);
            0
        }
    };
    let mut query = Query::open(channel, &behind(after, history_days), Order::OldestFirst)?;
    let taken = take(|| query.next());
    // What cannot be kept is asked for again.
    spool.append(channel, &taken.records)?;
    pass.end(newest, taken.has_more)
}

/// Whether another record has the number of the one carried last: the channel
/// was cleared while nobody looked, and has grown past that number again.
fn is_other(channel: &str, carried: &Carried) -> io::Result<bool> {
    let xpath = format!("*[System[EventRecordID={}]]", carried.id);
    let mut query = Query::open(channel, &xpath, Order::OldestFirst)?;
    // Without any it was overwritten, as old records are.
    let found = query.next()?.filter(|xml| !xml.is_empty());
    Ok(found.is_some_and(|xml| carried.is_other(&xml)))
}

/// Channels that cannot be read, and why.
pub(crate) fn unreadable() -> Vec<(&'static str, io::Error)> {
    let asked = CHANNELS.map(|channel| (channel, newest(channel)));
    let failed = asked.into_iter();
    failed
        .filter_map(|(channel, newest)| Some((channel, newest.err()?)))
        .collect()
}

/// Number of a channel's newest record; 0 where there is none.
fn newest(channel: &str) -> io::Result<u64> {
    let mut query = Query::open(channel, "*", Order::NewestFirst)?;
    let newest = query.next()?;
    Ok(newest.and_then(|xml| record_id(&xml)).unwrap_or(0))
}

/// Who writes about starts and stops.
const BOOT_PROVIDERS: &str =
    "Provider[@Name='Microsoft-Windows-Kernel-Power' or @Name='EventLog' or @Name='User32']";

/// The newest records on starts and stops of the machine, as XML, oldest first.
pub(super) fn boot_records() -> io::Result<Vec<String>> {
    const MAX_BOOT_RECORDS: usize = 24;
    let ids = [41, 1074, 6005, 6006, 6008].map(|id| format!("EventID={id}"));
    let xpath = format!("*[System[{BOOT_PROVIDERS} and ({})]]", ids.join(" or "));
    let mut query = Query::open("System", &xpath, Order::NewestFirst)?;
    let mut records = Vec::new();
    while records.len() < MAX_BOOT_RECORDS
        && let Some(xml) = query.next()?
    {
        records.push(xml);
    }
    records.reverse();
    Ok(records)
}
