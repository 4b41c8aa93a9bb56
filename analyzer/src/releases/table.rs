//! Lists as people have them: CSV in UTF-8, GBK or UTF-16, with comma,
//! semicolon or tab, columns in any order and language.

use std::collections::BTreeMap;

use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};

/// A list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// A column that must be there is not.
    #[error("the list has no column {wanted}; its columns are: {found}")]
    Column {
        /// Names that would do.
        wanted: String,
        /// Names that are there.
        found: String,
    },
    /// A line is broken.
    #[error("line {line} of the list is no CSV")]
    Line {
        /// 1-based, the header is line 1.
        line: u64,
        /// What the reader said.
        #[source]
        source: csv::Error,
    },
    /// A cell cannot be what it should be.
    #[error("line {line}: {what} {value:?} {why}")]
    Value {
        /// 1-based, the header is line 1.
        line: u64,
        /// Which column.
        what: &'static str,
        /// What stands there.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Which column stands for what, where a list calls it otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping(BTreeMap<String, String>);

impl Mapping {
    /// Of pairs: what is wanted (`device`, `ring` …) and the list's column.
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let small = |(what, column): (String, String)| (what.to_lowercase(), column.to_lowercase());
        Self(pairs.into_iter().map(small).collect())
    }

    /// The column that was named for it.
    pub(crate) fn column(&self, what: &str) -> Option<&str> {
        self.0.get(what).map(String::as_str)
    }
}

/// A list with named columns.
#[derive(Debug)]
pub(crate) struct List {
    columns: BTreeMap<String, usize>,
    /// Line number and cells.
    pub(crate) rows: Vec<(u64, Vec<String>)>,
}

impl List {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ListError> {
        // The reader counts a line at its LF, and one that ends with both too late.
        let text = decode(bytes).replace("\r\n", "\n");
        // What PowerShell writes without -NoTypeInformation, and Excel's hint.
        let skipped = text.lines().take_while(|line| is_preamble(line)).count();
        let text = text.split_inclusive('\n').skip(skipped).collect::<String>();
        let delimiter = delimiter_of(text.lines().next().unwrap_or_default());
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let header = reader
            .headers()
            .map_err(|source| ListError::Line { line: 1, source })?;
        let names = header.iter().map(|name| name.trim().to_lowercase());
        let columns = names.enumerate().map(|(at, name)| (name, at)).collect();
        let mut rows = Vec::new();
        for (at, record) in reader.records().enumerate() {
            let line = (at + skipped) as u64 + 2;
            let record = record.map_err(|source| ListError::Line { line, source })?;
            let line = record
                .position()
                .map_or(line, |at| at.line() + skipped as u64);
            let cells: Vec<String> = record.iter().map(str::to_owned).collect();
            if cells.iter().any(|cell| !cell.is_empty()) {
                rows.push((line, cells));
            }
        }
        Ok(Self { columns, rows })
    }

    /// Index of the first of `names` that is a column.
    pub(crate) fn column(&self, names: &[&str]) -> Option<usize> {
        names
            .iter()
            .find_map(|name| self.columns.get(*name).copied())
    }

    /// The column that was mapped to `what`, else the first of `names`.
    pub(crate) fn mapped(&self, mapping: &Mapping, what: &str, names: &[&str]) -> Option<usize> {
        match mapping.column(what) {
            Some(mapped) => self.column(&[mapped]),
            None => self.column(names),
        }
    }

    /// The same, where the list is nothing without it.
    pub(crate) fn must_mapped(
        &self,
        mapping: &Mapping,
        what: &str,
        names: &[&str],
    ) -> Result<usize, ListError> {
        match mapping.column(what) {
            Some(mapped) => self.must(&[mapped]),
            None => self.must(names),
        }
    }

    pub(crate) fn must(&self, names: &[&str]) -> Result<usize, ListError> {
        self.column(names).ok_or_else(|| ListError::Column {
            wanted: names.join(" or "),
            found: self.columns.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }
}

fn is_preamble(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}').trim();
    line.is_empty() || line.starts_with("#TYPE ") || line.starts_with("sep=")
}

/// The cell of a row, empty where the column or cell is missing.
pub(crate) fn cell(cells: &[String], column: Option<usize>) -> &str {
    column
        .and_then(|column| cells.get(column))
        .map_or("", String::as_str)
}

/// UTF-8 and UTF-16 by their marks or shape; anything else is GBK, which banks'
/// spreadsheets write.
pub(crate) fn decode(bytes: &[u8]) -> String {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return String::from_utf8_lossy(rest).into_owned();
    }
    let zeros_at = |odd: usize| {
        let half = bytes.iter().skip(odd).step_by(2).take(200);
        half.filter(|byte| **byte == 0).count()
    };
    let encoding = if bytes.starts_with(b"\xff\xfe") || zeros_at(1) > 3 * (1 + zeros_at(0)) {
        UTF_16LE
    } else if bytes.starts_with(b"\xfe\xff") || zeros_at(0) > 3 * (1 + zeros_at(1)) {
        UTF_16BE
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    } else {
        GB18030
    };
    encoding.decode(bytes).0.into_owned()
}

fn delimiter_of(header: &str) -> u8 {
    let count = |c: char| header.matches(c).count();
    let commas = count(',');
    if count('\t') > commas {
        b'\t'
    } else if count(';') > commas {
        b';'
    } else {
        b','
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_list_reads_the_same_in_every_encoding() {
        let text = "device_id,备注\r\npc-1,网点关闭\r\n";
        let mut utf16 = vec![0xff, 0xfe];
        utf16.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let bare: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let (gbk, _, _) = encoding_rs::GBK.encode(text);
        let mut marked = b"\xef\xbb\xbf".to_vec();
        marked.extend_from_slice(text.as_bytes());
        for bytes in [text.as_bytes(), &utf16, &bare, &big, &gbk, &marked] {
            let list = List::parse(bytes).unwrap();
            let note = list.must(&["备注"]).unwrap();
            assert_eq!(list.rows.len(), 1);
            assert_eq!(cell(&list.rows[0].1, Some(note)), "网点关闭");
        }
    }

    #[test]
    fn a_mapped_column_wins_and_what_powershell_puts_first_is_skipped() {
        let list = "#TYPE Some.Class\r\n\r\n\"Name\",\"Id\"\r\n\"pc-1\",\"7\"\r\n";
        let list = List::parse(list.as_bytes()).unwrap();
        assert_eq!(list.rows[0].0, 4);
        let mapping = Mapping::of([("device".to_owned(), "ID".to_owned())]);
        let at = list.must_mapped(&mapping, "device", &["name"]).unwrap();
        assert_eq!(cell(&list.rows[0].1, Some(at)), "7");
        let absent = Mapping::of([("device".to_owned(), "Host".to_owned())]);
        assert!(list.must_mapped(&absent, "device", &["name"]).is_err());
    }

    #[test]
    fn semicolons_tabs_and_empty_lines_are_read() {
        for text in ["a;b\n1;2\n;\n", "a\tb\n1\t2\n\n"] {
            let list = List::parse(text.as_bytes()).unwrap();
            assert_eq!(list.rows.len(), 1, "{text:?}");
        }
    }

    #[test]
    fn a_missing_column_is_named_with_those_that_are_there() {
        let list = List::parse(b"foo,bar\n1,2\n").unwrap();
        let error = list.must(&["device_id", "device"]).unwrap_err().to_string();
        assert!(error.contains("device_id or device") && error.contains("bar, foo"));
    }
}
