//! Small hand-written readers of message text, shared by all grammars.

mod marks;

use kbwatch_proto::result_code::ResultCode;

pub(crate) use self::marks::{after, before, contains, find, lead, place};

/// Value after `name`, up to a comma with a blank, a blank with a bracket, or
/// the end: the way CBS lists `Session: X, Package: Y [HRESULT = ..]`.
pub(crate) fn listed<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = after(text, name)?;
    let ends = |at: &usize| match value[*at] {
        b',' => value[*at..].starts_with(b", "),
        _ => value[*at..].starts_with(b"[HRESULT") && value[..*at].ends_with(b" "),
    };
    let end = memchr::memchr2_iter(b',', b'[', value).find(ends);
    let value = value[..end.unwrap_or(value.len())].trim_ascii();
    let value = value.strip_suffix(b",").unwrap_or(value);
    (!value.is_empty() && value != b"(null)").then_some(value)
}

/// Unsigned decimal number at the start, after blanks.
pub(crate) fn number(text: &[u8]) -> Option<u32> {
    let digits = lead(text.trim_ascii_start(), |byte| byte.is_ascii_digit());
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Result code at the start: hexadecimal with `0x`, signed or plain decimal.
pub(crate) fn code(text: &[u8]) -> Option<u32> {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let text = text.strip_prefix(b" ").unwrap_or(text);
    if let Some((digits, rest)) = text.strip_prefix(b"0x").and_then(<[u8]>::split_first_chunk)
        && !rest.first().is_some_and(|byte| belongs(*byte))
        && let Some(code) = full_hex(*digits)
    {
        return Some(code);
    }
    let word = lead(text.trim_ascii_start(), belongs);
    ResultCode::parse(std::str::from_utf8(word).ok()?).map(|code| code.0)
}

/// Value of eight hexadecimal digits.
fn full_hex(digits: [u8; 8]) -> Option<u32> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_be_bytes(digits);
    // Digits end in their value, letters in one from 1 for A and a.
    let values = (text & (ONES * 0xf)) + ((text >> 6) & ONES) * 9;
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    let value = (fours | fours >> 16) & u64::from(u32::MAX);
    is_hex(&digits).then_some(value)?.try_into().ok()
}

/// Whether all are hexadecimal digits: looked at without a branch for each, it
/// becomes vector code.
#[inline]
pub(crate) fn is_hex(digits: &[u8]) -> bool {
    digits
        .iter()
        .fold(true, |so_far, digit| so_far & digit.is_ascii_hexdigit())
}

/// Result code of eight hexadecimal digits with or without `0x`.
pub(crate) fn hex_code(text: &[u8]) -> Option<u32> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"0x").unwrap_or(text);
    let digits = lead(text, |byte| byte.is_ascii_hexdigit());
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Code of the suffix `[HRESULT = 0x800f081f - CBS_E_SOURCE_MISSING]`, also in
/// its short form `[0x800f0922]`.
pub(crate) fn hresult(message: &[u8]) -> Option<u32> {
    if let Some(value) = after(message, b"[HRESULT") {
        let value = value.strip_prefix(b" ").unwrap_or(value).trim_ascii_start();
        return code(value.strip_prefix(b"=").unwrap_or(value));
    }
    let short =
        memchr::memrchr_iter(b'[', message).find_map(|at| message[at + 1..].strip_prefix(b"0x"))?;
    let (digits, rest) = short.split_first_chunk()?;
    full_hex(*digits).filter(|_| matches!(rest.first(), Some(b']' | b' ')))
}

/// Value of a counted string such as `[l:44]'text'` or `[l:36{18}]"text"`, and
/// what follows it. The count is bytes or characters by version, so quotes
/// decide; a quote inside a name is one that no delimiter follows.
pub(crate) fn counted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let open = text.iter().position(|byte| matches!(byte, b'\'' | b'"'))?;
    let quote = text[open];
    let body = &text[open + 1..];
    let mut from = 0;
    while let Some(at) = place(&body[from..], quote) {
        let end = from + at;
        let next = body.get(end + 1);
        if next.is_none_or(|byte| b" )].,;:\\[".contains(byte)) {
            return Some((&body[..end], &body[end + 1..]));
        }
        from = end + 1;
    }
    None
}

/// Bytes of a blob such as `{l:32 ml:33 b:250a…}` or `{l:32 b:0ERq…=}`.
pub(crate) fn blob(text: &[u8]) -> Option<&[u8]> {
    let body = before(after(text, b"{")?, b"}");
    let last = memchr::memrchr(b' ', body).map_or(body, |at| &body[at + 1..]);
    let value = last.strip_prefix(b"b:").or_else(|| after(body, b"b:"))?;
    (!value.is_empty()).then_some(value)
}

