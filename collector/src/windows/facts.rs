//! What the registry says of this device, without asking anyone.
//!
//! Every fact is left out where its key is missing. WMI is not asked: its
//! providers start processes.
#![expect(unsafe_code, reason = "free disk space has no safe interface")]

use std::collections::BTreeMap;

use windows_registry::{Key, LOCAL_MACHINE};
use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;

use super::event_channels::boot_records;
use super::policy::{self, text};
use crate::watch::boot_story;
use crate::watch::fact_words::{
    Rollups, both_views, coarse_gb, image_tag_of, language_of, platform_version, product_of,
};

const VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
const BIOS: &str = r"HARDWARE\DESCRIPTION\System\BIOS";
const CONTROL: &str = r"SYSTEM\CurrentControlSet\Control";
const SERVICING: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing";
const UPDATE: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update";
const UPDATE_POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
const ANTIVIRUS: &str = r"SOFTWARE\Microsoft\Security Center\Provider\Av";
const DEFENDER: &str = r"SOFTWARE\Microsoft\Windows Defender";
const DELIVERY_POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows\DeliveryOptimization";
const SETUP: &str = r"SYSTEM\Setup";
const PROGRAMS: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall";
const GROUP_POLICY: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy\State\Machine";
const CONFIGMGR: &str = r"SOFTWARE\Microsoft\SMS\Mobile Client";

/// Setup classes of storage controllers.
const STORAGE: [&str; 2] = [
    r"Class\{4d36e97b-e325-11ce-bfc1-08002be10318}",
    r"Class\{4d36e96a-e325-11ce-bfc1-08002be10318}",
];

/// Facts that are one value each: name, key, value.
const PLAIN: [(&str, &str, &str); 11] = [
    ("os_build", VERSION, "CurrentBuildNumber"),
    ("ubr", VERSION, "UBR"),
    ("edition", VERSION, "EditionID"),
    ("os_product", VERSION, "ProductName"),
    ("model", BIOS, "SystemProductName"),
    ("manufacturer", BIOS, "SystemManufacturer"),
    ("bios_version", BIOS, "BIOSVersion"),
    ("wsus", UPDATE_POLICY, "WUServer"),
    ("cache_host", DELIVERY_POLICY, "DOCacheHost"),
    ("directory_name", GROUP_POLICY, "Distinguished-Name"),
    ("configmgr_site", CONFIGMGR, "AssignedSiteCode"),
];

/// Everything that is found, the owner's own words last: they win.
pub(crate) fn read() -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut state = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            facts.insert(name.to_owned(), value);
        }
    };
    for (name, key, value) in PLAIN {
        state(name, read_text(key, value));
    }
    // The first says 21H2; builds before 19042, such as that of LTSC 2019, have
    // only the second, which later ones leave at 2009.
    let release = read_text(VERSION, "DisplayVersion");
    state(
        "os_release",
        release.or_else(|| read_text(VERSION, "ReleaseId")),
    );
    state("image_tag", image_tag());
    state(
        "hostname",
        control("ComputerName\\ActiveComputerName", "ComputerName"),
    );
    let arch = control("Session Manager\\Environment", "PROCESSOR_ARCHITECTURE");
    state("arch", arch.map(|arch| arch.to_lowercase()));
    let language = control("Nls\\Language", "InstallLanguage");
    state("language", language.map(|id| language_of(&id)));
    state("pending_reboot", Some(waits_for_reboot().to_string()));
    state(
        "driver_storage",
        STORAGE.iter().find_map(|class| driver(class)),
    );
    state("free_disk_gb", free_disk());
    let rollups = rollups();
    state("rollup_installed", rollups.installed());
    state("rollup_pending", rollups.pending());
    let (product, version) = security();
    state("security_product", product);
    state("security_version", version);
    if let Ok(records) = boot_records() {
        facts.extend(boot_story::tell(&records));
    }
    facts.extend(policy::facts());
    facts
}

fn read_text(key: &str, value: &str) -> Option<String> {
    text(&LOCAL_MACHINE.open(key).ok()?, value)
}

