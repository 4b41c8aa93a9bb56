//! The pages.

use std::sync::Arc;

use axum::Router;

use crate::Shared;

/// Routes of the pages, from `/` on.
pub fn router() -> Router<Arc<Shared>> {
    Router::new()
}
