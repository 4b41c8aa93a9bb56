//! Which identities have a live stream or connection, and from where.
//!
//! Two live streams of one identity from different addresses mean that an
//! image was cloned with its key: their events would mix, so it is flagged. How
//! many one identity may have is bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// All live streams of this gateway; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct LiveStreams {
    peers: Arc<Mutex<HashMap<String, Vec<IpAddr>>>>,
}

/// One live stream; dropping it takes it off the list.
#[derive(Debug)]
pub(super) struct Live {
    streams: LiveStreams,
    device_id: String,
    peer: IpAddr,
}

impl LiveStreams {
    /// Puts a stream on the list; `None` when its identity has `limit` already.
    pub(super) fn enter(&self, device_id: &str, peer: IpAddr, limit: usize) -> Option<Live> {
        let entered = self.with(|all| {
            let peers = all.entry(device_id.to_owned()).or_default();
            let room = peers.len() < limit;
            if room {
                peers.push(peer);
            }
            room
        });
        entered.then(|| Live {
            streams: self.clone(),
            device_id: device_id.to_owned(),
            peer,
        })
    }

    // A panic while the lock is held cannot leave the list half changed.
    fn with<R>(&self, change: impl FnOnce(&mut HashMap<String, Vec<IpAddr>>) -> R) -> R {
        change(&mut self.peers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Live {
    /// Whether the same identity speaks from another address right now.
    pub(super) fn is_cloned(&self) -> bool {
        self.streams.with(|peers| {
            peers
                .get(&self.device_id)
                .is_some_and(|peers| peers.iter().any(|peer| *peer != self.peer))
        })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.streams.with(|all| {
            if let Some(peers) = all.get_mut(&self.device_id) {
                if let Some(own) = peers.iter().position(|peer| *peer == self.peer) {
                    peers.swap_remove(own);
                }
                if peers.is_empty() {
                    all.remove(&self.device_id);
                }
            }
        });
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
        assert!(streams.with(|peers| peers.is_empty()));
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
