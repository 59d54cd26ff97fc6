//! Errors as problem details (RFC 9457): one table of codes, one place that maps what went wrong to one of them.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use daybook_commands::CommandError;
use daybook_journal::JournalError;
use daybook_market::MarketError;
use daybook_projections::ReadModelError;
use serde::Serialize;

/// A kind of problem: stable, listed in the document at `/v1/openapi.json` and in the table of the docs.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Stable, `snake_case`; the last part of the problem's `type`.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What it is, and what helps.
    pub title: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:literal, $code:literal, $title:literal;)*) => {
        $(#[doc = $title] pub const $name: &Kind = &Kind { code: $code, status: $status, title: $title };)*
        /// Every kind of problem.
        pub const KINDS: &[&Kind] = &[$($name),*];
    };
}

kinds! {
    BAD_REQUEST = 400, "bad_request", "The request cannot be read: mend what the detail names";
    KEY_MISSING = 400, "idempotency_key_missing", "A command needs an Idempotency-Key header of 1 to 128 visible ASCII characters";
    UNAUTHENTICATED = 401, "unauthenticated", "Send a valid key as `Authorization: Bearer KEY`";
    FORBIDDEN = 403, "forbidden", "This key's role may not do that";
    NOT_FOUND = 404, "not_found", "There is no such thing, or it is not this key's to see";
    METHOD_NOT_ALLOWED = 405, "method_not_allowed", "The resource does not take this method";
    NOT_ACCEPTABLE = 406, "not_acceptable", "The resource has no such representation";
    TIMED_OUT = 408, "timed_out", "The request was not read in time";
    CONFLICT = 409, "conflict", "Another writer was faster: read again and decide again";
    IN_FLIGHT = 409, "in_flight", "The same request is being carried out: send it again for its answer";
    PRECONDITION_FAILED = 412, "precondition_failed", "The stream is not at the version of If-Match: read again";
    TOO_LARGE = 413, "too_large", "The body is larger than is taken at once";
    UNSUPPORTED = 415, "unsupported_media_type", "Send application/json";
    REFUSED = 422, "refused", "The rules of the market refuse it; `refusal` says which, and nothing was changed";
    KEY_REUSED = 422, "idempotency_key_reused", "This Idempotency-Key was used for other content: use a new one";
    TOO_MANY_REQUESTS = 429, "too_many_requests", "This key asks faster than it may: wait as Retry-After says";
    INTERNAL = 500, "internal", "The request could not be carried out";
    DAMAGED = 500, "journal_damaged", "The journal cannot be read";
    STARTING = 503, "starting", "The service is opening its stores";
    OVERLOADED = 503, "overloaded", "More is asked at once than can be answered: nothing was changed, ask again as Retry-After says";
    TOOK_TOO_LONG = 503, "took_too_long", "The answer took longer than a request may: do as the detail says";
    BEHIND = 503, "read_models_behind", "The read models have not come that far yet";
    TOO_MANY_WAITING = 503, "too_many_waiting", "Too many requests wait: ask again later";
    TOO_MANY_STREAMS = 503, "too_many_streams", "Too many streams of events are open: ask again later, or read pages";
    UNAVAILABLE = 503, "unavailable", "The store cannot be used now: try again later";
    OUTCOME_UNKNOWN = 503, "outcome_unknown", "It may have happened: send the same request again, it takes effect once";
}

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Details>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Details {
    /// The kind as a URI: `urn:daybook:problem:CODE`.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    /// What is wrong with this request, and the cure.
    detail: String,
    /// The rule that refused, where one did: stable, `snake_case`.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'static str>,
    /// Where in the body, as a JSON pointer, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// The version the stream has, where another was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// The request, as the log names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind: format!("urn:daybook:problem:{}", kind.code),
            title: kind.title,
            status: kind.status,
            code: kind.code,
            detail: detail.into(),
            refusal: None,
            pointer: None,
            version: None,
            request_id: None,
            // where the same question does not take as long again, it is said there
            retry_after: (kind.status == 503 && kind != TOOK_TOO_LONG || kind == IN_FLIGHT).then_some(1),
        }))
    }

    /// A trouble of the service's own: the log is told what it is, for it may name files and what they hold; the caller
    /// is told where to look.
    pub fn own(kind: &'static Kind, why: &dyn std::fmt::Display) -> Self {
        tracing::error!(code = kind.code, %why, request_id = crate::passage::of_this_request(), "the service is in trouble");
        Self::new(kind, "the service's log says why, under this request's id")
    }

    /// A field of path, query or header that cannot be read.
    pub fn bad(field: &str, why: impl std::fmt::Display) -> Self {
        Self::new(BAD_REQUEST, format!("{field}: {why}"))
    }

    /// Whether it is of this kind.
    #[must_use]
    pub fn is(&self, kind: &Kind) -> bool {
        self.0.code == kind.code
    }

    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The same as a problem of another kind.
    #[must_use]
    pub fn as_kind(self, kind: &'static Kind) -> Self {
        let Details { detail, refusal, pointer, version, .. } = *self.0;
        let mut problem = Self::new(kind, detail);
        (problem.0.refusal, problem.0.pointer, problem.0.version) = (refusal, pointer, version);
        problem
    }

    /// Says where in the body.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.0.pointer = Some(pointer.into());
        self
    }

    /// Whether it says where in the body.
    pub(crate) fn points(&self) -> bool {
        self.0.pointer.is_some()
    }

    /// What is wrong, and the cure.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Says after how many seconds it is worth asking again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }
}

