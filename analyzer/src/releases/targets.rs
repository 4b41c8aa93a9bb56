//! Target lists as administrators have them: a list of their own, a collection
//! out of ConfigMgr, a group out of WSUS, a unit out of Active Directory.
//!
//! Lists call a device by its id, its host name, its name in a domain or its
//! account; all of them lead to the id where kbwatch has heard of the device.

mod difference;
mod names;

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use super::import::ImportRollout;
use super::table::{List, ListError, Mapping, cell};
use crate::damage::short_hex;
use crate::keep::TargetRow;
pub use difference::Difference;
pub(super) use difference::difference;
pub(super) use names::resolve;
use names::{unit, unit_number};

/// Columns that may name a device, by what writes them: lists of people,
/// ConfigMgr, WSUS, Active Directory.
pub(super) const DEVICE: [&str; 20] = [
    "device_id",
    "device",
    "hostname",
    "computer",
    "设备",
    "设备编号",
    "计算机名",
    "计算机名称",
    "主机名",
    "computer name",
    "computername",
    "device name",
    "netbios name",
    "fulldomainname",
    "full domain name",
    "name",
    "dnshostname",
    "samaccountname",
    "cn",
    "名称",
];
const RING: [&str; 10] = [
    "ring",
    "group",
    "批次",
    "分组",
    "更新环",
    "collectionname",
    "collection name",
    "requestedtargetgroupname",
    "computertargetgroup",
    "target group",
];
const EXCLUDED: [&str; 4] = ["excluded", "exclude", "exception", "排除"];
const PATH_IN_DIRECTORY: [&str; 2] = ["distinguishedname", "dn"];

/// Column of Active Directory; a computer that is off there is no target.
const ENABLED: [&str; 1] = ["enabled"];

/// A target list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetList {
    /// Ring of all its devices; empty: as a column says.
    pub ring: String,
    /// The list.
    pub csv: Vec<u8>,
}

/// Rows of all lists of an import, and how many devices stood there again.
pub(super) fn target_rows(
    import: &ImportRollout,
    names: &HashMap<String, String>,
) -> Result<(Vec<TargetRow>, usize), ListError> {
    let first = TargetList {
        ring: String::new(),
        csv: import.targets.clone(),
    };
    let first = (!import.targets.is_empty() || import.lists.is_empty()).then_some(first);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut rows = Vec::new();
    let mut repeated = 0;
    for list in first.iter().chain(&import.lists) {
        for row in rows_of(list, import, names)? {
            if seen.insert(row.device_id.clone()) {
                rows.push(row);
            } else {
                repeated += 1;
            }
        }
    }
    let import_id = import_id(&rows);
    for row in &mut rows {
        row.import_id.clone_from(&import_id);
    }
    Ok((rows, repeated))
}

fn rows_of(
    targets: &TargetList,
    import: &ImportRollout,
    names: &HashMap<String, String>,
) -> Result<Vec<TargetRow>, ListError> {
    let mapping = &import.mapping;
    let list = List::parse(&targets.csv)?;
    let device = list.must_mapped(mapping, "device", &DEVICE)?;
    let excluded = list.mapped(mapping, "excluded", &EXCLUDED);
    let enabled = list.column(&ENABLED);
    let ring = RingFrom::of(&list, mapping)?;
    let mut rows = Vec::with_capacity(list.rows.len());
    for (line, cells) in &list.rows {
        let device_id = resolve(cell(cells, Some(device)), names);
        if device_id.is_empty() {
            return Err(ListError::Value {
                line: *line,
                what: "device",
                value: device_id,
                why: "is empty",
            });
        }
        let ring = match targets.ring.as_str() {
            "" => ring.read(cells),
            of_all => of_all.to_lowercase(),
        };
        let off = cell(cells, enabled).eq_ignore_ascii_case("false");
        let excluded = match excluded_reason(cell(cells, excluded)) {
            none if none.is_empty() && off => "account disabled in the directory".to_owned(),
            reason => reason,
        };
        rows.push(TargetRow {
            rollout: import.name.clone(),
            import_id: String::new(),
            device_id,
            ring,
            excluded,
        });
    }
    Ok(rows)
}

/// Where a list says the ring.
#[derive(Debug, Clone, Copy)]
enum RingFrom {
    Column(usize),
    /// The n-th unit of the path in the directory, from the computer upwards.
    Unit(usize, usize),
    Nowhere,
}

impl RingFrom {
    fn of(list: &List, mapping: &Mapping) -> Result<Self, ListError> {
        let unit = mapping
            .column("ring")
            .and_then(|named| named.strip_prefix("ou"));
        if let Some(nth) = unit.and_then(unit_number) {
            return Ok(Self::Unit(list.must(&PATH_IN_DIRECTORY)?, nth));
        }
        if mapping.column("ring").is_some() {
            return Ok(Self::Column(list.must_mapped(mapping, "ring", &RING)?));
        }
        Ok(list.column(&RING).map_or(Self::Nowhere, Self::Column))
    }

    fn read(self, cells: &[String]) -> String {
        match self {
            Self::Column(column) => cell(cells, Some(column)).to_lowercase(),
            Self::Unit(column, nth) => unit(cell(cells, Some(column)), nth).to_lowercase(),
            Self::Nowhere => String::new(),
        }
    }
}

/// A reason, or a plain yes; a plain no excludes nobody.
fn excluded_reason(text: &str) -> String {
    match text.to_lowercase().as_str() {
        "" | "0" | "no" | "false" | "否" => String::new(),
        _ => text.to_owned(),
    }
}

/// Names a list by what stands on it.
pub(super) fn import_id(rows: &[TargetRow]) -> String {
    let mut hash = Sha256::new();
    for row in rows {
        for text in [&row.device_id, &row.ring, &row.excluded] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
    }
    short_hex(&hash.finalize())
}

#[cfg(test)]
mod tests;
