//! The rows of a group in the table's own order, which is cheaper to bring about
//! here than there, and each event once: the fuller reading wins, the other is
//! counted as met twice.

use std::collections::BTreeSet;

use super::opened::Opened;
use super::rows::version;
use super::time_quality::filed_at;

/// One row of a group: where the table files it, and where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Rank of the device's id among those of the group.
    device: u32,
    pub(crate) filed_at: i64,
    event_id: u128,
    pub(crate) batch: usize,
    pub(crate) row: usize,
}

#[cfg(test)]
impl Place {
    /// A row of one device that is filed then.
    pub(crate) fn at(filed_at: i64, number: u64) -> Self {
        Self {
            device: 0,
            filed_at,
            event_id: number.into(),
            batch: 0,
            row: usize::try_from(number).unwrap(),
        }
    }
}

/// Where the rows lie that are stored, in order; `rows` is how many there are.
pub(super) fn in_order(batches: &mut [Opened], rows: usize) -> Vec<Place> {
    let mut order = places(batches, rows);
    order.sort_unstable_by_key(|place| (place.device, place.filed_at, place.event_id));
    keep_once(batches, &mut order);
    order
}

fn places(batches: &[Opened], rows: usize) -> Vec<Place> {
    let devices: BTreeSet<&str> = batches.iter().map(|batch| &*batch.device_id).collect();
    let devices: Vec<&str> = devices.into_iter().collect();
    let mut places = Vec::with_capacity(rows);
    for (number, batch) in batches.iter().enumerate() {
        let rank = devices.binary_search(&&*batch.device_id);
        let rank = rank.unwrap_or_else(|place| place);
        let rows = batch.block.rows.iter().enumerate();
        places.extend(rows.map(|(place, row)| Place {
            // A group has fewer devices than rows.
            device: u32::try_from(rank).unwrap_or(u32::MAX),
            filed_at: filed_at(row),
            event_id: u128::from_be_bytes(row.event_id.0),
            batch: number,
            row: place,
        }));
    }
    places
}

/// An id counts beside its device and the time by which it is filed, as in the
/// table: else one device could displace another's event.
fn keep_once(batches: &mut [Opened], order: &mut Vec<Place>) {
    order.dedup_by(|next, kept| {
        let same = (next.device, next.filed_at, next.event_id)
            == (kept.device, kept.filed_at, kept.event_id);
        if same {
            let version_of = |place: &Place| version(&batches[place.batch].block.rows[place.row]);
            if version_of(next) > version_of(kept) {
                std::mem::swap(next, kept);
            }
            batches[next.batch].counted.duplicate(1);
        }
        same
    });
}
