//! Whose a record is, without rendering it.
//!
//! A template begins, in nearly every log, with `Event`, `System` and
//! `Provider`, whose name is written out or is one of the record's values.
//! Only that shape is understood here, token by token and within the chunk; of
//! any other nothing is said.

use super::PROVIDERS;

/// Bytes of a template before its tokens; the last four tell how many follow.
const TEMPLATE_HEADER_LEN: usize = 24;

/// Bytes of a name before its length: the next name's place, and a hash.
const NAME_LINK_LEN: usize = 6;

const OPEN_START: u8 = 0x01;
const CLOSE_START: u8 = 0x02;
const CLOSE_EMPTY: u8 = 0x03;
const VALUE: u8 = 0x05;
const ATTRIBUTE: u8 = 0x06;
const TEMPLATE_INSTANCE: u8 = 0x0c;
const SUBSTITUTION: u8 = 0x0d;
const OPTIONAL_SUBSTITUTION: u8 = 0x0e;
const FRAGMENT_HEADER: u8 = 0x0f;

/// Set in some tokens: an element has attributes, or more of the kind follow.
const MORE: u8 = 0x40;

/// Type of a value: text of two bytes a character.
const TEXT: u8 = 0x01;

/// What an element depends on that is always there.
const NOTHING: u16 = 0xffff;

/// The templates that a chunk's records use, and whom each names.
#[derive(Debug, Default)]
pub(super) struct Templates(Vec<(usize, Named)>);

/// Whom a template names as its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// One that no grammar knows.
    Stranger,
    /// The one in this value of the record.
    InValue(u16),
    /// One that a grammar knows, or nobody can tell.
    Maybe,
}

impl Templates {
    /// Whether a record, whose content begins here, is of a provider that no
    /// grammar knows.
    pub(super) fn is_foreign(&mut self, chunk: &[u8], content: usize) -> bool {
        self.judge(chunk, content).unwrap_or(false)
    }

    fn judge(&mut self, chunk: &[u8], content: usize) -> Option<bool> {
        let mut walk = Walk { chunk, at: content };
        // A byte and the template's id stand before its place.
        let [FRAGMENT_HEADER, _, _, _, TEMPLATE_INSTANCE, ..] = walk.take(10)? else {
            return None;
        };
        let place = walk.number()?;
        if place == walk.at {
            walk.take(TEMPLATE_HEADER_LEN - 4)?;
            let len = walk.number()?;
            walk.take(len)?;
        }
        match self.named(chunk, place) {
            Named::Stranger => Some(true),
            Named::InValue(index) => Some(is_stranger(walk.value(index)?)),
            Named::Maybe => None,
        }
    }

    fn named(&mut self, chunk: &[u8], place: usize) -> Named {
        if let Some((_, named)) = self.0.iter().find(|(known, _)| *known == place) {
            return *named;
        }
        let named = named_by(chunk, place).unwrap_or(Named::Maybe);
        self.0.push((place, named));
        named
    }
}

/// Whom the template at a place names; `None` where its shape is unusual.
fn named_by(chunk: &[u8], place: usize) -> Option<Named> {
    let at = place.checked_add(TEMPLATE_HEADER_LEN)?;
    let mut walk = Walk { chunk, at };
    let [FRAGMENT_HEADER, ..] = walk.take(4)? else {
        return None;
    };
    // Where the whole is left out, there is nothing to tell.
    walk.open(b"Event", |_| true)?;
    while !matches!(walk.part()?, Part::End) {}
    walk.open(b"System", |dependency| dependency == NOTHING)?;
    while !matches!(walk.part()?, Part::End) {}
    walk.open(b"Provider", |dependency| dependency == NOTHING)?;
    loop {
        let Part::Attribute(name, value) = walk.part()? else {
            return None;
        };
        if is_text(name, b"Name", u8::eq) {
            // Whatever follows must not go on with the name.
            walk.part()?;
            return Some(match value {
                Value::Written(text) if is_stranger(text) => Named::Stranger,
                Value::Written(_) => Named::Maybe,
                Value::Of(index) => Named::InValue(index),
            });
        }
    }
}

/// Whether a provider is none that a grammar knows. One without a name may be
/// known by another.
fn is_stranger(text: &[u8]) -> bool {
    let (pairs, _) = text.as_chunks::<2>();
    let end = pairs.iter().position(|pair| *pair == [0, 0]);
    let name = &text[..2 * end.unwrap_or(pairs.len())];
    let is_known = |known| is_text(name, known, u8::eq_ignore_ascii_case);
    !name.is_empty() && !PROVIDERS.into_iter().any(is_known)
}

