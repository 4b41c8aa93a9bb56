//! Lists of devices behind the counts on pages, and what a search finds.

use maud::{Markup, html};

use super::codes;
use super::layout::{device_link, kb_link, path_part};
use super::number::{count, time};
use super::reader::Reader;
use super::standing::State;
use super::text;
use super::words::data;
use crate::load::{DeviceList, FoundDevice, ListedDevice, MAX_FOUND};
use crate::view::{Cluster, View};

/// Outcomes of attempts that a state of a KB's page counts.
pub(super) fn outcomes_of(state: &str) -> Option<&'static [&'static str]> {
    Some(match state {
        "done" => &["succeeded"],
        "failed" => &["failed", "rolled_back"],
        "pending" => &["pending_reboot"],
        "running" => &["unknown"],
        "excluded" => &["cancelled"],
        "silent" => &["gone_silent"],
        _ => return None,
    })
}

/// The word in tables of a state of a rollout's page.
pub(super) fn target_state(state: &str) -> Option<&'static str> {
    Some(match state {
        "done" => "compliant",
        "failed" => "failed",
        "pending" => "pending_reboot",
        "running" => "in_progress",
        "window" => "waiting_window",
        "waiting" => "not_offered",
        "silent" => "silent",
        "unheard" => "no_collector",
        "inapplicable" => "not_applicable",
        "excused" => "excused",
        "excluded" => "excluded",
        _ => return None,
    })
}

/// The page of the devices that stand in one way.
pub(super) fn page(of: &Markup, state: &State, list: &DeviceList, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let (class, name, _) = state;
    let fillings = [
        ("of", of.clone()),
        ("n", html! { (count(list.total)) }),
        (
            "state",
            html! { span class={ "swatch " (class) } {} (name.of(lang)) },
        ),
    ];
    let shown = list.devices.len() as u64;
    html! {
        h1 { (text::LIST_TITLE.fill(lang, &fillings)) }
        p.lead { (text::LIST_HINT.of(lang)) }
        @if list.devices.is_empty() { p.empty { (text::LIST_EMPTY.of(lang)) } }
        @else { (table(&list.devices, reader)) }
        @if list.total > shown {
            p.muted {
                (text::FIRST_N.fill(lang, &[("n", html! { (count(shown)) }), ("m", html! { (count(list.total)) })]))
            }
        }
    }
}

