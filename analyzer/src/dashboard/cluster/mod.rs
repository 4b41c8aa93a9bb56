//! Clusters: which devices fail in one way, what is broken, what they share,
//! what to run.

mod cures;
mod damage;
mod devices;
pub(super) mod remedy;
mod shared_facts;

use maud::{Markup, html};

use super::chart::growth;
use super::codes;
use super::layout::{kb_link, path_part, section_head};
use super::number::{ago, at_most, count, time_and_age, time_with_zone};
use super::reader::Reader;
use super::text;
use super::words::{self, PHASES, word};
use crate::view::{Cluster, Life, View};

/// Whether devices still fail this way.
pub(super) fn open(cluster: &Cluster) -> bool {
    cluster.life != Life::Closed
}

/// A cluster's headline: which KB, with which code, on how many of how many.
/// The KB as a whole may fail on more, with other codes.
pub(super) fn headline(cluster: &Cluster, reader: &Reader) -> Markup {
    let (phrase, failed) = match (open(cluster), cluster.hresult.is_empty()) {
        (true, false) => (text::HEADLINE_CODE, cluster.failed),
        (true, true) => (text::HEADLINE, cluster.failed),
        (false, false) => (text::HEADLINE_CODE_CLOSED, cluster.ever_failed),
        (false, true) => (text::HEADLINE_CLOSED, cluster.ever_failed),
    };
    let fillings = [
        ("kb", kb_link(&cluster.kb)),
        ("code", words::data(&cluster.hresult)),
        ("failed", html! { (count(failed)) }),
        ("tried", html! { (count(cluster.tried)) }),
    ];
    phrase.fill(reader.lang, &fillings)
}

/// How many it usually is, and since when.
fn second_line(cluster: &Cluster, reader: &Reader) -> Markup {
    let fillings = [
        (
            "usual",
            html! { b { (at_most(reader.lang, cluster.usual_rate)) } },
        ),
        (
            "since",
            html! { b { (time_with_zone(reader, cluster.since_ms)) } },
        ),
        ("age", html! { (ago(reader, cluster.since_ms)) }),
    ];
    text::HEADLINE_USUAL.fill(reader.lang, &fillings)
}

/// In which phase with which code, and what the code means.
fn ending(cluster: &Cluster, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let fillings = [
        ("phase", word(PHASES, lang, &cluster.phase)),
        ("code", codes::code(lang, &cluster.hresult, &cluster.symbol)),
    ];
    html! {
        (text::ENDS_WITH.fill(lang, &fillings))
        " "
        @if let Some(meaning) = codes::meaning(lang, &cluster.hresult) { span.meaning { (meaning) } }
    }
}

fn life_badge(cluster: &Cluster, reader: &Reader) -> Markup {
    let class = match cluster.life {
        Life::New | Life::Growing | Life::Returned => "failed",
        Life::Steady => "pending",
        Life::Fading | Life::Closed => "quiet",
    };
    html! { span class={ "badge " (class) } { (words::life(cluster.life).of(reader.lang)) } }
}

fn address(cluster: &Cluster) -> String {
    format!("/clusters/{}", path_part(&cluster.id))
}

/// A cluster at a glance: headline, what is broken, what they share, what to
/// run.
pub(super) fn card(cluster: &Cluster, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        article.card {
            h3 { (headline(cluster, reader)) " " (life_badge(cluster, reader)) }
            p { (second_line(cluster, reader)) }
            p { (ending(cluster, reader)) }
            div.three {
                div { h4 { (text::WHAT_IS_BROKEN.of(lang)) } (damage::glance(cluster, reader)) }
                div { h4 { (text::WHAT_THEY_SHARE.of(lang)) } (shared_facts::glance(cluster, reader)) }
                div { h4 { (text::WHAT_TO_RUN.of(lang)) } (remedy::glance(cluster, reader)) }
            }
            p.more { a href=(address(cluster)) { (text::DETAILS.of(lang)) } }
        }
    }
}

