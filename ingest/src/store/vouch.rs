//! Who brought a record by hand: who was authenticated, whatever a batch says.

use kbwatch_proto::batch::{Block, Row};
use kbwatch_proto::journal::{JournalRecord, Role};

/// Extra field that names who brought a record by hand.
const IMPORTED_BY: &[u8] = b"imported_by";
/// Extra field that names from where; only who brought it can know.
const IMPORTED_FROM: &[u8] = b"imported_from";

/// Who brought a batch's events by hand. What a device sent by itself, or its
/// carrier, was brought by nobody.
#[derive(Debug, Default)]
pub(super) struct Vouched {
    by_hand: Option<String>,
}

impl Vouched {
    pub(super) fn of(record: &JournalRecord) -> Self {
        let by_hand = !record.sender_id.is_empty() && record.role() != Role::Carrier;
        Self {
            by_hand: by_hand.then(|| record.sender_id.clone()),
        }
    }

    /// An event's extra fields as they are stored, by name and each once.
    pub(super) fn extras<'a>(
        &'a self,
        block: &'a Block,
        row: &Row,
        into: &mut Vec<(&'a [u8], &'a [u8])>,
    ) {
        into.clear();
        if let Some(by) = &self.by_hand {
            into.push((IMPORTED_BY, by.as_bytes()));
        }
        let first = into.len();
        let is_vouched = |name| name == IMPORTED_BY || (first == 0 && name == IMPORTED_FROM);
        into.extend(block.extras(row).filter(|(name, _)| !is_vouched(*name)));
        // Of a name that stands twice the last value counts.
        into[first..].reverse();
        into.sort_by_key(|(name, _)| *name);
        into.dedup_by_key(|(name, _)| *name);
    }
}

#[cfg(test)]
mod tests {
    use kbwatch_proto::batch::{Contents, pack, unseal};
    use kbwatch_proto::event::UpdateEvent;

    use super::*;

    /// What is told of a record that claims to come from someone else.
    fn told(sender_id: &str, role: Role) -> Vec<(String, String)> {
        let claimed = [
            ("category", "x"),
            ("imported_by", "boss"),
            ("imported_from", "usb/CBS.log"),
        ];
        let claimed = claimed.map(|(name, value)| (name.into(), value.into()));
        let events = vec![UpdateEvent {
            extra: claimed.into(),
            ..UpdateEvent::default()
        }];
        let sealed = pack(&Contents {
            events,
            ..Contents::default()
        });
        let block = unseal(&sealed.unwrap()).unwrap().block;
        let vouched = Vouched::of(&JournalRecord {
            device_id: "pc-1".to_owned(),
            sender_id: sender_id.to_owned(),
            role: role.into(),
            ..JournalRecord::default()
        });
        let mut extras = Vec::new();
        vouched.extras(&block, &block.rows[0], &mut extras);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        extras
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn a_device_and_its_carrier_cannot_say_that_someone_brought_a_record() {
        let own = pairs([("category", "x")]);
        assert_eq!(told("", Role::Device), own);
        assert_eq!(told("van", Role::Carrier), own);
        assert_eq!(told("", Role::Importer), own);
    }

    #[test]
    fn an_importer_is_named_as_who_he_is_and_not_as_another() {
        let brought_by = |who| {
            pairs([
                ("category", "x"),
                ("imported_by", who),
                ("imported_from", "usb/CBS.log"),
            ])
        };
        assert_eq!(told("desk", Role::Importer), brought_by("desk"));
        // Its own logs, by hand.
        assert_eq!(told("pc-1", Role::Device), brought_by("pc-1"));
    }
}
