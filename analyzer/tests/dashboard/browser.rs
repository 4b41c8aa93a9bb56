//! The pages in a real browser: what people see, in both languages and colour
//! schemes, on a desk and on a phone. Pictures go to `target/screenshots/`.

use std::path::{Path, PathBuf};

use crate::chromium::{Chromium, Look};
use crate::pages::paths;
use crate::sample_view;
use crate::server::{Server, now_ms};

const DESK: Look = Look {
    width: 1280,
    phone: false,
    dark: false,
};

const PHONE: Look = Look {
    width: 390,
    phone: true,
    dark: false,
};

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A browser, or loud words on what is not tested. `KBWATCH_REQUIRE_BROWSER`
/// turns the words into a failure.
fn browser() -> Option<Chromium> {
    let browser = Chromium::start();
    if browser.is_none() {
        let words = "NOT TESTED: the pages in a browser. /usr/bin/chromium is missing: apt-get install chromium\n";
        assert!(
            std::env::var_os("KBWATCH_REQUIRE_BROWSER").is_none(),
            "{words}"
        );
        // Past the test harness, which would keep the words to itself.
        std::io::Write::write_all(&mut std::io::stderr(), words.as_bytes()).unwrap();
    }
    browser
}

/// Opens a page, photographs it, and asserts what holds for every page.
fn look_at(browser: &mut Chromium, url: &str, look: Look, name: &str) -> String {
    browser.open(url, look);
    let width = browser.evaluate("document.documentElement.scrollWidth");
    let widest = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > WIDTH && !e.closest('.scroll')).map(e => e.tagName + '.' + e.className).slice(0, 5).join()";
    let edge = (look.width + 1).to_string();
    let wide = browser.evaluate(&widest.replace("WIDTH", &edge));
    std::fs::write(folder().join(format!("{name}.png")), browser.screenshot()).unwrap();
    assert_eq!(width, look.width, "{name} is wider than the screen: {wide}");
    assert_eq!(wide, "", "{name} reaches beyond the screen");
    // A page that is not there is an error to the browser; nothing else is.
    let complaints: Vec<&String> = browser
        .complaints()
        .iter()
        .filter(|complaint| !complaint.contains("404 (Not Found)"))
        .collect();
    assert!(complaints.is_empty(), "{name}: {complaints:?}");
    let weak = browser.evaluate(include_str!("contrast.js"));
    assert_eq!(
        weak,
        serde_json::json!([]),
        "{name} has text that is hard to read"
    );
    let text = browser.evaluate("document.body.innerText");
    text.as_str().unwrap().to_owned()
}

fn in_lang(path: &str, lang: &str) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}lang={lang}")
}

#[test]
fn every_page_fits_desk_and_phone_in_both_languages_and_schemes() {
    let Some(mut browser) = browser() else { return };
    let server = Server::of(sample_view::rich(now_ms()));
    for (name, path) in paths() {
        for lang in ["en", "zh"] {
            let url = server.url(&in_lang(&path, lang));
            look_at(&mut browser, &url, DESK, &format!("{name}-{lang}"));
            look_at(&mut browser, &url, PHONE, &format!("{name}-{lang}-phone"));
        }
        let url = server.url(&in_lang(&path, "zh"));
        let dark = Look { dark: true, ..DESK };
        look_at(&mut browser, &url, dark, &format!("{name}-zh-dark"));
    }
}

#[test]
fn the_browser_shows_the_whole_story() {
    let Some(mut browser) = browser() else { return };
    let server = Server::of(sample_view::rich(now_ms()));
    let text = look_at(&mut browser, &server.url("/?lang=en"), DESK, "story-en");
    for fact in [
        "KB5022286 fails with 0x800f0985 on 47 of 1,312 devices",
        "Usual for this code: at most 2 of 1,000",
        "localspl.dll",
        "img-teller-2022b",
        "/RestoreHealth /Source:",
    ] {
        assert!(text.contains(fact), "{fact:?} cannot be read in {text}");
    }
    // The check of contrast sees what it looks for.
    browser.evaluate("document.documentElement.style.setProperty('--muted', '#ccc')");
    let weak = browser.evaluate(include_str!("contrast.js"));
    assert!(weak.as_array().unwrap().len() > 10, "{weak}");
    let colour = "getComputedStyle(document.querySelector('svg rect.failed')).fill";
    assert_ne!(
        browser.evaluate(colour),
        "rgb(0, 0, 0)",
        "the sheet is not applied"
    );
}

#[test]
fn hostile_text_runs_nothing_and_breaks_no_layout() {
    let Some(mut browser) = browser() else { return };
    let server = Server::of(sample_view::hostile(now_ms()));
    for (name, path) in paths().into_iter().take(7) {
        for (look, on) in [(DESK, "desk"), (PHONE, "phone")] {
            let url = server.url(&in_lang(&path, "en"));
            look_at(&mut browser, &url, look, &format!("hostile-{name}-{on}"));
            let foreign =
                "document.querySelectorAll('body script, img, [onmouseover], [onerror]').length";
            assert_eq!(browser.evaluate(foreign), 0, "{name}");
        }
    }
}

#[test]
fn empty_states_can_be_looked_at() {
    let Some(mut browser) = browser() else { return };
    let views = [
        ("empty", kbwatch_analyzer::view::View::default()),
        ("no-attempt", sample_view::no_attempt(now_ms())),
        ("quiet", sample_view::quiet(now_ms())),
    ];
    for (name, view) in views {
        let server = Server::of(view);
        for path in ["/", "/rollouts", "/silent", "/clusters"] {
            let part = path.trim_start_matches('/');
            let url = server.url(&in_lang(path, "zh"));
            look_at(&mut browser, &url, DESK, &format!("{name}-{part}-zh"));
        }
    }
}

#[test]
fn the_script_tells_the_zone_copies_commands_and_refreshes() {
    let Some(mut browser) = browser() else { return };
    let server = Server::of(sample_view::rich(now_ms()));
    look_at(&mut browser, &server.url("/?lang=en"), DESK, "script-first");
    let cookie = browser.evaluate("document.cookie");
    assert!(
        cookie
            .as_str()
            .unwrap()
            .contains("kbwatch_zone=Asia/Shanghai"),
        "{cookie}"
    );
    let text = look_at(&mut browser, &server.url("/"), DESK, "script-second");
    assert!(text.contains("times in Asia/Shanghai"), "{text}");
    browser.evaluate("document.querySelector('button[data-copy]').click()");
    let said = "new Promise(r => setTimeout(() => r(document.querySelector('button[data-copy]').textContent), 200))";
    assert_eq!(browser.evaluate(said), "Copied");
    browser.evaluate("document.querySelector('main').dataset.old = 'yes'; getSelection().removeAllRanges(); document.activeElement.blur(); refresh()");
    assert_eq!(
        browser.evaluate("document.querySelector('main').dataset.old ?? 'new'"),
        "new"
    );
}
