//! A line to ClickHouse that can be cut: it sees every insert, and loses the
//! request or the answer when told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// What happens to one insert of events.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// None, this time.
    Pass,
    /// ClickHouse is asked as if it were read-only, and refuses.
    ReadOnly,
    /// ClickHouse is asked as if its disk were full, and refuses.
    NoSpace,
    /// ClickHouse never sees it.
    LoseRequest,
    /// ClickHouse has it; the store is not told.
    LoseAnswer,
    /// ClickHouse has it; the store waits for ever.
    HoldAnswer,
}

/// An insert as it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) token: String,
    pub(crate) body: Bytes,
}

#[derive(Default)]
struct Script {
    faults: VecDeque<Fault>,
    passed: Vec<Passed>,
    /// What ClickHouse answered where it did not take an insert.
    refusals: Vec<String>,
}

/// The line; clones are the same line.
#[derive(Clone)]
pub(crate) struct BrokenLine {
    upstream: String,
    script: Arc<Mutex<Script>>,
    /// Requests that hold this text are never answered.
    silent_about: Option<&'static str>,
    /// Told when an answer is held back.
    pub(crate) held: Arc<Notify>,
    pub(crate) url: String,
}

impl BrokenLine {
    pub(crate) async fn to(upstream: &str, faults: impl IntoIterator<Item = Fault>) -> Self {
        Self::open(upstream, faults.into_iter().collect(), None).await
    }

    /// A line that never answers what holds this text.
    pub(crate) async fn silent_about(upstream: &str, text: &'static str) -> Self {
        Self::open(upstream, VecDeque::new(), Some(text)).await
    }

    async fn open(
        upstream: &str,
        faults: VecDeque<Fault>,
        silent_about: Option<&'static str>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = Script {
            faults,
            passed: Vec::new(),
            refusals: Vec::new(),
        };
        let line = Self {
            upstream: upstream.trim_end_matches('/').to_owned(),
            script: Arc::new(Mutex::new(script)),
            silent_about,
            held: Arc::default(),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let router = axum::Router::new().fallback(pass).with_state(line.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        line
    }

    /// Inserts of events, in order.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        self.script.lock().unwrap().passed.clone()
    }

    /// What ClickHouse answered where it did not take an insert.
    pub(crate) fn refusals(&self) -> Vec<String> {
        self.script.lock().unwrap().refusals.clone()
    }

    fn is_silent_about(&self, uri: &Uri, body: &Bytes) -> bool {
        self.silent_about.is_some_and(|text| {
            let asked = String::from_utf8_lossy(body);
            let query = uri.query().unwrap_or_default();
            let spaced = query.replace('+', " ").replace("%20", " ");
            asked.contains(text) || spaced.contains(text)
        })
    }

    fn note(&self, uri: &Uri, body: &Bytes) -> Option<Fault> {
        let query = uri.query().unwrap_or_default();
        if !(query.contains("INSERT") && query.contains("update_events")) {
            return None;
        }
        let token = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("insert_deduplication_token="))
            .unwrap_or_default();
        let mut script = self.script.lock().unwrap();
        script.passed.push(Passed {
            token: token.to_owned(),
            body: body.clone(),
        });
        script.faults.pop_front()
    }
}

async fn pass(
    State(line): State<BrokenLine>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    assert_eq!(method, Method::POST, "the client speaks POST only");
    if line.is_silent_about(&uri, &body) {
        line.held.notify_one();
        std::future::pending::<()>().await;
    }
    let fault = line.note(&uri, &body);
    if matches!(fault, Some(Fault::LoseRequest)) {
        return lost();
    }
    let condition = match fault {
        Some(Fault::ReadOnly) => "&readonly=1",
        Some(Fault::NoSpace) => "&min_free_disk_bytes_to_perform_insert=1000000000000000",
        _ => "",
    };
    let url = format!("{}{uri}{condition}", line.upstream);
    let forwarded = tokio::task::spawn_blocking(move || forward(&url, &headers, &body));
    let (answer, text) = forwarded.await.unwrap();
    if !answer.status().is_success() && fault.is_some() {
        line.script.lock().unwrap().refusals.push(text);
    }
    match fault {
        Some(Fault::LoseAnswer) => lost(),
        Some(Fault::HoldAnswer) => {
            line.held.notify_one();
            std::future::pending().await
        }
        _ => answer,
    }
}

fn lost() -> Response<Body> {
    let mut answer = Response::new(Body::from("the line is broken"));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}

/// The answer, and its text.
fn forward(url: &str, headers: &HeaderMap, body: &[u8]) -> (Response<Body>, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let mut request = agent.post(url);
    for (name, value) in headers {
        if name.as_str() != "host" && !is_framing(name.as_str()) {
            request = request.header(name, value);
        }
    }
    let mut answer = request.send(body).unwrap();
    let text = answer.body_mut().read_to_vec().unwrap();
    let said = String::from_utf8_lossy(&text).into_owned();
    let mut back = Response::new(Body::from(text));
    *back.status_mut() = answer.status();
    for (name, value) in answer.headers() {
        if !is_framing(name.as_str()) {
            back.headers_mut().insert(name, value.clone());
        }
    }
    (back, said)
}

/// Headers that belong to one connection only.
fn is_framing(name: &str) -> bool {
    matches!(
        name,
        "transfer-encoding" | "content-length" | "connection" | "keep-alive"
    )
}
