//! Batches across an air gap: two devices, one file, a carrier, receipts back.

use std::fs;
use std::path::Path;

use kbwatch_collector::carry::{CarryError, SealError, export, import};
use kbwatch_collector::{CollectorConfig, DeliverError};
use kbwatch_proto::batch::unpack;
use kbwatch_proto::telemetry::Batch;
use prost::Message;

use crate::gateway::{Answer, Serving, TestAuthority, TestGateway};
use crate::world::{World, ids};

/// A bank with a gap in the middle.
struct Bank {
    authority: TestAuthority,
    gateway: TestGateway,
    carrier: CollectorConfig,
    stick: tempfile::TempDir,
    _serving: Serving,
}

impl Bank {
    fn new(gateway: TestGateway) -> Self {
        let stick = tempfile::tempdir().unwrap();
        let authority = TestAuthority::new(stick.path());
        let serving = gateway.serve(Some(authority.server()));
        let carrier = CollectorConfig {
            gateway: format!("https://{}", serving.address),
            tls: Some(authority.client("carrier-1", Some("carrier"))),
            declared_device: None,
            state_dir: stick.path().join("state"),
            receipt_timeout_ms: 2_000,
            ..CollectorConfig::default()
        };
        Self {
            authority,
            gateway,
            carrier,
            stick,
            _serving: serving,
        }
    }

    fn device(&self, id: &str) -> World {
        let mut world = World::new();
        world.config.gateway = "https://127.0.0.1:1".to_owned();
        world.config.tls = Some(self.authority.client(id, None));
        world.config.declared_device = None;
        world.config.history_days = 36_500;
        world
    }

    fn file(&self) -> std::path::PathBuf {
        self.stick.path().join("carry.kbw")
    }
}

fn events_in(config: &CollectorConfig, to: &Path, receipts: Option<&Path>) -> u64 {
    export(config, to, receipts).unwrap().events
}

#[tokio::test]
async fn two_devices_share_a_file_and_their_checkpoints_follow_the_receipts() {
    let bank = Bank::new(TestGateway::answering([Answer::Retry, Answer::LoseReceipt]));
    let (mut one, mut two) = (bank.device("pc-1"), bank.device("atm-2"));
    one.append_records(600);
    two.append_records(5);
    assert_eq!(events_in(&one.config, &bank.file(), None), 600);
    assert_eq!(events_in(&two.config, &bank.file(), None), 5);
    let delivered = import(&bank.carrier, &bank.file()).await.unwrap();
    assert_eq!(delivered.left_out, [""; 0]);
    assert_eq!((delivered.exports, delivered.durable_events), (2, 605));
    assert!(bank.gateway.notes().ids().is_superset(&one.expected()));
    {
        let notes = bank.gateway.notes();
        let mut spoken_for: Vec<_> = notes
            .batches
            .iter()
            .map(|batch| &*batch.on_behalf_of)
            .collect();
        spoken_for.sort_unstable();
        spoken_for.dedup();
        assert_eq!(spoken_for, ["atm-2", "pc-1"]);
        assert!(notes.facts.iter().all(|facts| facts.facts["ubr"] == "3770"));
    }
    // The receipts travel back; what is new goes out, and little else.
    one.append_records(2);
    let next = bank.stick.path().join("next.kbw");
    let exported = export(&one.config, &next, Some(&delivered.receipts)).unwrap();
    assert_eq!(exported.receipted, 1);
    assert!((2..=12).contains(&exported.events), "{exported:?}");
    import(&bank.carrier, &next).await.unwrap();
    assert!(bank.gateway.notes().ids().is_superset(&one.expected()));
}

#[tokio::test]
async fn a_lost_stick_costs_nothing() {
    let bank = Bank::new(TestGateway::default());
    let mut world = bank.device("pc-1");
    world.append_records(20);
    assert_eq!(events_in(&world.config, &bank.file(), None), 20);
    fs::remove_file(bank.file()).unwrap();
    assert_eq!(events_in(&world.config, &bank.file(), None), 20);
    import(&bank.carrier, &bank.file()).await.unwrap();
    assert_eq!(bank.gateway.notes().ids(), world.expected());
}

#[tokio::test]
async fn what_no_device_of_ours_signed_is_left_out_and_the_rest_is_sent() {
    let bank = Bank::new(TestGateway::default());
    let mut world = bank.device("pc-1");
    world.append_records(3);
    // A stranger appends his own piece, signed by his own authority.
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = TestAuthority::new(elsewhere.path());
    let mut evil = bank.device("pc-1");
    evil.config.tls = Some(stranger.client("pc-1", None));
    evil.append_records(7);
    assert_eq!(events_in(&evil.config, &bank.file(), None), 7);
    assert_eq!(events_in(&world.config, &bank.file(), None), 3);
    let delivered = import(&bank.carrier, &bank.file()).await.unwrap();
    assert_eq!(delivered.left_out.len(), 1, "{delivered:?}");
    assert_eq!((delivered.exports, delivered.durable_events), (1, 3));
    assert_eq!(bank.gateway.notes().events.len(), 3);
}

