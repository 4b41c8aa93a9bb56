//! Lists that people hand to a running river.

use std::path::Path;
use std::process::{Command, Output};

use crate::harness::{Plan, eventually};

fn kbwatch(arguments: &[&str], data: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kbwatch"))
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap()
}

#[test]
fn a_running_river_takes_a_target_list_and_known_codes() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&folder.path().join("data"));
    let targets = folder.path().join("targets.csv");
    std::fs::write(
        &targets,
        "device_id,ring\npc-1,ring0\npc-2,ring0\npc-3,ring1\n",
    )
    .unwrap();
    let codes = folder.path().join("codes.csv");
    std::fs::write(&codes, "hresult\n0x80070070\n0x800f0922\n").unwrap();
    let river = plan.start();

    let arguments = [
        "rollout",
        "import",
        "--name",
        "pilot",
        "--release",
        "2023-01",
    ];
    let arguments = [&arguments[..], &["--targets", targets.to_str().unwrap()]].concat();
    let imported = kbwatch(&arguments, &plan.data);
    let said = String::from_utf8_lossy(&imported.stdout);
    assert!(said.contains("3 targets"), "{imported:?}");
    assert!(said.contains("KB5022286"), "{imported:?}");
    eventually("the pages show the rollout", || {
        river
            .get("/api/v1/rollouts/pilot")
            .is_some_and(|body| body.contains("\"targets\":3"))
    });

    let arguments = ["baseline", "import", "--codes", codes.to_str().unwrap()];
    let imported = kbwatch(&arguments, &plan.data);
    let said = String::from_utf8_lossy(&imported.stdout);
    assert!(said.contains("2 known result codes"), "{imported:?}");

    assert_eq!(river.stop(), Some(0));
    let refused = kbwatch(&arguments, &plan.data);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("kbwatch up --data"), "{said}");
}

#[test]
fn a_kb_that_is_none_ends_with_64_and_says_how_to_write_it() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "rollout",
        "import",
        "--name",
        "a",
        "--release",
        "b",
        "--targets",
        "c",
    ];
    let arguments = [&arguments[..], &["--kb", "19044=soon"]].concat();
    let refused = kbwatch(&arguments, folder.path());
    assert_eq!(refused.status.code(), Some(64));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("17763=KB5022286@3887"), "{said}");
}
