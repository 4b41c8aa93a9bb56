//! The frame around every page: head, navigation, age of the data, foot.

use maud::{DOCTYPE, Markup, html};

use super::number::{ago, clock, count, span, time_to_second};
use super::reader::{Lang, Reader};
use super::text::{self, Phrase};
use super::words::data;
use crate::view::View;

/// A picture older than this is called old on every page.
const OLD_MS: i64 = 5 * 60_000;

/// Heartbeats are 10 minutes apart: a fleet of which nobody spoke for so long
/// is cut off.
const UNHEARD_MS: i64 = 30 * 60_000;

/// Which entry of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Clusters,
    Rollouts,
    Silent,
    Readiness,
    Drop,
    /// A page that no entry leads to.
    Other,
}

const NAV: [(Section, &str, Phrase); 6] = [
    (Section::Overview, "/", text::NAV_OVERVIEW),
    (Section::Clusters, "/clusters", text::NAV_CLUSTERS),
    (Section::Rollouts, "/rollouts", text::NAV_ROLLOUTS),
    (Section::Silent, "/silent", text::NAV_SILENT),
    (Section::Readiness, "/readiness", text::NAV_READINESS),
    (Section::Drop, "/drop", text::NAV_DROP),
];

/// What the frame needs to know of a page.
pub(super) struct Frame<'a> {
    /// Who reads.
    pub(super) reader: &'a Reader,
    /// The picture whose age is told.
    pub(super) view: &'a View,
    /// Where in the navigation.
    pub(super) section: Section,
    /// Title of the window; plain text.
    pub(super) title: String,
    /// The same as JSON, if there is such a thing.
    pub(super) api: Option<String>,
    /// An answer to what the reader sent: asking again would not give it.
    pub(super) still: bool,
}

impl Frame<'_> {
    /// The whole page around its content.
    pub(super) fn around(&self, content: &Markup) -> Markup {
        let lang = self.reader.lang;
        html! {
            (DOCTYPE)
            html lang=(lang.tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · kbwatch" }
                    link rel="icon" type="image/svg+xml" href=(super::assets::ICON.path());
                    link rel="stylesheet" href=(super::assets::STYLE.path());
                    script src=(super::assets::SCRIPT.path()) defer {}
                }
                body data-refresh=(if self.still { "no" } else { "yes" }) data-copied=(text::COPIED.of(lang)) {
                    a.skip href="#content" { (text::SKIP.of(lang)) }
                    (self.head())
                    main #content {
                        (age_of_data(self.reader, self.view))
                        (content)
                    }
                    (self.foot())
                }
            }
        }
    }

    fn head(&self) -> Markup {
        let lang = self.reader.lang;
        html! {
            header.top {
                a.brand href="/" title=(text::SITE.of(lang)) { "kbwatch" }
                nav aria-label=(text::NAV.of(lang)) {
                    @for (section, path, name) in self.entries() {
                        @let current = (section == self.section).then_some("page");
                        a href=(path) aria-current=[current] { (name.of(lang)) }
                    }
                }
                form.find action="/devices" method="get" role="search" {
                    input type="search" name="id" maxlength="128" aria-label=(text::FIND_DEVICE.of(lang)) placeholder=(text::FIND_DEVICE.of(lang));
                    button type="submit" { (text::FIND.of(lang)) }
                }
                (self.switch())
            }
        }
    }

    /// The navigation, without what is not offered here.
    fn entries(&self) -> impl Iterator<Item = (Section, &'static str, Phrase)> {
        let offers_drop = self.reader.offers_drop;
        NAV.into_iter()
            .filter(move |(section, ..)| *section != Section::Drop || offers_drop)
    }

    /// Leads to this page in the other language, whose name stands in itself.
    fn switch(&self) -> Markup {
        let other = match self.reader.lang {
            Lang::En => Lang::Zh,
            Lang::Zh => Lang::En,
        };
        let (path, query) = (&self.reader.path, &self.reader.query);
        let joint = if query.is_empty() { "" } else { "&" };
        let href = format!("{path}?{query}{joint}lang={}", other.word());
        html! {
            a.switch href=(href) lang=(other.tag()) hreflang=(other.tag()) translate="no" {
                (text::OTHER_LANG.of(self.reader.lang))
            }
        }
    }

    fn foot(&self) -> Markup {
        let lang = self.reader.lang;
        let Some(api) = &self.api else {
            return html! {};
        };
        let link = html! { a href=(api) translate="no" { (api) } };
        html! {
            footer {
                (text::FOOT.fill(lang, &[
                    ("cycle", html! { (count(self.view.cycle)) }),
                    ("ms", html! { (count(self.view.took_ms)) }),
                    ("link", link),
                ]))
            }
        }
    }
}