#[tokio::test]
async fn a_changed_byte_costs_its_piece_and_gets_no_receipt() {
    let bank = Bank::new(TestGateway::default());
    let mut world = bank.device("pc-1");
    world.append_records(3);
    events_in(&world.config, &bank.file(), None);
    let mut bytes = fs::read(bank.file()).unwrap();
    let at = bytes.len() / 3;
    bytes[at] ^= 1;
    fs::write(bank.file(), bytes).unwrap();
    let delivered = import(&bank.carrier, &bank.file()).await.unwrap();
    assert_eq!((delivered.exports, delivered.durable_events), (0, 0));
    assert_eq!(delivered.left_out.len(), 1);
}

#[tokio::test]
async fn receipts_that_a_device_made_itself_move_no_checkpoint() {
    let bank = Bank::new(TestGateway::default());
    let mut world = bank.device("pc-1");
    world.append_records(3);
    events_in(&world.config, &bank.file(), None);
    let mut insider = bank.carrier.clone();
    insider.tls = Some(bank.authority.client("pc-7", None));
    // The gateway here takes anything; the real one denies pc-7 already.
    let forged = import(&insider, &bank.file()).await.unwrap().receipts;
    let refused = export(&world.config, &bank.file(), Some(&forged)).unwrap_err();
    assert!(matches!(refused, CarryError::NoCarrier(id) if id == "pc-7"));
}

#[tokio::test]
async fn a_carrier_whom_the_gateway_denies_writes_no_receipt() {
    let bank = Bank::new(TestGateway::answering([Answer::Denied]));
    let mut world = bank.device("pc-1");
    world.append_records(3);
    events_in(&world.config, &bank.file(), None);
    let denied = import(&bank.carrier, &bank.file()).await.unwrap_err();
    assert!(matches!(
        denied,
        CarryError::Deliver(DeliverError::Denied(_))
    ));
    assert!(!bank.stick.path().join("carry.kbw.receipts").exists());
}

#[test]
fn a_device_without_a_usable_key_says_so() {
    let bank = Bank::new(TestGateway::default());
    let mut world = bank.device("pc-1");
    world.append_records(1);
    fs::write(&world.config.tls.as_ref().unwrap().key, "no key").unwrap();
    let unusable = export(&world.config, &bank.file(), None).unwrap_err();
    assert!(matches!(
        unusable,
        CarryError::Seal(SealError::Credentials(_))
    ));
    world.config.tls = None;
    let none = export(&world.config, &bank.file(), None).unwrap_err();
    assert!(matches!(none, CarryError::NoCertificate));
}

/// Files in a device's folder of refused batches.
fn kept(world: &World) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(world.path("state/refused"))
        .into_iter()
        .flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn what_the_gateway_refuses_comes_back_to_its_device_and_is_kept_there_once() {
    let bank = Bank::new(TestGateway::answering([Answer::Durable, Answer::Refused]));
    let (mut world, mut other) = (bank.device("pc-1"), bank.device("atm-2"));
    world.append_records(30);
    other.append_records(4);
    assert_eq!(events_in(&world.config, &bank.file(), None), 30);
    assert_eq!(events_in(&other.config, &bank.file(), None), 4);
    let delivered = import(&bank.carrier, &bank.file()).await.unwrap();
    assert_eq!(delivered.refused_batches, 1);
    assert_eq!((delivered.exports, delivered.durable_events), (2, 4));
    let receipts = Some(&*delivered.receipts);

    let next = bank.stick.path().join("next.kbw");
    let exported = export(&world.config, &next, receipts).unwrap();
    assert_eq!((exported.receipted, exported.refused_batches), (1, 1));
    assert_eq!(exported.refused_events, 30);
    // Answered for good: they are not offered again.
    assert!(exported.events <= 10, "{exported:?}");
    let [batch, reason] = &kept(&world)[..] else {
        panic!("{:?}", kept(&world));
    };
    let batch = Batch::decode(&*fs::read(batch).unwrap()).unwrap();
    assert_eq!((batch.event_count, &*batch.on_behalf_of), (30, ""));
    let ids = ids(&unpack(&batch).unwrap().contents.events);
    assert_eq!(ids, world.expected());
    assert_eq!(fs::read_to_string(reason).unwrap(), "test");

    // The same receipts again, or on another device, do nothing.
    for path in kept(&world) {
        fs::remove_file(path).unwrap();
    }
    let again = export(&world.config, &next, receipts).unwrap();
    assert_eq!((again.receipted, again.refused_batches), (0, 0));
    assert_eq!(kept(&world).len(), 0);
    let exported = export(&other.config, &next, receipts).unwrap();
    assert_eq!((exported.receipted, exported.refused_batches), (1, 0));
    assert_eq!(kept(&other).len(), 0);
}
