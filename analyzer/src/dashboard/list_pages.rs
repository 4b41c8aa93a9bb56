//! Addresses of lists of devices, and of the search.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::answer::{Page, found, missing, unavailable};
use super::layout::{Section, kb_link, path_part};
use super::lists::{self, Found};
use super::reader::Reader;
use super::standing::{self, State as Standing};
use super::words::{data, visible};
use super::{kb, rollout, text};
use crate::Shared;
use crate::load::{DeviceList, LoadError};

type Web = State<Arc<Shared>>;

/// Longest text that is looked for, in characters.
const MAX_TEXT: usize = 128;

/// Which state's devices are asked for.
#[derive(serde::Deserialize)]
pub(super) struct InState {
    #[serde(default)]
    state: String,
}

/// What the search field asks for.
#[derive(serde::Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    id: String,
}

/// Devices of a KB in one state.
pub(super) async fn of_kb(
    State(shared): Web,
    reader: Reader,
    Path(name): Path<String>,
    Query(wanted): Query<InState>,
) -> Response {
    let view = shared.view();
    let page = Page::new(Section::Overview, visible(&name));
    let known = view.kbs.iter().find(|kb| kb.kb.eq_ignore_ascii_case(&name));
    let outcomes = lists::outcomes_of(&wanted.state);
    let (Some(shown), Some(outcomes)) = (known, outcomes) else {
        return missing(&page, &kb::unknown(&name, &reader), &view, &reader);
    };
    let states = standing::of_outcomes(&shown.outcomes);
    let answer = shared.devices_of_kb(&shown.kb, outcomes).await;
    let state = standing::named(&states, &wanted.state);
    let of = kb_link(&shown.kb);
    list((&page, &of), state, answer, &shared, &reader)
}

/// Targets of a rollout in one state.
pub(super) async fn of_rollout(
    State(shared): Web,
    reader: Reader,
    Path(name): Path<String>,
    Query(wanted): Query<InState>,
) -> Response {
    let view = shared.view();
    let page = Page::new(Section::Rollouts, visible(&name));
    let known = view.rollouts.iter().find(|rollout| rollout.name == name);
    let word = lists::target_state(&wanted.state);
    let (Some(shown), Some(word)) = (known, word) else {
        return missing(&page, &rollout::unknown(&name, &reader), &view, &reader);
    };
    let states = standing::of_rollout(&shown.rows);
    let answer = shared.devices_of_rollout(&shown.name, word).await;
    let state = standing::named(&states, &wanted.state);
    let of = html! { a href={ "/rollouts/" (path_part(&shown.name)) } { (data(&shown.name)) } };
    list((&page, &of), state, answer, &shared, &reader)
}

fn list(
    (page, of): (&Page, &Markup),
    state: Option<&Standing>,
    answer: Result<DeviceList, LoadError>,
    shared: &Shared,
    reader: &Reader,
) -> Response {
    let view = shared.view();
    match (answer, state) {
        (Ok(devices), Some(state)) => {
            let content = lists::page(of, state, &devices, reader);
            found(page, &content, &view, reader)
        }
        (Err(error), _) => unavailable(page, &error, &view, reader),
        (Ok(_), None) => {
            let content = html! { p.empty { (text::LIST_EMPTY.of(reader.lang)) } };
            missing(page, &content, &view, reader)
        }
    }
}

/// Finds devices, KBs and clusters by parts of their names; goes there where
/// there is only one.
pub(super) async fn search(
    State(shared): Web,
    reader: Reader,
    Query(wanted): Query<Wanted>,
) -> Response {
    let wanted: String = wanted.id.trim().chars().take(MAX_TEXT).collect();
    if wanted.is_empty() {
        return Redirect::to("/").into_response();
    }
    let view = shared.view();
    let title = text::FIND.of(reader.lang).to_owned();
    let page = Page::new(Section::Other, title);
    // KBs and codes are known without the database; the page of a device says
    // that it does not answer.
    let devices = shared.find_devices(&wanted).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "devices were not searched");
        Vec::new()
    });
    let hits = Found::in_view(&view, &wanted, devices);
    match hits.only(&wanted.to_lowercase()) {
        Some(address) => Redirect::to(&address).into_response(),
        None => found(
            &page,
            &lists::found(&hits, &wanted, &reader),
            &view,
            &reader,
        ),
    }
}
