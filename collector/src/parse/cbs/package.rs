//! What a package identity says: `Name~Token~Arch~Culture~Version`.

use kbwatch_proto::words::Phase;

use super::super::scan;

/// Knowledge-base number of a package: the identifier if it is no placeholder,
/// else the number in the package's name.
pub(super) fn kb(package: &str, identifier: &str) -> String {
    scan::kb(identifier.as_bytes())
        .or_else(|| scan::kb(package.as_bytes()))
        .unwrap_or_default()
}

/// Phase of work on a package: updates are installed, everything else that
/// servicing installs is a feature, a language or a capability.
pub(super) fn phase(package: &str, identifier: &str, client: &str) -> Phase {
    let update = package.starts_with("Package_") || package.contains("_for_KB");
    let feature = scan::is_placeholder(identifier)
        || client.starts_with("FodHelper")
        || !package.is_empty() && !update && !package.starts_with("Wrapper-");
    if feature && !update {
        Phase::FeatureInstall
    } else {
        Phase::Install
    }
}

/// Whether a package goes from these states to one in which it is not in use.
pub(super) fn is_removal(from: &str, to: &str) -> bool {
    let in_use = matches!(from, "Installed" | "Permanent" | "Partially Installed");
    let gone = matches!(
        to,
        "Absent" | "Resolved" | "Staged" | "Uninstalled" | "Uninstall Pending"
    );
    in_use && gone
}

/// The package of `Package~..~1.2.3.4.Update.UPD`: everything up to its
/// four-part version.
pub(super) fn of_update(text: &str) -> &str {
    let Some(at) = text.rfind('~') else {
        return text;
    };
    let version = &text[at + 1..];
    let mut dots = 0;
    let end = version
        .find(|c: char| {
            dots += usize::from(c == '.');
            dots == 4 || !(c.is_ascii_digit() || c == '.')
        })
        .unwrap_or(version.len());
    text[..at + 1 + end].trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_names_the_update_unless_it_is_a_placeholder() {
        let rollup = "Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.6";
        assert_eq!(kb(rollup, "KB5022286"), "KB5022286");
        assert_eq!(kb(rollup, "KB777778"), "");
        assert_eq!(
            kb("Package_12_for_KB5020001~31bf~amd64~~1.0.0.1", ""),
            "KB5020001"
        );
    }

    #[test]
    fn features_and_updates_are_different_phases() {
        assert_eq!(
            phase("Package_for_KB5020001~a~b~~1", "", "x"),
            Phase::Install
        );
        assert_eq!(
            phase(
                "Microsoft-Windows-NetFx3-OnDemand-Package~a~b~~1",
                "KB777778",
                "DISM"
            ),
            Phase::FeatureInstall
        );
        assert_eq!(phase("", "", "WindowsUpdateAgent"), Phase::Install);
    }

    #[test]
    fn the_update_inside_a_package_is_cut_off() {
        assert_eq!(
            of_update("Package_9_for_KB5020001~31bf~amd64~~10.0.1.2.5020001-9_neutral_PACKAGE"),
            "Package_9_for_KB5020001~31bf~amd64~~10.0.1.2"
        );
        assert_eq!(of_update("plain"), "plain");
    }
}
