//! What repairs the component store, told for the devices that need the same
//! source.
//!
//! Where several sources are as good as each other each device takes one by the
//! last character of its name: a hundred devices do not ask one peer.

use super::quote;
use super::steps::step;
use crate::view::{RemedyStep, Said};

/// One repair.
#[derive(Debug, Clone, Default)]
pub(super) struct Repair<'a> {
    /// Whom it is for, where not for all.
    pub(super) whom: Option<Said>,
    /// Folders of sources that are as good as each other; none is known where it
    /// is empty.
    pub(super) folders: Vec<&'a str>,
    /// What tells whether a source holds what is needed.
    pub(super) checks: Vec<Check<'a>>,
    /// Damaged files that are not among the checks.
    pub(super) unchecked: usize,
}

/// A file of the store and the hash that it must have, as one record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Check<'a> {
    /// `WinSxS` folder of the component.
    pub(super) component_key: &'a str,
    /// File in it.
    pub(super) file: &'a str,
    /// SHA-256 in hex.
    pub(super) hash: &'a str,
}

impl Check<'_> {
    /// Whether all of it may stand in a command.
    pub(super) fn is_sound(&self) -> bool {
        quote::sha256(self.hash).is_some()
            && quote::file(self.file).is_some()
            && quote::segment(self.component_key).is_some()
    }
}

impl Repair<'_> {
    /// Folders that may stand in a command.
    fn sound(&self) -> Vec<&str> {
        let folders = self.folders.iter();
        folders.filter_map(|folder| quote::folder(folder)).collect()
    }

    /// What the step says, and before it for whom.
    fn said(&self, en: &str, zh: &str, command: &str) -> RemedyStep {
        match &self.whom {
            Some(whom) => step(
                &format!("{} {en}", whom.en),
                &format!("{}{zh}", whom.zh),
                command,
            ),
            None => step(en, zh, command),
        }
    }
}

/// Names the source of a device in a variable, where there are several.
fn choose(folders: &[String]) -> String {
    format!(
        "$from = @('{}')[[int]$env:COMPUTERNAME[-1] % {}]; ",
        folders.join("', '"),
        folders.len()
    )
}

/// The expected hashes stand in CBS.log: ask the source's files for their own
/// before DISM spends half an hour on it.
pub(super) fn check_source(repair: &Repair<'_>) -> Option<RemedyStep> {
    let stores: Vec<String> = repair.sound().into_iter().map(side_by_side).collect();
    // Where the device has to choose, the path begins with a variable.
    let (choice, store, quote) = match stores.as_slice() {
        [] => return None,
        [store] => (String::new(), store.as_str(), '\''),
        several => (choose(several), "$from", '"'),
    };
    let sound = repair.checks.iter().filter(|check| check.is_sound());
    let files: Vec<(String, &str)> = sound
        .map(|check| {
            let (key, file) = (check.component_key, check.file);
            (format!("{quote}{store}\\{key}\\{file}{quote}"), check.hash)
        })
        .collect();
    let (mut en, mut zh, command) = match files.as_slice() {
        [] => return None,
        [(path, hash)] => (
            "Check the source: its file must have the hash that CBS.log demands. \"True\" means that it fits; \"False\" or an error: take the next source.".to_owned(),
            "检查修复源：其文件的哈希必须等于 CBS.log 要求的值。返回 True 表示可用；返回 False 或报错则换下一个修复源。".to_owned(),
            format!("(Get-FileHash -Algorithm SHA256 -LiteralPath {path}).Hash -eq '{hash}'"),
        ),
        several => (
            format!("Check the source: each of these {} files must have the hash that CBS.log demands. \"True\" before every file means that it fits; a \"False\" or an error: take the next source.", several.len()),
            format!("检查修复源：以下 {} 个文件的哈希都必须等于 CBS.log 要求的值。每个文件前均为 True 表示可用；出现 False 或报错则换下一个修复源。", several.len()),
            check_several(several),
        ),
    };
    if repair.unchecked > 0 {
        let n = repair.unchecked;
        let rest = format!(
            " {n} more damaged files cannot be checked so: their hash is not known, or they are too many."
        );
        en.push_str(&rest);
        let rest = format!("另有 {n} 个损坏文件无法这样检查：哈希未知或文件过多。");
        zh.push_str(&rest);
    }
    Some(repair.said(&en, &zh, &format!("{choice}{command}")))
}

fn check_several(files: &[(String, &str)]) -> String {
    let pairs: Vec<String> = files
        .iter()
        .map(|(path, hash)| format!("{path} = '{hash}'"))
        .collect();
    format!(
        "$wanted = [ordered]@{{ {} }}; $wanted.Keys | ForEach-Object {{ '{{0}}  {{1}}' -f ((Get-FileHash -Algorithm SHA256 -LiteralPath $_).Hash -eq $wanted[$_]), $_ }}",
        pairs.join("; ")
    )
}

