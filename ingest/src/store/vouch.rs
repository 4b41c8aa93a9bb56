//! Who brought a record by hand: who was authenticated, whatever a batch says.

use kbwatch_proto::batch::{Block, Row};
use kbwatch_proto::journal::{JournalRecord, Role};

/// Extra field that names who brought a record by hand.
const IMPORTED_BY: &[u8] = b"imported_by";
/// Extra field that names who carried what a device had sealed.
const CARRIED_BY: &[u8] = b"carried_by";
/// Extra field that names from where; only who brought it can know.
const IMPORTED_FROM: &[u8] = b"imported_from";

/// Who brought a batch's events by hand. What a device sent by itself was brought
/// by nobody.
///
/// That a carrier brings only what devices have sealed, its own program has
/// verified, not the gateway: so he is named.
#[derive(Debug, Default)]
pub(super) struct Vouched {
    /// Under which name of a field, and who.
    by_hand: Option<(&'static [u8], String)>,
}

impl Vouched {
    pub(super) fn of(record: &JournalRecord) -> Self {
        let field = match record.role() {
            Role::Carrier => CARRIED_BY,
            _ => IMPORTED_BY,
        };
        let by_hand = !record.sender_id.is_empty();
        Self {
            by_hand: by_hand.then(|| (field, record.sender_id.clone())),
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
        let mut is_imported = false;
        if let Some((field, by)) = &self.by_hand {
            is_imported = *field == IMPORTED_BY;
            into.push((*field, by.as_bytes()));
        }
        let first = into.len();
        let is_vouched = |name| {
            name == IMPORTED_BY || name == CARRIED_BY || (!is_imported && name == IMPORTED_FROM)
        };
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
            ("carried_by", "boss"),
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
    fn a_device_cannot_say_that_someone_brought_a_record_and_a_carrier_is_named() {
        let own = pairs([("category", "x")]);
        assert_eq!(told("", Role::Device), own);
        let carried = pairs([("carried_by", "van"), ("category", "x")]);
        assert_eq!(told("van", Role::Carrier), carried);
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