fn table(devices: &[ListedDevice], reader: &Reader) -> Markup {
    let lang = reader.lang;
    let codes_known = devices.iter().any(|device| !device.hresult.is_empty());
    html! {
        div.scroll {
            table.cards {
                thead {
                    tr {
                        th scope="col" { (text::DEVICE.of(lang)) }
                        th scope="col" { (text::RING.of(lang)) }
                        @if codes_known { th scope="col" { (text::RESULT_CODE.of(lang)) } }
                        th scope="col" { (text::SINCE.of(lang)) }
                    }
                }
                tbody {
                    @for device in devices {
                        tr {
                            th scope="row" { (device_link(&device.device_id)) }
                            td data-label=(text::RING.of(lang)) {
                                @if device.ring.is_empty() { "–" } @else { (data(&device.ring)) }
                            }
                            @if codes_known {
                                td data-label=(text::RESULT_CODE.of(lang)) {
                                    @if device.hresult.is_empty() { "–" }
                                    @else { (codes::code(lang, &device.hresult, "")) }
                                }
                            }
                            td data-label=(text::SINCE.of(lang)) {
                                @match device.since_ms { Some(at_ms) => (time(reader, at_ms)), None => "–" }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a text stands in.
pub(super) struct Found<'v> {
    pub(super) devices: Vec<FoundDevice>,
    pub(super) kbs: Vec<&'v str>,
    pub(super) clusters: Vec<&'v Cluster>,
}

impl<'v> Found<'v> {
    /// KBs, and clusters by KB or code, whose names contain the text.
    pub(super) fn in_view(view: &'v View, text: &str, devices: Vec<FoundDevice>) -> Self {
        let text = text.to_lowercase();
        let has = |name: &str| name.to_lowercase().contains(&text);
        let kbs = view.kbs.iter().filter(|kb| has(&kb.kb) || has(&kb.build));
        let coded = |cluster: &&Cluster| has(&cluster.hresult) || has(&cluster.symbol);
        Self {
            devices,
            kbs: kbs.map(|kb| kb.kb.as_str()).collect(),
            clusters: view.clusters.iter().filter(coded).collect(),
        }
    }

    /// The page to go to where there is nothing to choose from.
    pub(super) fn only(&self, text: &str) -> Option<String> {
        let exact = self
            .devices
            .iter()
            .find(|device| device.device_id.eq_ignore_ascii_case(text));
        let device = |found: &FoundDevice| format!("/devices/{}", path_part(&found.device_id));
        if let Some(found) = exact {
            return Some(device(found));
        }
        match (
            self.devices.as_slice(),
            self.kbs.as_slice(),
            self.clusters.as_slice(),
        ) {
            ([found], [], []) => Some(device(found)),
            ([], [kb], []) => Some(format!("/kbs/{}", path_part(kb))),
            ([], [], [cluster]) => Some(format!("/clusters/{}", path_part(&cluster.id))),
            ([], [], []) => Some(format!("/devices/{}", path_part(text))),
            _ => None,
        }
    }
}

/// The page of a search.
pub(super) fn found(found: &Found<'_>, wanted: &str, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        h1 { (text::FOUND_TITLE.fill(lang, &[("text", data(wanted))])) }
        @if !found.kbs.is_empty() {
            section {
                h2 { (text::KB.of(lang)) }
                ul.list { @for kb in &found.kbs { li { (kb_link(kb)) } } }
            }
        }
        @if !found.clusters.is_empty() {
            section {
                h2 { (text::CLUSTERS_TITLE.of(lang)) }
                (super::cluster::lines(&found.clusters, reader))
            }
        }
        @if !found.devices.is_empty() {
            section {
                h2 { (text::DEVICES.of(lang)) }
                ul.list {
                    @for device in found.devices.iter().take(MAX_FOUND) {
                        li {
                            (device_link(&device.device_id))
                            @if !device.hostname.is_empty() { " " span.muted { (data(&device.hostname)) } }
                        }
                    }
                }
                @if found.devices.len() > MAX_FOUND { p.muted { (text::FOUND_MORE.of(lang)) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::standing;
    use crate::view::{KbStatus, Outcomes, RolloutRows};

    #[test]
    fn every_state_of_a_page_has_its_devices() {
        for (class, ..) in standing::of_outcomes(&Outcomes::default()) {
            assert!(outcomes_of(class).is_some(), "{class}");
        }
        for (class, ..) in standing::of_rollout(&RolloutRows::default()) {
            assert!(target_state(class).is_some(), "{class}");
        }
        assert_eq!((outcomes_of("x"), target_state("x")), (None, None));
    }

    fn device(id: &str) -> FoundDevice {
        FoundDevice {
            device_id: id.to_owned(),
            ..FoundDevice::default()
        }
    }

    #[test]
    fn parts_of_names_find_devices_kbs_and_codes() {
        let view = View {
            kbs: vec![KbStatus {
                kb: "KB5022286".to_owned(),
                ..KbStatus::default()
            }],
            clusters: vec![Cluster {
                id: "c".to_owned(),
                hresult: "0x800f0985".to_owned(),
                symbol: "PSFX_E_APPLY_REVERSE_DELTA_FAILED".to_owned(),
                ..Cluster::default()
            }],
            ..View::default()
        };
        let only = |text: &str, devices: &[&str]| {
            let devices = devices.iter().map(|id| device(id)).collect();
            Found::in_view(&view, text, devices).only(text)
        };
        let to = |path: &str| Some(path.to_owned());
        assert_eq!(only("22286", &[]), to("/kbs/KB5022286"));
        assert_eq!(only("0985", &[]), to("/clusters/c"));
        assert_eq!(only("reverse_delta", &[]), to("/clusters/c"));
        assert_eq!(only("pc-1", &["pc-1", "pc-10"]), to("/devices/pc-1"));
        assert_eq!(only("pc", &["pc-1", "pc-10"]), None);
        assert_eq!(only("c-10", &["pc-10"]), to("/devices/pc-10"));
        assert_eq!(only("nobody", &[]), to("/devices/nobody"));
    }
}
