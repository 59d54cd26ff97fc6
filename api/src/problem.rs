//! Errors as problem details (RFC 9457): one place that maps what went wrong to a status.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use daybook_journal::JournalError;
use daybook_projections::ReadModelError;
use serde::Serialize;

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// The same for every problem of this code.
    pub title: &'static str,
    /// What is wrong with this request, and the cure.
    pub detail: String,
}

impl Problem {
    /// A problem.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { status: status.as_u16(), code, title, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if self.status == StatusCode::SERVICE_UNAVAILABLE.as_u16() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<ReadModelError> for Problem {
    fn from(error: ReadModelError) -> Self {
        let detail = error.to_string();
        match error {
            ReadModelError::Behind { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "read_models_behind",
                "The answer is not there yet",
                detail,
            ),
            ReadModelError::UnknownModel { .. } | ReadModelError::BadQuestion(_) => {
                Self::new(StatusCode::BAD_REQUEST, "bad_question", "The question cannot be answered", detail)
            }
            ReadModelError::Journal(JournalError::Corrupt(_)) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "journal_damaged",
                "The journal cannot be read",
                detail,
            ),
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Try again later", detail),
        }
    }
}

/// Runs what may block (a file is read) away from the threads that serve.
pub(crate) async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, ReadModelError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(ask).await {
        Ok(answer) => Ok(answer?),
        Err(error) => Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The request could not be carried out",
            error.to_string(),
        )),
    }
}

pub(crate) async fn no_such_page(uri: axum::http::Uri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no_such_resource",
        "There is nothing here",
        format!("no resource at {}", uri.path()),
    )
}

pub(crate) async fn method_not_allowed(method: axum::http::Method, uri: axum::http::Uri) -> Problem {
    let detail = format!("{} does not take {method}; use GET", uri.path());
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "The resource does not take this method",
        detail,
    )
}
