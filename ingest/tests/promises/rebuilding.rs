//! What is derived from events is what the events say.

use kbwatch_ingest::rebuild::{differing, rebuild};
use kbwatch_proto::event::UpdateEvent;

use crate::device::{batch, event, sealed};
use crate::gateway::River;

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
    assert_eq!(differing(&river.client).await.unwrap(), 0);

    // Rows that went by hand: the table knows more than the events do.
    let delete = "DELETE FROM update_events WHERE device_id = 'pc-2'";
    river.client.query(delete).execute().await.unwrap();
    assert_eq!(differing(&river.client).await.unwrap(), 1);
    assert_eq!(rebuild(&river.client).await.unwrap(), 1);
    assert_eq!(differing(&river.client).await.unwrap(), 0);

    // What comes afterwards goes into the new one.
    let mut device = river.device("pc-3").await;
    device.deliver(batch(1, 0, 30)).await;
    assert_eq!(river.count("v_codes_seen WHERE devices = 2").await, 1);
    assert_eq!(differing(&river.client).await.unwrap(), 0);
}
