//! Nothing disappears uncounted.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::telemetry::Batch;

use crate::device::{batch, event, sealed};
use crate::gateway::River;
use crate::rejects::reblocked;

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
