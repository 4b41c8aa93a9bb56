//! Bundles as people make them, and as they should not.

use std::io::Write;

use super::*;
use crate::parse::cabinet::tests::pack;

fn visit(bundle: &Path) -> (Vec<(String, String)>, Vec<String>) {
    let seen = visit_within(bundle, Limits::default());
    assert_eq!((seen.limits, seen.left_out), (vec![], vec![]));
    (seen.found, seen.failed)
}

#[derive(Debug, Default)]
struct Seen {
    found: Vec<(String, String)>,
    failed: Vec<String>,
    limits: Vec<Limit>,
    left_out: Vec<(String, u64)>,
}

fn visit_within(bundle: &Path, limits: Limits) -> Seen {
    let state = tempfile::tempdir().unwrap();
    let mut scratch = Scratch::new(state.path());
    let mut seen = Seen::default();
    let meet = |found: Found<'_>| {
        match found {
            Found::Log(log) => {
                let text = fs::read_to_string(log.path).unwrap();
                seen.found.push((log.provenance.to_owned(), text));
            }
            Found::Unreadable(what, _) => seen.failed.push(what.to_owned()),
            Found::Limit(limit) => seen.limits.push(limit.clone()),
            Found::LeftOut(what, files) => seen.left_out.push((what.to_owned(), files)),
        }
        ControlFlow::Continue(())
    };
    assert!(
        Walk::new(&mut scratch, limits, meet)
            .visit(bundle)
            .is_continue()
    );
    if let Ok(folder) = scratch.folder() {
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
    }
    seen
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn logs_are_found_in_folders_zips_and_cabinets_inside_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let cab = pack(&[("CbsPersist_1.log", b"old")], 1);
    let zipped = zip(&[("logs/CBS/CBS.log", b"new"), ("logs\\CBS\\a.cab", &cab)]);
    fs::write(folder.path().join("pc-1.zip"), zipped).unwrap();
    fs::write(folder.path().join("dism.log"), "dism").unwrap();
    let (found, failed) = visit(folder.path());
    let texts: Vec<_> = found.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["dism", "new", "old"]);
    assert!(
        found[2]
            .0
            .ends_with("pc-1.zip/logs\\CBS\\a.cab/CbsPersist_1.log")
    );
    assert_eq!(failed, [""; 0]);
}

#[test]
fn a_name_that_would_climb_out_of_the_scratch_folder_stays_inside() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("evil.zip");
    fs::write(&bundle, zip(&[("../../../tmp/evil.log", b"text")])).unwrap();
    assert_eq!(visit(&bundle).0.len(), 1);
    assert_eq!(tame("../../etc/passwd"), "passwd");
    assert_eq!(tame("C:\\..\\.."), "log");
    assert_eq!(tame("a\0b:c.log"), "a_b_c.log");
}

#[test]
fn a_damaged_archive_is_named_and_costs_no_other_log() {
    let folder = tempfile::tempdir().unwrap();
    let whole = zip(&[("CBS.log", b"text")]);
    fs::write(folder.path().join("a.zip"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.path().join("b.log"), "text").unwrap();
    let (found, failed) = visit(folder.path());
    assert_eq!(found.len(), 1);
    assert!(failed[0].ends_with("a.zip"));
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("CBS.log")).unwrap();
    assert_eq!(visit(folder.path()), (vec![], vec![]));
}

fn small() -> Limits {
    Limits {
        depth: 3,
        files: 6,
        file_len: 1_000,
        unpacked_len: 2_500,
    }
}

#[test]
fn a_bomb_unpacks_no_further_than_its_limit_and_the_rest_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bomb.zip");
    let zeros = vec![0_u8; 900];
    let inner = zip(&[("a", &zeros), ("b", &zeros), ("c", &zeros), ("d", &zeros)]);
    fs::write(
        &bundle,
        zip(&[("inner.zip", &inner), ("after.log", b"text")]),
    )
    .unwrap();
    let seen = visit_within(&bundle, small());
    let most = small().unpacked_len;
    let at = "bomb.zip/inner.zip/c".to_owned();
    assert!(inner.len() < 900, "counted too");
    assert_eq!(seen.found.len(), 2);
    assert_eq!(seen.limits, [Limit::UnpackedLen(at.clone(), most)]);
    let left = [
        (at, 1),
        ("bomb.zip/inner.zip".into(), 1),
        ("bomb.zip".into(), 1),
    ];
    assert_eq!(seen.left_out, left);
}

#[test]
fn a_file_that_is_too_long_or_too_deep_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("1/2/3");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("CBS.log"), "deep").unwrap();
    fs::write(
        folder.path().join("a.zip"),
        zip(&[("long.log", &[b'x'; 1_001])]),
    )
    .unwrap();
    let seen = visit_within(folder.path(), small());
    assert_eq!(seen.left_out.len(), 2);
    assert!(matches!(&seen.limits[0], Limit::Depth(at, 3) if at.ends_with("1/2/3/CBS.log")));
    assert!(matches!(&seen.limits[1], Limit::FileLen(at, 1_000) if at.ends_with("long.log")));
}

#[test]
fn too_many_files_end_the_reading_of_their_bundle_only() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..9 {
        fs::write(folder.path().join(format!("{n}.log")), "text").unwrap();
    }
    let seen = visit_within(folder.path(), small());
    assert_eq!((seen.found.len(), seen.left_out.len()), (5, 4));
    assert_eq!(seen.limits.len(), 1);
    assert!(seen.limits[0].to_string().contains("more than 6 files"));
}

#[test]
fn a_list_of_very_many_members_is_walked_no_further_than_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("many.zip");
    let names: Vec<String> = (0..2_000).map(|n| format!("{n}.log")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &b""[..])).collect();
    fs::write(&bundle, zip(&members)).unwrap();
    let seen = visit_within(&bundle, small());
    assert_eq!(seen.found.len(), 5);
    let at = "many.zip/5.log".to_owned();
    assert_eq!(seen.left_out, [(at, 1), ("many.zip".into(), 1_994)]);
}

#[test]
fn a_member_that_cannot_be_unpacked_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("a.zip");
    let mut bytes = zip(&[("odd.log", b"odd"), ("CBS.log", b"text")]);
    // Its method, in its entry of the list: one that nobody knows.
    let list = bytes.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    bytes[list + 10] = 77;
    fs::write(&bundle, bytes).unwrap();
    let (found, failed) = visit(&bundle);
    assert_eq!(found, [("a.zip/CBS.log".to_owned(), "text".to_owned())]);
    assert_eq!(failed.len(), 1);
}
