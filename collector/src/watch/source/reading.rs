//! Reading on in the files of a source, archives first, within a budget.

use std::io;

use super::{Looked, Moment, Source, is_absence};
use crate::watch::losses::Losses;
use crate::watch::opened::Opened;

impl Source {
    pub(super) fn read_live(
        &mut self,
        opened: Option<Opened>,
        moment: Moment,
        looked: &mut Looked,
    ) -> io::Result<()> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        if let Some(mut opened) = opened {
            let budget = moment.budget.saturating_sub(looked.read_bytes);
            looked.read_bytes += live.read(&mut opened, &self.reading, budget, moment.now_ms)?;
        }
        if moment.last_look {
            live.finish(true, moment.now_ms);
        } else {
            live.settle_if_quiet(moment.now_ms);
        }
        Ok(())
    }

    pub(super) fn read_archives(
        &mut self,
        moment: Moment,
        looked: &mut Looked,
        failed: &mut Option<io::Error>,
    ) {
        for file in self.archived.iter_mut().filter(|file| !file.is_finished()) {
            let budget = moment.budget.saturating_sub(looked.read_bytes);
            if budget == 0 {
                return;
            }
            match file.read_archive(&self.reading, budget, moment) {
                Ok(bytes) => looked.read_bytes += bytes,
                Err(error) if is_absence(&error) => {
                    self.listing.ask();
                    continue;
                }
                // Locked, by a virus scanner for example: the next look.
                Err(error) => {
                    if file.is_beyond_mending() {
                        let (path, lost_bytes) = (file.path.display(), file.lag_bytes());
                        tracing::warn!(%path, %error, lost_bytes, "archive is damaged, given up");
                        self.losses += Losses::of_file(lost_bytes);
                        self.closed_counts.add(file.counts());
                        file.close();
                    }
                    *failed = Some(error);
                    continue;
                }
            }
            if file.finish(moment.last_look, moment.now_ms) {
                self.closed_counts.add(file.counts());
                file.close();
            }
        }
    }
}
