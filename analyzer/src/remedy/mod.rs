//! What to do about a cluster: class of cure by code in context, steps with
//! exact commands, and sources that can repair.

mod catalogue;
mod quote;
mod sources;
mod steps;

pub(crate) use sources::Depot;
pub(crate) use sources::Situation;

use crate::attempts::Broken;
use crate::damage::{parse_component, stands_for};
use crate::kb::{Build, KbTable};
use crate::view::{DamageGroup, DamagedFile, Remedy, RemedyStep, RepairSource};
use catalogue::Class;

/// Whether a path may stand in a command.
pub(crate) fn is_folder(path: &str) -> bool {
    quote::folder(path).is_some()
}

/// What a remedy is made for.
pub(crate) struct Trouble<'a> {
    /// Failing KB and the build that it brings.
    pub(crate) kb: &'a str,
    pub(crate) build: Option<Build>,
    /// Final code.
    pub(crate) hresult: u32,
    /// What is broken, most devices first.
    pub(crate) damage: &'a [DamageGroup],
    /// Broken files as printed.
    pub(crate) broken: Vec<&'a Broken>,
    /// KB knowledge.
    pub(crate) kbs: &'a KbTable,
}

/// The remedy, with sources where the store is to be repaired.
pub(crate) fn remedy(trouble: &Trouble<'_>, situation: &Situation<'_>) -> Remedy {
    let class = catalogue::class_of(trouble.hresult, !trouble.damage.is_empty());
    let needs_source = matches!(class, Class::ComponentStore | Class::Source);
    let sources = if needs_source {
        sources::sources(situation)
    } else {
        Vec::new()
    };
    // The file to check is one whose hash and store folder were both printed.
    let files = trouble.damage.iter().flat_map(|group| &group.files);
    let damaged = files
        .into_iter()
        .find(|file| !file.hash_expected.is_empty());
    let key = damaged.and_then(|file| component_key(trouble, &file.assembly));
    let steps = steps::steps(
        class,
        &steps::Facts {
            kb: trouble.kb,
            build: trouble.build,
            kbs: trouble.kbs,
            source: sources.first(),
            damaged,
            component_key: key.as_deref().unwrap_or_default(),
        },
    );
    Remedy {
        class: class.as_str().to_owned(),
        steps,
        sources,
        reference: class.reference().to_owned(),
    }
}

/// What stands for the source in commands where a person has to choose one.
const SOURCE_TO_CHOOSE: &str = r"\\SOURCE\Windows";

/// Steps for one machine of which nothing but its logs is known.
///
/// `kb` may be empty: then only the cure itself is told. `hresult` is the final
/// code, 0 without a failure; `component_key` the `WinSxS` folder of the damaged
/// file as a log printed it, or empty. In commands the source is written
/// `\\SOURCE\Windows`.
pub fn steps_for_log(
    kb: &str,
    hresult: u32,
    damaged: Option<&DamagedFile>,
    component_key: &str,
) -> Vec<RemedyStep> {
    let kbs = KbTable::shipped();
    let class = catalogue::class_of(hresult, damaged.is_some());
    let source = RepairSource {
        path: SOURCE_TO_CHOOSE.to_owned(),
        ..RepairSource::default()
    };
    let facts = steps::Facts {
        kb,
        build: kbs.build_of(kb, None),
        kbs: &kbs,
        source: Some(&source),
        damaged,
        component_key,
    };
    if kb.is_empty() {
        steps::cure(class, &facts)
    } else {
        steps::steps(class, &facts)
    }
}

/// A `WinSxS` folder name of the assembly, as some log printed it.
fn component_key(trouble: &Trouble<'_>, assembly: &str) -> Option<String> {
    let keys = trouble.broken.iter().filter(|broken| {
        let component = parse_component(&broken.component);
        !component.version.is_empty() && stands_for(&component.assembly, assembly)
    });
    keys.map(|broken| broken.component.clone()).min()
}
