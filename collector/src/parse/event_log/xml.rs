//! Takes one `<Event>` element apart, by names: order and versions of fields
//! differ.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

const MAX_VALUES: usize = 64;

/// The parts of an event-log record that grammars read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RawEvent {
    pub(crate) provider: String,
    pub(crate) event_number: u32,
    pub(crate) record_id: u64,
    pub(crate) system_time: String,
    pub(crate) channel: String,
    /// Values of `EventData` and `UserData` by name; unnamed ones have none.
    pub(crate) values: Vec<(String, String)>,
}

impl RawEvent {
    /// Reads an element; `None` where it is damaged.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut raw = Self::default();
        let mut path: Vec<Open> = Vec::new();
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    raw.attributes(&start);
                    let open = Open::within(path.last(), &start);
                    path.push(open);
                }
                Event::Empty(start) => {
                    raw.attributes(&start);
                    let open = Open::within(path.last(), &start);
                    raw.close(path.last(), open);
                }
                Event::Text(part) => add_text(&mut path, &part),
                Event::CData(part) => add_text(&mut path, &part),
                Event::GeneralRef(entity) if !path.is_empty() => {
                    add_text(&mut path, &resolve(&entity)?);
                }
                Event::End(_) => {
                    let open = path.pop()?;
                    raw.close(path.last(), open);
                    if path.is_empty() {
                        return Some(raw);
                    }
                }
                Event::Eof => return None,
                _ => {}
            }
        }
    }

    /// Value by name, case-insensitive; the first of several names that has one.
    pub(crate) fn value(&self, names: &[&str]) -> &str {
        names
            .iter()
            .find_map(|name| {
                self.values
                    .iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name))
            })
            .map_or("", |(_, value)| value.trim())
    }

    fn attributes(&mut self, start: &BytesStart<'_>) {
        match start.local_name().as_ref() {
            "Provider" => {
                self.provider = attribute(start, "Name")
                    .or_else(|| attribute(start, "EventSourceName"))
                    .unwrap_or_default();
            }
            "TimeCreated" => {
                self.system_time = attribute(start, "SystemTime").unwrap_or_default();
            }
            _ => {}
        }
    }

    fn close(&mut self, parent: Option<&Open>, open: Open) {
        match (parent.map(|parent| parent.element), open.element) {
            (Some(Element::System), Element::EventId) => {
                self.event_number = open.text.trim().parse().unwrap_or_default();
            }
            (Some(Element::System), Element::EventRecordId) => {
                self.record_id = open.text.trim().parse().unwrap_or_default();
            }
            (Some(Element::System), Element::Channel) => {
                open.text.trim().clone_into(&mut self.channel);
            }
            _ if open.is_value => self.push(open.name, open.text),
            _ => {}
        }
    }

    fn push(&mut self, name: String, value: String) {
        if self.values.len() < MAX_VALUES {
            self.values.push((name, value));
        }
    }
}

/// The elements whose names mean something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    System,
    EventId,
    EventRecordId,
    Channel,
    EventData,
    UserData,
    Other,
}

impl Element {
    fn named(name: &str) -> Self {
        match name {
            "System" => Self::System,
            "EventID" => Self::EventId,
            "EventRecordID" => Self::EventRecordId,
            "Channel" => Self::Channel,
            "EventData" => Self::EventData,
            "UserData" => Self::UserData,
            _ => Self::Other,
        }
    }
}

/// An element that has not ended yet.
struct Open {
    element: Element,
    /// Whether it stands in `UserData`, or is that.
    in_user_data: bool,
    /// Whether it is a named value: what `EventData` holds, by the attribute,
    /// or what stands below the elements of `UserData`, by the element.
    is_value: bool,
    name: String,
    text: String,
}

impl Open {
    fn within(parent: Option<&Self>, start: &BytesStart<'_>) -> Self {
        let local = start.local_name();
        let element = Element::named(local.as_ref());
        let above = parent.map_or(Element::Other, |parent| parent.element);
        let in_user_data = parent.is_some_and(|parent| parent.in_user_data);
        let is_data = above == Element::EventData;
        let is_value = is_data || in_user_data && above != Element::UserData;
        let name = if is_data {
            attribute(start, "Name").unwrap_or_default()
        } else if is_value {
            local.as_ref().to_owned()
        } else {
            String::new()
        };
        Self {
            element,
            in_user_data: in_user_data || element == Element::UserData,
            is_value,
            name,
            text: String::new(),
        }
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = start.try_get_attribute(name).ok().flatten();
    found.map(|found| found.value.into_owned())
}

/// Adds to the innermost element, unless that says nothing here.
fn add_text(path: &mut [Open], part: &str) {
    if let Some(open) = path.last_mut()
        && (open.is_value || open.element != Element::Other)
    {
        open.text.push_str(part);
    }
}

/// Text of an entity: the five of XML and numbers.
fn resolve(name: &str) -> Option<String> {
    let known = match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            return char::from_u32(code).map(String::from);
        }
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELEMENT: &str = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>\
        <System><Provider Name='P' Guid='{0}'/><EventID Qualifiers='1'>19</EventID>\
        <TimeCreated SystemTime='2023-01-11T09:00:00.1234567Z'/>\
        <EventRecordID>7</EventRecordID><Channel>System</Channel></System>\
        <EventData><Data Name='updateTitle'>A &amp; B (KB5022286)</Data>\
        <Data>plain</Data><Data Name='none'/></EventData></Event>";

    #[test]
    fn names_values_and_entities_are_read() {
        let raw = RawEvent::read(ELEMENT).unwrap();
        assert_eq!((raw.event_number, raw.record_id), (19, 7));
        assert_eq!(raw.channel, "System");
        assert_eq!(raw.value(&["UpdateTitle"]), "A & B (KB5022286)");
        assert_eq!(raw.values[1], (String::new(), "plain".to_owned()));
    }

    #[test]
    fn user_data_is_read_by_element_names() {
        let text = "<Event><System><EventID>3</EventID></System><UserData>\
            <CbsPackageChangeState xmlns='x'><PackageIdentifier>KB5022286</PackageIdentifier>\
            <ErrorCode>0x800f0985</ErrorCode></CbsPackageChangeState></UserData></Event>";
        let raw = RawEvent::read(text).unwrap();
        assert_eq!(raw.value(&["ErrorCode"]), "0x800f0985");
        assert_eq!(raw.values.len(), 2);
    }

    #[test]
    fn damaged_elements_are_no_events() {
        for text in ["<Event>", "<Event><a></b></Event>", "", "<Event/"] {
            assert_eq!(RawEvent::read(text), None, "{text}");
        }
    }
}
