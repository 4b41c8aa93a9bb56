//! Which identities have a live stream or connection, and from where.
//!
//! Two live streams of one identity from different addresses mean that an
//! image was cloned with its key: their events would mix, so it is flagged. How
//! many one identity may have is bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All live streams of this gateway; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct LiveStreams {
    all: Arc<Mutex<HashMap<Arc<str>, Peers>>>,
}

/// Where one identity's streams come from, an address for each.
#[derive(Debug, Default)]
struct Peers {
    addresses: Vec<IpAddr>,
    /// Not all addresses are the same. Read for every batch, without the lock.
    cloned: Arc<AtomicBool>,
}

/// One live stream; dropping it takes it off the list.
#[derive(Debug)]
pub(super) struct Live {
    streams: LiveStreams,
    device_id: Arc<str>,
    peer: IpAddr,
    cloned: Arc<AtomicBool>,
}

impl LiveStreams {
    /// Puts a stream on the list; `None` when its identity has `limit` already.
    pub(super) fn enter(&self, device_id: &str, peer: IpAddr, limit: usize) -> Option<Live> {
        let mut all = self.lock();
        let device_id = match all.get_key_value(device_id) {
            Some((known, _)) => known.clone(),
            None => Arc::from(device_id),
        };
        let peers = all.entry(device_id.clone()).or_default();
        if peers.addresses.len() >= limit {
            return None;
        }
        peers.addresses.push(peer);
        peers.compare();
        Some(Live {
            streams: self.clone(),
            device_id,
            peer,
            cloned: peers.cloned.clone(),
        })
    }

    // A panic while the lock is held cannot leave the list half changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Peers>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peers {
    fn compare(&self) {
        let cloned = self.addresses.windows(2).any(|two| two[0] != two[1]);
        self.cloned.store(cloned, Ordering::Relaxed);
    }
}

impl Live {
    /// Whether the same identity speaks from another address right now.
    pub(super) fn is_cloned(&self) -> bool {
        self.cloned.load(Ordering::Relaxed)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut all = self.streams.lock();
        if let Some(peers) = all.get_mut(&self.device_id) {
            let addresses = &mut peers.addresses;
            if let Some(own) = addresses.iter().position(|peer| *peer == self.peer) {
                addresses.swap_remove(own);
            }
            peers.compare();
            if peers.addresses.is_empty() {
                all.remove(&self.device_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn one_identity_from_two_addresses_at_once_is_a_clone() {
        let streams = LiveStreams::default();
        let first = streams.enter("pc-1", ip(1), 4).unwrap();
        assert!(!first.is_cloned());
        let second = streams.enter("pc-1", ip(2), 4).unwrap();
        assert!(first.is_cloned() && second.is_cloned());
        drop(second);
        assert!(!first.is_cloned());
    }

    #[test]
    fn a_reconnect_from_the_same_address_is_no_clone() {
        let streams = LiveStreams::default();
        let old = streams.enter("pc-1", ip(1), 4).unwrap();
        let new = streams.enter("pc-1", ip(1), 4).unwrap();
        drop(old);
        assert!(!new.is_cloned());
        drop(new);
        assert!(streams.lock().is_empty());
    }

    #[test]
    fn one_identity_has_only_so_many_and_gets_a_place_back() {
        let streams = LiveStreams::default();
        let first = streams.enter("pc-1", ip(1), 2);
        let second = streams.enter("pc-1", ip(2), 2);
        assert!(first.is_some() && second.is_some());
        assert!(streams.enter("pc-1", ip(1), 2).is_none());
        assert!(streams.enter("pc-2", ip(1), 2).is_some());
        drop(first);
        assert!(streams.enter("pc-1", ip(1), 2).is_some());
    }
}
