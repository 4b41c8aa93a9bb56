//! The rich fleet with hostile text in every field that comes from devices.

use kbwatch_analyzer::view::View;

use super::{facts, rich};

/// Texts that do harm where they are not taken as text.
pub(crate) fn hostile_texts() -> [String; 5] {
    [
        "<script>alert(1)</script>".to_owned(),
        "\"' onmouseover='alert(1)' x=\"".to_owned(),
        "\u{202e}gnp.exe\u{2066}\u{200b}".to_owned(),
        "</title></svg></bdi><img src=x onerror=alert(1)>".to_owned(),
        "<b>x</b>&".repeat(228),
    ]
}

/// The rich fleet with hostile text in every field that comes from devices.
pub(crate) fn hostile(now_ms: i64) -> View {
    let [script, quotes, direction, image, long] = hostile_texts();
    let mut view = rich(now_ms);
    let kb = &mut view.kbs[0];
    kb.title.clone_from(&script);
    kb.build.clone_from(&long);
    kb.by_ring[0].name.clone_from(&quotes);
    kb.by_class[0].name.clone_from(&long);
    kb.codes[4].symbol.clone_from(&image);
    view.fleet.by_class.insert(script.clone(), 3);
    let cluster = &mut view.clusters[0];
    cluster.phase.clone_from(&image);
    cluster.damage[0].files[0].file.clone_from(&direction);
    cluster.damage[0].files[0].assembly.clone_from(&long);
    cluster.damage[0].fingerprint.clone_from(&quotes);
    cluster.causes[0].facts = facts(&[(&script, &direction), ("image", &long)]);
    cluster.exonerated[0].examples.push(quotes.clone());
    cluster.exonerated[0].within.push(image.clone());
    cluster.remedy.steps[0].command.clone_from(&script);
    cluster.remedy.sources[0].path.clone_from(&long);
    cluster.remedy.sources[1].name.clone_from(&direction);
    for (device, text) in cluster
        .devices
        .iter_mut()
        .zip([&script, &quotes, &direction, &long])
    {
        device.device_id.clone_from(text);
        device.facts.insert("branch".to_owned(), text.clone());
        device.evidence.push(text.clone());
    }
    view.rollouts[0].name.clone_from(&quotes);
    view.rollouts[0].rings[0].0.clone_from(&script);
    view.new_codes[0].symbol.clone_from(&direction);
    view.silent[0].device_id.clone_from(&image);
    view.silent[1].why.clone_from(&script);
    view
}