fn control(key: &str, value: &str) -> Option<String> {
    read_text(&format!("{CONTROL}\\{key}"), value)
}

/// Whether servicing or the update agent waits for a restart. Pending renames
/// of files say nothing: any installer leaves them.
fn waits_for_reboot() -> bool {
    [
        format!("{SERVICING}\\RebootPending"),
        format!("{UPDATE}\\RebootRequired"),
    ]
    .iter()
    .any(|key| LOCAL_MACHINE.open(key).is_ok())
}

/// Name and version of the first storage driver that is not Windows' own, else
/// of the first.
fn driver(class: &str) -> Option<String> {
    let class = LOCAL_MACHINE.open(format!("{CONTROL}\\{class}")).ok()?;
    let mut found = None;
    for name in class.keys().ok()?.take(16) {
        let Ok(key) = class.open(&name) else {
            continue;
        };
        let Some(version) = text(&key, "DriverVersion") else {
            continue;
        };
        let driver = format!("{} {version}", text(&key, "DriverDesc").unwrap_or_default());
        if text(&key, "ProviderName").as_deref() != Some("Microsoft") {
            return Some(driver);
        }
        found.get_or_insert(driver);
    }
    found
}

/// States of the cumulative updates that servicing knows.
fn rollups() -> Rollups {
    let mut rollups = Rollups::default();
    let Ok(packages) = LOCAL_MACHINE.open(format!("{SERVICING}\\Packages")) else {
        return rollups;
    };
    for name in packages.keys().into_iter().flatten() {
        if !Rollups::is_one(&name) {
            continue;
        }
        let state = packages.open(&name).ok();
        if let Some(state) = state.and_then(|key| key.get_u32("CurrentState").ok()) {
            rollups.add(&name, state);
        }
    }
    rollups
}

/// When the image was sealed that this machine was made from: every machine of
/// one image bears the same words.
fn image_tag() -> Option<String> {
    let lines = LOCAL_MACHINE.open(SETUP).ok()?;
    image_tag_of(&lines.get_multi_string("CloneTag").ok()?)
}

/// The security product that the Security Center lists, and its version where
/// an installed program bears its name. Windows' own counts only if alone.
fn security() -> (Option<String>, Option<String>) {
    let names = subkeys(ANTIVIRUS, |key| text(key, "DISPLAYNAME"));
    let product = product_of(&names);
    let version = product.as_ref().and_then(|product| {
        let versions = subkeys(PROGRAMS, |key| {
            let name = text(key, "DisplayName")?;
            let ours = name.to_lowercase().starts_with(&product.to_lowercase());
            ours.then(|| text(key, "DisplayVersion")).flatten()
        });
        let own = || platform_version(&read_text(DEFENDER, "InstallLocation")?);
        let is_own = product.contains("Defender");
        versions
            .into_iter()
            .next()
            .or_else(|| is_own.then(own).flatten())
    });
    (product, version)
}

/// What the keys below `path` say, of 64-bit programs and then of 32-bit ones.
fn subkeys(path: &str, read: impl Fn(&Key) -> Option<String>) -> Vec<String> {
    const MAX_SUBKEYS: usize = 1_000;
    let mut said = Vec::new();
    for view in both_views(path) {
        let Ok(key) = LOCAL_MACHINE.open(view) else {
            continue;
        };
        let names: Vec<String> = key.keys().into_iter().flatten().take(MAX_SUBKEYS).collect();
        said.extend(names.iter().filter_map(|name| read(&key.open(name).ok()?)));
    }
    said
}

fn free_disk() -> Option<String> {
    let root: Vec<u16> = "C:\\".encode_utf16().chain([0]).collect();
    let mut free = 0;
    // SAFETY: the text ends with a zero; the two totals are not asked for.
    let done = unsafe {
        GetDiskFreeSpaceExW(
            root.as_ptr(),
            &raw mut free,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    };
    (done != 0).then(|| coarse_gb(free).to_string())
}
