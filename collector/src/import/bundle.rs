//! What people collect by hand: folders, .zip and .cab files, nested as they
//! come.
//!
//! Every log is laid into a scratch folder on its own and removed again; names
//! inside archives are hostile and only their last part is used, tamed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::parse::cabinet::{CABINET_MAGIC, Cabinet};

const ZIP_MAGIC: &[u8; 4] = b"PK\x03\x04";

/// Folders and archives inside one another.
const MAX_DEPTH: u32 = 8;

/// Files of one bundle, all levels together.
const MAX_FILES: u32 = 20_000;

/// Unpacked bytes of one file; a log of a sick machine may reach gigabytes.
const MAX_FILE_LEN: u64 = 4 << 30;

/// A log of a bundle, laid where it can be read.
#[derive(Debug)]
pub(super) struct FoundLog<'a> {
    /// Where it lies now.
    pub(super) path: &'a Path,
    /// Where it came from: bundle, archives and folders.
    pub(super) provenance: &'a str,
}

/// Walks through bundles.
pub(super) struct Walk<'a> {
    scratch: PathBuf,
    files: u32,
    found: &'a mut dyn FnMut(FoundLog<'_>),
    /// Says what could not be read, and why.
    failed: &'a mut dyn FnMut(&str, &io::Error),
}

impl<'a> Walk<'a> {
    /// Lays unpacked logs under `scratch`, one at a time.
    pub(super) fn new(
        scratch: PathBuf,
        found: &'a mut dyn FnMut(FoundLog<'_>),
        failed: &'a mut dyn FnMut(&str, &io::Error),
    ) -> Self {
        Self {
            scratch,
            files: 0,
            found,
            failed,
        }
    }

    /// Shows every file of a bundle, in the order of their names.
    pub(super) fn visit(&mut self, bundle: &Path) {
        let name = bundle.file_name().unwrap_or(bundle.as_os_str());
        self.visit_within(bundle, &name.to_string_lossy(), 0);
    }

    fn visit_within(&mut self, path: &Path, provenance: &str, depth: u32) {
        if let Err(error) = self.try_visit(path, provenance, depth) {
            (self.failed)(provenance, &error);
        }
    }

    fn try_visit(&mut self, path: &Path, provenance: &str, depth: u32) -> io::Result<()> {
        self.files += 1;
        if depth > MAX_DEPTH || self.files > MAX_FILES {
            return Err(io::Error::other("too many files, or nested too deep"));
        }
        // A link may lead anywhere on the machine of whoever imports.
        let metadata = fs::symlink_metadata(path)?;
        if metadata.is_dir() {
            let entries: io::Result<Vec<_>> = fs::read_dir(path)?.collect();
            let mut entries = entries?;
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                let name = entry.file_name();
                let inside = format!("{provenance}/{}", name.to_string_lossy());
                self.visit_within(&entry.path(), &inside, depth + 1);
            }
            return Ok(());
        }
        if !metadata.is_file() {
            return Ok(());
        }
        let mut head = Vec::new();
        File::open(path)?.take(4).read_to_end(&mut head)?;
        if head == ZIP_MAGIC {
            self.visit_zip(path, provenance, depth)
        } else if head == CABINET_MAGIC {
            self.visit_cabinet(path, provenance, depth)
        } else {
            (self.found)(FoundLog { path, provenance });
            Ok(())
        }
    }

    fn visit_zip(&mut self, path: &Path, provenance: &str, depth: u32) -> io::Result<()> {
        let mut archive = zip::ZipArchive::new(File::open(path)?).map_err(io::Error::other)?;
        for at in 0..archive.len() {
            let mut member = archive.by_index(at).map_err(io::Error::other)?;
            if member.is_file() {
                let name = member.name().map_err(io::Error::other)?.into_owned();
                self.lay_and_visit(&mut member, &name, provenance, depth);
            }
        }
        Ok(())
    }

    fn visit_cabinet(&mut self, path: &Path, provenance: &str, depth: u32) -> io::Result<()> {
        let mut cabinet = Cabinet::open(File::open(path)?).map_err(io::Error::other)?;
        for at in 0..cabinet.members().len() {
            let name = cabinet.members()[at].name.clone();
            let inside = format!("{provenance}/{name}");
            match cabinet.read_member(at) {
                Ok(mut member) => self.lay_and_visit(&mut member, &name, provenance, depth),
                Err(error) => (self.failed)(&inside, &io::Error::other(error)),
            }
        }
        Ok(())
    }

    /// Lays one member of an archive into the scratch folder, shows it and
    /// removes it.
    fn lay_and_visit(&mut self, member: &mut dyn Read, name: &str, provenance: &str, depth: u32) {
        let inside = format!("{provenance}/{name}");
        let folder = self.scratch.join(self.files.to_string());
        let path = folder.join(tame(name));
        let laid = fs::create_dir_all(&folder)
            .and_then(|()| File::create(&path))
            .and_then(|mut file| io::copy(&mut member.take(MAX_FILE_LEN), &mut file));
        match laid {
            Ok(MAX_FILE_LEN) => (self.failed)(&inside, &io::Error::other("larger than 4 GiB")),
            Ok(_) => self.visit_within(&path, &inside, depth + 1),
            Err(error) => (self.failed)(&inside, &error),
        }
        if let Err(error) = fs::remove_dir_all(&folder) {
            tracing::warn!(folder = %folder.display(), %error, "scratch folder stays behind");
        }
    }
}

/// The last part of a name, without what a file system could trip over.
fn tame(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._- ()".contains(letter);
    let tamed: String = last
        .chars()
        .map(|letter| if plain(letter) { letter } else { '_' })
        .take(128)
        .collect();
    match tamed.trim_matches(['.', ' ']) {
        "" => "log".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::parse::cabinet::tests::pack;

    fn visit(bundle: &Path) -> (Vec<(String, String)>, Vec<String>) {
        let scratch = tempfile::tempdir().unwrap();
        let (mut found, mut failed) = (Vec::new(), Vec::new());
        let mut on_found = |log: FoundLog<'_>| {
            let text = fs::read_to_string(log.path).unwrap();
            found.push((log.provenance.to_owned(), text));
        };
        let mut on_failed = |what: &str, _: &io::Error| failed.push(what.to_owned());
        Walk::new(scratch.path().to_owned(), &mut on_found, &mut on_failed).visit(bundle);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
        (found, failed)
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
}
