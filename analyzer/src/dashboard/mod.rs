//! The pages: what fails now, where, since when, what is broken, what the
//! devices share, and what to run.
//!
//! Made whole on the server from the newest [`View`], in Simplified Chinese
//! and English; nothing is fetched from elsewhere and every page is complete
//! without its script. All that comes from logs and devices is hostile: it is
//! escaped, kept apart from the direction of the text around it, and hidden
//! characters in it are shown.

mod answer;
mod assets;
mod chart;
mod cluster;
// Tables keep one line an entry: wrapped, they could not be compared by eye.
#[rustfmt::skip]
mod codes;
mod device;
mod drop;
mod event;
mod kb;
mod layout;
mod list_pages;
mod lists;
mod number;
mod overview;
mod plan;
mod reader;
mod readiness;
mod rollout;
mod silent;
mod sources;
mod standing;
mod text;
mod unreadable;
mod verdict;
mod words;

use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use maud::html;

pub(crate) use answer::now_ms;
pub use answer::{OffersDrop, answer};
pub use reader::{Lang, Reader};

use crate::Shared;
use crate::load::{DeviceTimeline, LoadError, TimelineEvent};
use crate::view::View;
use answer::{Page, found, guarded, missing, unavailable};
use layout::{Section, path_part};
use words::visible;

/// Routes of the pages, from `/` on.
pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(overview_page))
        .route("/kbs/{kb}", get(kb_page))
        .route("/kbs/{kb}/devices", get(list_pages::of_kb))
        .route("/clusters", get(clusters_page))
        .route("/clusters/{id}", get(cluster_page))
        .route("/rollouts", get(rollouts_page))
        .route("/rollouts/{name}", get(rollout_page))
        .route("/rollouts/{name}/devices", get(list_pages::of_rollout))
        .route("/silent", get(silent_page))
        .route("/readiness", get(readiness_page))
        .route("/data", get(data_page))
        .route("/devices", get(list_pages::search))
        .route("/devices/{id}", get(device_page))
        .route("/events/{event_id}", get(event_page))
        .route("/drop", get(drop_page))
        .route("/assets/{name}", get(asset))
        .fallback(no_page)
        .layer(map_response(|response| ready(guarded(response))))
}

/// Adds the reading of single logs: `post` serves `POST /drop`, and the pages
/// show the way to it.
pub fn with_drop(router: Router, post: MethodRouter) -> Router {
    router
        .merge(Router::new().route("/drop", post))
        .layer(axum::Extension(OffersDrop))
}

type Web = State<Arc<Shared>>;

async fn overview_page(State(shared): Web, reader: Reader) -> Response {
    let view = shared.view();
    let title = text::NAV_OVERVIEW.of(reader.lang).to_owned();
    let page = Page::new(Section::Overview, title).with_api("/api/v1/overview");
    found(&page, &overview::page(&view, &reader), &view, &reader)
}

async fn kb_page(State(shared): Web, reader: Reader, Path(name): Path<String>) -> Response {
    let view = shared.view();
    let page = Page::new(Section::Overview, visible(&name));
    match view.kbs.iter().find(|kb| kb.kb.eq_ignore_ascii_case(&name)) {
        Some(kb) => {
            let page = page.with_api(&format!("/api/v1/kbs/{}", path_part(&kb.kb)));
            found(&page, &kb::page(kb, &view, &reader), &view, &reader)
        }
        None => missing(&page, &kb::unknown(&name, &reader), &view, &reader),
    }
}

async fn clusters_page(State(shared): Web, reader: Reader) -> Response {
    let view = shared.view();
    let title = text::CLUSTERS_TITLE.of(reader.lang).to_owned();
    let page = Page::new(Section::Clusters, title).with_api("/api/v1/clusters");
    found(&page, &cluster::list(&view, &reader), &view, &reader)
}

async fn cluster_page(State(shared): Web, reader: Reader, Path(id): Path<String>) -> Response {
    let view = shared.view();
    if let Some(cluster) = view.clusters.iter().find(|cluster| cluster.id == id) {
        let title = format!("{} {}", visible(&cluster.kb), visible(&cluster.hresult));
        let title = title.trim_end().to_owned();
        let api = format!("/api/v1/clusters/{}", path_part(&id));
        let page = Page::new(Section::Clusters, title).with_api(&api);
        return found(
            &page,
            &cluster::page(cluster, &view, &reader),
            &view,
            &reader,
        );
    }
    let page = Page::new(Section::Clusters, visible(&id));
    missing(&page, &cluster::unknown(&id, &reader), &view, &reader)
}

async fn rollouts_page(State(shared): Web, reader: Reader) -> Response {
    let view = shared.view();
    let title = text::ROLLOUTS_TITLE.of(reader.lang).to_owned();
    let page = Page::new(Section::Rollouts, title).with_api("/api/v1/rollouts");
    found(&page, &rollout::list(&view, &reader), &view, &reader)
}

