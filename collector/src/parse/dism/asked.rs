//! What DISM was asked for: by a command line, a call of its library, or the
//! method that failed.

use kbwatch_proto::words::Phase;

use crate::parse::report::text;
use crate::parse::scan;

/// Operations: word of a command line or of a method's name, phase.
const OPERATIONS: &[(&[u8], Phase)] = &[
    (b"provisionedappx", Phase::AppxProvision),
    (b"enable-feature", Phase::FeatureInstall),
    (b"add-capability", Phase::FeatureInstall),
    (b"disable-feature", Phase::Uninstall),
    (b"remove-capability", Phase::Uninstall),
    (b"remove-package", Phase::Uninstall),
    (b"add-package", Phase::Install),
    (b"restorehealth", Phase::CorruptionRepair),
    (b"scanhealth", Phase::CorruptionDetect),
    (b"checkhealth", Phase::CorruptionDetect),
    (b"startcomponentcleanup", Phase::Maintenance),
    (b"add-driver", Phase::Install),
    (b"revertpendingactions", Phase::RebootCommit),
    (b"get-", Phase::Inventory),
];

/// Calls of the library, by the start of their names.
const CALLS: &[(&[u8], Phase)] = &[
    (b"Get", Phase::Inventory),
    (b"AddPackage", Phase::Install),
    (b"RemovePackage", Phase::Uninstall),
    (b"EnableFeature", Phase::FeatureInstall),
    (b"DisableFeature", Phase::Uninstall),
    (b"AddCapability", Phase::FeatureInstall),
    (b"RemoveCapability", Phase::Uninstall),
    (b"AddDriver", Phase::Install),
    (b"CheckImageHealth", Phase::CorruptionDetect),
    (b"RestoreImageHealth", Phase::CorruptionRepair),
    (b"_AddProvisionedAppx", Phase::AppxProvision),
    (b"AddProvisionedAppx", Phase::AppxProvision),
];

/// Methods that give away what was asked for: part of the name, in lower case,
/// and the word of [`OPERATIONS`].
const METHODS: &[(&[u8], &[u8])] = &[
    (b"cmsupackage::", b"add-package"),
    (b"addpackagecommandobject", b"add-package"),
    (b"processpackagefromsource", b"add-package"),
    (b"createpackagebypath", b"add-package"),
    (b"processfeaturechange", b"enable-feature"),
    (b"enablefeaturecommandobject", b"enable-feature"),
    (b"addcapabilitycommandobject", b"add-capability"),
    (b"removepackagecommandobject", b"remove-package"),
    (b"disablefeaturecommandobject", b"disable-feature"),
];

/// Phase of a command line in lower case, and the word that gives it away.
pub(super) fn of_command(lower: &[u8]) -> Option<(Phase, String)> {
    let found = OPERATIONS
        .iter()
        .find(|(word, _)| scan::contains(lower, word));
    found.map(|(word, phase)| (*phase, text(word)))
}

/// Phase of a call of the library.
pub(super) fn of_call(name: &[u8]) -> Option<Phase> {
    let found = CALLS.iter().find(|(start, _)| name.starts_with(start));
    found.map(|(_, phase)| *phase)
}

/// Phase that a method's name or a command's token gives away.
pub(super) fn phase_of_method(message: &[u8]) -> Option<(Phase, String)> {
    let lower = message.to_ascii_lowercase();
    let method = METHODS
        .iter()
        .find(|(part, _)| scan::contains(&lower, part))
        .map(|(_, word)| *word);
    OPERATIONS
        .iter()
        .filter(|(word, _)| *word != b"get-")
        .find(|(word, _)| {
            method.map_or_else(|| scan::contains(&lower, word), |method| method == *word)
        })
        .map(|(word, phase)| (*phase, text(word)))
}

/// Value of `/Name:value`, quotes taken off.
pub(super) fn option(command: &[u8], lower: &[u8], name: &[u8]) -> Option<String> {
    let at = scan::find(lower, name)? + name.len();
    let value = command.get(at..)?;
    let value = match value.strip_prefix(b"\"") {
        Some(quoted) => scan::before(quoted, b"\""),
        None => scan::lead(value, |byte| byte != b' '),
    };
    Some(text(value))
}
