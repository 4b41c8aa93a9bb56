//! `kbwatch-ingest check`: tries everything that the configuration names and
//! says what to do.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use kbwatch_ingest::config::{IngestConfig, TlsConfig};
use kbwatch_ingest::journal::{describe, lag};
use kbwatch_ingest::migrate;
use kbwatch_ingest::receive::{check_certificates, running_out, without_list};
use tokio::net::TcpListener;

use crate::{Outcome, told};

/// Deadline of one question to ClickHouse.
const ASK: Duration = Duration::from_secs(10);

/// Certificates that are over by then are told of.
const SOON: Duration = Duration::from_hours(30 * 24);

/// Something does not work; what, was said already.
#[derive(Debug, thiserror::Error)]
#[error("{0} of what was tried would not work, see above")]
struct WouldNotWork(usize);

/// How one thing is.
enum Finding {
    Well(String),
    /// It works, and somebody should know.
    Note(String),
    Bad {
        what: String,
        remedy: &'static str,
    },
}

pub(crate) async fn run(config: &IngestConfig) -> Outcome {
    let mut findings = vec![
        ("certificates", certificates(config)),
        ("gateway", gateway(config).await),
    ];
    if config.kafka.is_set() {
        findings.push(("kafka", topic(config).await));
        findings.push(("stores", stores(config).await));
    } else {
        let without = "not named: receive stores by itself".to_owned();
        findings.push(("kafka", Finding::Well(without)));
    }
    findings.push(("clickhouse", server(config).await));
    findings.push(("tables", tables(config).await));
    let mut text = String::new();
    let mut bad = 0;
    for (name, finding) in findings {
        let line = match finding {
            Finding::Well(what) => format!("ok    {name:13} {what}\n"),
            Finding::Note(what) => format!("note  {name:13} {what}\n"),
            Finding::Bad { what, remedy } => {
                bad += 1;
                format!("BAD   {name:13} {what}\n      {:13} {remedy}\n", "do:")
            }
        };
        text.push_str(&line);
    }
    std::io::stdout().write_all(text.as_bytes())?;
    if bad > 0 {
        return Err(Box::new(WouldNotWork(bad)));
    }
    Ok(())
}

fn failed(error: &(dyn Error + 'static), remedy: &'static str) -> Finding {
    Finding::Bad {
        what: told(error),
        remedy,
    }
}

fn certificates(config: &IngestConfig) -> Finding {
    let Some(tls) = &config.receive.tls else {
        return Finding::Note("none: devices declare themselves, on loopback only".to_owned());
    };
    match check_certificates(tls) {
        Ok(()) => validity(tls),
        Err(error) => failed(
            &error,
            "look at receive.tls: PEM files, a key that belongs to cert, and rights to read them",
        ),
    }
}

/// For how long certificates that fit each other will do.
fn validity(tls: &TlsConfig) -> Finding {
    let soon = match running_out(tls, SystemTime::now(), SOON) {
        Ok(soon) => soon,
        Err(error) => return failed(&error, "look at receive.tls"),
    };
    let named = soon.iter().map(|out| match out.days {
        days @ 0.. => format!("{} is valid for {days} days more", out.file),
        _ => format!("{} is over", out.file),
    });
    let named: Vec<_> = named.collect();
    let is_list = |file: &str| tls.client_crl.as_deref() == Some(Path::new(file));
    if soon.iter().any(|out| out.days < 0 && !is_list(&out.file)) {
        return Finding::Bad {
            what: named.join("; "),
            remedy: "renew the certificate; a running gateway takes it up by itself",
        };
    }
    match without_list(tls) {
        Ok(unlisted) if !unlisted.is_empty() => {
            return Finding::Bad {
                what: format!("no revocation list of {}", unlisted.join("; ")),
                remedy: "add it to receive.tls.client_crl: nobody whom it signed for is let in",
            };
        }
        Ok(_) => {}
        Err(error) => return failed(&error, "look at receive.tls"),
    }
    if !named.is_empty() {
        return Finding::Note(format!("they fit each other; {}", named.join("; ")));
    }
    if tls.client_crl.is_none() {
        return Finding::Note("they fit each other; nobody can be revoked".to_owned());
    }
    Finding::Well("they fit each other, with a revocation list".to_owned())
}

async fn gateway(config: &IngestConfig) -> Finding {
    let address = config.receive.listen;
    match TcpListener::bind(address).await {
        Ok(_) => Finding::Well(format!("{address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Finding::Note(format!("{address} is taken: by a gateway that runs?"))
        }
        Err(error) => failed(
            &error,
            "choose an address of this machine for receive.listen",
        ),
    }
}

async fn topic(config: &IngestConfig) -> Finding {
    let state = match describe(&config.kafka).await {
        Ok(state) => state,
        Err(error) => {
            return failed(
                &error,
                "look at kafka.brokers, kafka.security and the network; a missing topic: kbwatch-ingest topics create",
            );
        }
    };
    if let Err(error) = state.check(&config.kafka) {
        return failed(&error, "change the topic's setting as said");
    }
    let shape = format!(
        "{}: {} partitions, {} replicas",
        config.kafka.topic, state.partitions, state.replicas
    );
    match state.weakness(&config.kafka) {
        Some(weakness) => Finding::Note(format!("{shape}; {weakness}")),
        None => Finding::Well(shape),
    }
}

async fn stores(config: &IngestConfig) -> Finding {
    let kafka = config.kafka.clone();
    let asked = tokio::task::spawn_blocking(move || lag(&kafka)).await;
    match asked {
        Ok(Ok(0)) => Finding::Well("everything is stored".to_owned()),
        Ok(Ok(behind)) => Finding::Note(format!("{behind} batches are not stored yet")),
        Ok(Err(error)) => failed(
            &error,
            "look at kafka.brokers, and the rights on kafka.group",
        ),
        Err(error) => failed(&error, "report this"),
    }
}

async fn server(config: &IngestConfig) -> Finding {
    let client = config.clickhouse.client().with_database("system");
    let asked = client.query("SELECT version()");
    let address = &config.clickhouse.url;
    match tokio::time::timeout(ASK, asked.fetch_one::<String>()).await {
        Ok(Ok(version)) => Finding::Well(format!("{address} is ClickHouse {version}")),
        Ok(Err(error)) => failed(
            &error,
            "look at clickhouse.url, user and password (KBWATCH_CLICKHOUSE_PASSWORD)",
        ),
        Err(_) => Finding::Bad {
            what: format!("{address} does not answer"),
            remedy: "look at clickhouse.url and the network",
        },
    }
}

async fn tables(config: &IngestConfig) -> Finding {
    let client = config.clickhouse.client();
    let remedy = "run kbwatch-ingest migrate, with a user that may create";
    let schema = migrate::schema(&config.clickhouse.cluster);
    match tokio::time::timeout(ASK, schema.plan(&client)).await {
        Ok(Ok(steps)) if steps.is_empty() => Finding::Well("up to date".to_owned()),
        Ok(Ok(steps)) => {
            let names: Vec<_> = steps.iter().map(|step| step.name.as_str()).collect();
            Finding::Bad {
                what: format!("lacking {}", names.join(", ")),
                remedy,
            }
        }
        Ok(Err(error)) => failed(&error, remedy),
        Err(_) => Finding::Bad {
            what: "ClickHouse does not answer".to_owned(),
            remedy: "see above",
        },
    }
}
