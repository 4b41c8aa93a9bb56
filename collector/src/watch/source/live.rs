//! The live file: unchanged, grown, or another one than before.

use std::io;

use super::{Source, is_absence};
use crate::watch::file_id::Signature;
use crate::watch::opened::Opened;
use crate::watch::text_file::FollowedFile;

/// How often a file may be taken for written anew in its place. A file that
/// changes behind its reader again and again would be read again and again.
const MAX_REWRITTEN: u32 = 3;

impl Source {
    /// One metadata call; opens the live file only when it changed.
    pub(super) fn look_at_live(&mut self) -> io::Result<Option<Opened>> {
        let signature = match Signature::at(&self.plan.path) {
            Ok(signature) => signature,
            Err(error) if is_absence(&error) => {
                self.strays.extend(self.live.take());
                // Until there is a live file again, only the folder tells
                // whether one came and was rotated away meanwhile.
                self.listing.ask();
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if let Some(live) = &self.live
            && live.is_unchanged(signature)
        {
            return Ok(None);
        }
        let mut opened = Opened::open(&self.plan.path)?;
        if !self.goes_on(&mut opened)? {
            let reading = &self.reading;
            let known = self
                .strays
                .iter()
                .position(|file| file.is(&opened, reading));
            let next = known.map_or_else(
                || FollowedFile::new(&self.plan.path, &opened, reading, !self.is_known),
                |at| self.strays.swap_remove(at),
            );
            // The one before may live on under another name.
            self.strays.extend(self.live.replace(next));
            self.listing.ask();
        }
        if let Some(live) = &mut self.live {
            live.path.clone_from(&self.plan.path);
        }
        Ok(Some(opened))
    }

    /// Whether an open file is the live one, as far as it was read.
    fn goes_on(&mut self, opened: &mut Opened) -> io::Result<bool> {
        let Some(live) = &self.live else {
            return Ok(false);
        };
        if !live.is(opened, &self.reading) {
            return Ok(false);
        }
        if live.ends_as_read(opened)? {
            // It grew as logs do: what was written anew before was no habit.
            self.rewritten = 0;
            return Ok(true);
        }
        if self.rewritten == MAX_REWRITTEN {
            return Ok(true);
        }
        self.rewritten += 1;
        let (source, path) = (self.plan.name, self.plan.path.display());
        tracing::warn!(source, %path, "log was written anew in its place, reading it from its start");
        Ok(false)
    }
}
