//! Devices that a cause will meet next: they share it and have not tried yet.

use std::collections::{BTreeMap, HashSet};

use super::Around;
use crate::board::Board;
use crate::fleet::Device;
use crate::view::Waiting;

/// Counts them; on the KB's target lists alone, where there are such.
pub(super) fn waiting(
    cause: &BTreeMap<String, String>,
    board: &Board<'_>,
    around: Around<'_>,
) -> Option<Waiting> {
    let tried: HashSet<usize> = board.standings.iter().map(|one| one.number).collect();
    let words = &around.fleet.words;
    let shares = |device: &Device| {
        device.facts_now().is_some_and(|facts| {
            let mut cause = cause.iter();
            cause.all(|(key, value)| words.value(facts, key) == value)
        })
    };
    // Past the level that the KB brings, or of another Windows: it has no use
    // for the KB.
    let wants = |device: &Device| {
        let levels = device.level_now(words).zip(board.build);
        levels.is_none_or(|(level, build)| level.same_family(build) && !level.covers(build))
    };
    let listed = |device: &Device| around.listed.is_none_or(|ids| ids.contains(&*device.id));
    let mut waiting = Waiting {
        facts: cause.clone(),
        listed: around.listed.is_some(),
        ..Waiting::default()
    };
    let devices = around.fleet.devices.iter().enumerate();
    for (number, device) in devices.filter(|(_, device)| device.counts()) {
        let has_tried = tried.contains(&number);
        if shares(device) && listed(device) && (has_tried || wants(device)) {
            waiting.of += 1;
            waiting.devices += u64::from(!has_tried);
        }
    }
    (waiting.devices > 0).then_some(waiting)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use super::*;
    use crate::board::{Frame, boards};
    use crate::fleet::Fleet;
    use crate::fleet::samples::{HRESULT, failed};
    use crate::kb::KbTable;

    fn fleet() -> Fleet {
        let image = |name| [("image", name), ("os_build", "17763"), ("ubr", "3770")];
        let past = [("image", "a"), ("os_build", "17763"), ("ubr", "9999")];
        Fleet::default()
            .with("failed", &image("a"), vec![failed(Some(HRESULT), 100)])
            .with("next-1", &image("a"), Vec::new())
            .with("next-2", &image("a"), Vec::new())
            .with("other", &image("b"), Vec::new())
            .with("past", &past, Vec::new())
    }

    fn count(fleet: &Fleet, listed: Option<&HashSet<&str>>) -> Option<(u64, u64)> {
        let rings = HashMap::new();
        let frame = Frame {
            now_ms: 1_000,
            gone_silent_ms: 1_000,
            rings: &rings,
        };
        let mut boards = boards(fleet, frame);
        let kbs = KbTable::shipped();
        boards[0].build = kbs.build_of("KB5022286", None);
        let around = Around {
            fleet,
            kbs: &kbs,
            depots: &[],
            donors: &BTreeSet::new(),
            listed,
            now_ms: 1_000,
            presence_limit_ms: 1_000,
        };
        let cause = [("image".to_owned(), "a".to_owned())].into();
        let found = waiting(&cause, &boards[0], around);
        found.map(|waiting| (waiting.devices, waiting.of))
    }

    #[test]
    fn who_shares_the_cause_and_has_not_tried_waits_unless_it_is_past_the_kb() {
        assert_eq!(count(&fleet(), None), Some((2, 3)));
    }

    #[test]
    fn a_target_list_is_the_denominator() {
        let listed = HashSet::from(["failed", "next-1"]);
        assert_eq!(count(&fleet(), Some(&listed)), Some((1, 2)));
        let listed = HashSet::from(["failed"]);
        assert_eq!(count(&fleet(), Some(&listed)), None);
    }
}
