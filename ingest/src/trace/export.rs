//! Sends spans to a collector of OpenTelemetry: OTLP as JSON over HTTP
//! (opentelemetry.io/docs/specs/otlp).

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prometheus_client::metrics::counter::Counter;
use prost::bytes::Bytes;
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::codegen::http;
use tracing::{error, info, warn};

use super::{Past, Tracer, Value};
use crate::Metrics;
use crate::config::TraceConfig;
use crate::stopped;

/// Most spans of one request, and how long they wait for each other.
const TOGETHER: usize = 512;
const GATHERED: Duration = Duration::from_secs(1);

/// Deadline of one request, and of the last ones.
const SENDING: Duration = Duration::from_secs(10);
const LAST_SENDING: Duration = Duration::from_secs(2);

/// What the spans are found under.
const SERVICE: &str = "kbwatch-ingest";

/// `SPAN_KIND_INTERNAL` and `STATUS_CODE_ERROR`.
const INTERNAL: u32 = 1;
const FAILED: u32 = 2;

/// Spans on their way, for as long as they are to be sent.
#[derive(Debug)]
pub struct Exporting {
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

/// Begins to trace and to send, if the configuration says where to. Whatever is
/// given the metrics takes part.
pub fn export(config: &TraceConfig) -> (Metrics, Exporting) {
    let (stop, asked) = watch::channel(false);
    if config.otlp.is_empty() {
        return (Metrics::default(), Exporting { stop, task: None });
    }
    let lost = Counter::default();
    let (tracer, spans) = Tracer::new(config.sample, lost.clone());
    let metrics = Metrics::traced(tracer, lost.clone());
    let sender = Sender {
        http: Client::builder(TokioExecutor::new()).build_http(),
        url: format!("{}/v1/traces", config.otlp.trim_end_matches('/')),
        lost,
        is_failing: false,
    };
    let task = Some(tokio::spawn(sender.run(spans, asked)));
    (metrics, Exporting { stop, task })
}

impl Exporting {
    /// Sends what is left, within two seconds.
    pub async fn end(self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task
            && let Err(broken) = task.await
        {
            error!(%broken, "the sender of spans ended by a panic");
        }
    }
}

struct Sender {
    http: Client<HttpConnector, Full<Bytes>>,
    url: String,
    lost: Counter,
    is_failing: bool,
}

impl Sender {
    async fn run(mut self, mut spans: mpsc::Receiver<Past>, mut stop: watch::Receiver<bool>) {
        let mut gathered = Vec::new();
        loop {
            tokio::select! {
                taken = spans.recv_many(&mut gathered, TOGETHER) => if taken == 0 { return },
                () = stopped(&mut stop) => break,
            }
            let until = Instant::now() + GATHERED;
            while gathered.len() < TOGETHER {
                let room = TOGETHER - gathered.len();
                let more = spans.recv_many(&mut gathered, room);
                if !matches!(timeout_at(until, more).await, Ok(1..)) || *stop.borrow() {
                    break;
                }
            }
            self.send(&mut gathered, SENDING).await;
        }
        spans.close();
        let rest = async {
            while spans.recv_many(&mut gathered, TOGETHER).await > 0 {
                self.send(&mut gathered, LAST_SENDING).await;
            }
        };
        // Whoever looks at traces can do without the last ones.
        drop(timeout(LAST_SENDING, rest).await);
    }

    async fn send(&mut self, spans: &mut Vec<Past>, deadline: Duration) {
        let lost = spans.len() as u64;
        let body = request(spans.drain(..)).to_string();
        let sent = timeout(deadline, self.post(body)).await;
        let failure = match sent.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            Ok(()) => {
                if std::mem::take(&mut self.is_failing) {
                    info!(url = self.url, "spans are sent again");
                }
                return;
            }
            Err(failure) => failure,
        };
        self.lost.inc_by(lost);
        if !std::mem::replace(&mut self.is_failing, true) {
            warn!(
                url = self.url,
                failure, "spans cannot be sent, and are dropped"
            );
        }
    }

    async fn post(&self, body: String) -> Result<(), String> {
        let request = http::Request::post(&self.url)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| error.to_string())?;
        let answer = self.http.request(request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status();
        // Read to its end, so that the connection serves again.
        let read = answer.into_body().collect().await;
        read.map_err(|error| error.to_string())?;
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("answered with {status}"))
        }
    }
}

/// An `ExportTraceServiceRequest`.
fn request(spans: impl Iterator<Item = Past>) -> Json {
    let spans: Vec<Json> = spans.map(|span| told(&span)).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": [
            attribute("service.name", &SERVICE.into()),
            attribute("process.pid", &u64::from(std::process::id()).into()),
        ] },
        "scopeSpans": [{ "scope": { "name": "kbwatch" }, "spans": spans }],
    }] })
}

fn told(span: &Past) -> Json {
    let said = span.said.iter();
    let said: Vec<Json> = said.map(|(name, value)| attribute(name, value)).collect();
    let parent = match span.parent {
        0 => String::new(),
        parent => format!("{parent:016x}"),
    };
    let status = match &span.failure {
        Some(failure) => json!({ "code": FAILED, "message": failure }),
        None => json!({}),
    };
    json!({
        "traceId": format!("{:032x}", span.context.trace_id),
        "spanId": format!("{:016x}", span.context.span_id),
        "parentSpanId": parent,
        "name": span.name,
        "kind": INTERNAL,
        "startTimeUnixNano": span.began_ns.to_string(),
        "endTimeUnixNano": span.ended_ns.to_string(),
        "attributes": said,
        "status": status,
    })
}

fn attribute(name: &str, value: &Value) -> Json {
    let value = match value {
        Value::Text(text) => json!({ "stringValue": text }),
        // 64-bit numbers are texts in JSON.
        Value::Number(number) => json!({ "intValue": number.to_string() }),
    };
    json!({ "key": name, "value": value })
}
