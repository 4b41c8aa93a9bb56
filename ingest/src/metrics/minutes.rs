//! The accounts in ClickHouse: a row per minute, process, stage and unit.
//!
//! A row holds what changed since the row before it, and the row of a minute is
//! written as often as need be: its latest writing counts. One that cannot be
//! written grows until it can, so an outage costs minutes and no counts.

use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::{Client, Row};
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{error, info, warn};

use super::{Account, Metrics};
use crate::config::StoreConfig;
use crate::{now_ms, stopped};

/// Deadline of one writing, and of the last one.
const WRITING: Duration = Duration::from_secs(10);
const LAST_WRITING: Duration = Duration::from_secs(2);

/// Looks at an account until no batch is just being counted, and the pause
/// between two of them.
const LOOKS: u32 = 100;
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// How one account is asked for.
type Asked = fn(&Metrics) -> Account;

/// Every account, by stage and unit.
const ACCOUNTS: [(&str, &str, Asked); 3] = [
    ("receive", "batches", Metrics::receive_batches),
    ("store", "batches", Metrics::store_batches),
    ("store", "events", Metrics::store_events),
];

type Accounts = [Account; ACCOUNTS.len()];

/// A row of `accounts`.
#[derive(Debug, PartialEq, Eq, Row, Serialize)]
struct AccountRow<'a> {
    minute: u32,
    process: &'a str,
    stage: &'static str,
    unit: &'static str,
    revision: u64,
    carried: u64,
    received: u64,
    stored: u64,
    rejected: u64,
    duplicate: u64,
    returned: u64,
    in_flight: u64,
}

/// The rows of one minute.
#[derive(Debug)]
struct Page {
    /// Begin of the minute, seconds since 1970 UTC.
    minute: u32,
    began_with: Accounts,
    revision: u64,
}

impl Page {
    fn new(now_s: u32) -> Self {
        Self {
            minute: minute_of(now_s),
            began_with: Accounts::default(),
            revision: 0,
        }
    }

    /// The rows as they stand; none of what is still and was so before.
    fn rows<'a>(&mut self, now: &Accounts, process: &'a str) -> Vec<AccountRow<'a>> {
        self.revision += 1;
        let pairs = ACCOUNTS.iter().zip(self.began_with.iter().zip(now));
        let changed = pairs.filter(|(_, (before, now))| before != now || now.in_flight > 0);
        let rows = changed.map(|((stage, unit, _), (before, now))| AccountRow {
            minute: self.minute,
            process,
            stage,
            unit,
            revision: self.revision,
            carried: before.in_flight,
            received: now.received - before.received,
            stored: now.stored - before.stored,
            rejected: now.rejected - before.rejected,
            duplicate: now.duplicate - before.duplicate,
            returned: now.returned - before.returned,
            in_flight: now.in_flight,
        });
        rows.collect()
    }

    /// Begins a new minute if it is one. A clock that goes back stays in the
    /// minute that it had: no row may take the place of another.
    fn turn(&mut self, now_s: u32, written: Accounts) {
        if minute_of(now_s) > self.minute {
            self.minute = minute_of(now_s);
            self.began_with = written;
        }
    }
}

fn minute_of(now_s: u32) -> u32 {
    now_s / 60 * 60
}

/// The accounts of this process, as they are being kept.
#[derive(Debug)]
pub struct Keeping {
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

/// Begins to write the accounts of this process, if the configuration says so.
/// They end with what is returned.
pub fn keep_accounts(config: &StoreConfig, client: &Client, metrics: &Metrics) -> Keeping {
    let (stop, asked) = watch::channel(false);
    let period = Duration::from_millis(config.accounts_flush_ms);
    let task = (!period.is_zero()).then(|| {
        let book = Bookkeeper::new(client.clone(), metrics.clone());
        tokio::spawn(book.keep(period, asked))
    });
    Keeping { stop, task }
}

impl Keeping {
    /// Writes a last time.
    pub async fn end(self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task
            && let Err(broken) = task.await
        {
            error!(%broken, "accounts ended by a panic");
        }
    }
}

/// Writes the accounts of one process.
struct Bookkeeper {
    client: Client,
    metrics: Metrics,
    process: String,
    page: Page,
    is_late: bool,
}

impl Bookkeeper {
    /// Begins with everything that was counted so far.
    fn new(client: Client, metrics: Metrics) -> Self {
        // Not from /proc: hardened units hide it.
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy();
        let (pid, number) = (std::process::id(), fastrand::u32(..));
        Self {
            client,
            metrics,
            process: format!("{}/{pid}/{number:08x}", host.trim()),
            page: Page::new(now_s()),
            is_late: false,
        }
    }

