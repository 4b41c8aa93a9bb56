//! Certificates change while the gateway runs: who is revoked goes, who is not
//! stays, and a half-made change disturbs nobody.

use std::path::Path;

use kbwatch_ingest::config::ReceiveConfig;
use tonic::transport::{Endpoint, Identity};

use crate::device::batch;
use crate::gateway::{River, fresh_database, until};
use crate::senders::is_turned_away_by_tls;

/// A river whose gateway looks at its files all the time.
async fn watchful() -> River {
    let receive = ReceiveConfig {
        tls_poll_ms: 20,
        ..ReceiveConfig::default()
    };
    let engine = fresh_database().await;
    let client = engine.client();
    River::start_on(engine, client, receive).await
}

async fn until_reloaded(river: &River, times: u64) {
    until("the files are taken up", async || {
        river.metrics.tls_reloads("done") >= times
    })
    .await;
}

/// Whether a gateway shows a certificate with this name.
async fn answers_to(river: &River, name: &str) -> bool {
    let own = river.authority.device("caller").unwrap();
    let identity = Identity::from_pem(&own.cert_pem, &own.key_pem);
    let tls = river.trust().domain_name(name).identity(identity);
    let endpoint = Endpoint::from_shared(format!("https://{}", river.address)).unwrap();
    let connected = endpoint.tls_config(tls).unwrap().connect().await;
    connected.is_ok()
}

/// As an administrator would: the files are there at once.
fn replace(from: &Path, to: &Path) {
    std::fs::rename(from, to).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_is_hung_up_on_and_kept_out_and_the_others_keep_their_streams() {
    let river = watchful().await;
    let stolen = river.authority.device("stolen").unwrap();
    let mut thief = river.with_certificate(&stolen).await.unwrap();
    thief.deliver(batch(1, 0, 1)).await;
    let mut honest = river.device("pc-1").await;
    honest.deliver(batch(1, 1, 1)).await;

    let folder = river.files.path();
    river.authority.revoke(folder, &[&stolen.cert_pem]).unwrap();
    // Its stream ends by itself, though it sends nothing.
    assert!(thief.receipt().await.is_err());
    until_reloaded(&river, 1).await;
    assert_eq!(river.metrics.denied("revoked_certificate"), 1);
    assert!(is_turned_away_by_tls(&river, &stolen).await);
    until("it is counted again", async || {
        river.metrics.denied("revoked_certificate") > 1
    })
    .await;
    honest.deliver(batch(2, 2, 1)).await;
    assert_eq!(river.stored().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_authority_has_no_list_is_not_let_in() {
    let river = watchful().await;
    let foreign = kbwatch_ingest::pki::Authority::create("other authority").unwrap();
    let both = format!("{}{}", river.authority.cert_pem(), foreign.cert_pem());
    std::fs::write(river.files.path().join("ca.pem"), both).unwrap();
    until_reloaded(&river, 1).await;
    let unlisted = foreign.device("pc-1").unwrap();
    assert!(is_turned_away_by_tls(&river, &unlisted).await);
    until("it is counted", async || {
        river.metrics.denied("unlisted_certificate") > 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_without_a_restart_and_half_a_change_is_not() {
    let river = watchful().await;
    let mut device = river.device("pc-1").await;
    device.deliver(batch(1, 0, 1)).await;
    assert!(answers_to(&river, "localhost").await);
    assert!(!answers_to(&river, "gateway.example").await);

    let folder = river.files.path();
    let made = river.authority.server(&["gateway.example"]).unwrap();
    let (cert, key) = made.write(folder, "next").unwrap();
    replace(&cert, &folder.join("gateway.pem"));
    until("the pair does not fit", async || {
        river.metrics.tls_reloads("failed") > 0
    })
    .await;
    assert!(answers_to(&river, "localhost").await);
    replace(&key, &folder.join("gateway.key"));
    until_reloaded(&river, 1).await;
    assert!(answers_to(&river, "gateway.example").await);
    assert!(!answers_to(&river, "localhost").await);
    // Said once, not at every look.
    assert_eq!(river.metrics.tls_reloads("failed"), 1);
    device.deliver(batch(2, 1, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_none_leaves_the_one_before_in_force() {
    let river = watchful().await;
    let list = river.files.path().join("crl.pem");
    let good = std::fs::read(&list).unwrap();
    std::fs::write(&list, "no list at all").unwrap();
    until("it is noticed", async || {
        river.metrics.tls_reloads("failed") > 0
    })
    .await;
    let mut device = river.device("pc-1").await;
    device.deliver(batch(1, 0, 1)).await;
    std::fs::write(&list, good).unwrap();
    // What is served already is no change.
    device.deliver(batch(2, 1, 1)).await;
    assert_eq!(river.metrics.tls_reloads("done"), 0);
}
