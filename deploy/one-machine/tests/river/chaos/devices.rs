//! Devices at work: their logs grow in bursts, and the ledger holds every line
//! that was written.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;

/// Events per device and second, on average.
const RATE: usize = 40;

/// Pause between two bursts.
const BEAT: Duration = Duration::from_millis(200);

/// What lies between devices' numbers of lines.
const SPAN: u64 = 10_000_000;

/// The log of one device and how much was written to it.
#[derive(Clone)]
pub(super) struct Log {
    pub(super) device_id: String,
    number: u64,
    path: PathBuf,
    written: Arc<Mutex<u64>>,
}

impl Log {
    pub(super) fn new(folder: &Path, number: u64, device_id: &str) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let path = folder.join("CBS.log");
        std::fs::write(&path, "").unwrap();
        Self {
            device_id: device_id.to_owned(),
            number,
            path,
            written: Arc::default(),
        }
    }

    /// Events written so far.
    pub(super) fn written(&self) -> u64 {
        *self.written.lock().unwrap()
    }

    /// The session that event `nth` of this device names, and no other event.
    pub(super) fn session(&self, nth: u64) -> String {
        format!("31000000_{}", self.number * SPAN + nth)
    }

    fn append(&self, events: usize, stamp: &str) {
        let mut written = self.written.lock().unwrap();
        let mut text = String::new();
        for _ in 0..events {
            let session = self.session(*written);
            write!(
                text,
                "{stamp}, Info                  CBS    Appl: Evaluating package applicability\r\n\
                 {stamp}, Info                  CBS    Exec: Processing complete.  \
                 Session: {session}, \
                 Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.{}, \
                 Identifier: KB5022286 [HRESULT = 0x800f0985 - PSFX_E_APPLY_REVERSE_DELTA_FAILED]\r\n",
                *written % 9 + 1,
            )
            .unwrap();
            *written += 1;
        }
        let mut file = OpenOptions::new().append(true).open(&self.path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}

/// Lets all logs grow until `end`.
pub(super) fn write_until(logs: &[Log], end: Instant, seed: u64) {
    let mut dice = Rng::with_seed(seed);
    while Instant::now() < end {
        let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC);
        let stamp = now.strftime("%Y-%m-%d %H:%M:%S").to_string();
        for log in logs {
            // Bursts and pauses of the same average.
            if dice.u8(..4) == 0 {
                let most = RATE * 8 * usize::try_from(BEAT.as_millis()).unwrap() / 1_000;
                log.append(dice.usize(1..most), &stamp);
            }
        }
        std::thread::sleep(BEAT);
    }
}
