//! As much HTML as the tests need: elements in order, their texts, what a
//! translator would see.

/// Elements without an end tag.
const VOID: [&str; 5] = ["meta", "link", "input", "br", "img"];

/// A piece of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Begin of an element with its attributes, unescaped.
    Begin(String, Vec<(String, String)>),
    /// End of an element.
    End(String),
    /// Text, unescaped.
    Text(String),
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// Cuts a page into pieces. Panics where an attribute is not quoted: the pages
/// never leave one so.
pub(crate) fn pieces(html: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some((text, after)) = rest.split_once('<') {
        if !text.is_empty() {
            found.push(Piece::Text(unescape(text)));
        }
        let (tag, after) = tag_of(after);
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            found.push(Piece::End(name.to_owned()));
        } else if !tag.starts_with('!') {
            found.push(begin(tag));
        }
    }
    found.push(Piece::Text(unescape(rest)));
    found
}

/// The inside of a tag up to the `>` that no quotes enclose.
fn tag_of(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        c == '>' && !quoted
    });
    let end = end.unwrap_or_else(|| panic!("a tag without end: {text:.60}"));
    (&text[..end], &text[end + 1..])
}

fn begin(tag: &str) -> Piece {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut attributes = Vec::new();
    while !rest.trim().is_empty() {
        let (key, after) = rest
            .trim_start()
            .split_once('=')
            .unwrap_or((rest.trim(), ""));
        if key.contains(' ') || after.is_empty() {
            // An attribute without a value, as `required`.
            let (bare, after) = rest
                .trim_start()
                .split_once(' ')
                .unwrap_or((rest.trim(), ""));
            attributes.push((bare.to_owned(), String::new()));
            rest = after;
            continue;
        }
        let value = after
            .strip_prefix('"')
            .unwrap_or_else(|| panic!("unquoted: {tag:.80}"));
        let (value, after) = value.split_once('"').unwrap();
        attributes.push((key.to_owned(), unescape(value)));
        rest = after;
    }
    Piece::Begin(name.to_owned(), attributes)
}

/// Texts of a page that its authors wrote: without elements marked as not to be
/// translated, scripts and styles; with the attributes that people are shown.
pub(crate) fn translated_texts(html: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut open: Vec<(String, bool)> = Vec::new();
    for piece in pieces(html) {
        let hidden = open.last().is_some_and(|(_, hidden)| *hidden);
        match piece {
            Piece::Text(text) if !hidden => texts.push(text),
            Piece::Text(_) => {}
            Piece::End(name) => {
                let (opened, _) = open.pop().unwrap_or_default();
                assert_eq!(opened, name, "elements are crossed");
            }
            Piece::Begin(name, attributes) => {
                let data = attributes.contains(&("translate".to_owned(), "no".to_owned()));
                let hidden = hidden || data || ["script", "style", "title"].contains(&&*name);
                let shown = ["aria-label", "placeholder", "data-label"];
                let of_people = attributes
                    .into_iter()
                    .filter(|(key, _)| shown.contains(&&**key));
                if !hidden && name != "svg" {
                    texts.extend(of_people.map(|(_, value)| value));
                }
                if !VOID.contains(&&*name) {
                    open.push((name, hidden));
                }
            }
        }
    }
    assert!(open.is_empty(), "elements are left open: {open:?}");
    texts
}

/// Values of an attribute of all elements of one name.
pub(crate) fn attribute(html: &str, element: &str, key: &str) -> Vec<String> {
    pieces(html)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Begin(name, attributes) if name == element => Some(attributes),
            _ => None,
        })
        .flat_map(|attributes| attributes.into_iter().filter(|(name, _)| name == key))
        .map(|(_, value)| value)
        .collect()
}

/// How many elements of one name there are.
pub(crate) fn elements(html: &str, element: &str) -> usize {
    pieces(html)
        .iter()
        .filter(|piece| matches!(piece, Piece::Begin(name, _) if name == element))
        .count()
}

/// All text of a page with its spaces folded.
pub(crate) fn text(html: &str) -> String {
    let body = html.split_once("<body").map_or(html, |(_, body)| body);
    let body = body.split_once('>').map_or(body, |(_, body)| body);
    let texts: Vec<String> = pieces(body)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Text(text) => Some(text),
            _ => None,
        })
        .collect();
    texts
        .concat()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
