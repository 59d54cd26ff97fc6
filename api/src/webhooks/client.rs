//! POSTs to receivers: to addresses that were looked at, within a time, without following where they point.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, Uri, header};
use chrono::DateTime;
use daybook_domain::Timestamp;
use http_body_util::Full;
use tokio::time::timeout;

use super::{Options, address};
use crate::outgoing::{Outgoing, absolute};

/// What a receiver answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub status: u16,
    /// How long it wants not to be asked.
    pub retry_after: Option<Duration>,
}

/// What a receiver said, or why it could not be asked; the text is for whoever manages the webhook.
pub(super) type Heard = Result<Said, String>;

/// What is sent.
pub(super) struct Message<'a> {
    pub id: &'a str,
    pub timestamp: i64,
    pub signatures: String,
    pub kind: &'static str,
    pub body: Bytes,
}

/// Asks receivers.
pub(super) struct Client(Outgoing);

impl Client {
    /// With the public certificate authorities.
    pub fn new() -> Self {
        Self(Outgoing::new())
    }

    /// Sends a message and hears the status of the answer.
    pub async fn post(&self, url: &str, message: Message<'_>, options: &Options) -> Heard {
        let request = Request::post(check(url, options)?)
            .header(header::CONTENT_TYPE, message.kind)
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", message.signatures)
            .body(Full::new(message.body))
            .map_err(|error| error.to_string())?;
        let may_call = |address| options.allow_private || address::is_public(address);
        let asked = timeout(options.timeout, self.0.ask(request, may_call, None)).await;
        let heard = asked
            .unwrap_or_else(|_| Err(format!("no answer within {} seconds", options.timeout.as_secs_f32())));
        heard.map(|heard| Said {
            status: heard.status,
            retry_after: heard.retry_after.and_then(|text| pause_in(&text, super::now())),
        })
    }
}

/// What `Retry-After` asks for: seconds, or until a date.
fn pause_in(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(text.trim()).ok()?.timestamp_micros();
    u64::try_from(until.saturating_sub(now.0)).ok().map(Duration::from_micros)
}

/// A URL that may be called, as far as its text says.
pub(super) fn check(url: &str, options: &Options) -> Result<Uri, String> {
    let uri = absolute(url)?;
    if uri.scheme_str() == Some("http") && !options.allow_http {
        return Err("http is not allowed here: use https".to_owned());
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::connect;

    #[test]
    fn only_https_urls_of_a_host_are_taken_unless_more_is_allowed() {
        let strict = Options::default();
        for url in
            ["http://a.example/x", "ftp://a.example", "/x", "https://", "https://u:p@a.example/", "nonsense"]
        {
            assert!(check(url, &strict).is_err(), "{url}");
        }
        check("https://a.example/hook?x=1", &strict).unwrap();
        check("http://a.example/", &Options { allow_http: true, ..strict }).unwrap();
    }

    #[test]
    fn a_receiver_says_when_it_wants_to_be_asked_again_in_seconds_or_by_a_date() {
        let now = Timestamp::parse("2026-11-22T08:00:00Z").unwrap();
        let seconds = |text: &str| pause_in(text, now).map(|pause| pause.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds("Sun, 22 Nov 2026 08:01:30 GMT"), Some(90));
        assert_eq!(seconds("Sun, 22 Nov 2026 07:00:00 GMT"), None, "that is over");
        assert_eq!((seconds("soon"), seconds("-1"), seconds("1.5")), (None, None, None));
    }

    #[tokio::test]
    async fn a_name_that_stands_for_this_machine_is_not_called() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["localhost", "127.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1"] {
            let error = connect(host, port, address::is_public).await.unwrap_err();
            assert!(error.contains("not a public address"), "{host}: {error}");
        }
        connect("127.0.0.1", port, |_| true).await.unwrap();
    }
}
