//! Stylesheet, script and icon: made by hand, served from here.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// A file that pages refer to. Its address changes with its content, so that
/// browsers may keep it for ever.
pub(super) struct Asset {
    content: &'static str,
    kind: &'static str,
    path: LazyLock<String>,
}

pub(super) static STYLE: Asset = Asset {
    content: include_str!("style.css"),
    kind: "text/css; charset=utf-8",
    path: LazyLock::new(|| named("kbwatch", "css", include_str!("style.css"))),
};

pub(super) static SCRIPT: Asset = Asset {
    content: include_str!("script.js"),
    kind: "text/javascript; charset=utf-8",
    path: LazyLock::new(|| named("kbwatch", "js", include_str!("script.js"))),
};

pub(super) static ICON: Asset = Asset {
    content: include_str!("icon.svg"),
    kind: "image/svg+xml",
    path: LazyLock::new(|| named("kbwatch", "svg", include_str!("icon.svg"))),
};

fn named(stem: &str, ending: &str, content: &str) -> String {
    let digest = Sha256::digest(content.as_bytes());
    let hash = digest
        .iter()
        .take(6)
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    format!("/assets/{stem}-{hash:012x}.{ending}")
}

impl Asset {
    /// Address on this server.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn response(&self) -> Response {
        let headers = [
            (CONTENT_TYPE, self.kind),
            (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        ];
        (headers, self.content).into_response()
    }
}

/// The asset of this address, if it is a current one.
pub(super) fn find(path: &str) -> Option<Response> {
    [&STYLE, &SCRIPT, &ICON]
        .into_iter()
        .find(|asset| asset.path() == path)
        .map(Asset::response)
}