/// DISM takes a Windows folder or a side-by-side folder as its source; the
/// components lie in the latter.
fn side_by_side(folder: &str) -> String {
    let last = folder.rsplit('\\').next().unwrap_or_default();
    if last.eq_ignore_ascii_case("WinSxS") {
        folder.to_owned()
    } else {
        format!("{folder}\\WinSxS")
    }
}

pub(super) fn restore(repair: &Repair<'_>) -> RemedyStep {
    let folders = repair.sound();
    let (choice, source) = match folders.as_slice() {
        [] => {
            return repair.said(
                "No source on the failing devices' level is known. Register a depot of that level, or mount an image that was serviced to it, then repair from it with /Source and /LimitAccess. Until then only detect.",
                "没有已知的同级别修复源。请登记该级别的修复库，或挂载已更新到该级别的映像，再用 /Source 和 /LimitAccess 修复。在此之前只做检测。",
                "Dism.exe /Online /Cleanup-Image /ScanHealth",
            );
        }
        [path] => (String::new(), *path),
        several => {
            let owned: Vec<String> = several.iter().map(|path| (*path).to_owned()).collect();
            (choose(&owned), "$from")
        }
    };
    repair.said(
        "Repair the component store from the source, without asking Windows Update.",
        "使用该修复源修复组件存储，不访问 Windows 更新。",
        &format!(
            "{choice}Dism.exe /Online /Cleanup-Image /RestoreHealth /Source:\"{source}\" /LimitAccess"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "amd64_part_31bf3856ad364e35_10.0.17763.1_none_0123456789abcdef";

    fn check<'a>(file: &'a str, hash: &'a str) -> Check<'a> {
        Check {
            component_key: KEY,
            file,
            hash,
        }
    }

    #[test]
    fn every_damaged_file_is_checked_and_the_rest_is_counted() {
        let hashes = ["ab".repeat(32), "cd".repeat(32)];
        let both = ["one.dll", "two.dll"].into_iter().zip(&hashes);
        let mut repair = Repair {
            folders: vec![r"\\depot01\repair$\Windows"],
            checks: both.map(|(file, hash)| check(file, hash)).collect(),
            unchecked: 3,
            whom: None,
        };
        let step = check_source(&repair).unwrap();
        for part in ["one.dll' = 'abab", "two.dll' = 'cdcd"] {
            assert!(step.command.contains(part), "{}", step.command);
        }
        assert!(step.en.contains("these 2 files") && step.en.contains("3 more"));
        assert!(step.zh.contains("2 个文件") && step.zh.contains("3 个"));
        repair.checks.truncate(1);
        repair.unchecked = 0;
        let step = check_source(&repair).unwrap();
        assert!(step.command.starts_with("(Get-FileHash") && !step.en.contains("more"));
    }

    #[test]
    fn devices_take_turns_at_sources_that_are_as_good_as_each_other() {
        let hash = "ab".repeat(32);
        let repair = Repair {
            folders: vec![r"\\pc-1\c$\Windows", r"\\pc-2\c$\Windows"],
            checks: vec![check("one.dll", &hash)],
            ..Repair::default()
        };
        let asked = check_source(&repair).unwrap().command;
        let chosen = r"$from = @('\\pc-1\c$\Windows\WinSxS', '\\pc-2\c$\Windows\WinSxS')[[int]$env:COMPUTERNAME[-1] % 2]; ";
        let path = format!("-LiteralPath \"$from\\{KEY}\\one.dll\"");
        assert!(
            asked.starts_with(chosen) && asked.contains(&path),
            "{asked}"
        );
        let mended = restore(&repair).command;
        assert!(
            mended.contains("$from = @('") && mended.contains("/Source:\"$from\" /LimitAccess")
        );
    }

    #[test]
    fn a_folder_that_may_not_stand_in_a_command_is_no_source() {
        let repair = Repair {
            folders: vec![r"\\srv\$(calc)\Windows"],
            ..Repair::default()
        };
        assert!(restore(&repair).command.ends_with("/ScanHealth"));
    }

    #[test]
    fn the_components_of_a_source_are_looked_for_in_one_side_by_side_folder() {
        assert_eq!(
            side_by_side(r"\\pc-1\c$\Windows"),
            r"\\pc-1\c$\Windows\WinSxS"
        );
        assert_eq!(side_by_side(r"\\depot\3770\winsxs"), r"\\depot\3770\winsxs");
    }
}
