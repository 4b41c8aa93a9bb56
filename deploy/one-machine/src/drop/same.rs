//! Whether two records speak of one file: servicing spells a component in
//! three ways.

/// Whether two spellings mean one component: a `WinSxS` key, a key shortened
/// with `..`, or the assembly's bare name.
pub(super) fn same_component(one: &str, other: &str) -> bool {
    if one.is_empty() || other.is_empty() || one.eq_ignore_ascii_case(other) {
        return true;
    }
    match (assembly_of(one), assembly_of(other)) {
        (Some(name), None) => same_name(name, other),
        (None, Some(name)) => same_name(name, one),
        // Two keys that differ are two components; two names as well.
        _ => false,
    }
}

/// The name inside `arch_name_token_version_culture_hash`.
fn assembly_of(key: &str) -> Option<&str> {
    let (_, rest) = key.split_once('_')?;
    let mut from_end = rest.rsplitn(5, '_');
    let (_hash, _culture, version) = (from_end.next()?, from_end.next()?, from_end.next()?);
    let (_token, name) = (from_end.next()?, from_end.next()?);
    version.contains('.').then_some(name)
}

fn same_name(in_key: &str, name: &str) -> bool {
    let (in_key, name) = (in_key.to_lowercase(), name.to_lowercase());
    match in_key.split_once("..") {
        None => in_key == name,
        Some((head, tail)) => name.starts_with(head) && name.ends_with(tail),
    }
}

/// Whether two spellings mean one file: with or without the folder.
pub(super) fn same_file(one: &str, other: &str) -> bool {
    let name = |path: &str| path.rsplit(['\\', '/']).next().unwrap_or("").to_lowercase();
    name(one) == name(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_the_name_inside_it_are_one_component() {
        let key = "amd64_dual_probe.inf_31bf3856ad364e35_10.0.17763.1_none_1b109bcc844f4c10";
        assert!(same_component(key, "dual_probe.inf"));
        assert!(!same_component(key, "probe.inf"));
        let short = "amd64_microsoft-windows-p..e-tools_31bf3856ad364e35_10.0.17763.1_none_00aa";
        assert!(same_component("Microsoft-Windows-Probe-Tools", short));
        assert!(!same_component(key, short));
    }
}
