//! Writes small .evtx logs for tests, in the shapes that Windows writes.

use std::io::Write as _;

const CHUNK_LEN: usize = 65_536;

/// How a record's template names its provider.
#[derive(Clone, Copy)]
pub(super) enum Naming {
    /// In the template.
    Written,
    /// As a value of the record.
    AsValue,
    /// In an element that depends on a value, which is unusual.
    Dependent,
}

/// A record to write.
pub(super) struct Record {
    pub(super) provider: &'static str,
    pub(super) naming: Naming,
    pub(super) event: u16,
}

/// A log of one chunk with these records, numbered from 1.
pub(super) fn log(records: &[Record]) -> tempfile::NamedTempFile {
    let mut chunk = Chunk(vec![0; 512]);
    let mut last_at = 0;
    for (number, record) in (1_u64..).zip(records) {
        last_at = chunk.0.len();
        chunk.record(number, record);
    }
    let free_at = chunk.0.len();
    let last = records.len() as u64;
    chunk.0[..8].copy_from_slice(b"ElfChnk\0");
    for (at, number) in [(8, 1), (16, last), (24, 1), (32, last)] {
        chunk.0[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    for (at, number) in [(40, 128), (44, last_at), (48, free_at)] {
        let number = u32::try_from(number).unwrap();
        chunk.0[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    chunk.0.resize(CHUNK_LEN, 0);
    let mut head = vec![0; 4096];
    head[..8].copy_from_slice(b"ElfFile\0");
    head[40..42].copy_from_slice(&4096_u16.to_le_bytes());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&head).unwrap();
    file.write_all(&chunk.0).unwrap();
    file
}

struct Chunk(Vec<u8>);

impl Chunk {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: usize) {
        self.put(&u32::try_from(number).unwrap().to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.put(&u16::try_from(text.len()).unwrap().to_le_bytes());
        self.put(&wide(text));
    }

    /// A name that stands where it is used.
    fn name(&mut self, name: &str) {
        self.number(self.0.len() + 4);
        self.put(&[0; 6]);
        self.text(name);
        self.put(&[0, 0]);
    }

    fn open(&mut self, element: &str, dependency: u16, has_attributes: bool) {
        self.put(&[if has_attributes { 0x41 } else { 0x01 }]);
        self.put(&dependency.to_le_bytes());
        self.number(0);
        self.name(element);
        if has_attributes {
            self.number(0);
        }
    }

    fn attribute(&mut self, name: &str) {
        self.put(&[0x06]);
        self.name(name);
    }

    fn written(&mut self, text: &str) {
        self.put(&[0x05, 0x01]);
        self.text(text);
    }

    /// An element that holds one of the record's values.
    fn holding(&mut self, element: &str, index: u8, kind: u8) {
        self.open(element, 0xffff, false);
        self.put(&[0x02, 0x0e, index, 0, kind, 0x04]);
    }

    fn template(&mut self, record: &Record) {
        self.put(&[0x0f, 1, 1, 0]);
        self.open("Event", 0xffff, true);
        self.attribute("xmlns");
        self.written("http://schemas.microsoft.com/win/2004/08/events/event");
        self.put(&[0x02]);
        self.open("System", 0xffff, false);
        self.put(&[0x02]);
        let dependency = match record.naming {
            Naming::Dependent => 0,
            _ => 0xffff,
        };
        self.open("Provider", dependency, true);
        self.attribute("Guid");
        self.put(&[0x0e, 1, 0, 0x0f]);
        self.attribute("Name");
        match record.naming {
            Naming::AsValue => self.put(&[0x0e, 3, 0, 0x01]),
            _ => self.written(record.provider),
        }
        self.put(&[0x03]);
        self.holding("EventID", 0, 0x06);
        self.open("TimeCreated", 0xffff, true);
        self.attribute("SystemTime");
        self.written("2023-01-11T09:00:00.000Z");
        self.put(&[0x03]);
        self.holding("EventRecordID", 2, 0x0a);
        self.open("Channel", 0xffff, false);
        self.put(&[0x02]);
        self.written("System");
        // Ends of `Channel`, `System` and `Event`, and of all.
        self.put(&[0x04, 0x04, 0x04, 0x00]);
    }

    fn record(&mut self, number: u64, record: &Record) {
        let start = self.0.len();
        self.put(&[b'*', b'*', 0, 0, 0, 0, 0, 0]);
        self.put(&number.to_le_bytes());
        self.put(&133_179_048_000_000_000_u64.to_le_bytes());
        self.put(&[0x0f, 1, 1, 0, 0x0c, 1]);
        self.number(1);
        let place = self.0.len() + 4;
        self.number(place);
        self.put(&[0; 24]);
        self.template(record);
        let len = u32::try_from(self.0.len() - place - 24).unwrap();
        self.0[place + 20..place + 24].copy_from_slice(&len.to_le_bytes());
        let provider = wide(record.provider);
        self.number(4);
        for (size, kind) in [(2, 0x06), (16, 0x0f), (8, 0x0a), (provider.len(), 0x01)] {
            self.put(&u16::try_from(size).unwrap().to_le_bytes());
            self.put(&[kind, 0]);
        }
        self.put(&record.event.to_le_bytes());
        self.put(&[7; 16]);
        self.put(&number.to_le_bytes());
        self.put(&provider);
        self.put(&[0x00]);
        let size = u32::try_from(self.0.len() + 4 - start).unwrap();
        self.put(&size.to_le_bytes());
        self.0[start + 4..start + 8].copy_from_slice(&size.to_le_bytes());
    }
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
