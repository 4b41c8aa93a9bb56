//! Reads a table of leaves: attribute columns, and how many failed of how many.

use std::collections::HashMap;

use crate::releases::decode;

/// A table that cannot be explained: correct it.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// A column that must be there is not.
    #[error("the table has no column {0:?}")]
    Column(&'static str),
    /// A line is no CSV.
    #[error("line {line} is no CSV")]
    Line {
        /// 1-based, the header is line 1.
        line: u64,
        /// What the reader said.
        #[source]
        source: csv::Error,
    },
    /// A number is wrong.
    #[error("line {line}: {what}")]
    Number {
        /// 1-based, the header is line 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
}

/// Counts of one leaf.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) failed: f64,
    pub(super) total: f64,
    pub(super) usual_failed: f64,
    pub(super) usual_total: f64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.failed += other.failed;
        self.total += other.total;
        self.usual_failed += other.usual_failed;
        self.usual_total += other.usual_total;
    }
}

/// An attribute and the values that it takes, numbered as they appear.
#[derive(Debug, Default)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

/// Leaves, each combination of values once.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) attributes: Vec<Attribute>,
    /// By attribute: the number of each leaf's value.
    pub(super) columns: Vec<Vec<usize>>,
    pub(super) counts: Vec<Counts>,
    /// There is a comparison period.
    pub(super) compares: bool,
}

impl Table {
    /// Whether all values of a combination have a name: an empty one names nothing.
    pub(super) fn named(&self, items: &[(usize, usize)]) -> bool {
        items.iter().all(|(attribute, value)| {
            let values = self.attributes.get(*attribute).map(|a| &a.values);
            values
                .and_then(|values| values.get(*value))
                .is_some_and(|name| !name.is_empty())
        })
    }
}

/// Where the columns of a table are.
struct Header {
    counted: [Option<usize>; 4],
    attributes: Vec<(usize, String)>,
}

impl Header {
    fn of(header: &csv::StringRecord) -> Result<Self, ExplainError> {
        let column = |name: &str| header.iter().position(|column| column == name);
        let failed = column("failed").ok_or(ExplainError::Column("failed"))?;
        let total = column("total").ok_or(ExplainError::Column("total"))?;
        let usual = match (column("usual_failed"), column("usual_total")) {
            (Some(failed), Some(total)) => Some((failed, total)),
            (None, None) => None,
            (None, _) => return Err(ExplainError::Column("usual_failed")),
            (_, None) => return Err(ExplainError::Column("usual_total")),
        };
        let counted = [
            Some(failed),
            Some(total),
            usual.map(|usual| usual.0),
            usual.map(|usual| usual.1),
        ];
        let names = header.iter().enumerate();
        let names = names.filter(|(at, _)| !counted.contains(&Some(*at)));
        Ok(Self {
            attributes: names.map(|(at, name)| (at, name.to_owned())).collect(),
            counted,
        })
    }

    fn counts(&self, record: &csv::StringRecord, line: u64) -> Result<Counts, ExplainError> {
        let names = ["failed", "total", "usual_failed", "usual_total"];
        let mut numbers = [0.0; 4];
        for ((number, at), name) in numbers.iter_mut().zip(self.counted).zip(names) {
            if let Some(at) = at {
                *number = parse_number(record.get(at), name, line)?;
            }
        }
        let [failed, total, usual_failed, usual_total] = numbers;
        let counts = Counts {
            failed,
            total,
            usual_failed,
            usual_total,
        };
        check(counts, line)?;
        Ok(counts)
    }
}

/// Reads a table; rows of the same attributes are summed, in the order of their
/// first.
pub(super) fn read(bytes: &[u8]) -> Result<Table, ExplainError> {
    let text = decode(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .map_err(|source| ExplainError::Line { line: 1, source })?;
    let header = Header::of(header)?;
    let mut table = Table {
        compares: header.counted.iter().all(Option::is_some),
        ..Table::default()
    };
    let mut numbers: Vec<HashMap<String, usize>> = Vec::new();
    for (_, name) in &header.attributes {
        table.attributes.push(Attribute {
            name: name.clone(),
            values: Vec::new(),
        });
        table.columns.push(Vec::new());
        numbers.push(HashMap::new());
    }
    let mut leaves: HashMap<Vec<usize>, usize> = HashMap::new();
    let mut record = csv::StringRecord::new();
    let mut line = 2;
    loop {
        let more = reader.read_record(&mut record);
        if !more.map_err(|source| ExplainError::Line { line, source })? {
            break;
        }
        line = record.position().map_or(line, csv::Position::line);
        let counts = header.counts(&record, line)?;
        let leaf = number_values(&header, &record, &mut table.attributes, &mut numbers);
        let next = table.counts.len();
        let at = *leaves.entry(leaf).or_insert_with_key(|leaf| {
            for (column, value) in table.columns.iter_mut().zip(leaf) {
                column.push(*value);
            }
            table.counts.push(Counts::default());
            next
        });
        if let Some(sum) = table.counts.get_mut(at) {
            sum.add(counts);
        }
        line += 1;
    }
    Ok(table)
}

/// The numbers of a row's values; a new value gets the next number.
fn number_values(
    header: &Header,
    record: &csv::StringRecord,
    attributes: &mut [Attribute],
    numbers: &mut [HashMap<String, usize>],
) -> Vec<usize> {
    let columns = header.attributes.iter().zip(attributes).zip(numbers);
    columns
        .map(|(((at, _), attribute), numbers)| {
            let value = record.get(*at).unwrap_or_default();
            if let Some(number) = numbers.get(value) {
                return *number;
            }
            let number = attribute.values.len();
            attribute.values.push(value.to_owned());
            numbers.insert(value.to_owned(), number);
            number
        })
        .collect()
}

fn parse_number(text: Option<&str>, name: &str, line: u64) -> Result<f64, ExplainError> {
    let text = text.unwrap_or_default();
    let number = text.parse::<f64>().ok();
    let sound = number.filter(|number| number.is_finite() && *number >= 0.0);
    sound.ok_or_else(|| ExplainError::Number {
        line,
        what: format!("{name} {text:?} is no number of 0 or more"),
    })
}

fn check(counts: Counts, line: u64) -> Result<(), ExplainError> {
    let wrong = |what: &str| {
        Err(ExplainError::Number {
            line,
            what: what.to_owned(),
        })
    };
    if counts.failed > counts.total {
        return wrong("failed is more than total");
    }
    if counts.usual_failed > counts.usual_total {
        return wrong("usual_failed is more than usual_total");
    }
    Ok(())
}
