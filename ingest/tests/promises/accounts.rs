//! Nothing disappears uncounted.

use clickhouse::{Client, Row};
use kbwatch_ingest::config::ReceiveConfig;
use kbwatch_ingest::metrics::Account;
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::telemetry::{Batch, Outcome};
use serde::Deserialize;

use crate::broken_line::{BrokenLine, Fault};
use crate::device::{batch, event, sealed};
use crate::gateway::{River, fresh_database, until};
use crate::rejects::reblocked;

/// What the table says of one stage and unit, over all minutes and processes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Row, Deserialize)]
struct Told {
    received: u64,
    stored: u64,
    rejected: u64,
    duplicate: u64,
    returned: u64,
    /// In flight at the end of each process.
    left: u64,
    unaccounted: i64,
}

impl From<Account> for Told {
    fn from(account: Account) -> Self {
        Self {
            received: account.received,
            stored: account.stored,
            rejected: account.rejected,
            duplicate: account.duplicate,
            returned: account.returned,
            left: account.in_flight,
            unaccounted: account.unaccounted(),
        }
    }
}

impl Told {
    fn and(self, other: Self) -> Self {
        Self {
            received: self.received + other.received,
            stored: self.stored + other.stored,
            rejected: self.rejected + other.rejected,
            duplicate: self.duplicate + other.duplicate,
            returned: self.returned + other.returned,
            left: self.left + other.left,
            unaccounted: self.unaccounted + other.unaccounted,
        }
    }
}

async fn told(client: &Client, stage: &str, unit: &str) -> Told {
    let asked = "SELECT sum(received) AS received, sum(stored) AS stored, sum(rejected) AS rejected,
            sum(duplicate) AS duplicate, sum(returned) AS returned,
            toUInt64(sum(toInt64(in_flight) - toInt64(carried))) AS left, sum(unaccounted) AS unaccounted
        FROM v_accounts WHERE stage = ? AND unit = ?";
    let asked = client.query(asked).bind(stage).bind(unit);
    asked.fetch_one().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accounts_balance_after_good_bad_and_repeated_batches() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    let good = batch(1, 0, 50);
    let mut refused = batch(2, 50, 50);
    refused.checksum ^= 1;
    let mut frame = batch(3, 100, 50);
    frame = reblocked(&frame, |block| block.fill(0xff));
    let impossible = UpdateEvent {
        kb: "4711".to_owned(),
        ..event(999)
    };
    let mixed = sealed(4, vec![event(200), impossible, event(201), event(200)]);
    // Together, so that repetitions meet in one group.
    for batch in [&good, &refused, &frame, &mixed, &good, &mixed] {
        device.send(batch.clone()).await;
    }
    for _ in 0..6 {
        device.receipt().await.unwrap().unwrap();
    }
    let denied = Batch {
        on_behalf_of: "pc-2".to_owned(),
        ..good
    };
    device.send(denied).await;
    device.receipt().await.unwrap_err();

    let receive = river.metrics.receive_batches();
    assert_eq!(
        (receive.received, receive.stored, receive.rejected),
        (7, 5, 2)
    );
    assert!(receive.balances() && receive.in_flight == 0, "{receive:?}");
    let batches = river.metrics.store_batches();
    assert_eq!(
        (batches.received, batches.stored, batches.rejected),
        (5, 4, 1)
    );
    assert!(batches.balances() && batches.in_flight == 0, "{batches:?}");
    let events = river.metrics.store_events();
    assert_eq!(events.received, 50 + 50 + 4 + 50 + 4);
    assert_eq!(events.rejected, 50 + 1 + 1);
    assert!(events.balances() && events.in_flight == 0, "{events:?}");
    assert_eq!(river.stored().await, 52);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_accounts_balances_after_kills_repeats_and_lost_answers() {
    let engine = fresh_database().await;
    let faults = [
        Fault::LoseRequest,
        Fault::LoseAnswer,
        Fault::Pass,
        Fault::HoldAnswer,
    ];
    let line = BrokenLine::to(engine.url(), faults).await;
    let client = engine.client().with_url(&line.url);
    let mut river = River::start_on(engine.clone(), client, ReceiveConfig::default()).await;
    let mut device = river.device("pc-1").await;
    device.deliver(batch(1, 0, 40)).await;
    device.send(batch(2, 40, 40)).await;
    line.held.notified().await;
    river.kill_store().await;
    let receipt = device.receipt().await.unwrap().unwrap();
    assert_eq!(receipt.outcome(), Outcome::Retry);
    let first = river.metrics.clone();
    drop(river);
    let (batches, events) = (first.store_batches(), first.store_events());
    assert_eq!((events.stored, events.returned), (40, 40));

    let river = River::start_in(engine.clone()).await;
    let mut device = river.device("pc-1").await;
    for _ in 0..2 {
        for (seq, from) in [(1, 0), (2, 40)] {
            device.deliver(batch(seq, from, 40)).await;
        }
    }
    device.deliver(sealed(3, vec![event(1), event(1)])).await;
    let second = river.metrics.clone();
    let (received, stored) = river.stop().await;
    received.unwrap();
    stored.unwrap();

    let client = engine.client();
    let both = |first: Account, second: Account| Told::from(first).and(second.into());
    for (unit, expected) in [
        ("batches", both(batches, second.store_batches())),
        ("events", both(events, second.store_events())),
    ] {
        // What a killed one had in flight it never gives back.
        until("the table says what was counted", async || {
            let told = told(&client, "store", unit).await;
            let returned = told.returned + told.left;
            let told = Told {
                returned,
                left: 0,
                ..told
            };
            told == expected
        })
        .await;
        assert_eq!((expected.left, expected.unaccounted), (0, 0), "{unit}");
    }
    let receive = told(&client, "receive", "batches").await;
    assert_eq!((receive.received, receive.stored), (7, 6));
    assert_eq!(receive.unaccounted, 0);
    let end: (u64, i64, u64, i64) = client
        .query(
            "SELECT sum(receipts), sum(journal_batches), sum(stored_events), sum(unaccounted)
             FROM v_accounts_end_to_end",
        )
        .fetch_one()
        .await
        .unwrap();
    let stored = events.stored + second.store_events().stored;
    assert_eq!(end, (6, 0, stored, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_clickhouse_does_not_answer_hold_up_neither_batches_nor_the_stop() {
    let engine = fresh_database().await;
    let line = BrokenLine::silent_about(engine.url(), "accounts").await;
    let client = engine.client().with_url(&line.url);
    let river = River::start_on(engine.clone(), client, ReceiveConfig::default()).await;
    let mut device = river.device("pc-1").await;
    device.deliver(batch(1, 0, 40)).await;
    line.held.notified().await;
    device.deliver(batch(2, 40, 40)).await;
    let patience = std::time::Duration::from_secs(20);
    let stopped = tokio::time::timeout(patience, river.stop()).await;
    let (received, stored) = stopped.unwrap();
    received.unwrap();
    stored.unwrap();
}
