//! Settings that cannot work end the process before it opens anything.

use std::process::Command;

#[test]
fn an_unknown_key_or_an_impossible_value_ends_with_64_and_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("analyzer.toml");
    for (text, word) in [("cycle_s = 3\n", "cycle_s"), ("cycle_ms = 0\n", "cycle_ms")] {
        std::fs::write(&file, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_kbwatch-analyzer"))
            .args(["run", "--config"])
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains(word), "{said}");
    }
}
