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
use crate::view::{DamageGroup, Remedy};
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

/// A `WinSxS` folder name of the assembly, as some log printed it.
fn component_key(trouble: &Trouble<'_>, assembly: &str) -> Option<String> {
    let keys = trouble.broken.iter().filter(|broken| {
        let component = parse_component(&broken.component);
        !component.version.is_empty() && stands_for(&component.assembly, assembly)
    });
    keys.map(|broken| broken.component.clone()).min()
}
