//! What people collect by hand: folders, .zip and .cab files, nested as they
//! come.
//!
//! Every log is laid into a scratch folder on its own and removed again; names
//! inside archives are hostile and only their last part is used, tamed.
//!
//! Promise: however an archive was made, what is unpacked stays within
//! [`Limits`], and what is not read for that reason is told.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use zip::ZipReadOptions;
use zip::unstable::read::ZipIterable;

use super::limits::{Limit, Limits};
use super::scratch::Scratch;
use crate::parse::cabinet::{CABINET_MAGIC, Cabinet};

const ZIP_MAGIC: &[u8; 4] = b"PK\x03\x04";

/// A log of a bundle, laid where it can be read.
#[derive(Debug)]
pub(super) struct FoundLog<'a> {
    /// Where it lies now.
    pub(super) path: &'a Path,
    /// Where it came from: bundle, archives and folders.
    pub(super) provenance: &'a str,
}

/// What a walk comes across.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// A file that may be a log.
    Log(FoundLog<'a>),
    /// A file or archive that cannot be read, and why.
    Unreadable(&'a str, &'a io::Error),
    /// A limit was met.
    Limit(&'a Limit),
    /// So many files here are not read, because of a limit.
    LeftOut(&'a str, u64),
}

/// Walks through one bundle.
pub(super) struct Walk<'a, F> {
    scratch: &'a mut Scratch,
    limits: Limits,
    files: u32,
    unpacked_len: u64,
    /// Whether a limit of the whole bundle was met.
    is_over: bool,
    /// Is shown everything, and may end the walk.
    meet: F,
}

impl<'a, F: FnMut(Found<'_>) -> ControlFlow<()>> Walk<'a, F> {
    /// Lays unpacked logs into `scratch`, one at a time.
    pub(super) fn new(scratch: &'a mut Scratch, limits: Limits, meet: F) -> Self {
        Self {
            scratch,
            limits,
            files: 0,
            unpacked_len: 0,
            is_over: false,
            meet,
        }
    }

    /// Shows every file of a bundle, in the order of their names.
    pub(super) fn visit(&mut self, bundle: &Path) -> ControlFlow<()> {
        let name = bundle.file_name().unwrap_or(bundle.as_os_str());
        self.visit_within(bundle, &name.to_string_lossy(), 0)
    }

    fn visit_within(&mut self, path: &Path, provenance: &str, depth: u32) -> ControlFlow<()> {
        if self.is_over {
            return (self.meet)(Found::LeftOut(provenance, 1));
        }
        self.files += 1;
        if depth > self.limits.depth {
            return self.leave_out(
                provenance,
                &Limit::Depth(provenance.into(), self.limits.depth),
            );
        }
        if self.files > self.limits.files {
            self.is_over = true;
            return self.leave_out(
                provenance,
                &Limit::Files(provenance.into(), self.limits.files),
            );
        }
        match self.try_visit(path, provenance, depth) {
            Ok(flow) => flow,
            Err(error) => (self.meet)(Found::Unreadable(provenance, &error)),
        }
    }

    fn leave_out(&mut self, provenance: &str, limit: &Limit) -> ControlFlow<()> {
        (self.meet)(Found::Limit(limit))?;
        (self.meet)(Found::LeftOut(provenance, 1))
    }

    fn try_visit(
        &mut self,
        path: &Path,
        provenance: &str,
        depth: u32,
    ) -> io::Result<ControlFlow<()>> {
        // A link may lead anywhere on the machine of whoever imports.
        let metadata = fs::symlink_metadata(path)?;
        if metadata.is_dir() {
            let entries: io::Result<Vec<_>> = fs::read_dir(path)?.collect();
            let mut entries = entries?;
            entries.sort_by_key(fs::DirEntry::file_name);
            return Ok(entries.iter().try_for_each(|entry| {
                let name = entry.file_name();
                let inside = format!("{provenance}/{}", name.to_string_lossy());
                self.visit_within(&entry.path(), &inside, depth + 1)
            }));
        }
        if !metadata.is_file() {
            return Ok(ControlFlow::Continue(()));
        }
        let mut head = Vec::new();
        File::open(path)?.take(4).read_to_end(&mut head)?;
        if head == ZIP_MAGIC {
            self.visit_zip(path, provenance, depth)
        } else if head == CABINET_MAGIC {
            self.visit_cabinet(path, provenance, depth)
        } else {
            Ok((self.meet)(Found::Log(FoundLog { path, provenance })))
        }
    }

    fn visit_zip(
        &mut self,
        path: &Path,
        provenance: &str,
        depth: u32,
    ) -> io::Result<ControlFlow<()>> {
        // Not by an index of all members: a list of millions of them packs well.
        let open = || File::open(path).map(BufReader::new);
        let archive = ZipIterable::try_new(open()?, zip::read::Config::default());
        let mut archive = archive.map_err(io::Error::other)?;
        let members = archive.files_with_reader(open()?, ZipReadOptions::new());
        let mut members = members.map_err(io::Error::other)?;
        loop {
            let (left, _) = members.size_hint();
            if self.is_over && left > 0 {
                return Ok((self.meet)(Found::LeftOut(provenance, left as u64)));
            }
            let flow = match members.next() {
                None => return Ok(ControlFlow::Continue(())),
                Some(Ok(mut member)) if member.is_file() => {
                    let name = member.name().map_err(io::Error::other)?.into_owned();
                    self.lay_and_visit(&mut member, &name, provenance, depth)
                }
                Some(Ok(_)) => ControlFlow::Continue(()),
                Some(Err(error)) => {
                    (self.meet)(Found::Unreadable(provenance, &io::Error::other(error)))
                }
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
    }

    fn visit_cabinet(
        &mut self,
        path: &Path,
        provenance: &str,
        depth: u32,
    ) -> io::Result<ControlFlow<()>> {
        let mut cabinet = Cabinet::open(File::open(path)?).map_err(io::Error::other)?;
        let count = cabinet.members().len();
        for at in 0..count {
            if self.is_over {
                let left = (count - at) as u64;
                return Ok((self.meet)(Found::LeftOut(provenance, left)));
            }
            let name = cabinet.members()[at].name.clone();
            let flow = match cabinet.read_member(at) {
                Ok(mut member) => self.lay_and_visit(&mut member, &name, provenance, depth),
                Err(error) => {
                    let inside = format!("{provenance}/{name}");
                    (self.meet)(Found::Unreadable(&inside, &io::Error::other(error)))
                }
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Lays one member of an archive into the scratch folder, shows it and
    /// removes it.
    fn lay_and_visit(
        &mut self,
        member: &mut dyn Read,
        name: &str,
        provenance: &str,
        depth: u32,
    ) -> ControlFlow<()> {
        let inside = format!("{provenance}/{name}");
        let folder = match self.scratch.folder() {
            Ok(scratch) => scratch.join(self.files.to_string()),
            Err(error) => return (self.meet)(Found::Unreadable(&inside, &error)),
        };
        let path = folder.join(tame(name));
        let left = self.limits.unpacked_len - self.unpacked_len;
        let most = left.min(self.limits.file_len);
        let laid = fs::create_dir(&folder)
            .and_then(|()| File::create_new(&path))
            .and_then(|mut file| io::copy(&mut member.take(most + 1), &mut file));
        self.unpacked_len += laid.as_ref().map_or(0, |len| *len.min(&most));
        let flow = match laid {
            Ok(len) if len <= most => self.visit_within(&path, &inside, depth + 1),
            Ok(_) if most == left => {
                self.is_over = true;
                let all = self.limits.unpacked_len;
                self.leave_out(&inside, &Limit::UnpackedLen(inside.clone(), all))
            }
            Ok(_) => self.leave_out(&inside, &Limit::FileLen(inside.clone(), most)),
            Err(error) => (self.meet)(Found::Unreadable(&inside, &error)),
        };
        if let Err(error) = fs::remove_dir_all(&folder) {
            tracing::warn!(folder = %folder.display(), %error, "unpacked log stays for now");
        }
        flow
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
mod tests;
