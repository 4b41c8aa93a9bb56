//! When a folder is to be listed again: at once after a change, ever more
//! seldom while something in it stays locked or missing.

/// Longest pause between two listings, in looks.
const MAX_WAIT: u32 = 64;

/// When a folder is to be listed again.
#[derive(Debug, Default)]
pub(super) struct Listing {
    due: bool,
    looks_to_wait: u32,
    last_wait: u32,
}

impl Listing {
    /// Something changed: at the next look.
    pub(super) fn ask(&mut self) {
        *self = Self {
            due: true,
            ..Self::default()
        };
    }

    /// Nothing changed, but something could not be seen: after a pause that
    /// doubles each time.
    pub(super) fn ask_again(&mut self) {
        self.due = true;
        self.last_wait = (self.last_wait * 2).clamp(1, MAX_WAIT);
        self.looks_to_wait = self.last_wait;
    }

    /// Whether this look lists the folder.
    pub(super) fn is_due(&mut self) -> bool {
        if !self.due {
            return false;
        }
        if self.looks_to_wait > 0 {
            self.looks_to_wait -= 1;
            return false;
        }
        self.due = false;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks until the folder is listed.
    fn looks(listing: &mut Listing) -> u32 {
        (1..1_000).find(|_| listing.is_due()).unwrap()
    }

    #[test]
    fn a_folder_is_listed_once_per_change() {
        let mut listing = Listing::default();
        assert!(!listing.is_due());
        listing.ask();
        assert!(listing.is_due());
        assert!(!listing.is_due());
    }

    #[test]
    fn a_file_that_stays_locked_costs_ever_fewer_listings() {
        let mut listing = Listing::default();
        let mut waits = Vec::new();
        for _ in 0..9 {
            listing.ask_again();
            waits.push(looks(&mut listing));
        }
        assert_eq!(waits, [2, 3, 5, 9, 17, 33, 65, 65, 65]);
        listing.ask();
        assert_eq!(looks(&mut listing), 1);
    }
}
