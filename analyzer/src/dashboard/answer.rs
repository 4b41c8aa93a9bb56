//! Pages as responses: status, headers that keep hostile text harmless, the
//! cookie of the language switch.

use std::convert::Infallible;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};

use super::layout::{Frame, Section, absence};
use super::reader::{LANG_COOKIE, Reader};
use super::text;
use crate::load::LoadError;
use crate::view::View;

/// Only what this server serves, no inline script or style, in no frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Put into a router by [`super::with_drop`]: single logs can be read here.
#[derive(Debug, Clone, Copy)]
pub struct OffersDrop;

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        let mut reader = Self::of_request(parts.uri.path(), query, &parts.headers, now_ms());
        reader.offers_drop = parts.extensions.get::<OffersDrop>().is_some();
        Ok(reader)
    }
}

/// This machine's clock, milliseconds since 1970 UTC.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |passed| {
            i64::try_from(passed.as_millis()).unwrap_or(i64::MAX)
        })
}

/// Which page it is.
pub(super) struct Page {
    section: Section,
    title: String,
    api: Option<String>,
    still: bool,
}

impl Page {
    pub(super) fn new(section: Section, title: String) -> Self {
        Self {
            section,
            title,
            api: None,
            still: section == Section::Drop,
        }
    }

    /// Names the address under which the same stands as JSON.
    pub(super) fn with_api(mut self, path: &str) -> Self {
        self.api = Some(path.to_owned());
        self
    }
}

/// A page outside this crate's own, in the same frame: the answer to
/// `POST /drop`. `title` is plain text.
pub fn answer(title: &str, content: &Markup, view: &View, reader: &Reader) -> Response {
    let page = Page::new(Section::Drop, title.to_owned());
    guarded(found(&page, content, view, reader))
}

pub(super) fn found(page: &Page, content: &Markup, view: &View, reader: &Reader) -> Response {
    respond(StatusCode::OK, page, content, view, reader)
}

pub(super) fn missing(page: &Page, content: &Markup, view: &View, reader: &Reader) -> Response {
    respond(StatusCode::NOT_FOUND, page, content, view, reader)
}

/// The database did not answer: the page says so, the log says why.
pub(super) fn unavailable(
    page: &Page,
    error: &LoadError,
    view: &View,
    reader: &Reader,
) -> Response {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "a page could not be read"
    );
    let headline = html! { (text::DATABASE_AWAY.of(reader.lang)) };
    let hint = html! { (text::DATABASE_AWAY_HINT.of(reader.lang)) };
    let content = absence(reader, &headline, &hint);
    respond(
        StatusCode::SERVICE_UNAVAILABLE,
        page,
        &content,
        view,
        reader,
    )
}

fn respond(
    status: StatusCode,
    page: &Page,
    content: &Markup,
    view: &View,
    reader: &Reader,
) -> Response {
    let frame = Frame {
        reader,
        view,
        section: page.section,
        title: page.title.clone(),
        api: page.api.clone(),
        still: page.still,
    };
    let html = Html(frame.around(content).into_string());
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(lang) = reader.chosen {
        let cookie = format!(
            "{LANG_COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Lax",
            lang.word()
        );
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.insert(SET_COOKIE, cookie);
        }
    }
    (status, headers, html).into_response()
}

/// Adds the headers that every answer carries.
pub(super) fn guarded(mut response: Response) -> Response {
    let headers: [(HeaderName, &'static str); 3] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
