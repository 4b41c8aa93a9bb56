//! What the API answers instead of the thing asked for.

use std::borrow::Cow;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::load::LoadError;

/// A refusal: what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    error: Cow<'static, str>,
    hint: &'static str,
}

#[derive(Serialize)]
struct Body {
    error: Cow<'static, str>,
    hint: &'static str,
}

impl Problem {
    /// 404.
    pub(super) const fn missing(error: &'static str, hint: &'static str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            error: Cow::Borrowed(error),
            hint,
        }
    }

    /// 400.
    pub(super) const fn wrong(error: &'static str, hint: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: Cow::Borrowed(error),
            hint,
        }
    }

    /// 403.
    pub(super) const fn forbidden(error: &'static str, hint: &'static str) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            error: Cow::Borrowed(error),
            hint,
        }
    }

    /// 422: what was sent cannot be, and why.
    pub(super) const fn refused(error: String, hint: &'static str) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            error: Cow::Owned(error),
            hint,
        }
    }

    /// 503: it may pass.
    pub(super) fn away(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::warn!(error, "what was sent could not be kept");
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: Cow::Borrowed("the database did not answer"),
            hint: "try again in a few seconds",
        }
    }

    /// 405.
    pub(super) const fn method(error: &'static str, hint: &'static str) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            error: Cow::Borrowed(error),
            hint,
        }
    }
}

impl From<LoadError> for Problem {
    /// Callers learn that it may pass; why it failed stands in the log.
    fn from(error: LoadError) -> Self {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "an API question could not be answered"
        );
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: Cow::Borrowed("the database did not answer"),
            hint: "try again in a few seconds",
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            error: self.error,
            hint: self.hint,
        };
        (self.status, Json(body)).into_response()
    }
}
