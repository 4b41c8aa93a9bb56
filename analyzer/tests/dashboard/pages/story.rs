//! What a reader learns from the pages.

use std::collections::BTreeSet;

use crate::html;
use crate::sample_view::{self, CLUSTER, KB};
use crate::server::{Server, now_ms};

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
