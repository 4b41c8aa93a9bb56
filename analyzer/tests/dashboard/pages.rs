//! What stands on the pages, in which language, and that hostile text stays
//! text.

use std::collections::BTreeSet;

use crate::html;
use crate::sample_view::{self, CLUSTER, DEVICE, KB};
use crate::server::{Server, now_ms};

/// Every kind of page of the rich sample.
pub(crate) fn paths() -> Vec<(&'static str, String)> {
    vec![
        ("overview", "/".to_owned()),
        ("kb", format!("/kbs/{KB}")),
        ("clusters", "/clusters".to_owned()),
        ("cluster", format!("/clusters/{CLUSTER}")),
        ("rollouts", "/rollouts".to_owned()),
        ("rollout", "/rollouts/2023-01%20production".to_owned()),
        ("silent", "/silent".to_owned()),
        ("readiness", "/readiness".to_owned()),
        ("data", "/data".to_owned()),
        ("device", format!("/devices/{DEVICE}")),
        ("event", format!("/events/{:032x}?device={DEVICE}", 3)),
        ("drop", "/drop".to_owned()),
        ("unknown-device", "/devices/nobody".to_owned()),
        ("nowhere", "/nowhere".to_owned()),
    ]
}

fn in_lang(path: &str, lang: &str) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}lang={lang}")
}

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
fn a_newcomer_can_read_the_whole_story_from_the_first_page() {
    let server = Server::of(sample_view::rich(now_ms()));
    let english = html::text(&server.get("/?lang=en", &[]).body);
    for fact in [
        "KB5022286 is failing now",
        "KB5022286 fails with 0x800f0985 on 47 of 1,312 devices",
        "Usual for this code: at most 2 of 1,000. Failing since ",
        "A file in the component store is damaged or altered",
        "localspl.dll",
        "on 46 of 47 devices",
        "image img-teller-2022b",
        "46 of 51 devices with it fail; without it 1 of 1,261.",
        "Dism /Online /Cleanup-Image /RestoreHealth /Source:",
        "13 silent devices",
    ] {
        assert!(english.contains(fact), "{fact:?} is not in {english}");
    }
    let chinese = html::text(&server.get("/?lang=zh", &[]).body);
    for fact in [
        "KB5022286 在 1,312 台设备中的 47 台上以 0x800f0985 失败",
        "每 1,000 台约 2 台",
        "系统镜像",
    ] {
        assert!(chinese.contains(fact), "{fact:?} is not in {chinese}");
    }
}

#[test]
fn the_headline_counts_what_the_rate_beside_it_counts() {
    let mut view = sample_view::rich(now_ms());
    // All that failed try again at this moment.
    let outcomes = &mut view.kbs[0].outcomes;
    outcomes.unknown += std::mem::take(&mut outcomes.failed);
    let server = Server::of(view);
    let kb = html::text(&server.get("/kbs/KB5022286?lang=en", &[]).body);
    assert!(kb.contains("61 of 1,312"), "{kb}");
    assert!(kb.contains("Failure rate 4.6%"), "{kb}");
    let overview = html::text(&server.get("/?lang=en", &[]).body);
    assert!(overview.contains("61 of 1,312"), "{overview}");
}

#[test]
fn the_cluster_page_names_cause_cleared_suspect_and_source() {
    let server = Server::of(sample_view::rich(now_ms()));
    let text = html::text(
        &server
            .get(&format!("/clusters/{CLUSTER}?lang=en"), &[])
            .body,
    );
    for fact in [
        "1,137 times as often (95%: 160 to 8,076)",
        "Cannot be told apart from storage driver iaStorAC 17.9.1",
        "security software AcmeGuard and security software version 12.1",
        "3.4 times as often at first sight; 1.0 times once compared within the same ring and image.",
        "297 devices have it and did not fail",
        "approved depot",
        "≈ 10⁻⁴¹",
    ] {
        assert!(text.contains(fact), "{fact:?} is not in {text}");
    }
}

#[test]
fn both_languages_say_why_a_source_fits() {
    let server = Server::of(sample_view::rich(now_ms()));
    for (lang, why) in [
        ("en", "holds the version named in the records"),
        ("zh", "存有记录所指明的版本"),
    ] {
        let page = server.get(&format!("/clusters/{CLUSTER}?lang={lang}"), &[]);
        assert!(html::text(&page.body).contains(why), "{lang}");
    }
}

#[test]
fn the_rows_of_a_rollout_add_up_on_the_page() {
    let server = Server::of(sample_view::rich(now_ms()));
    let text = html::text(
        &server
            .get("/rollouts/2023-01%20production?lang=en", &[])
            .body,
    );
    assert!(text.contains("1,240 of 2,000 devices are done"), "{text}");
    assert!(text.contains("Total2,000100%"), "{text}");
}