/// The page of one cluster.
pub(super) fn page(cluster: &Cluster, view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        h1 class=[open(cluster).then_some("bad")] { (headline(cluster, reader)) }
        p.lead { (second_line(cluster, reader)) }
        p.lead { (ending(cluster, reader)) }
        @if let Some(waiting) = &cluster.waiting { p.lead { (shared_facts::waiting(waiting, reader)) } }
        (figures(cluster, reader))
        section {
            (section_head(lang, text::WHAT_IS_BROKEN, Some(text::BROKEN_HINT)))
            (damage::table(cluster, reader))
        }
        section {
            (section_head(lang, text::WHAT_THEY_SHARE, None))
            (shared_facts::causes(cluster, reader))
            h3 { (text::CLEARED.of(lang)) }
            (shared_facts::exonerated(cluster, reader))
        }
        section #what-to-run {
            (section_head(lang, text::WHAT_TO_RUN, None))
            (remedy::steps(cluster, reader))
            h3 { (text::SOURCES.of(lang)) }
            (remedy::sources(cluster, reader))
            h3 { (text::CURES.of(lang)) }
            (cures::table(cluster, reader))
        }
        @if cluster.series.iter().any(|point| point.failed > 0) {
            section {
                (section_head(lang, text::GROWTH, None))
                (growth(reader, &cluster.series, cluster.called_at_ms, view.made_at_ms))
            }
        }
        section { (devices::list(cluster, reader)) }
    }
}

fn figures(cluster: &Cluster, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        dl.figures {
            div { dt { (text::LIFE.of(lang)) } dd { (life_badge(cluster, reader)) } }
            div { dt { (text::CALLED.of(lang)) } dd { (time_and_age(reader, cluster.called_at_ms)) } }
            div { dt { (text::LAST_FAILURE.of(lang)) } dd { (time_and_age(reader, cluster.last_failure_at_ms)) } }
            div { dt { (text::EVER.of(lang)) } dd { (count(cluster.ever_failed)) } }
            div { dt { (text::HEALED.of(lang)) } dd { (count(cluster.healed)) } }
            div { dt { (text::CHANCE.of(lang)) } dd { (cluster.p_value.map_or_else(|| text::NOT_KNOWN.of(lang).to_owned(), chance)) } }
        }
    }
}

/// A probability as people read it: `1 : 1,000,000` for small ones.
pub(super) fn chance(p: f64) -> String {
    if !p.is_finite() || p <= 0.0 {
        "< 10⁻³⁰⁰".to_owned()
    } else if p >= 0.001 {
        format!("{p:.3}")
    } else {
        let exponent = format!("{p:.0e}");
        let power = exponent.split_once("e-").map_or("", |(_, power)| power);
        let raised: String = power.chars().filter_map(superscript).collect();
        format!("≈ 10⁻{raised}")
    }
}

fn superscript(digit: char) -> Option<char> {
    let at = usize::try_from(digit.to_digit(10)?).ok()?;
    "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(at)
}

/// The page of all clusters.
pub(super) fn list(view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let (open, closed): (Vec<&Cluster>, Vec<&Cluster>) =
        view.clusters.iter().partition(|c| open(c));
    html! {
        h1 { (text::CLUSTERS_TITLE.of(lang)) }
        p.lead { (text::OPEN_CLUSTERS_HINT.of(lang)) }
        section {
            h2 { (text::CLUSTERS_OPEN.of(lang)) }
            @if open.is_empty() { p.empty { (text::NO_OPEN_CLUSTER.of(lang)) } }
            @for cluster in open { (card(cluster, reader)) }
        }
        section {
            h2 { (text::CLUSTERS_CLOSED.of(lang)) }
            @if closed.is_empty() { p.empty { (text::CLUSTERS_NO_CLOSED.of(lang)) } }
            (lines(&closed, reader))
        }
    }
}

/// Clusters as lines of a list.
pub(super) fn lines(clusters: &[&Cluster], reader: &Reader) -> Markup {
    html! {
        ul.list {
            @for cluster in clusters {
                li {
                    (headline(cluster, reader)) " " (life_badge(cluster, reader))
                    p { (codes::code(reader.lang, &cluster.hresult, &cluster.symbol)) }
                    p.muted {
                        (text::SINCE.of(reader.lang)) " " (time_and_age(reader, cluster.since_ms))
                        " · " a href=(address(cluster)) { (text::DETAILS.of(reader.lang)) }
                    }
                }
            }
        }
    }
}

/// What stands where no cluster has the id.
pub(super) fn unknown(id: &str, reader: &Reader) -> Markup {
    let headline = text::CLUSTER_UNKNOWN.fill(reader.lang, &[("id", words::data(id))]);
    let hint = html! { (text::NOT_FOUND_HINT.of(reader.lang)) };
    super::layout::absence(reader, &headline, &hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_told_by_their_power_of_ten() {
        assert_eq!(chance(0.25), "0.250");
        assert_eq!(chance(3.2e-31), "≈ 10⁻³¹");
        assert_eq!(chance(0.0), "< 10⁻³⁰⁰");
        assert_eq!(chance(f64::NAN), "< 10⁻³⁰⁰");
    }
}
