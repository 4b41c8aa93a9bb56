//! What only Windows has: the registry, event channels, services, job objects.
//!
//! Kept thin, for none of it can be tried where it is written: what wine
//! offers of it is tested there, the rest awaits a real machine and says so.

pub(crate) mod event_channels;
mod event_log;
pub(crate) mod facts;
pub(crate) mod policy;
mod restraint;
pub mod service;
pub(crate) mod store;

use crate::config::CollectorConfig;
use crate::watch::channel_board::ChannelBoard;
use crate::watch::channel_spool::ChannelSpool;

/// Makes the process a guest that nobody notices, and starts what feeds the
/// collector from the event log; how that fares stands on the board.
pub(crate) fn prepare(config: CollectorConfig) -> (CollectorConfig, Option<ChannelBoard>) {
    restraint::restrain(config.memory_max_mb);
    let board = reads_channels(&config).then(|| event_channels::start(&config));
    (with_channels(config), board)
}

/// As [`prepare`] for work that ends by itself: what the event log holds is
/// there before it begins.
pub(crate) fn prepare_once(config: CollectorConfig) -> (CollectorConfig, Option<ChannelBoard>) {
    restraint::restrain(config.memory_max_mb);
    let board = reads_channels(&config).then(|| event_channels::carry_now(&config));
    (with_channels(config), board)
}

/// The configuration with the file that the event channels are carried into.
pub(crate) fn with_channels(mut config: CollectorConfig) -> CollectorConfig {
    if reads_channels(&config) {
        config.sources.event_xml = Some(ChannelSpool::file_in(&config.state_dir));
    }
    config
}

fn reads_channels(config: &CollectorConfig) -> bool {
    config.sources.event_channels && config.sources.event_xml.is_none()
}