#[test]
fn the_cluster_page_says_whom_the_cause_meets_next_and_who_failed_when() {
    let server = Server::of(sample_view::rich(now_ms()));
    for (lang, words) in [
        (
            "en",
            "312 more devices on the target list with image img-teller-2022b have not tried yet (363",
        ),
        ("zh", "目标清单中另有 312 台具有"),
    ] {
        let page = server.get(&format!("/clusters/{CLUSTER}?lang={lang}"), &[]);
        let text = html::text(&page.body);
        assert!(text.contains(words), "{text}");
    }
    let page = server.get(&format!("/clusters/{CLUSTER}?lang=en"), &[]);
    assert!(html::text(&page.body).contains("First failed"));
}

#[test]
fn counts_of_a_kb_and_a_rollout_lead_to_their_devices() {
    let server = Server::without_database(sample_view::rich(now_ms()));
    for (path, links) in [
        (format!("/kbs/{KB}"), 6),
        ("/rollouts/2023-01%20production".to_owned(), 11),
    ] {
        let page = server.get(&path, &[]).body;
        let lists: BTreeSet<String> = html::attribute(&page, "a", "href")
            .into_iter()
            .filter(|href| href.contains("/devices?state="))
            .collect();
        assert_eq!(lists.len(), links, "{lists:?}");
        for list in lists {
            // Known states: only the database is missing.
            assert_eq!(server.get(&list, &[]).status, 503, "{list}");
        }
    }
    for path in [
        "/kbs/KB1/devices?state=failed",
        "/kbs/KB5022286/devices?state=x",
    ] {
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
    }
}

#[test]
fn a_part_of_a_kb_or_code_is_found() {
    let server = Server::of(sample_view::rich(now_ms()));
    for (text, place) in [
        ("5021237", "/kbs/KB5021237"),
        ("0985", &*format!("/clusters/{CLUSTER}")),
    ] {
        let found = server.get(&format!("/devices?id={text}"), &[]);
        assert_eq!((found.status, found.header("location")), (303, place));
    }
    let several = server.get("/devices?id=KB50&lang=en", &[]);
    let text = html::text(&several.body);
    assert!(
        text.contains("KB5022286") && text.contains("KB5021237"),
        "{text}"
    );
}

#[test]
fn a_quiet_fleet_is_no_old_picture_but_an_unheard_one_is_told() {
    let mut view = sample_view::rich(now_ms());
    view.data_at_ms -= 3 * 3_600_000;
    let quiet = html::text(&Server::of(view.clone()).get("/?lang=en", &[]).body);
    assert!(quiet.contains("newest record"), "{quiet}");
    assert!(!quiet.contains("picture is") && !quiet.contains("No device was heard"));
    view.fleet.last_heard_ms -= 3 * 3_600_000;
    let cut_off = html::text(&Server::of(view.clone()).get("/?lang=en", &[]).body);
    assert!(
        cut_off.contains("No device was heard of for 3"),
        "{cut_off}"
    );
    view.made_at_ms -= 3_600_000;
    let stopped = html::text(&Server::of(view).get("/?lang=en", &[]).body);
    assert!(stopped.contains("This picture is"), "{stopped}");
}

