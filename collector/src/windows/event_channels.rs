//! The event channels that tell of updates, carried into the spool that the
//! collector follows like any other log.
//!
//! A thread of its own asks every few seconds for the records behind the last
//! one that it carried. The event log is the buffer: what was not carried yet
//! is asked for again after a crash.

use std::io;
use std::time::Duration;

use super::event_log::{Order, Query};
use crate::config::CollectorConfig;
use crate::watch::channel_spool::{ChannelSpool, record_id};

/// What is read.
const CHANNELS: [&str; 3] = [
    "System",
    "Setup",
    "Microsoft-Windows-WindowsUpdateClient/Operational",
];

/// Who writes there about updates and restarts.
const PROVIDERS: [&str; 6] = [
    "Microsoft-Windows-WindowsUpdateClient",
    "Microsoft-Windows-Servicing",
    "Microsoft-Windows-WUSA",
    "Microsoft-Windows-Kernel-Power",
    "EventLog",
    "User32",
];

/// Pause between two passes.
const PAUSE: Duration = Duration::from_secs(5);

/// Records carried in one pass over a channel.
const MAX_RECORDS: usize = 500;

/// Looks for a log that was cleared and numbers anew, once in so many passes.
const CLEARED_EVERY: u32 = 60;

/// Starts the thread, which ends with the process.
pub(super) fn start(config: &CollectorConfig) {
    let mut spool = ChannelSpool::open(&config.state_dir);
    let history_days = config.history_days;
    let spawned = std::thread::Builder::new()
        .name("event channels".to_owned())
        .spawn(move || carry(&mut spool, history_days));
    if let Err(error) = spawned {
        tracing::error!(%error, "event channels are not read");
    }
}

/// Carries all that the channels hold by now: for work that ends by itself.
pub(super) fn carry_now(config: &CollectorConfig) {
    let mut spool = ChannelSpool::open(&config.state_dir);
    for channel in CHANNELS {
        loop {
            let before = spool.last(channel);
            match carry_channel(&mut spool, channel, config.history_days, true) {
                Ok(()) if spool.last(channel) != before => {}
                Ok(()) => break,
                Err(error) => {
                    tracing::warn!(channel, %error, "event channel cannot be read");
                    break;
                }
            }
        }
    }
}

fn carry(spool: &mut ChannelSpool, history_days: u32) {
    let mut in_trouble = [false; CHANNELS.len()];
    for pass in 0_u32.. {
        for (channel, in_trouble) in CHANNELS.iter().zip(&mut in_trouble) {
            let looked = carry_channel(spool, channel, history_days, pass % CLEARED_EVERY == 0);
            if let Err(error) = &looked
                && !*in_trouble
            {
                tracing::warn!(channel, %error, "event channel cannot be read, trying again");
            }
            *in_trouble = looked.is_err();
        }
        std::thread::sleep(PAUSE);
    }
}

fn carry_channel(
    spool: &mut ChannelSpool,
    channel: &str,
    history_days: u32,
    may_be_cleared: bool,
) -> io::Result<()> {
    let after = spool.last(channel);
    if may_be_cleared && after > 0 && newest(channel)? < after {
        tracing::warn!(channel, "event log was cleared, reading it anew");
        spool.forget(channel);
    }
    let mut query = Query::open(
        channel,
        &behind(spool.last(channel), history_days),
        Order::OldestFirst,
    )?;
    let mut records = Vec::new();
    while records.len() < MAX_RECORDS
        && let Some(xml) = query.next()?
    {
        if let Some(id) = record_id(&xml) {
            records.push((id, xml));
        }
    }
    spool.append(channel, &records)
}

/// Whether the event log answers.
pub(crate) fn probe() -> io::Result<()> {
    newest(CHANNELS[0]).map(drop)
}

/// Number of a channel's newest record; 0 where there is none.
fn newest(channel: &str) -> io::Result<u64> {
    let mut query = Query::open(channel, "*", Order::NewestFirst)?;
    let newest = query.next()?;
    Ok(newest.and_then(|xml| record_id(&xml)).unwrap_or(0))
}

/// Selects what comes behind a record; of a channel seen for the first time,
/// its last days.
fn behind(after: u64, history_days: u32) -> String {
    let when = if after == 0 {
        let history_ms = u64::from(history_days) * 86_400_000;
        format!("TimeCreated[timediff(@SystemTime) <= {history_ms}]")
    } else {
        format!("(EventRecordID > {after})")
    };
    format!("*[System[{} and {when}]]", providers())
}

fn providers() -> String {
    let names = PROVIDERS.map(|name| format!("@Name='{name}'"));
    format!("Provider[{}]", names.join(" or "))
}

/// The newest records on starts and stops of the machine, as XML, oldest first.
pub(super) fn boot_records() -> io::Result<Vec<String>> {
    const MAX_BOOT_RECORDS: usize = 24;
    let ids = [41, 1074, 6005, 6006, 6008].map(|id| format!("EventID={id}"));
    let xpath = format!("*[System[{} and ({})]]", providers(), ids.join(" or "));
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
