//! Logs that someone brought, against a real gateway endpoint.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kbwatch_collector::import::{ImportArgs, import};
use kbwatch_collector::parse::parse_file;
use kbwatch_collector::{CollectorConfig, DeliverError};

use crate::archives::cabinet;
use crate::gateway::{Answer, Serving, TestGateway, make_pki};
use crate::world::{World, ids};

pub(crate) fn desk(gateway: &TestGateway) -> (World, Serving, CollectorConfig) {
    let world = World::new();
    let pki = make_pki(world.folder.path(), "desk-1");
    let serving = gateway.serve(Some(pki.server));
    let config = CollectorConfig {
        gateway: format!("https://{}", serving.address),
        tls: Some(pki.device),
        declared_device: None,
        batch_max_events: 40,
        receipt_timeout_ms: 2_000,
        ..world.config.clone()
    };
    (world, serving, config)
}

fn args(bundles: Vec<PathBuf>) -> ImportArgs {
    ImportArgs {
        config: PathBuf::new(),
        device: "PC-9".to_owned(),
        utc_offset_minutes: Some(480),
        bundles,
    }
}

fn bundle(world: &mut World) -> PathBuf {
    let folder = world.path("from-pc-9");
    fs::create_dir_all(folder.join("CBS")).unwrap();
    let text: String = (0..100).map(|_| world.record()).collect();
    fs::write(folder.join("CBS/CBS.log"), text).unwrap();
    let text: String = (0..30).map(|_| world.record()).collect();
    let packed = cabinet("CbsPersist_20230111090000.log", text.as_bytes());
    fs::write(folder.join("CBS/CbsPersist_20230111090000.cab"), packed).unwrap();
    fs::write(folder.join("notes.txt"), "the user says it is slow").unwrap();
    folder
}

#[tokio::test]
async fn a_bundle_arrives_as_the_devices_own_events_with_who_brought_it() {
    let gateway = TestGateway::answering([Answer::Retry, Answer::Durable, Answer::LoseReceipt]);
    let (mut world, _serving, config) = desk(&gateway);
    let folder = bundle(&mut world);
    // An import that was killed.
    fs::create_dir_all(world.path("state/import-0123456789abcdef/3")).unwrap();
    let imported = import(config.clone(), &args(vec![folder.clone()]))
        .await
        .unwrap();
    assert_eq!((imported.logs, imported.passed_over), (2, 1));
    assert_eq!((imported.durable_events, imported.refused_events), (130, 0));
    let own = parse_file(&folder.join("CBS/CBS.log"), None, "pc-9").unwrap();
    {
        let notes = gateway.notes();
        assert!(notes.ids().is_superset(&ids(&own.events)));
        assert!(
            notes
                .batches
                .iter()
                .all(|batch| batch.on_behalf_of == "pc-9")
        );
        let event = &notes.events[0];
        assert_eq!(event.extra["imported_by"], "desk-1");
        assert_eq!(event.extra["imported_from"], "from-pc-9/CBS/CBS.log");
        assert!(event.occurred_at_ms.is_some());
    }
    // Once more: the same events.
    import(config, &args(vec![folder])).await.unwrap();
    assert_eq!(gateway.notes().ids().len(), 130);
    let left = fs::read_dir(world.path("state")).into_iter().flatten();
    assert_eq!(left.count(), 0, "scratch folders are gone");
}

#[tokio::test]
async fn what_the_gateway_refuses_is_counted_and_the_rest_is_sent() {
    let gateway = TestGateway::answering([Answer::Refused]);
    let (mut world, _serving, config) = desk(&gateway);
    let folder = bundle(&mut world);
    let imported = import(config, &args(vec![folder])).await.unwrap();
    assert_eq!((imported.durable_events, imported.refused_events), (90, 40));
}

#[tokio::test]
async fn a_gateway_that_denies_the_certificate_ends_the_import_at_once() {
    let gateway = TestGateway::answering([Answer::Denied]);
    let (mut world, _serving, config) = desk(&gateway);
    let folder = bundle(&mut world);
    let denied = import(config, &args(vec![folder])).await.unwrap_err();
    assert!(denied.to_string().contains("no importer role"), "{denied}");
    assert!(!matches!(
        denied,
        kbwatch_collector::import::ImportError::Deliver(DeliverError::Silent(_))
    ));
    assert_eq!(gateway.streams(), 1);
}

/// The command that imports a bundle for `pc-9`.
pub(crate) fn import_command(world: &World, config: &CollectorConfig, bundle: &Path) -> Command {
    let tls = config.tls.as_ref().unwrap();
    let text = format!(
        "gateway = {:?}\nstate_dir = {:?}\n[tls]\nca = {:?}\ncert = {:?}\nkey = {:?}\n",
        config.gateway, config.state_dir, tls.ca, tls.cert, tls.key,
    );
    fs::write(world.path("desk.toml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kbwatch-collector"));
    command.args(["import", "--device", "pc-9", "--config"]);
    command.arg(world.path("desk.toml")).arg(bundle);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_exits_as_it_says() {
    let gateway = TestGateway::default();
    let (mut world, _serving, config) = desk(&gateway);
    let folder = bundle(&mut world);
    let run = |bundle: PathBuf| {
        let mut command = import_command(&world, &config, &bundle);
        tokio::task::spawn_blocking(move || command.output().unwrap().status.code())
    };
    assert_eq!(run(folder).await.unwrap(), Some(0));
    assert_eq!(run(world.path("nowhere.zip")).await.unwrap(), Some(2));
    assert_eq!(gateway.notes().ids().len(), 130);
}
