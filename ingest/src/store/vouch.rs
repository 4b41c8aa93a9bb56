//! Who brought a record by hand: who was authenticated, whatever a batch says.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::journal::{JournalRecord, Role};

/// Extra field that names who brought a record by hand.
const IMPORTED_BY: &str = "imported_by";
/// Extra field that names from where; only who brought it can know.
const IMPORTED_FROM: &str = "imported_from";

/// Names who brought the events. What a device sent by itself, or its carrier,
/// was brought by nobody.
pub(super) fn vouch(events: &mut [UpdateEvent], record: &JournalRecord) {
    let by_hand = !record.sender_id.is_empty() && record.role() != Role::Carrier;
    for event in events {
        if by_hand {
            let by = record.sender_id.clone().into();
            event.extra.insert(IMPORTED_BY.into(), by);
        } else {
            event.extra.remove(IMPORTED_BY);
            event.extra.remove(IMPORTED_FROM);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of a record that claims to come from someone else.
    fn told(sender_id: &str, role: Role) -> [String; 2] {
        let claimed = [(IMPORTED_BY, "boss"), (IMPORTED_FROM, "usb/CBS.log")];
        let claimed = claimed.map(|(name, value)| (name.into(), value.into()));
        let mut events = [UpdateEvent {
            extra: claimed.into(),
            ..UpdateEvent::default()
        }];
        let record = JournalRecord {
            device_id: "pc-1".to_owned(),
            sender_id: sender_id.to_owned(),
            role: role.into(),
            ..JournalRecord::default()
        };
        vouch(&mut events, &record);
        let extra = &events[0].extra;
        [IMPORTED_BY, IMPORTED_FROM]
            .map(|name| extra.get(name).cloned().unwrap_or_default().into_owned())
    }

    #[test]
    fn a_device_and_its_carrier_cannot_say_that_someone_brought_a_record() {
        assert_eq!(told("", Role::Device), ["", ""]);
        assert_eq!(told("van", Role::Carrier), ["", ""]);
        assert_eq!(told("", Role::Importer), ["", ""]);
    }

    #[test]
    fn an_importer_is_named_as_who_he_is_and_not_as_another() {
        assert_eq!(told("desk", Role::Importer), ["desk", "usb/CBS.log"]);
        // Its own logs, by hand.
        assert_eq!(told("pc-1", Role::Device), ["pc-1", "usb/CBS.log"]);
    }
}
