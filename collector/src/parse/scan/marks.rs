//! Where bytes and marks stand in a text, and what stands around them.

/// Bytes that are looked at together.
const BLOCK: usize = 16;

/// Place of the first such byte. Most lie too near for a searcher that asks
/// first what the processor can.
#[inline]
pub(crate) fn place(text: &[u8], byte: u8) -> Option<usize> {
    let (blocks, _) = text.as_chunks::<BLOCK>();
    // Without a branch for each byte: it becomes vector code.
    let holds = |block: &[u8; BLOCK]| {
        let found = block.iter().map(|found| *found == byte);
        found.fold(false, |any, found| any | found)
    };
    let passed = blocks.iter().position(holds).unwrap_or(blocks.len()) * BLOCK;
    let (words, rest) = text[passed..].as_chunks();
    for (number, word) in words.iter().enumerate() {
        if let Some(at) = place_in_word(*word, byte) {
            return Some(passed + number * size_of_val(word) + at);
        }
    }
    let at = rest.iter().position(|found| *found == byte)?;
    Some(text.len() - rest.len() + at)
}

/// Place of the first such byte of eight.
fn place_in_word(word: [u8; 8], byte: u8) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let differing = u64::from_le_bytes(word) ^ (ONES * u64::from(byte));
    // The lowest byte without a bit borrows first and shows it in its highest.
    let equal = differing.wrapping_sub(ONES) & !differing & (ONES << 7);
    (equal != 0).then_some(equal.trailing_zeros() as usize / 8)
}

/// Place of the first occurrence of `mark`: one telling byte is looked for.
#[inline]
pub(crate) fn find(text: &[u8], mark: &[u8]) -> Option<usize> {
    if mark.is_empty() {
        return Some(0);
    }
    let telling = |byte: &u8| !byte.is_ascii_lowercase() && !matches!(byte, b' ' | b',' | b'.');
    let lead = mark.iter().position(telling).unwrap_or(0);
    let byte = *mark.get(lead)?;
    let mut from = lead;
    while let Some(at) = place(text.get(from..)?, byte) {
        let start = from + at - lead;
        if text[start..].starts_with(mark) {
            return Some(start);
        }
        from += at + 1;
    }
    None
}

/// What follows the first occurrence of `mark`.
#[inline]
pub(crate) fn after<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    find(text, mark).map(|at| &text[at + mark.len()..])
}

/// What stands before the first occurrence of `mark`; all of it without one.
#[inline]
pub(crate) fn before<'a>(text: &'a [u8], mark: &[u8]) -> &'a [u8] {
    find(text, mark).map_or(text, |at| &text[..at])
}

/// Whether `mark` occurs.
pub(crate) fn contains(text: &[u8], mark: &[u8]) -> bool {
    find(text, mark).is_some()
}

/// The leading bytes that satisfy `belongs`.
pub(crate) fn lead(text: &[u8], belongs: impl Fn(u8) -> bool) -> &[u8] {
    let end = text
        .iter()
        .position(|byte| !belongs(*byte))
        .unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use memchr::memmem;

    #[test]
    fn a_byte_is_found_where_it_first_stands() {
        for length in 0..50 {
            for at in 0..length {
                let mut text = vec![b'{' - 1; length];
                text[at..].fill(b'{');
                assert_eq!(place(&text, b'{'), Some(at));
                text[at..].fill(b'{' | 0x80);
                assert_eq!(place(&text, b'{'), None);
            }
        }
    }

    #[test]
    fn a_mark_is_found_where_it_first_stands() {
        for (text, mark, place) in [
            (&b"a of b of c"[..], &b" of "[..], Some(1)),
            (b"x [HRESULT = 0x1", b" [HRESULT", Some(1)),
            (b"HHRESULT", b"HRESULT", Some(1)),
            (b"ab", b"abc", None),
            (b"ab", b"", Some(0)),
            (b"", b"A", None),
            (b"0: ", b": ", Some(1)),
        ] {
            assert_eq!(find(text, mark), place);
            assert_eq!(memmem::find(text, mark), place);
        }
    }
}
