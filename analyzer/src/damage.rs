//! What exactly is broken: the same files on many devices mean one golden
//! image, scattered sets mean disks or meddling software.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::attempts::Broken;
use crate::find::rate::real;
use crate::view::{DamageGroup, DamagedFile};

/// Sets of files belong together from this overlap on (Jaccard).
const SAME_GROUP: f64 = 0.5;

/// A group shows the files that at least this part of its devices have.
const SHOWN_SHARE: f64 = 0.5;

/// Most groups and files shown.
const MAX_GROUPS: usize = 10;
const MAX_FILES: usize = 50;

/// Identity of a broken file, comparable between devices, logs and months.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Canonical {
    arch: String,
    assembly: String,
    file: String,
}

/// Parts of a component as logs name it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Component {
    /// amd64, wow64 …, or empty.
    pub(crate) arch: String,
    /// Assembly without version and hash, lower case, possibly `..`-shortened.
    pub(crate) assembly: String,
    /// Version, or empty.
    pub(crate) version: String,
}

/// Takes a `WinSxS` key `arch_name_token_version_culture_hash` apart; any other
/// text is an assembly name.
pub(crate) fn parse_component(component: &str) -> Component {
    let lower = component.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split('_').collect();
    let is_hex16 = |text: &str| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());

    match parts.as_slice() {
        [arch, name @ .., token, version, _culture, hash]
            if !name.is_empty() && is_hex16(token) && is_hex16(hash) =>
        {
            Component {
                arch: (*arch).to_owned(),
                assembly: name.join("_"),
                version: (*version).to_owned(),
            }
        }
        _ => Component {
            assembly: lower,
            ..Component::default()
        },
    }
}

/// Whether a possibly `..`-shortened name stands for `full`.
fn stands_for(short: &str, full: &str) -> bool {
    match short.split_once("..") {
        Some((head, tail)) => {
            full.len() > head.len() + tail.len() && full.starts_with(head) && full.ends_with(tail)
        }
        None => short == full,
    }
}

/// Delta payloads lie in folders `r`, `f` and `n` beside the file.
fn file_name(file: &str) -> String {
    let lower = file.to_ascii_lowercase();
    let bare = ["r\\", "f\\", "n\\"]
        .iter()
        .find_map(|folder| lower.trim_start_matches('\\').strip_prefix(folder));
    bare.map_or_else(|| lower.clone(), str::to_owned)
}

fn canonical(broken: &Broken) -> DamagedFile {
    let component = parse_component(&broken.component);
    let stated = |printed: &str, parsed: String| {
        if printed.is_empty() {
            parsed
        } else {
            printed.to_ascii_lowercase()
        }
    };
    DamagedFile {
        arch: stated(&broken.arch, component.arch),
        assembly: component.assembly,
        file: file_name(&broken.file),
        component_version: stated(&broken.version, component.version),
        hash_expected: broken.hash_expected.clone(),
    }
}

/// Whether a record speaks of that file, in whatever version.
pub(crate) fn is_of(broken: &Broken, file: &DamagedFile) -> bool {
    let of = canonical(broken);
    let agree = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
    of.file == file.file && agree(&of.arch, &file.arch) && stands_for(&of.assembly, &file.assembly)
}

/// What is broken on one device.
pub(crate) struct DeviceDamage<'a> {
    /// Broken files of its failed attempts.
    pub(crate) broken: Vec<&'a Broken>,
}