/// As of when the picture is, how new the newest record in it is (on a quiet
/// fleet it ages without anything being wrong), and in which zone times are
/// printed.
fn age_of_data(reader: &Reader, view: &View) -> Markup {
    let lang = reader.lang;
    if view.data_at_ms == 0 {
        return html! { p.age-of-data { (text::DATA_NONE.of(lang)) } };
    }
    let old_ms = reader.now_ms - view.made_at_ms;
    let unheard_ms = reader.now_ms - view.fleet.last_heard_ms;
    let zone = reader
        .zone
        .iana_name()
        .map_or_else(|| clock(reader, reader.now_ms, "%:z"), str::to_owned);
    html! {
        p.age-of-data {
            (text::DATA_AS_OF.fill(lang, &[
                ("time", time_to_second(reader, view.made_at_ms)),
                ("age", html! { (ago(reader, view.made_at_ms)) }),
            ]))
            " · "
            (text::DATA_NEWEST.fill(lang, &[
                ("time", time_to_second(reader, view.data_at_ms)),
                ("age", html! { (ago(reader, view.data_at_ms)) }),
            ]))
            " · "
            (text::ZONE.fill(lang, &[("zone", data(&zone))]))
            " · "
            a href="/data" { (text::NAV_DATA.of(lang)) }
        }
        @if old_ms > OLD_MS {
            p.alarm role="status" {
                (text::DATA_OLD.of(lang).replace("{age}", &span(lang, old_ms)))
            }
        } @else if view.fleet.last_heard_ms > 0 && unheard_ms > UNHEARD_MS {
            p.alarm role="status" {
                (text::DATA_UNHEARD.of(lang).replace("{age}", &span(lang, unheard_ms)))
            }
        }
    }
}

/// A page that says that something is not there, why, and where to go.
pub(super) fn absence(reader: &Reader, headline: &Markup, hint: &Markup) -> Markup {
    html! {
        div.absence {
            h1 { (headline) }
            p { (hint) }
            p { a href="/" { (text::BACK.of(reader.lang)) } }
        }
    }
}

/// A heading with a sentence below it that says how to read what follows.
pub(super) fn section_head(lang: Lang, title: Phrase, hint: Option<Phrase>) -> Markup {
    html! {
        h2 { (title.of(lang)) }
        @if let Some(hint) = hint {
            p.hint { (hint.of(lang)) }
        }
    }
}

/// A link to a device.
pub(super) fn device_link(device_id: &str) -> Markup {
    html! { a href={ "/devices/" (path_part(device_id)) } { (data(device_id)) } }
}

/// A link to a KB.
pub(super) fn kb_link(kb: &str) -> Markup {
    html! { a href={ "/kbs/" (path_part(kb)) } translate="no" { (super::words::visible(kb)) } }
}

/// A text as one part of a path: all but letters, digits and `-._~` becomes
/// percent codes.
pub(crate) fn path_part(text: &str) -> String {
    let encoded = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    let part: String = text.bytes().map(encoded).collect();
    // A browser would resolve these as folders.
    if matches!(part.as_str(), "." | "..") {
        return part.replace('.', "%2E");
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_never_leaves_it() {
        assert_eq!(path_part("dev-00017.cn"), "dev-00017.cn");
        assert_eq!(path_part("../x?y=<z>"), "..%2Fx%3Fy%3D%3Cz%3E");
        assert_eq!(path_part("柜"), "%E6%9F%9C");
        assert_eq!(path_part(".."), "%2E%2E");
    }
}
