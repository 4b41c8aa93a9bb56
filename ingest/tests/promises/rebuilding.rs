//! What is derived from events is what the events say.

use kbwatch_ingest::rebuild::{Difference, differing, rebuild};
use kbwatch_proto::event::UpdateEvent;

use crate::device::{batch, event, sealed};
use crate::gateway::River;

const NONE: Difference = Difference {
    missing: 0,
    beyond: 0,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_missing_is_told_from_one_of_an_earlier_reading() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    let poorer = UpdateEvent {
        kb: String::new(),
        ..event(0)
    };
    let mut fuller = UpdateEvent {
        file: "ntoskrnl.exe".to_owned(),
        ..event(0)
    };
    fuller.rate_completeness();
    device.deliver(sealed(1, vec![poorer])).await;
    device.deliver(sealed(2, vec![fuller])).await;
    let earlier = Difference { beyond: 1, ..NONE };
    assert_eq!(differing(&river.client).await.unwrap(), earlier);
    let lost = "TRUNCATE TABLE codes_seen";
    river.client.query(lost).execute().await.unwrap();
    let missing = Difference { missing: 1, ..NONE };
    assert_eq!(differing(&river.client).await.unwrap(), missing);
    rebuild(&river.client).await.unwrap();
    assert_eq!(differing(&river.client).await.unwrap(), NONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_seen_is_its_recompute_after_repeats_and_after_it_was_made_anew() {
    let river = River::start().await;
    let without_code = UpdateEvent {
        hresult: None,
        ..event(900)
    };
    let noise = UpdateEvent {
        noise: true,
        hresult: Some(0x8000_4005),
        ..event(901)
    };
    for device_id in ["pc-1", "pc-2"] {
        let mut device = river.device(device_id).await;
        for _ in 0..2 {
            device.deliver(batch(1, 0, 30)).await;
            let odd = vec![without_code.clone(), noise.clone(), event(902)];
            device.deliver(sealed(2, odd)).await;
        }
    }
    assert_eq!(river.count("v_codes_seen").await, 1);
    assert_eq!(differing(&river.client).await.unwrap(), NONE);

    // Rows that went by hand: the table knows more than the events do.
    let delete = "DELETE FROM update_events WHERE device_id = 'pc-2'";
    river.client.query(delete).execute().await.unwrap();
    let beyond = Difference {
        missing: 0,
        beyond: 1,
    };
    assert_eq!(differing(&river.client).await.unwrap(), beyond);
    assert_eq!(rebuild(&river.client).await.unwrap(), 1);
    assert_eq!(differing(&river.client).await.unwrap(), NONE);

    // What comes afterwards goes into the new one.
    let mut device = river.device("pc-3").await;
    device.deliver(batch(1, 0, 30)).await;
    assert_eq!(river.count("v_codes_seen WHERE devices = 2").await, 1);
    assert_eq!(differing(&river.client).await.unwrap(), NONE);
}
