//! What holds for every page: headers, links, headings, and that hostile text
//! stays text.

use std::collections::BTreeSet;

use super::paths;
use crate::html;
use crate::sample_view;
use crate::server::{Server, now_ms};

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
