//! The .exe as a Windows service under a policy.

use std::fs;
use std::time::Instant;

use super::servicing_log::{ServicingLog, session};
use super::world::World;
use crate::harness::{PATIENCE, eventually};
use crate::wine::Wine;

const SERVICE: &str = "kbwatch-collector";

/// Whether `check` shows a collector that has done its work.
fn is_well(screen: &str) -> bool {
    [
        "Nothing is wrong.",
        "runs, was started",
        "read to its",
        "answers",
        "waits for a restart",
    ]
    .iter()
    .all(|words| screen.contains(words))
}

/// What the registry of a real machine would say.
fn fill_registry(wine: &Wine) {
    let version = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion";
    let servicing = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing";
    let rollup = format!(
        "{servicing}\\Packages\\Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3770.1.4"
    );
    let pending = format!("{servicing}\\RebootPending");
    let facts = r"HKLM\SOFTWARE\Policies\kbwatch\Facts";
    let settings = r"HKLM\SOFTWARE\Policies\kbwatch\Collector";
    let centre = r"HKLM\SOFTWARE\WOW6432Node\Microsoft\Security Center\Provider\Av\{1}";
    let program = r"HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall\AcmeGuard";
    for (key, name, kind, value) in [
        (version, "CurrentBuildNumber", "REG_SZ", "17763"),
        (version, "ReleaseId", "REG_SZ", "1809"),
        (centre, "DISPLAYNAME", "REG_SZ", "AcmeGuard"),
        (program, "DisplayName", "REG_SZ", "AcmeGuard Agent"),
        (program, "DisplayVersion", "REG_SZ", "12.1"),
        (
            r"HKLM\SYSTEM\Setup",
            "CloneTag",
            "REG_MULTI_SZ",
            "Thu Jan 05 10:12:34 2023",
        ),
        (version, "UBR", "REG_DWORD", "3770"),
        (version, "EditionID", "REG_SZ", "EnterpriseS"),
        (&rollup, "CurrentState", "REG_DWORD", "112"),
        (&pending, "odd", "REG_SZ", "1"),
        (facts, "image", "REG_SZ", "img-teller-2022b"),
        // Without these the old log would be passed over, and wine has no
        // event log to read.
        (settings, "history_days", "REG_DWORD", "36500"),
        (settings, "sources__event_channels", "REG_DWORD", "0"),
    ] {
        let (code, said) =
            wine.run(&["reg", "add", key, "/v", name, "/t", kind, "/d", value, "/f"]);
        assert_eq!(code, Some(0), "{key} {name}: {said}");
    }
}

/// Creates the service and starts it, once wine has started its own.
fn start_service(wine: &Wine) {
    let command =
        r"C:\kbwatch\kbwatch-collector.exe service --config C:\ProgramData\kbwatch\collector.toml";
    let deadline = Instant::now() + PATIENCE;
    loop {
        let created = wine.run(&["sc", "create", SERVICE, "binPath=", command]);
        let started = wine.run(&["net", "start", SERVICE]);
        if started.0 == Some(0) {
            return;
        }
        assert!(Instant::now() < deadline, "{created:?} {started:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_obeys_policy_states_its_facts_and_stops_when_told() {
    let Some(wine) = tokio::task::block_in_place(Wine::start) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path(), &wine, "").await;
    tokio::task::block_in_place(|| fill_registry(&wine));
    let log = ServicingLog::new(&wine);
    log.append(&(0..20).map(session).collect::<String>());
    tokio::task::block_in_place(|| start_service(&wine));
    world.stores(log.expected().len()).await;
    assert_eq!(world.stored().await, log.expected());

    let facts = world.facts().await;
    for (name, value) in [
        ("os_build", "17763"),
        ("ubr", "3770"),
        ("edition", "EnterpriseS"),
        ("os_release", "1809"),
        ("security_product", "AcmeGuard"),
        ("security_version", "12.1"),
        ("image_tag", "Thu Jan 05 10:12:34 2023"),
        ("arch", "amd64"),
        ("language", "en-US"),
        ("rollup_installed", "17763.3770.1.4"),
        ("pending_reboot", "true"),
        ("image", "img-teller-2022b"),
    ] {
        assert_eq!(
            facts.get(name).map(String::as_str),
            Some(value),
            "{name} in {facts:?}"
        );
    }
    assert!(
        facts.contains_key("hostname") && facts.contains_key("free_disk_gb"),
        "{facts:?}"
    );

    // Until the checkpoint is written and the status told.
    let exe = r"C:\kbwatch\kbwatch-collector.exe";
    let state = wine.drive_c().join("ProgramData/kbwatch/collector");
    tokio::task::block_in_place(|| {
        let mut screen = String::new();
        let deadline = Instant::now() + PATIENCE;
        while !is_well(&screen) {
            assert!(Instant::now() < deadline, "{screen}");
            screen = wine.run(&[exe, "check"]).1;
        }
        let (code, said) = wine.run(&["net", "stop", SERVICE]);
        assert_eq!(code, Some(0), "{said}");
        // The status is written before the last line of the log.
        eventually("it stops in order", || {
            fs::read_to_string(state.join("collector.log"))
                .is_ok_and(|said| said.contains("collector stopped"))
        });
    });
    let status = fs::read_to_string(state.join("status.json")).unwrap();
    assert!(status.contains("\"stopped\":true"), "{status}");
    assert_eq!(world.river.stop(), Some(0));
}
