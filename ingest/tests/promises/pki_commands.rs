//! `kbwatch-ingest pki` as a process: what it makes, refuses and revokes.

use crate::commands::{ingest, said};

#[test]
fn pki_makes_what_was_asked_for_and_refuses_ids_that_are_paths() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let made = ingest(&[
        "pki",
        "--folder",
        path,
        "--server",
        "localhost",
        "--device",
        "pc-1",
    ])
    .output();
    assert!(made.unwrap().status.success());
    for name in [
        "ca.pem",
        "ca.key",
        "gateway.pem",
        "gateway.key",
        "pc-1.pem",
        "pc-1.key",
    ] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    let refused = ingest(&["pki", "--folder", path, "--device", "../pc-1"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn pki_overwrites_nothing_and_least_of_all_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let pki = |more: &[&str]| {
        let arguments = [&["pki", "--folder", path], more].concat();
        ingest(&arguments).output().unwrap()
    };
    let device = ["--server", "localhost", "--device", "pc-1"];
    assert!(pki(&device).status.success());
    let read = || {
        let names = ["ca.pem", "ca.key", "gateway.pem", "pc-1.pem", "pc-1.key"];
        names.map(|name| std::fs::read(folder.path().join(name)).unwrap())
    };
    let before = read();
    for more in [
        ["--device", "ca"],
        ["--device", "CA"],
        ["--importer", "gateway"],
        ["--device", "crl"],
        ["--device", "pc-1"],
        ["--server", "localhost"],
    ] {
        let refused = pki(&more);
        assert_eq!(refused.status.code(), Some(1), "{more:?}");
    }
    assert!(said(&pki(&["--device", "pc-1"])).contains("--revoke-device"));
    assert_eq!(read(), before);
}

#[test]
fn pki_revokes_a_device_whose_certificates_nobody_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let pki = |more: &[&str]| {
        let arguments = [&["pki", "--folder", path], more].concat();
        ingest(&arguments).output().unwrap()
    };
    for _ in 0..2 {
        assert!(pki(&["--device", "pc-1"]).status.success());
        for file in ["pc-1.pem", "pc-1.key"] {
            std::fs::remove_file(folder.path().join(file)).unwrap();
        }
    }
    let revoked = pki(&["--revoke-device", "PC-1"]);
    let told = String::from_utf8_lossy(&revoked.stdout).into_owned();
    assert!(told.contains("revoked pc-1: 2 certificates"), "{told}");
    assert!(folder.path().join("crl.pem").is_file());
    assert_eq!(pki(&["--revoke-device", "pc-2"]).status.code(), Some(1));
}
