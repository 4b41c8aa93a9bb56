//! Batches that cannot be what they say, between sound ones.

use kbwatch_proto::batch::{Contents, checksum, pack};
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::ids::EventId;
use kbwatch_proto::telemetry::Batch;
use prost::Message;

use crate::harness::{Plan, UpProcess, eventually};
use crate::load::open_database;

fn event(number: u8) -> UpdateEvent {
    UpdateEvent {
        event_id: EventId([number; 16]),
        kb: "KB5022286".to_owned(),
        printed_at_ms: Some(1_673_427_600_000),
        ..UpdateEvent::default()
    }
}

fn sound(number: u8) -> Batch {
    let contents = Contents {
        events: vec![event(number)],
        ..Contents::default()
    };
    Batch {
        epoch: 1,
        batch_seq: u64::from(number),
        declared_device: "dropped-poison".to_owned(),
        ..pack(&contents).unwrap()
    }
}

fn with_payload(batch: Batch, payload: Vec<u8>) -> Batch {
    Batch {
        checksum: checksum(&payload),
        payload,
        ..batch
    }
}

fn send(plan: &Plan, batch: &Batch) -> u16 {
    ureq::post(format!("{}/drop/batch", plan.url()))
        .config()
        .http_status_as_error(false)
        .build()
        .header("Content-Type", "application/x-protobuf")
        .send(batch.encode_to_vec())
        .unwrap()
        .status()
        .as_u16()
}

/// A frame that declares its size rightly and is damaged behind its head.
fn damaged(number: u8) -> Batch {
    let batch = sound(number);
    let mut payload = batch.payload.clone();
    for byte in payload.iter_mut().skip(12) {
        *byte ^= 0x5a;
    }
    with_payload(batch, payload)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_is_put_aside_and_counted_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&folder.path().join("data"));
    let river = tokio::task::block_in_place(|| plan.start());
    let newer = Batch {
        format: 99,
        ..sound(4)
    };
    let miscounted = Batch {
        event_count: 7,
        ..sound(5)
    };
    let wrong_checksum = Batch {
        checksum: 1,
        ..sound(6)
    };
    tokio::task::block_in_place(|| {
        assert_eq!(send(&plan, &sound(1)), 204);
        // Never acceptable: told at once.
        assert_eq!(send(&plan, &wrong_checksum), 400);
        // Acceptable from outside; the store puts them aside.
        for poison in [damaged(2), newer, miscounted] {
            assert_eq!(send(&plan, &poison), 204);
        }
        assert_eq!(send(&plan, &sound(3)), 204);
        settled(&river);
    });
    assert_eq!(river.metric("kbwatch_store_stored_events_total"), 2);
    assert_eq!(river.stop(), Some(0));
    let engine = open_database(&plan).await;
    let client = engine.client();
    let kinds: Vec<(String, u64)> = client
        .query(
            "SELECT toString(kind) AS kind, count() FROM dead_letters FINAL GROUP BY kind ORDER BY kind",
        )
        .fetch_all()
        .await
        .unwrap();
    assert_eq!(kinds, [("batch".to_owned(), 2), ("parked".to_owned(), 1)]);
    let events: u64 = client
        .query("SELECT count() FROM update_events FINAL")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(events, 2);
    engine.stop().await.unwrap();
}

/// Everything that came in is settled, one way or another.
fn settled(river: &UpProcess) {
    eventually("store has settled every batch", || {
        river.metric("kbwatch_store_batches_total") == 5
            && river.metric("kbwatch_store_in_flight_batches") == 0
    });
}
