//! What is planned around a rollout: when it will be through, who is excused,
//! and the maintenance windows.

use maud::{Markup, html};

use super::layout::{device_link, section_head};
use super::number::{count, percent, real, time};
use super::reader::Reader;
use super::text;
use super::words::{CLASSES, NO_FORECAST, data, word};
use crate::view::{ExceptionLine, Forecast, RolloutStatus, WindowLine};

/// Exceptions that the page lists.
const LISTED: usize = 200;

/// When it will be through, or why that cannot be said.
pub(super) fn forecast(forecast: &Forecast, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let kbs = forecast.from_kbs.join(", ");
    html! {
        section {
            (section_head(lang, text::FORECAST, None))
            @match forecast.at_ms {
                Some((first, middle, last)) => {
                    p {
                        (text::FORECAST_AT.fill(lang, &[
                            ("goal", html! { (percent(forecast.goal)) }),
                            ("n", html! { (count(forecast.reachable)) }),
                            ("first", time(reader, first)),
                            ("middle", html! { b { (time(reader, middle)) } }),
                            ("last", time(reader, last)),
                        ]))
                    }
                    p.hint {
                        (text::FORECAST_BASIS.fill(lang, &[
                            ("kbs", data(&kbs)),
                            ("confidence", html! { (percent(forecast.confidence)) }),
                        ]))
                    }
                }
                None => { p.empty { (word(NO_FORECAST, lang, &forecast.why_not)) } }
            }
            @if let Some((least, _, most)) = forecast.at_this_age {
                p { (age(forecast, (least, most), reader)) }
            }
            @if forecast.waiting_for_window > 0 {
                p { (text::FORECAST_WINDOWS.fill(lang, &[("n", html! { (count(forecast.waiting_for_window)) })])) }
            }
        }
    }
}

fn age(forecast: &Forecast, (least, most): (f64, f64), reader: &Reader) -> Markup {
    let share = real(forecast.done) / real(forecast.reachable.max(1));
    let fillings = [
        ("share", html! { b { (percent(share)) } }),
        ("low", html! { (percent(least)) }),
        ("high", html! { (percent(most)) }),
    ];
    text::FORECAST_AGE.fill(reader.lang, &fillings)
}

/// Devices that are excused, and those that were.
pub(super) fn exceptions(rollout: &RolloutStatus, reader: &Reader) -> Markup {
    let lang = reader.lang;
    if rollout.exceptions.is_empty() {
        return html! {};
    }
    html! {
        section {
            (section_head(lang, text::EXCEPTIONS, Some(text::EXCEPTIONS_HINT)))
            div.scroll {
                table.cards {
                    thead {
                        tr {
                            th scope="col" { (text::DEVICE.of(lang)) }
                            th scope="col" { (text::OWNER.of(lang)) }
                            th scope="col" { (text::WHY.of(lang)) }
                            th scope="col" { (text::UNTIL.of(lang)) }
                        }
                    }
                    tbody { @for one in rollout.exceptions.iter().take(LISTED) { (exception(one, reader)) } }
                }
            }
            @if rollout.exceptions.len() > LISTED {
                p.muted {
                    (text::FIRST_N.fill(lang, &[
                        ("n", html! { (count(LISTED as u64)) }),
                        ("m", html! { (count(rollout.exceptions.len() as u64)) }),
                    ]))
                }
            }
        }
    }
}

fn exception(one: &ExceptionLine, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        tr {
            th scope="row" { (device_link(&one.device_id)) }
            td data-label=(text::OWNER.of(lang)) { (data(&one.owner)) }
            td data-label=(text::WHY.of(lang)) { (data(&one.reason)) }
            td data-label=(text::UNTIL.of(lang)) {
                (time(reader, one.until_ms))
                @if !one.in_force { " " span.badge.quiet { (text::ENDED_EXCEPTION.of(lang)) } }
            }
        }
    }
}

/// All maintenance windows.
pub(super) fn windows(windows: &[WindowLine], reader: &Reader) -> Markup {
    let lang = reader.lang;
    if windows.is_empty() {
        return html! {};
    }
    html! {
        section {
            (section_head(lang, text::WINDOWS, Some(text::WINDOWS_HINT)))
            div.scroll {
                table.cards {
                    thead {
                        tr {
                            th scope="col" { (text::WINDOW_FOR.of(lang)) }
                            th scope="col" { (text::WINDOW_WHEN.of(lang)) }
                            th scope="col" { (text::WINDOW_NEXT.of(lang)) }
                        }
                    }
                    tbody { @for one in windows.iter().take(LISTED) { (window(one, reader)) } }
                }
            }
        }
    }
}

fn window(one: &WindowLine, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let all = one.ring.is_empty() && one.branch.is_empty() && one.class.is_empty();
    html! {
        tr {
            th scope="row" {
                @if !one.ring.is_empty() { (data(&one.ring)) " " }
                @if !one.branch.is_empty() { (data(&one.branch)) " " }
                @if !one.class.is_empty() { (word(CLASSES, lang, &one.class)) " " }
                @if all { (text::WINDOW_ALL.of(lang)) " " }
                @if !one.name.is_empty() { span.muted { (data(&one.name)) } }
            }
            td data-label=(text::WINDOW_WHEN.of(lang)) { (data(&one.when)) }
            td data-label=(text::WINDOW_NEXT.of(lang)) {
                @match (one.open, one.next_ms) {
                    (true, _) => { span.badge.done { (text::WINDOW_OPEN.of(lang)) } }
                    (false, Some(at_ms)) => (time(reader, at_ms)),
                    (false, None) => { span.muted { (text::WINDOW_NEVER.of(lang)) } }
                }
            }
        }
    }
}
