//! What causes are searched in: devices with their facts, failed or not.

use std::collections::HashMap;

/// Number of an attribute's value; the same text under two attributes is two items.
pub(crate) type Item = u32;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    /// Its items, sorted, at most one per attribute.
    pub(crate) items: Vec<Item>,
    /// How many failed.
    pub(crate) failed: f64,
    /// Out of how many.
    pub(crate) total: f64,
    /// Rows are compared within their stratum.
    pub(crate) stratum: u32,
}

/// Rows and the names of their items.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leaves {
    /// Rows.
    pub(crate) rows: Vec<Leaf>,
    names: Vec<(String, String)>,
    numbers: HashMap<(String, String), Item>,
}

impl Leaves {
    /// The item of `value` under `attribute`, made if it is new.
    pub(crate) fn item(&mut self, attribute: &str, value: &str) -> Item {
        let name = (attribute.to_owned(), value.to_owned());
        if let Some(item) = self.numbers.get(&name) {
            return *item;
        }
        let item = Item::try_from(self.names.len()).unwrap_or(Item::MAX);
        self.names.push(name.clone());
        self.numbers.insert(name, item);
        item
    }

    /// Items there are.
    pub(crate) fn items(&self) -> usize {
        self.names.len()
    }

    /// Attribute and value of an item.
    pub(crate) fn name(&self, item: Item) -> (&str, &str) {
        self.names
            .get(item as usize)
            .map_or(("", ""), |(attribute, value)| (attribute, value))
    }
}

impl Leaf {
    /// Whether the row has all of `items`, which are sorted.
    pub(crate) fn has(&self, items: &[Item]) -> bool {
        items
            .iter()
            .all(|item| self.items.binary_search(item).is_ok())
    }
}
