//! What the pages say where something is missing, away or old.

use super::in_lang;
use crate::html;
use crate::sample_view;
use crate::server::{Server, now_ms};

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
