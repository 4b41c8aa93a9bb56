//! Bad clients by whom they speak for, with a certificate that is good.

use kbwatch_proto::telemetry::Batch;

use crate::device::{Stream, batch, connect, open};
use crate::gateway::Fort;

async fn says(mut stream: Stream, batches: Vec<Batch>) -> String {
    for batch in batches {
        stream.send(batch).await;
    }
    loop {
        match stream.receipt().await {
            Ok(Some(_)) => {}
            Ok(None) => return "ended".to_owned(),
            Err(status) => return format!("{:?}", status.code()),
        }
    }
}

async fn declares(fort: &Fort, names: &[&str]) -> String {
    let stream = open(connect(fort.plain, None).await).await.unwrap();
    let declared = names.iter().zip(0_u32..).map(|(name, number)| Batch {
        declared_device: (*name).to_owned(),
        ..batch(u64::from(number), number, 1)
    });
    says(stream, declared.collect()).await
}

pub(crate) async fn brings_events_of_another(fort: &Fort) -> String {
    let other = Batch {
        on_behalf_of: "pc-9".to_owned(),
        ..batch(1, 0, 1)
    };
    says(fort.device("meddler").await, vec![other]).await
}

pub(crate) async fn calls_itself_another(fort: &Fort) -> String {
    let other = Batch {
        declared_device: "pc-9".to_owned(),
        ..batch(1, 0, 1)
    };
    says(fort.device("forger").await, vec![other]).await
}

pub(crate) async fn imports_for_no_device(fort: &Fort) -> String {
    let desk = fort.authority.importer("desk").unwrap();
    let other = Batch {
        on_behalf_of: "'; DROP TABLE update_events; --".to_owned(),
        ..batch(1, 0, 1)
    };
    says(fort.stream(&desk).await.unwrap(), vec![other]).await
}

pub(crate) async fn does_not_say_who_it_is(fort: &Fort) -> String {
    declares(fort, &[""]).await
}

pub(crate) async fn becomes_another(fort: &Fort) -> String {
    declares(fort, &["pc-7", "pc-8"]).await
}