    /// Writes once in a period, and a last time when it is asked to stop.
    async fn keep(mut self, period: Duration, mut stop: watch::Receiver<bool>) {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first comes at once, and there is nothing to write yet.
        ticks.tick().await;
        let writing = async {
            loop {
                ticks.tick().await;
                self.write(WRITING).await;
            }
        };
        tokio::select! {
            // What it had begun is written again, as part of the last row.
            () = stopped(&mut stop) => {}
            () = writing => {}
        }
        self.write(LAST_WRITING).await;
    }

    async fn write(&mut self, deadline: Duration) {
        let mut now = Accounts::default();
        for (account, (_, _, asked)) in now.iter_mut().zip(ACCOUNTS) {
            *account = at_rest(&self.metrics, asked).await;
        }
        for (gauge, account) in self.metrics.unaccounted.iter().zip(&now) {
            gauge.set(account.unaccounted());
        }
        let rows = self.page.rows(&now, &self.process);
        let written = timeout(deadline, insert(&self.client, &rows)).await;
        match written.unwrap_or(Err(Error::TimedOut)) {
            Ok(()) => {
                self.page.turn(now_s(), now);
                if std::mem::take(&mut self.is_late) {
                    info!("accounts are written again");
                }
            }
            Err(failure) if !self.is_late => {
                self.is_late = true;
                warn!(%failure, "accounts are late: the minute goes on until they can be written");
            }
            Err(_) => {}
        }
    }
}

/// Counts are no snapshot: a batch may be between two of them. What does not
/// add up for long is told as it is.
async fn at_rest(metrics: &Metrics, asked: Asked) -> Account {
    for _ in 1..LOOKS {
        let account = asked(metrics);
        if account.balances() {
            return account;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    asked(metrics)
}

async fn insert(client: &Client, rows: &[AccountRow<'_>]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let insert = client.insert::<AccountRow<'_>>("accounts").await?;
    let mut insert = insert.with_setting("async_insert", "0");
    for row in rows {
        insert.write(row).await?;
    }
    insert.end().await
}

fn now_s() -> u32 {
    u32::try_from(now_ms() / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(received: u64, stored: u64) -> Accounts {
        let account = Account {
            received,
            stored,
            in_flight: received - stored,
            ..Account::default()
        };
        [Account::default(), Account::default(), account]
    }

    #[test]
    fn a_minute_that_is_written_again_says_all_of_it_under_a_higher_revision() {
        let mut page = Page::new(61);
        let first = page.rows(&stored(10, 7), "host/1/a").pop().unwrap();
        page.turn(119, stored(10, 7));
        let again = page.rows(&stored(12, 12), "host/1/a").pop().unwrap();
        assert_eq!((first.minute, again.minute), (60, 60));
        assert!(again.revision > first.revision);
        assert_eq!((again.received, again.stored, again.carried), (12, 12, 0));
    }

    #[test]
    fn the_next_minute_carries_what_was_in_flight() {
        let mut page = Page::new(60);
        page.rows(&stored(10, 7), "host/1/a");
        page.turn(120, stored(10, 7));
        let next = page.rows(&stored(11, 11), "host/1/a").pop().unwrap();
        assert_eq!((next.minute, next.carried), (120, 3));
        assert_eq!((next.received, next.stored, next.in_flight), (1, 4, 0));
        page.turn(180, stored(11, 11));
        assert_eq!(page.rows(&stored(11, 11), "host/1/a"), [], "a quiet minute");
    }

    #[test]
    fn a_clock_that_goes_back_gives_no_row_the_place_of_another() {
        let mut page = Page::new(600);
        page.turn(30, stored(10, 10));
        let row = page.rows(&stored(12, 12), "host/1/a").pop().unwrap();
        assert_eq!((row.minute, row.received), (600, 12));
    }
}
