//! Who reads the page: the language, the time zone, and the moment of reading.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE};
use jiff::tz::TimeZone;

/// Cookie that remembers the language of the switch.
pub(super) const LANG_COOKIE: &str = "kbwatch_lang";

/// Cookie in which the page's script leaves the browser's time zone.
const ZONE_COOKIE: &str = "kbwatch_zone";

/// A language of the screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Lang {
    /// Tag for the `lang` attribute.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }

    /// Word in `?lang=` and in the cookie.
    pub fn word(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', ';', '_']).next()?.trim();
        match primary.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }
}

/// Who reads the page, and when.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Language of all texts.
    pub lang: Lang,
    /// Zone in which times are printed.
    pub zone: TimeZone,
    /// Moment of reading, milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// Path of the page, for the language switch.
    pub path: String,
    /// What the address asks for beside the language: it stays when that is
    /// switched.
    pub query: String,
    /// Language named by `?lang=`, to be remembered.
    pub chosen: Option<Lang>,
    /// Whether single logs can be read here.
    pub offers_drop: bool,
}

impl Reader {
    /// Learns the reader from a request. The language is that of `?lang=`, else
    /// of the cookie, else of `Accept-Language`, else English; the zone is the
    /// browser's as its script told, else this machine's.
    pub fn of_request(path: &str, query: &str, headers: &HeaderMap, now_ms: i64) -> Self {
        let chosen = query
            .split('&')
            .filter_map(|pair| pair.strip_prefix("lang="))
            .find_map(Lang::of_tag);
        let lang = chosen
            .or_else(|| cookie(headers, LANG_COOKIE).and_then(Lang::of_tag))
            .or_else(|| accepted(headers))
            .unwrap_or_default();
        let rest = query.split('&').filter(|pair| !pair.starts_with("lang="));
        let rest = rest.filter(|pair| !pair.is_empty());
        let rest = rest.collect::<Vec<&str>>().join("&");
        let zone = cookie(headers, ZONE_COOKIE)
            .and_then(zone_of_cookie)
            .unwrap_or_else(TimeZone::system);
        Self {
            lang,
            zone,
            now_ms,
            path: path.to_owned(),
            query: rest,
            chosen,
            offers_drop: false,
        }
    }
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A zone by its name in the time-zone database. The cookie is the reader's own
/// word: anything that is not such a name is passed over.
fn zone_of_cookie(name: &str) -> Option<TimeZone> {
    let sound = name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b));
    sound.then(|| TimeZone::get(name).ok()).flatten()
}

/// The first language of `Accept-Language`, by weight, that the screens speak.
fn accepted(headers: &HeaderMap) -> Option<Lang> {
    let line = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut wishes: Vec<(u32, Lang)> = line
        .split(',')
        .filter_map(|wish| Some((weight_per_mille(wish), Lang::of_tag(wish.trim())?)))
        .filter(|(weight, _)| *weight > 0)
        .collect();
    wishes.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    wishes.first().map(|(_, lang)| *lang)
}

fn weight_per_mille(wish: &str) -> u32 {
    let Some((_, weight)) = wish.split_once("q=") else {
        return 1000;
    };
    let (whole, fraction) = weight.trim().split_once('.').unwrap_or((weight.trim(), ""));
    let fraction: u32 = format!("{fraction:0<3.3}").parse().unwrap_or(0);
    whole.parse::<u32>().unwrap_or(0).min(1) * 1000 + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(query: &str, headers: &[(&'static str, &str)]) -> Reader {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Reader::of_request("/", query, &map, 0)
    }

    #[test]
    fn the_switch_beats_the_cookie_and_the_cookie_beats_the_browser() {
        let browser = ("accept-language", "zh-CN,zh;q=0.9,en;q=0.8");
        let cookie = ("cookie", "a=b; kbwatch_lang=en");
        assert_eq!(reader("", &[browser]).lang, Lang::Zh);
        assert_eq!(reader("", &[browser, cookie]).lang, Lang::En);
        assert_eq!(reader("x=1&lang=zh", &[browser, cookie]).lang, Lang::Zh);
    }

    #[test]
    fn languages_that_the_screens_do_not_speak_are_passed_over() {
        let german_first = ("accept-language", "de;q=1.0, en;q=0.3, zh-TW;q=0.7");
        assert_eq!(reader("", &[german_first]).lang, Lang::Zh);
        assert_eq!(reader("lang=%3Cscript%3E", &[]).lang, Lang::En);
        assert_eq!(reader("", &[("accept-language", "zh;q=0")]).lang, Lang::En);
        assert_eq!(
            reader("", &[("accept-language", ";;q=,,q=9")]).lang,
            Lang::En
        );
    }

    #[test]
    fn a_cookie_that_names_no_zone_changes_nothing() {
        for cookie in [
            "kbwatch_zone=../../etc/passwd",
            "kbwatch_zone=",
            "kbwatch_zone",
        ] {
            let told = reader("", &[("cookie", cookie)]);
            assert_eq!(told.zone, TimeZone::system(), "{cookie}");
        }
    }
}
