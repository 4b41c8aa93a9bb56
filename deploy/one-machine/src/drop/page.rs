//! Answers the page that takes logs: reads, tells, forgets.
//!
//! An upload is nobody's certificate, so nothing of it enters the fleet's
//! data. `curl --data-binary @CBS.log 'HOST/drop?name=CBS.log'` gives the same
//! answer as text.

use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Query};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use kbwatch_analyzer::Shared;
use kbwatch_analyzer::dashboard::{self, Reader, answer};
use maud::{Markup, html};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::upload::{Upload, files, is_form};
use super::{Findings, Line, Report, harmless};
use crate::cli::Lang;

/// Largest upload. Windows starts a new CBS.log at about 50 MB.
const MAX_UPLOAD_BYTES: usize = 64 * 1024 * 1024;

/// Uploads that are read at once; others wait.
const MAX_AT_ONCE: usize = 2;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    name: String,
}

/// What one upload said.
struct Told {
    names: Vec<String>,
    unreadable: Vec<String>,
    report: Report,
}

/// Serves `POST /drop`.
pub(crate) fn reading(shared: Arc<Shared>) -> MethodRouter {
    let slots = Arc::new(Semaphore::new(MAX_AT_ONCE));
    post(
        move |asked: Query<Asked>,
              reader: Reader,
              headers: HeaderMap,
              body: Result<Bytes, BytesRejection>| {
            read(shared, slots, (asked.0, reader), headers, body)
        },
    )
    .layer(DefaultBodyLimit::max(MAX_UPLOAD_BYTES))
}

async fn read(
    shared: Arc<Shared>,
    slots: Arc<Semaphore>,
    (asked, reader): (Asked, Reader),
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let lang = match reader.lang {
        dashboard::Lang::En => Lang::En,
        dashboard::Lang::Zh => Lang::Zh,
    };
    let body = match body {
        Ok(body) => body,
        Err(refused) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let why = match lang {
                Lang::En => {
                    "More than 64 MiB at once: send fewer files, or read them on the server with kbwatch drop."
                }
                Lang::Zh => "一次超过 64 MiB：请减少文件，或在服务器上用 kbwatch drop 解读。",
            };
            return (StatusCode::PAYLOAD_TOO_LARGE, why).into_response();
        }
        Err(refused) => return refused.into_response(),
    };
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let in_form = is_form(&kind);
    let uploads = if in_form {
        match files(&kind, &body) {
            Ok(uploads) => uploads,
            Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        }
    } else {
        vec![Upload {
            name: asked.name,
            content: body,
        }]
    };
    let Ok(_slot) = slots.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let Ok(told) = tokio::task::spawn_blocking(move || tell(&uploads, lang)).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if in_form {
        let title = told.report.headline.clone();
        return answer(&harmless(&title), &markup(&told), &shared.view(), &reader);
    }
    let status = if told.unreadable.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let mut text = told.unreadable.join("\n");
    text.push_str(&told.report.to_text());
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn tell(uploads: &[Upload], lang: Lang) -> Told {
    let mut events = Vec::new();
    let mut unreadable = Vec::new();
    for upload in uploads {
        match parse(upload) {
            Ok(parsed) => events.extend(parsed),
            Err(why) => unreadable.push(harmless(&why)),
        }
    }
    // What nobody read holds neither events nor none.
    let report = if !uploads.is_empty() && unreadable.len() == uploads.len() {
        Report {
            headline: match lang {
                Lang::En => "No file could be read.".to_owned(),
                Lang::Zh => "没有可以解读的文件。".to_owned(),
            },
            sections: Vec::new(),
        }
    } else {
        Report::of(&Findings::gather(&events), lang)
    };
    Told {
        names: uploads
            .iter()
            .map(|upload| harmless(&upload.name))
            .collect(),
        unreadable,
        report,
    }
}

fn parse(upload: &Upload) -> Result<Vec<kbwatch_proto::event::UpdateEvent>, String> {
    let kept = |error: std::io::Error| format!("{}: {error}", upload.name);
    let folder = tempfile::tempdir().map_err(kept)?;
    let path = folder.path().join(plain_name(&upload.name));
    std::fs::write(&path, &upload.content).map_err(kept)?;
    super::parse(Path::new(&path), None, "dropped").map_err(|error| {
        let folder = format!("{}/", folder.path().display());
        // A browser's form names no kind.
        let told = error.replace(&folder, "");
        let told = told.split("; name one with --kind").next();
        told.unwrap_or_default().to_owned()
    })
}

/// The name that the file gets on disk: the kind of some logs shows in it.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        .take(100)
        .collect();
    if plain.trim_matches('.').is_empty() {
        "upload.log".to_owned()
    } else {
        plain
    }
}

/// The answer as a page's content: every text in it is escaped.
fn markup(told: &Told) -> Markup {
    html! {
        h1 { (harmless(&told.report.headline)) }
        p.hint translate="no" { (told.names.join(", ")) }
        @for why in &told.unreadable {
            p.alarm role="status" { (why) }
        }
        @for section in &told.report.sections {
            h2 { (section.title) }
            @if section.has_commands() {
                ol { @for line in section.lines.chunk_by(|_, next| matches!(next, Line::Command(_))) { li { (steps(line)) } } }
            } @else {
                ul { @for line in section.lines.chunks(1) { li { (steps(line)) } } }
            }
        }
    }
}

/// A sentence and the commands that belong to it.
fn steps(lines: &[Line]) -> Markup {
    html! {
        @for line in lines {
            @match line {
                Line::Text(text) => (harmless(text)),
                Line::Command(text) => div.command { pre translate="no" { code { (harmless(text)) } } },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drop::Section;

    #[test]
    fn a_hostile_name_stays_text_in_the_page_and_a_name_on_disk() {
        let name = "../../<script>alert(1)</script>.log";
        let told = Told {
            names: vec![name.to_owned()],
            unreadable: vec![name.to_owned()],
            report: Report::default(),
        };
        let shown = markup(&told).into_string();
        assert!(!shown.contains("<script>"), "{shown}");
        assert_eq!(plain_name("../<script>x.log"), "scriptx.log");
        assert_eq!(plain_name("C:\\Windows\\Logs\\CBS\\CBS.log"), "CBS.log");
        for name in ["", "..", "///", "日志"] {
            assert_eq!(plain_name(name), "upload.log", "{name:?}");
        }
    }

    #[test]
    fn an_unreadable_upload_is_not_called_empty_of_events() {
        let upload = |name: &str, content: &'static [u8]| Upload {
            name: name.to_owned(),
            content: Bytes::from_static(content),
        };
        let told = tell(
            &[upload("a.bin", b"\x00\x01\x02"), upload("b.log", b"")],
            Lang::En,
        );
        assert_eq!(told.report.headline, "No file could be read.");
        assert!(
            told.unreadable[0].starts_with("a.bin is of no known kind"),
            "{:?}",
            told.unreadable
        );
        assert!(
            !told.unreadable[0].contains("--kind"),
            "{:?}",
            told.unreadable
        );
        assert_eq!(told.unreadable[1], "b.log is empty");
    }

    #[test]
    fn log_text_stays_text() {
        let told = Told {
            names: Vec::new(),
            unreadable: Vec::new(),
            report: Report {
                headline: "<img src=x onerror=alert(1)>".to_owned(),
                sections: vec![Section {
                    title: "x".to_owned(),
                    lines: vec![Line::Command("</code><script>".to_owned())],
                }],
            },
        };
        let shown = markup(&told).into_string();
        assert!(
            !shown.contains("<img") && !shown.contains("<script>"),
            "{shown}"
        );
    }
}