/// What a problem says in a word, for who counts and logs answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    /// The code of its kind.
    pub code: &'static str,
    /// The rule that refused.
    pub refusal: Option<&'static str>,
}

impl Problem {
    /// What it says in a word.
    pub(crate) fn said(&self) -> Said {
        Said { code: self.0.code, refusal: self.0.refusal }
    }

    /// The whole answer as it goes over the wire, for connections that are closed with it.
    pub(crate) fn as_text(&self) -> String {
        let Details { status, title, retry_after, .. } = &*self.0;
        let body = serde_json::to_string(&*self.0).expect("invariant: a problem is plain data");
        let reason = StatusCode::from_u16(*status).ok().and_then(|s| s.canonical_reason()).unwrap_or(title);
        let retry = retry_after.map_or_else(String::new, |seconds| format!("retry-after: {seconds}\r\n"));
        format!(
            "HTTP/1.1 {status} {reason}\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\
             content-length: {}\r\n{retry}\r\n{body}",
            body.len()
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let said = self.said();
        self.0.request_id = crate::passage::of_this_request();
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&*self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.is(UNAUTHENTICATED) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(said);
        response
    }
}

/// What helps where the journal is too long for one request.
const OF_THE_WHOLE_JOURNAL: &str = "all of it is read for such a question, however few days it is about. Ask by what is \
                                    kept by day (one of day, week and month, with one of channel, campaign, merchant and \
                                    sales_channel; as of now, with the definition and the timeout of `plan`), ask the same \
                                    with `daybook metrics`, which may take its time, or have `request_timeout` raised";

impl From<ReadModelError> for Problem {
    fn from(error: ReadModelError) -> Self {
        match error {
            ReadModelError::Behind { .. } => Self::new(BEHIND, error.to_string()),
            ReadModelError::UnknownModel { .. } | ReadModelError::BadQuestion(_) => {
                Self::new(BAD_REQUEST, error.to_string())
            }
            ReadModelError::TookTooLong { .. } => {
                Self::new(TOOK_TOO_LONG, format!("{error}: {OF_THE_WHOLE_JOURNAL}"))
            }
            ReadModelError::LateCounting { .. } | ReadModelError::LateKept { .. } => {
                Self::new(TOOK_TOO_LONG, format!("{error}: ask about fewer days, or by less"))
            }
            ReadModelError::Journal(JournalError::Corrupt(_)) => Self::own(DAMAGED, &error),
            _ => Self::own(UNAVAILABLE, &error),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Rejected(rejection) => {
                let mut problem = Self::new(REFUSED, rejection.message.into_owned());
                problem.0.refusal = Some(rejection.code);
                problem
            }
            CommandError::Conflict { actual, .. } => {
                let mut problem = Self::new(CONFLICT, error.to_string());
                problem.0.version = Some(actual);
                problem
            }
            CommandError::Reused { .. } => Self::new(KEY_REUSED, error.to_string()),
            CommandError::Unavailable(_) => Self::own(UNAVAILABLE, &error),
            CommandError::Overloaded(why) => Self::new(OVERLOADED, why),
            CommandError::OutcomeUnknown(_) => Self::own(OUTCOME_UNKNOWN, &error),
            CommandError::Malformed { ref field, .. } => {
                let pointer = format!("/{field}");
                Self::new(BAD_REQUEST, error.to_string()).at(pointer)
            }
        }
    }
}

impl From<MarketError> for Problem {
    fn from(error: MarketError) -> Self {
        match error {
            MarketError::Command(error) => error.into(),
            MarketError::Journal(error) => CommandError::from(error).into(),
            MarketError::Url(why) => Self::own(INTERNAL, &why),
            MarketError::Unavailable(why) => Self::own(UNAVAILABLE, &why),
        }
    }
}

/// Runs what may block (a file is read) away from the threads that serve.
pub(crate) async fn blocking<T: Send + 'static, E: Into<Problem> + Send + 'static>(
    ask: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(ask).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(error) => Err(Problem::new(INTERNAL, error.to_string())),
    }
}

pub(crate) async fn no_such_page(uri: axum::http::Uri) -> Problem {
    Problem::new(NOT_FOUND, format!("no resource at {}; /v1/openapi.json lists them", uri.path()))
}

pub(crate) async fn method_not_allowed(method: axum::http::Method, uri: axum::http::Uri) -> Problem {
    let detail = format!("{} does not take {method}; /v1/openapi.json says what it takes", uri.path());
    Problem::new(METHOD_NOT_ALLOWED, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_too_long_names_a_cure_and_asks_nobody_to_come_again_for_the_same() {
        for (error, cure) in [
            (ReadModelError::TookTooLong { done: 1, total: 2 }, "kept by day (one of day"),
            (ReadModelError::LateCounting { done: 1, total: 2 }, "ask about fewer days"),
            (ReadModelError::LateKept { rows: 1 }, "ask about fewer days"),
        ] {
            let problem = Problem::from(error);
            assert!(problem.is(TOOK_TOO_LONG) && problem.detail().contains(cure), "{problem:?}");
            let headers = problem.into_response().headers().clone();
            assert!(!headers.contains_key(header::RETRY_AFTER));
        }
        let busy = Problem::new(OVERLOADED, "").into_response();
        assert_eq!(busy.headers()[header::RETRY_AFTER], "1");
    }
}