async fn rollout_page(State(shared): Web, reader: Reader, Path(name): Path<String>) -> Response {
    let view = shared.view();
    let page = Page::new(Section::Rollouts, visible(&name));
    match view.rollouts.iter().find(|rollout| rollout.name == name) {
        Some(rollout) => {
            let page = page.with_api(&format!("/api/v1/rollouts/{}", path_part(&name)));
            found(
                &page,
                &rollout::page(rollout, &view, &reader),
                &view,
                &reader,
            )
        }
        None => missing(&page, &rollout::unknown(&name, &reader), &view, &reader),
    }
}

async fn silent_page(State(shared): Web, reader: Reader) -> Response {
    let view = shared.view();
    let title = text::NAV_SILENT.of(reader.lang).to_owned();
    let page = Page::new(Section::Silent, title).with_api("/api/v1/silent");
    found(&page, &silent::page(&view, &reader), &view, &reader)
}

async fn readiness_page(State(shared): Web, reader: Reader) -> Response {
    let view = shared.view();
    let title = text::NAV_READINESS.of(reader.lang).to_owned();
    let page = Page::new(Section::Readiness, title).with_api("/api/v1/readiness");
    found(&page, &readiness::page(&view, &reader), &view, &reader)
}

async fn data_page(State(shared): Web, reader: Reader) -> Response {
    let view = shared.view();
    let title = text::NAV_DATA.of(reader.lang).to_owned();
    let page = Page::new(Section::Other, title).with_api("/api/v1/sources");
    found(&page, &sources::page(&view, &reader), &view, &reader)
}

async fn device_page(State(shared): Web, reader: Reader, Path(id): Path<String>) -> Response {
    let answer = shared.device(&id).await;
    device_answer(&id, answer, &shared.view(), &reader)
}

/// The page of a device, or why there is none. Apart from the question to the
/// database, so that the page can be shown without one.
pub fn device_answer(
    id: &str,
    answer: Result<Option<DeviceTimeline>, LoadError>,
    view: &View,
    reader: &Reader,
) -> Response {
    let page = Page::new(Section::Other, visible(id));
    match answer {
        Ok(Some(found_device)) => {
            let page = page.with_api(&format!("/api/v1/devices/{}", path_part(id)));
            let content = device::page(&found_device, view, reader);
            found(&page, &content, view, reader)
        }
        Ok(None) => missing(&page, &device::unknown(id, reader), view, reader),
        Err(error) => unavailable(&page, &error, view, reader),
    }
}

/// Whose record it is: the records of a device lie together.
#[derive(serde::Deserialize)]
struct OfDevice {
    #[serde(default)]
    device: String,
}

async fn event_page(
    State(shared): Web,
    reader: Reader,
    Path(event_id): Path<String>,
    Query(of): Query<OfDevice>,
) -> Response {
    let answer = shared
        .events(&of.device, std::slice::from_ref(&event_id))
        .await;
    event_answer(&event_id, &of.device, answer, &shared.view(), &reader)
}

/// The page of a record, or why there is none; see [`device_answer`].
pub fn event_answer(
    event_id: &str,
    device_id: &str,
    answer: Result<Vec<TimelineEvent>, LoadError>,
    view: &View,
    reader: &Reader,
) -> Response {
    let page = Page::new(Section::Other, visible(event_id));
    let events = match answer {
        Ok(events) => events,
        Err(error) => return unavailable(&page, &error, view, reader),
    };
    let Some(event) = events.first() else {
        return missing(&page, &event::unknown(event_id, reader), view, reader);
    };
    let (id, device) = (path_part(event_id), path_part(device_id));
    let page = page.with_api(&format!("/api/v1/events/{id}?device={device}"));
    found(&page, &event::page(event, device_id, reader), view, reader)
}

async fn drop_page(State(shared): Web, reader: Reader) -> Response {
    let view = shared.view();
    if !reader.offers_drop {
        return no_page(State(shared), reader).await;
    }
    let title = text::NAV_DROP.of(reader.lang).to_owned();
    let page = Page::new(Section::Drop, title);
    found(&page, &drop::page(&reader), &view, &reader)
}

async fn asset(State(shared): Web, reader: Reader) -> Response {
    match assets::find(&reader.path) {
        Some(asset) => asset,
        None => no_page(State(shared), reader).await,
    }
}

async fn no_page(State(shared): Web, reader: Reader) -> Response {
    let view = shared.view();
    let headline = html! { (text::NOT_FOUND.of(reader.lang)) };
    let hint = html! { (text::NOT_FOUND_HINT.of(reader.lang)) };
    let page = Page::new(Section::Other, text::NOT_FOUND.of(reader.lang).to_owned());
    let content = layout::absence(&reader, &headline, &hint);
    missing(&page, &content, &view, &reader)
}
