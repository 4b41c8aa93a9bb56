//! What must hold for every event, whatever it was read from.

use kbwatch_proto::event::{MAX_EVIDENCE_LEN, MAX_EXTRA, MAX_TEXT_LEN, UpdateEvent};

/// Folders under `\Users` that belong to nobody.
const SHARED: [&str; 4] = ["public", "default", "all users", "default user"];

/// Asserts the limits of fields and that nobody is named.
pub fn hold(event: &UpdateEvent) {
    assert!(
        event.evidence.len() <= MAX_EVIDENCE_LEN,
        "evidence too long"
    );
    assert!(event.extra.len() <= MAX_EXTRA, "too many extra fields");
    let texts = event.texts();
    let extra = event.extra.values().map(|value| &**value);
    for text in texts.into_iter().chain(extra) {
        assert!(
            text.len() <= MAX_TEXT_LEN.max(MAX_EVIDENCE_LEN),
            "text too long"
        );
        assert!(!names_a_user(text), "a user is named: {text:?}");
        assert!(!names_an_account(text), "an account is named: {text:?}");
    }
    assert!(
        !event.noise || !event.result.is_harm(),
        "noise that claims harm"
    );
    assert!(
        !matches!(event.kb.as_str(), "KB777777" | "KB777778"),
        "a placeholder KB"
    );
}

/// Whether a name stands behind a drive's `\Users\`.
fn names_a_user(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut rest = lower.as_str();
    while let Some((_, tail)) = rest.split_once(":\\users\\") {
        // What no name of a folder may hold ends it; none begins with a mark.
        let name: &str = tail
            .split([
                '\\', '/', '"', '<', '>', '|', '*', '?', ':', '\n', '\r', '\t',
            ])
            .next()
            .unwrap_or_default();
        if name.starts_with(char::is_alphanumeric) && !is_shared(name) {
            return true;
        }
        rest = tail;
    }
    false
}

/// Whether a name is that of a folder of nobody, and what the text says next.
fn is_shared(name: &str) -> bool {
    let goes_on = |shared: &&str| {
        let rest = name.strip_prefix(*shared);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    SHARED.iter().any(goes_on)
}

/// Whether a domain account's security identifier stands in the text.
fn names_an_account(text: &str) -> bool {
    text.split("S-1-5-21-")
        .skip(1)
        .any(|tail| tail.starts_with(|c: char| c.is_ascii_digit()))
}
