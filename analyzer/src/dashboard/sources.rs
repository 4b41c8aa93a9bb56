//! How well the logs are understood: a Windows that writes something new is
//! seen here before its failures are missed.

use maud::{Markup, html};

use super::number::{count, percent, share, time};
use super::reader::{Lang, Reader};
use super::words::{SOURCES, data, word};
use super::{text, unreadable};
use crate::view::{BuildLines, LineCount, SourceHealth, View};

/// The page of all logs.
pub(super) fn page(view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let headline = match (view.sources.is_empty(), strange(view).count()) {
        (true, _) => text::UNDERSTOOD_NONE,
        (_, 0) => text::UNDERSTOOD_FINE,
        _ => text::UNDERSTOOD_STRANGE,
    };
    html! {
        h1 class=[strange(view).next().is_some().then_some("bad")] { (headline.of(lang)) }
        p.lead { (text::UNDERSTOOD_HINT.of(lang)) }
        @for (source, build) in strange(view) { p.alarm { (sentence(source, build, lang)) } }
        (unreadable::section(view, reader))
        @for source in &view.sources { (log(source, reader)) }
    }
}

/// A line for the first page, if some build writes what nobody understands.
pub(super) fn warning(view: &View, lang: Lang) -> Markup {
    html! {
        @for (source, build) in strange(view) {
            p.alarm {
                (sentence(source, build, lang)) " "
                a href="/data" { (text::NAV_DATA.of(lang)) }
            }
        }
    }
}

fn strange(view: &View) -> impl Iterator<Item = (&SourceHealth, &BuildLines)> {
    view.sources.iter().flat_map(|source| {
        let strange = source.builds.iter().filter(|build| build.strange);
        strange.map(move |build| (source, build))
    })
}

fn sentence(source: &SourceHealth, build: &BuildLines, lang: Lang) -> Markup {
    let elsewhere = source.elsewhere(&build.os_build);
    let (phrase, here, there) = if unknown(&build.count) > unknown(&elsewhere) {
        let shares = (unknown(&build.count), unknown(&elsewhere));
        (text::UNDERSTOOD_LINES, shares.0, shares.1)
    } else {
        let shares = (unknown_codes(&build.count), unknown_codes(&elsewhere));
        (text::UNDERSTOOD_CODES, shares.0, shares.1)
    };
    let there = if elsewhere.lines == 0 {
        html! { "–" }
    } else {
        html! { (percent(there)) }
    };
    phrase.fill(
        lang,
        &[
            ("source", word(SOURCES, lang, &source.source)),
            ("build", build_name(build, lang)),
            ("here", html! { b { (percent(here)) } }),
            ("there", there),
            ("devices", html! { (count(build.devices)) }),
        ],
    )
}

fn log(source: &SourceHealth, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        section {
            h2 { (word(SOURCES, lang, &source.source)) }
            div.scroll {
                table.cards {
                    thead {
                        tr {
                            th scope="col" { (text::WINDOWS_BUILD.of(lang)) }
                            th.num scope="col" { (text::DEVICES.of(lang)) }
                            th.num scope="col" { (text::LINES_READ.of(lang)) }
                            th.num scope="col" { (text::LINES_UNKNOWN.of(lang)) }
                            th.num scope="col" { (text::CODES_UNKNOWN.of(lang)) }
                            th.num scope="col" { (text::LOST.of(lang)) }
                            th scope="col" { (text::LAST_HEARD.of(lang)) }
                        }
                    }
                    tbody {
                        @for build in &source.builds { (row(build, reader)) }
                        @if source.builds.len() > 1 {
                            tr.sum {
                                th scope="row" { (text::WHOLE_FLEET.of(lang)) }
                                td.num data-label=(text::DEVICES.of(lang)) {}
                                (figures(&source.fleet, lang))
                                td data-label=(text::LAST_HEARD.of(lang)) {}
                            }
                        }
                    }
                }
            }
        }
    }
}

fn row(build: &BuildLines, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        tr {
            th scope="row" {
                (build_name(build, lang))
                @if build.strange { " " span.badge.failed { (text::UNLIKE_OTHERS.of(lang)) } }
            }
            td.num data-label=(text::DEVICES.of(lang)) { (count(build.devices)) }
            (figures(&build.count, lang))
            td data-label=(text::LAST_HEARD.of(lang)) { (time(reader, build.last_heard_ms)) }
        }
    }
}

fn figures(of: &LineCount, lang: Lang) -> Markup {
    html! {
        td.num data-label=(text::LINES_READ.of(lang)) { (count(of.lines)) }
        td.num data-label=(text::LINES_UNKNOWN.of(lang)) { (percent(unknown(of))) }
        td.num data-label=(text::CODES_UNKNOWN.of(lang)) {
            @if of.codes == 0 { "–" } @else { (count(of.unknown_codes)) " / " (count(of.codes)) }
        }
        td.num data-label=(text::LOST.of(lang)) {
            @if of.lost_files == 0 {
                "–"
            } @else {
                (text::LOST_BYTES.fill(lang, &[
                    ("bytes", html! { (count(of.lost_bytes)) }),
                    ("files", html! { (count(of.lost_files)) }),
                ]))
            }
        }
    }
}

fn build_name(build: &BuildLines, lang: Lang) -> Markup {
    if build.os_build.is_empty() {
        html! { (text::BUILD_UNKNOWN.of(lang)) }
    } else {
        data(&build.os_build)
    }
}

fn unknown(of: &LineCount) -> f64 {
    share(of.unknown_lines, of.lines)
}

fn unknown_codes(of: &LineCount) -> f64 {
    share(of.unknown_codes, of.codes)
}
