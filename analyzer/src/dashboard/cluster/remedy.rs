//! What to run, and where to repair from.

use maud::{Markup, html};

use crate::dashboard::number::count;
use crate::dashboard::reader::{Lang, Reader};
use crate::dashboard::text;
use crate::dashboard::words::{data, visible};
use crate::view::{Cluster, RemedyStep, RepairSource};

/// The step that mends: the first one that names a source, else the first that
/// calls DISM, else the first with a command.
fn decisive(cluster: &Cluster) -> Option<&RemedyStep> {
    let steps = &cluster.remedy.steps;
    let calls = |what: &str| {
        let lower = |step: &&RemedyStep| step.command.to_ascii_lowercase().contains(what);
        steps.iter().find(lower)
    };
    calls("/source:")
        .or_else(|| calls("dism"))
        .or_else(|| steps.iter().find(|step| !step.command.is_empty()))
        .or_else(|| steps.first())
}

/// The decisive step.
pub(super) fn glance(cluster: &Cluster, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let Some(step) = decisive(cluster) else {
        return html! { p.muted { (text::STEPS_NONE.of(lang)) } };
    };
    let n = cluster.remedy.steps.len();
    html! {
        p { (instruction(step, lang)) }
        @if !step.command.is_empty() { (command(&step.command, &format!("glance-{}", id_part(cluster)), lang)) }
        @if n > 1 {
            p { a href={ (super::address(cluster)) "#what-to-run" } { (text::STEPS_ALL.of(lang).replace("{n}", &count(n as u64))) } }
        }
    }
}

/// The id of a cluster as part of an element's id.
fn id_part(cluster: &Cluster) -> String {
    let sound = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    cluster.id.chars().filter(sound).take(64).collect()
}

fn instruction(step: &RemedyStep, lang: Lang) -> Markup {
    let words = match lang {
        Lang::En => &step.en,
        Lang::Zh => &step.zh,
    };
    html! { (visible(words)) }
}

/// A command with a button that copies it.
pub(in crate::dashboard) fn command(command: &str, id: &str, lang: Lang) -> Markup {
    html! {
        div.command {
            pre translate="no" { code id=(id) { (visible(command)) } }
            button type="button" data-copy=(id) { (text::COPY.of(lang)) }
        }
    }
}

/// All steps in order.
pub(super) fn steps(cluster: &Cluster, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let remedy = &cluster.remedy;
    if remedy.steps.is_empty() {
        return html! { p.empty { (text::STEPS_NONE.of(lang)) } };
    }
    html! {
        @if remedy.steps.iter().any(|step| !step.command.is_empty()) {
            p.hint { (text::STEPS_HINT.of(lang)) }
        }
        ol.steps {
            @for (i, step) in remedy.steps.iter().enumerate() {
                li {
                    p { (instruction(step, lang)) }
                    @if !step.command.is_empty() { (command(&step.command, &format!("step-{i}"), lang)) }
                }
            }
        }
        @if !remedy.reference.is_empty() {
            p.muted { (text::REFERENCE.fill(lang, &[("reference", data(&remedy.reference))])) }
        }
    }
}

/// All sources, best first.
pub(super) fn sources(cluster: &Cluster, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let sources = &cluster.remedy.sources;
    let peers_off = html! {
        @if !cluster.remedy.peers_allowed { p.muted { (text::PEERS_OFF.fill(lang, &[("key", html! { code translate="no" { "donors" } })])) } }
    };
    if sources.is_empty() {
        return html! { p.empty { (text::SOURCES_NONE.of(lang)) } (peers_off) };
    }
    html! {
        (peers_off)
        p.hint { (text::SOURCES_HINT.of(lang)) }
        div.scroll {
            table.cards {
                thead {
                    tr {
                        th scope="col" { (text::SOURCE.of(lang)) }
                        th scope="col" { (text::SOURCE_KIND.of(lang)) }
                        th scope="col" { (text::SOURCE_PATH.of(lang)) }
                        th scope="col" { (text::SOURCE_BUILD.of(lang)) }
                        th.num scope="col" { (text::SOURCE_SERVES.of(lang)) }
                    }
                }
                tbody {
                    @for source in sources { (source_row(source, cluster, lang)) }
                }
            }
        }
    }
}

fn source_row(source: &RepairSource, cluster: &Cluster, lang: Lang) -> Markup {
    let tier = text::TIERS.get(usize::from(source.tier).wrapping_sub(1));
    let why = match lang {
        Lang::En => &source.why.en,
        Lang::Zh => &source.why.zh,
    };
    let fillings = [
        ("n", html! { (count(source.serves)) }),
        ("m", html! { (count(cluster.failed.max(source.serves))) }),
    ];
    html! {
        tr {
            th scope="row" {
                (data(&source.name))
                @if !why.is_empty() { p.muted { (visible(why)) } }
            }
            td data-label=(text::SOURCE_KIND.of(lang)) {
                @if let Some(tier) = tier { (tier.of(lang)) } @else { (source.tier) }
            }
            td data-label=(text::SOURCE_PATH.of(lang)) { code translate="no" { (visible(&source.path)) } }
            td data-label=(text::SOURCE_BUILD.of(lang)) { (data(&source.build)) }
            td.num data-label=(text::SOURCE_SERVES.of(lang)) { (text::N_OF_M.fill(lang, &fillings)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_that_names_a_source_stands_for_the_remedy() {
        let step = |command: &str| RemedyStep {
            command: command.to_owned(),
            ..RemedyStep::default()
        };
        let mut cluster = Cluster::default();
        assert_eq!(decisive(&cluster), None);
        cluster.remedy.steps = vec![step(""), step("shutdown /r"), step("Dism /Source:x")];
        assert_eq!(
            decisive(&cluster).map(|s| s.command.as_str()),
            Some("Dism /Source:x")
        );
        cluster.remedy.steps.truncate(2);
        assert_eq!(
            decisive(&cluster).map(|s| s.command.as_str()),
            Some("shutdown /r")
        );
    }
}
