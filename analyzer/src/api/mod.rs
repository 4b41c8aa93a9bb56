//! The JSON face of the picture, under `/api/v1`.

use std::sync::Arc;

use axum::Router;

use crate::Shared;

/// Routes under `/api/v1`.
pub fn router() -> Router<Arc<Shared>> {
    Router::new()
}