#[test]
fn hostile_text_stays_text_on_every_page() {
    let server = Server::of(sample_view::hostile(now_ms()));
    let mut seen = String::new();
    for (name, path) in paths().into_iter().take(7) {
        let page = server.get(&path, &[]);
        assert!([200, 404].contains(&page.status), "{name}");
        assert_eq!(html::elements(&page.body, "script"), 1, "{name}");
        assert_eq!(html::elements(&page.body, "img"), 0, "{name}");
        assert!(
            html::attribute(&page.body, "bdi", "onmouseover").is_empty(),
            "{name}"
        );
        for hidden in ['\u{202e}', '\u{2066}', '\u{200b}'] {
            assert!(!page.body.contains(hidden), "{name} has {hidden:?}");
        }
        // Crossed or open elements make this panic.
        html::translated_texts(&page.body);
        seen.push_str(&page.body);
    }
    assert!(seen.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(seen.contains("‹202E›gnp.exe"));
    let asked = server.get("/devices/%3Cscript%3Ealert(1)%3C%2Fscript%3E", &[]);
    assert_eq!(
        (asked.status, html::elements(&asked.body, "script")),
        (404, 1)
    );
}

#[test]
fn every_page_forbids_foreign_content_and_being_framed() {
    let server = Server::of(sample_view::rich(now_ms()));
    let mut paths: Vec<String> = paths().into_iter().map(|(_, path)| path).collect();
    let page = server.get("/", &[]).body;
    paths.extend(html::attribute(&page, "link", "href"));
    paths.extend(html::attribute(&page, "script", "src"));
    // The sample's own routes stand outside the layer that is looked at here.
    let of_sample = |path: &String| path.starts_with("/devices") || path.starts_with("/events");
    for path in paths.iter().filter(|path| !of_sample(path)) {
        let answer = server.get(path, &[]);
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(
            !answer.body.contains(" style=\""),
            "{path} has an inline style"
        );
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

#[test]
fn every_link_inside_leads_somewhere() {
    let server = Server::of(sample_view::rich(now_ms()));
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut to_visit = vec!["/".to_owned()];
    while let Some(path) = to_visit.pop() {
        let answer = server.get(&path, &[]);
        // Devices and records that the sample does not hold are asked of the
        // database, which is not there.
        let of_database = path.starts_with("/devices/")
            || path.starts_with("/events/")
            || path.contains("/devices?state=")
            || path.starts_with("/api/v1/devices/")
            || path.starts_with("/api/v1/events/");
        assert!(
            answer.status == 200 || of_database,
            "{path}: {}",
            answer.status
        );
        let hrefs = html_of(&answer.body).map(|page| html::attribute(page, "a", "href"));
        for href in hrefs
            .into_iter()
            .flatten()
            .filter(|href| href.starts_with('/'))
        {
            let href = href.replace("lang=zh", "lang=en");
            if known.insert(href.clone()) {
                to_visit.push(href);
            }
        }
    }
    assert!(known.len() > 60, "{known:?}");
}

fn html_of(body: &str) -> Option<&str> {
    body.starts_with("<!DOCTYPE html>").then_some(body)
}

#[test]
fn every_page_has_one_main_heading_and_names_its_columns() {
    let server = Server::of(sample_view::rich(now_ms()));
    for (name, path) in paths() {
        let page = server.get(&path, &[]).body;
        assert_eq!(html::elements(&page, "h1"), 1, "{name}");
        let heads = html::elements(&page, "th");
        assert_eq!(html::attribute(&page, "th", "scope").len(), heads, "{name}");
    }
}

#[test]
fn where_there_is_nothing_to_show_the_page_says_what_goes_on() {
    let none = Server::of(kbwatch_analyzer::view::View::default());
    let text = html::text(&none.get("/?lang=en", &[]).body);
    assert!(text.contains("No device has reported yet"), "{text}");
    assert!(text.contains("No data yet"), "{text}");
    let idle = Server::of(sample_view::no_attempt(now_ms()));
    let text = html::text(&idle.get("/?lang=en", &[]).body);
    assert!(
        text.contains("No attempt seen yet; 2,000 devices connected"),
        "{text}"
    );
    let quiet = Server::of(sample_view::quiet(now_ms()));
    let text = html::text(&quiet.get("/?lang=en", &[]).body);
    assert!(text.contains("No KB fails beyond its usual rate"), "{text}");
    assert!(text.contains("No cluster is open."), "{text}");
    let text = html::text(&quiet.get("/rollouts?lang=en", &[]).body);
    assert!(text.contains("No rollout is declared."), "{text}");
}

#[test]
fn a_database_that_is_away_is_named_and_the_other_pages_go_on() {
    let server = Server::without_database(sample_view::rich(now_ms()));
    let device = server.get("/devices/some-device?lang=en", &[]);
    assert_eq!(device.status, 503);
    assert!(html::text(&device.body).contains("The database did not answer"));
    assert_eq!(server.get("/", &[]).status, 200);
    // Without the one-machine binary nothing reads single logs.
    assert_eq!(server.get("/drop", &[]).status, 404);
    assert!(!server.get("/?lang=en", &[]).body.contains("href=\"/drop\""));
}

#[test]
fn an_old_picture_raises_an_alarm_on_every_page() {
    let mut view = sample_view::rich(now_ms());
    view.made_at_ms -= 20 * sample_view::MINUTE;
    let server = Server::of(view);
    for path in ["/", "/silent", "/clusters"] {
        let text = html::text(&server.get(&in_lang(path, "en"), &[]).body);
        assert!(
            text.contains("This picture is 20 min old"),
            "{path}: {text}"
        );
    }
}

#[test]
fn the_search_for_a_device_leads_to_its_page() {
    let server = Server::of(sample_view::rich(now_ms()));
    let found = server.get("/devices?id=%20TLR-0417-03", &[]);
    assert_eq!(
        (found.status, found.header("location")),
        (303, "/devices/tlr-0417-03")
    );
    let hostile = server.get("/devices?id=%2F%2Fevil.example%2F", &[]);
    assert_eq!(hostile.header("location"), "/devices/%2F%2Fevil.example%2F");
}
