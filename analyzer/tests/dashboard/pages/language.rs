//! No word of the other language, and times in the zone of the reader.

use super::{in_lang, paths};
use crate::html;
use crate::sample_view;
use crate::server::{Server, now_ms};

/// Names that stand the same in both languages.
const NAMES: [&str; 31] = [
    "PowerShell",
    "kbwatch",
    "KB",
    "CSV",
    "JSON",
    "DISM",
    "CBS",
    "WSUS",
    "GB",
    "HTTP",
    "PC",
    "log",
    "dism",
    "evtx",
    "CbsPersist",
    "WindowsUpdate",
    "ConfigMgr",
    "CheckSUR",
    "WUSA",
    "SetupDiag",
    "Windows",
    "SSU",
    "NET",
    "api",
    "v",
    "x",
    "CLI",
    "ID",
    "MB",
    "UTC",
    "ATM",
];

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| !word.is_empty())
}

fn is_han(c: char) -> bool {
    ('\u{3000}'..='\u{9fff}').contains(&c) || ('\u{ff00}'..='\u{ffef}').contains(&c)
}

#[test]
fn no_page_has_a_word_of_the_other_language() {
    let views = [
        sample_view::rich,
        sample_view::quiet,
        sample_view::no_attempt,
        |_| kbwatch_analyzer::view::View::default(),
    ];
    for view in views {
        let server = Server::of(view(now_ms()));
        for (name, path) in paths() {
            let chinese = server.get(&in_lang(&path, "zh"), &[]).body;
            for text in html::translated_texts(&chinese) {
                let strange: Vec<&str> =
                    words(&text).filter(|word| !NAMES.contains(word)).collect();
                assert!(
                    strange.is_empty(),
                    "{name} in Chinese: {strange:?} in {text:?}"
                );
            }
            let english = server.get(&in_lang(&path, "en"), &[]).body;
            for text in html::translated_texts(&english) {
                assert!(!text.chars().any(is_han), "{name} in English: {text:?}");
            }
        }
    }
}

#[test]
fn the_language_is_the_browsers_until_the_reader_switches() {
    let server = Server::of(sample_view::rich(now_ms()));
    let browser = ("accept-language", "zh-CN,zh;q=0.9");
    let page = server.get("/", &[browser]);
    assert!(page.body.contains("<html lang=\"zh-CN\">"));
    assert_eq!(page.header("set-cookie"), "");
    let switched = server.get("/?lang=en", &[browser]);
    assert!(switched.body.contains("<html lang=\"en\">"));
    let cookie = switched.header("set-cookie").to_owned();
    assert!(cookie.starts_with("kbwatch_lang=en;"), "{cookie}");
    let next = server.get("/silent", &[browser, ("cookie", "kbwatch_lang=en")]);
    assert!(next.body.contains("<html lang=\"en\">"));
}

#[test]
fn switching_the_language_stays_on_the_record_that_is_shown() {
    let server = Server::of(sample_view::rich(now_ms()));
    let (_, path) = paths()
        .into_iter()
        .find(|(name, _)| *name == "event")
        .unwrap();
    let page = server.get(&in_lang(&path, "en"), &[]).body;
    let other = html::attribute(&page, "a", "href")
        .into_iter()
        .find(|href| href.contains("lang=zh"))
        .map(|href| href.replace("&amp;", "&"));
    assert_eq!(other, Some(format!("{path}&lang=zh")));
}

#[test]
fn times_are_printed_in_the_zone_that_the_browser_told() {
    let server = Server::of(sample_view::rich(now_ms()));
    let page = server
        .get("/?lang=en", &[("cookie", "kbwatch_zone=Asia/Shanghai")])
        .body;
    let text = html::text(&page);
    assert!(text.contains("+08:00"), "{text}");
    assert!(text.contains("times in Asia/Shanghai"), "{text}");
}