/// Groups devices by overlap of what is broken on them, most devices first.
pub(crate) fn group(devices: &[DeviceDamage<'_>]) -> Vec<DamageGroup> {
    let mut sets = canonical_sets(devices);
    sets.retain(|set| !set.is_empty());
    // Larger sets first, so that a device with a part of the damage joins them.
    sets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.keys().cmp(b.keys())));
    let mut groups: Vec<Vec<BTreeMap<Canonical, DamagedFile>>> = Vec::new();
    for set in sets {
        let home = groups.iter_mut().find(|group| {
            group
                .first()
                .is_some_and(|first| overlap(first, &set) >= SAME_GROUP)
        });
        match home {
            Some(group) => group.push(set),
            None => groups.push(vec![set]),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups.truncate(MAX_GROUPS);
    groups.iter().map(|group| describe(group)).collect()
}

fn overlap(a: &BTreeMap<Canonical, DamagedFile>, b: &BTreeMap<Canonical, DamagedFile>) -> f64 {
    let both = b.keys().filter(|key| a.contains_key(*key)).count();
    let either = a.len() + b.len() - both;
    real(both as u64) / real(either.max(1) as u64)
}

/// The files of each device, with shortened and missing names completed from
/// what the other records say.
fn canonical_sets(devices: &[DeviceDamage<'_>]) -> Vec<BTreeMap<Canonical, DamagedFile>> {
    let files: Vec<Vec<DamagedFile>> = devices
        .iter()
        .map(|device| {
            device
                .broken
                .iter()
                .map(|broken| canonical(broken))
                .collect()
        })
        .collect();
    let full: BTreeSet<(String, String, String)> = files
        .iter()
        .flatten()
        .filter(|file| !file.assembly.is_empty() && !file.assembly.contains(".."))
        .map(|file| (file.file.clone(), file.assembly.clone(), file.arch.clone()))
        .collect();
    let sets = files.into_iter().map(|files| {
        let mut set: BTreeMap<Canonical, DamagedFile> = BTreeMap::new();
        for mut file in files {
            complete(&mut file, &full);
            let key = Canonical {
                arch: file.arch.clone(),
                assembly: file.assembly.clone(),
                file: file.file.clone(),
            };
            let kept = set.entry(key).or_insert_with(|| file.clone());
            if kept.hash_expected.is_empty() {
                kept.hash_expected = file.hash_expected;
            }
            if kept.component_version.is_empty() {
                kept.component_version = file.component_version;
            }
        }
        set
    });
    sets.collect()
}

/// Completes a shortened or missing assembly name where exactly one full name
/// fits the file.
fn complete(file: &mut DamagedFile, full: &BTreeSet<(String, String, String)>) {
    let fits = |(name, assembly, arch): &&(String, String, String)| {
        let same_arch = file.arch.is_empty() || arch.is_empty() || *arch == file.arch;
        let same_name = file.assembly.is_empty() || stands_for(&file.assembly, assembly);
        *name == file.file && same_arch && same_name
    };
    let candidates: Vec<_> = full.iter().filter(fits).collect();
    let assemblies: BTreeSet<&String> = candidates.iter().map(|(_, a, _)| a).collect();
    if assemblies.len() != 1 {
        return;
    }
    let stated = candidates.iter().find(|(_, _, arch)| !arch.is_empty());
    if let Some((_, assembly, arch)) = stated.or(candidates.first()) {
        file.assembly.clone_from(assembly);
        if file.arch.is_empty() {
            file.arch.clone_from(arch);
        }
    }
}

fn describe(group: &[BTreeMap<Canonical, DamagedFile>]) -> DamageGroup {
    let mut counts: BTreeMap<&Canonical, (u64, DamagedFile)> = BTreeMap::new();
    for (key, file) in group.iter().flatten() {
        let entry = counts.entry(key).or_insert_with(|| (0, file.clone()));
        entry.0 += 1;
        if entry.1.hash_expected.is_empty() {
            entry.1.hash_expected.clone_from(&file.hash_expected);
        }
    }
    let devices = group.len() as u64;
    let shown: Vec<(&Canonical, u64, DamagedFile)> = counts
        .into_iter()
        .filter(|(_, (count, _))| real(*count) >= SHOWN_SHARE * real(devices))
        .map(|(key, (count, file))| (key, count, file))
        .collect();
    let mut hash = Sha256::new();
    for (key, _, _) in &shown {
        for part in [&key.arch, &key.assembly, &key.file] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    let mut files: Vec<(u64, DamagedFile)> = shown.into_iter().map(|(_, n, f)| (n, f)).collect();
    files.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    files.truncate(MAX_FILES);
    DamageGroup {
        fingerprint: short_hex(&hash.finalize()),
        files: files.into_iter().map(|(_, file)| file).collect(),
        devices,
    }
}

/// First 16 hex digits.
pub(crate) fn short_hex(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kbwatch_proto::ids::EventId;

    fn broken(component: &str, file: &str) -> Broken {
        Broken {
            component: component.into(),
            version: String::new(),
            arch: String::new(),
            file: file.into(),
            hash_expected: String::new(),
            evidence: EventId::default(),
        }
    }

    const FULL: &str = "amd64_microsoft-windows-example-teller-service_31bf3856ad364e35_10.0.17763.1_none_0123456789abcdef";

    #[test]
    fn a_store_key_is_taken_apart_from_its_ends() {
        let component = parse_component(FULL);
        assert_eq!(component.arch, "amd64");
        assert_eq!(
            component.assembly,
            "microsoft-windows-example-teller-service"
        );
        assert_eq!(component.version, "10.0.17763.1");
        let with_underscore = parse_component(
            "wow64_dual_example.inf_31bf3856ad364e35_10.0.1.2_none_0123456789abcdef",
        );
        assert_eq!(with_underscore.assembly, "dual_example.inf");
        assert_eq!(
            parse_component("Microsoft-Example").assembly,
            "microsoft-example"
        );
    }

    #[test]
    fn a_shortened_name_and_a_delta_folder_mean_the_same_file() {
        let full = [broken(FULL, "example.dll")];
        let short = [broken(
            "amd64_microsoft-windows-e..-teller-service_31bf3856ad364e35_10.0.17763.1_none_0123456789abcdef",
            "r\\Example.dll",
        )];
        let nameless = [broken("", "example.dll")];
        let devices: Vec<DeviceDamage<'_>> = [&full, &short, &nameless]
            .into_iter()
            .map(|broken| DeviceDamage {
                broken: broken.iter().collect(),
            })
            .collect();
        let groups = group(&devices);
        assert_eq!(groups.len(), 1, "{groups:?}");
        assert_eq!(groups[0].devices, 3);
        assert_eq!(groups[0].files.len(), 1);
    }

    #[test]
    fn devices_with_other_damage_stand_apart() {
        let one = [broken(FULL, "a.dll"), broken(FULL, "b.dll")];
        let part = [broken(FULL, "a.dll")];
        let other = [broken(FULL, "z.dll")];
        let devices: Vec<DeviceDamage<'_>> = [&one[..], &part, &other, &[]]
            .into_iter()
            .map(|broken| DeviceDamage {
                broken: broken.iter().collect(),
            })
            .collect();
        let groups = group(&devices);
        let sizes: Vec<u64> = groups.iter().map(|group| group.devices).collect();
        assert_eq!(sizes, [2, 1]);
        assert_ne!(groups[0].fingerprint, groups[1].fingerprint);
    }
}
