//! What the web face reads: the newest picture, and questions to the database
//! that a picture of the whole fleet cannot answer.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::load::{DeviceTimeline, LoadError, Reader, TimelineEvent};
use crate::view::View;

/// Shared between the cycle, which publishes, and the web face, which reads.
pub struct Shared {
    view: watch::Sender<Arc<View>>,
    reader: Reader,
    registry: Mutex<Registry>,
}

impl Shared {
    /// Nothing published yet: an empty picture of cycle 0.
    pub fn new(reader: Reader) -> Self {
        Self {
            view: watch::Sender::new(Arc::new(View::default())),
            reader,
            registry: Mutex::new(Registry::default()),
        }
    }

    /// The newest picture.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// Follows the pictures as they are published.
    pub fn follow(&self) -> watch::Receiver<Arc<View>> {
        self.view.subscribe()
    }

    /// Replaces the picture.
    pub fn publish(&self, view: Arc<View>) {
        self.view.send_replace(view);
    }

    /// Everything that is known of one device, newest first; `None` if it was
    /// never heard of.
    pub async fn device(&self, device_id: &str) -> Result<Option<DeviceTimeline>, LoadError> {
        self.reader.device(device_id).await
    }

    /// Events by their ids (32 hex digits), for evidence; unknown ids are left out.
    pub async fn events(
        &self,
        device_id: &str,
        event_ids: &[String],
    ) -> Result<Vec<TimelineEvent>, LoadError> {
        self.reader.events(device_id, event_ids).await
    }

    /// Every metric of this stage as Prometheus text.
    pub fn metrics_text(&self) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}