/// Knowledge-base number in a text: `KB` and six to eight digits, the first
/// one that is no placeholder.
pub(crate) fn kb(text: &[u8]) -> Option<String> {
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'K', b'k', &text[from..]) {
        let start = from + at;
        from = start + 1;
        let Some(b'B' | b'b') = text.get(start + 1) else {
            continue;
        };
        if start > 0 && text[start - 1].is_ascii_alphanumeric() {
            continue;
        }
        let digits = lead(&text[start + 2..], |byte| byte.is_ascii_digit());
        let follows = text.get(start + 2 + digits.len());
        if !(6..=8).contains(&digits.len()) || follows.is_some_and(u8::is_ascii_alphabetic) {
            continue;
        }
        let found: String = b"KB"
            .iter()
            .chain(digits)
            .copied()
            .map(char::from)
            .collect();
        if !is_placeholder(&found) {
            return Some(found);
        }
    }
    None
}

/// Numbers that CBS prints for features and capabilities: never an update.
pub(crate) fn is_placeholder(kb: &str) -> bool {
    matches!(kb, "KB777777" | "KB777778")
}

/// Update id at the start, braces optional: upper case without braces, and
/// what follows.
pub(crate) fn guid(text: &[u8]) -> Option<(String, &[u8])> {
    const LEN: usize = 36;
    let body = text.strip_prefix(b"{").unwrap_or(text);
    let digits = body.get(..LEN)?;
    let shaped = digits.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    if !shaped {
        return None;
    }
    let rest = &body[LEN..];
    let rest = rest.strip_prefix(b"}").unwrap_or(rest);
    Some((String::from_utf8_lossy(digits).to_ascii_uppercase(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_values_end_at_commas_and_at_the_result() {
        let text = b"Session: 1_2, Package: P~~1.0, Identifier: KB1 [HRESULT = 0x0 - S_OK]";
        assert_eq!(listed(text, b"Session: "), Some(&b"1_2"[..]));
        assert_eq!(listed(text, b"Identifier: "), Some(&b"KB1"[..]));
        assert_eq!(listed(text, b"Client: "), None);
        let text = b"Path: a,b [c], x, Client: D [HRESULT = 0x0]";
        assert_eq!(listed(text, b"Path: "), Some(&b"a,b [c]"[..]));
        assert_eq!(listed(text, b"Client: "), Some(&b"D"[..]));
    }

    #[test]
    fn both_forms_of_the_result_suffix_are_read() {
        let long = b"x [HRESULT = 0x800f081f - CBS_E_SOURCE_MISSING]";
        assert_eq!(hresult(long), Some(0x800f_081f));
        assert_eq!(hresult(b"x [0x800f0922]"), Some(0x800f_0922));
        assert_eq!(hresult(b"x [0x800f0805 - CBS_E]"), Some(0x800f_0805));
        assert_eq!(hresult(b"x [gle=0x80004005]"), None);
        assert_eq!(hresult(b"[0x800f0922] then [0x1]"), None);
        assert_eq!(hresult(b"[0x800f0922] [HRESULT = 0x0 - S_OK]"), Some(0));
    }

    #[test]
    fn codes_of_any_length_end_where_the_word_ends() {
        for (text, value) in [
            (&b" 0x800f0922 - X"[..], Some(0x800f_0922)),
            (b"0x5 and so on", Some(5)),
            (b"0x800f09221", None),
            (b"0x800f092", Some(0x0800_f092)),
            (b"0x800f09-2", None),
            (b"-2146498171]", Some(0x800f_0985)),
        ] {
            assert_eq!(code(text), value);
        }
    }

    #[test]
    fn counted_strings_of_every_version_are_read_by_their_quotes() {
        for (text, value) in [
            (&b"[l:8]'a.dll' do"[..], &b"a.dll"[..]),
            (b"[l:79 ml:140]'a_b')", b"a_b"),
            (b"[l:36{18}]\"A\\c.dpb\" :", b"A\\c.dpb"),
            (b"[26]\"x\"", b"x"),
            (b"[l:9]'it's.txt' do", b"it's.txt"),
        ] {
            assert_eq!(counted(text).map(|found| found.0), Some(value));
        }
        assert_eq!(counted(b"[l:9]'cut"), None);
    }

    #[test]
    fn a_kb_number_is_found_wherever_it_stands_and_placeholders_never() {
        for text in [
            &b"Package_for_KB5022286~31bf"[..],
            b"2023-01 Update (KB5022286)",
            b"Windows10.0-kb5022286-x64.msu",
            b"KB777778 KB5022286",
        ] {
            assert_eq!(kb(text).as_deref(), Some("KB5022286"));
        }
        for text in [
            &b"KB777778"[..],
            b"KB12",
            b"12 KB",
            b"XKB5022286",
            b"KB123456789",
        ] {
            assert_eq!(kb(text), None);
        }
    }

    #[test]
    fn update_ids_are_read_with_and_without_braces() {
        let text = b"{0a1b2c3d-0000-1111-2222-333344445555}.204";
        let (id, rest) = guid(text).unwrap();
        assert_eq!(id, "0A1B2C3D-0000-1111-2222-333344445555");
        assert_eq!(rest, b".204");
        assert!(guid(b"{0a1b2c3d}").is_none());
    }
}