/// Whether a text of two bytes a character is this one.
fn is_text(text: &[u8], wanted: &[u8], same: impl Fn(&u8, &u8) -> bool) -> bool {
    let (pairs, _) = text.as_chunks::<2>();
    let mut each = pairs.iter().zip(wanted);
    text.len() == 2 * wanted.len() && each.all(|([low, high], byte)| *high == 0 && same(low, byte))
}

/// What stands in a start tag.
enum Part<'a> {
    Attribute(&'a [u8], Value<'a>),
    End,
}

/// Value of an attribute.
enum Value<'a> {
    /// It is written out.
    Written(&'a [u8]),
    /// It is this value of the record.
    Of(u16),
}

/// A place in a chunk.
struct Walk<'a> {
    chunk: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let taken = self.chunk.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    fn short(&mut self) -> Option<u16> {
        let taken = self.take(2)?;
        Some(u16::from_le_bytes([taken[0], taken[1]]))
    }

    /// A place or a length, of four bytes.
    fn number(&mut self) -> Option<usize> {
        let taken = self.take(4)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*taken)).ok()
    }

    /// A text with its length in characters before it.
    fn text(&mut self) -> Option<&'a [u8]> {
        let characters = self.short()?;
        self.take(usize::from(characters) * 2)
    }

    /// Text of the name that is referred to here; the first of its kind stands
    /// right here.
    fn name(&mut self) -> Option<&'a [u8]> {
        let place = self.number()?;
        let mut there = Walk {
            chunk: self.chunk,
            at: place.checked_add(NAME_LINK_LEN)?,
        };
        let name = there.text()?;
        if place == self.at {
            // With the zero that ends it.
            self.at = there.at + 2;
        }
        Some(name)
    }

    /// Enters an element of this name.
    fn open(&mut self, element: &[u8], may_depend_on: impl Fn(u16) -> bool) -> Option<()> {
        let token = self.byte()?;
        if token & !MORE != OPEN_START || !may_depend_on(self.short()?) {
            return None;
        }
        self.take(4)?;
        let name = self.name()?;
        if token & MORE != 0 {
            self.take(4)?;
        }
        is_text(name, element, u8::eq).then_some(())
    }

    fn part(&mut self) -> Option<Part<'a>> {
        match self.byte()? {
            CLOSE_START | CLOSE_EMPTY => return Some(Part::End),
            token if token & !MORE == ATTRIBUTE => {}
            _ => return None,
        }
        let name = self.name()?;
        let value = match self.byte()? {
            SUBSTITUTION | OPTIONAL_SUBSTITUTION => {
                let index = self.short()?;
                self.take(1)?;
                Value::Of(index)
            }
            token if token & !MORE == VALUE && self.byte()? == TEXT => Value::Written(self.text()?),
            _ => return None,
        };
        Some(Part::Attribute(name, value))
    }

    /// A value of the record, where it is text. Sizes and types of all stand
    /// before the first.
    fn value(&mut self, wanted: u16) -> Option<&'a [u8]> {
        let count = self.number()?;
        let descriptors = self.take(count.checked_mul(4)?)?;
        let (descriptors, _) = descriptors.as_chunks::<4>();
        for (index, [low, high, kind, _]) in descriptors.iter().enumerate() {
            let size = usize::from(u16::from_le_bytes([*low, *high]));
            let value = self.take(size)?;
            if index == usize::from(wanted) {
                return (*kind == TEXT && size % 2 == 0).then_some(value);
            }
            // What is longer than its size says moves all that follow.
            if len_of(*kind, value)? > size {
                return None;
            }
        }
        None
    }
}

/// Bytes that a value of this type takes, or 0 where its size says it; `None`
/// for types that are never before a provider's name.
fn len_of(kind: u8, value: &[u8]) -> Option<usize> {
    Some(match kind {
        0x00..=0x02 | 0x0e | 0x10 | 0x21 => 0,
        0x03 | 0x04 => 1,
        0x05 | 0x06 => 2,
        0x07 | 0x08 | 0x0b | 0x0d | 0x14 => 4,
        0x09 | 0x0a | 0x0c | 0x11 | 0x15 => 8,
        0x0f | 0x12 => 16,
        // An account, with the number of its parts in its second byte.
        0x13 => 8 + 4 * usize::from(*value.get(1)?),
        _ => return None,
    })
}
