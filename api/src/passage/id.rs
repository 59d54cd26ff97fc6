//! The id of a request: the caller's where it is sane, so that its log and ours say the same.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use uuid::Uuid;

/// Names a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken over.
const LONGEST: usize = 128;

tokio::task_local! {
    /// The request that is being answered.
    pub(super) static REQUEST: Arc<str>;
}

/// The id of the request that is being answered, where there is one.
pub(crate) fn of_this_request() -> Option<String> {
    REQUEST.try_with(|id| id.to_string()).ok()
}

pub(super) fn of(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let sane = |id: &&str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(&b);
        !id.is_empty() && id.len() <= LONGEST && id.bytes().all(plain)
    };
    given.filter(sane).map_or_else(|| new().to_string().into(), Into::into)
}

#[allow(clippy::disallowed_methods)] // names a request in logs; nothing is decided or written by it
fn new() -> Uuid {
    Uuid::now_v7()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_break_a_log_line_is_replaced() {
        let of = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, id.parse().expect("a header"));
            super::of(&headers)
        };
        assert_eq!(&*of("a-1.b:2/c+="), "a-1.b:2/c+=");
        for bad in ["", "a b", "a\"b", "{}", &"x".repeat(129)] {
            assert!(Uuid::parse_str(&of(bad)).is_ok(), "{bad}");
        }
    }
}
