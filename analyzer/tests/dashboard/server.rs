//! The real routes over a sample picture, on a free port of this machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use kbwatch_analyzer::dashboard::{self, Reader};
use kbwatch_analyzer::view::View;
use kbwatch_analyzer::{Shared, http, load};

use crate::sample_view;

/// This machine's clock.
pub(crate) fn now_ms() -> i64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(passed.as_millis()).unwrap()
}

/// A server that ends with the test process.
pub(crate) struct Server {
    address: SocketAddr,
}

impl Server {
    /// Serves `view` by the real router. Devices and records, which would come
    /// from a database, are answered from the sample through the same pages.
    pub(crate) fn of(view: View) -> Self {
        let shared = shared(view);
        let samples = Router::new()
            .route("/devices/{id}", get(sample_device))
            .route("/events/{id}", get(sample_event))
            .with_state(Arc::clone(&shared));
        let pages = dashboard::with_drop(http::router(shared), post(|| async { "" }));
        Self::serve(samples.fallback_service(pages))
    }

    /// Serves `view` with a database that is not there.
    pub(crate) fn without_database(view: View) -> Self {
        Self::serve(http::router(shared(view)))
    }

    fn serve(router: Router) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let router = router.into_make_service_with_connect_info::<SocketAddr>();
                axum::serve(listener, router).await.unwrap();
            });
        });
        Self { address }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// GETs a path with extra headers; any status is an answer.
    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build()
            .into();
        let mut request = agent.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.call().unwrap())
    }

    /// POSTs a body with headers; any status is an answer.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let mut request = agent.post(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send(body).unwrap())
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: ureq::http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    fn of(mut response: ureq::http::Response<ureq::Body>) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().read_to_string().unwrap(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

fn shared(view: View) -> Arc<Shared> {
    // Nothing listens on the discard port.
    let client = clickhouse::Client::default().with_url("http://127.0.0.1:9");
    let shared = Arc::new(Shared::new(load::Reader::new(client)));
    shared.publish(Arc::new(view));
    shared
}

async fn sample_device(
    State(shared): State<Arc<Shared>>,
    reader: Reader,
    Path(id): Path<String>,
) -> Response {
    let known = sample_view::timeline(now_ms());
    let answer = (id == known.device_id).then_some(known);
    dashboard::device_answer(&id, Ok(answer), &shared.view(), &reader)
}

async fn sample_event(
    State(shared): State<Arc<Shared>>,
    reader: Reader,
    Path(id): Path<String>,
) -> Response {
    let device = sample_view::timeline(now_ms());
    let known = device.events.into_iter().find(|event| event.event_id == id);
    let events = known.into_iter().collect();
    dashboard::event_answer(
        &id,
        sample_view::DEVICE,
        Ok(events),
        &shared.view(),
        &reader,
    )
}
