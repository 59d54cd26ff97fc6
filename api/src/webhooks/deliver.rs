//! Delivery: from the cursor on, one event after the other.

use std::ops::ControlFlow;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::body::Bytes;
use daybook_domain::Timestamp;
use daybook_domain::time::SECOND;
use daybook_journal::{Filter, Position, Recorded};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::client::{Heard, Message, Said};
use super::store::{DeadLetter, MOST_DEAD_LETTERS, Webhook};
use super::{Options, Webhooks, now, sign};
use crate::feeds::{Bounds, Reading, Sent, View, Wanted, but_traffic, types, unreadable};
use crate::problem::{BAD_REQUEST, INTERNAL, Problem, blocking};
use crate::{Service, Shared};

/// Events that are read at once.
const AT_ONCE: usize = 50;
/// Dead letters in a row after which a webhook is disabled.
const DEAD_IN_ROW: u32 = 10;
/// Longest wait for new events before it is looked whether the service is there still.
const LOOK: Duration = Duration::from_secs(1);
/// Pause after the service itself could not read or write.
const OWN_TROUBLE: Duration = Duration::from_secs(2);
/// The status by which a receiver says that it wants no more.
const GONE: u16 = 410;

/// How events are sent.
const CLOUD_EVENT: &str = "application/cloudevents+json";

/// What became of an attempt to go on.
enum Went {
    /// There may be more.
    On,
    /// All is delivered that there is.
    Done,
    /// To be tried again after this.
    Later(Duration),
    /// It is disabled, or gone.
    Ended,
}

/// Delivers to a webhook until it is disabled, or the service stops or is gone.
pub(super) async fn follow(service: Weak<Service>, id: String, mut stopping: watch::Receiver<bool>) {
    let Some(mut heads) = service.upgrade().map(|shared| shared.wakes.follow()) else { return };
    let mut known = false;
    while !*stopping.borrow() {
        let Some(shared) = service.upgrade() else { return };
        let went = round(&shared, &id, &mut known).await;
        drop(shared);
        let pause = async {
            match went {
                Ok(Went::On) => {}
                Ok(Went::Ended) => return Went::Ended,
                Ok(Went::Later(pause)) => sleep(pause).await,
                Ok(Went::Done) => {
                    if matches!(timeout(LOOK, heads.changed()).await, Ok(Err(_))) {
                        sleep(LOOK).await;
                        let Some(shared) = service.upgrade() else { return Went::Ended };
                        heads = shared.wakes.follow();
                    }
                }
                Err(problem) => {
                    tracing::warn!(webhook = id, ?problem, "a webhook cannot be gone on with");
                    sleep(OWN_TROUBLE).await;
                }
            }
            Went::On
        };
        tokio::select! {
            went = pause => if matches!(went, Went::Ended) { return },
            _ = stopping.changed() => return,
        }
    }
}

/// Goes on; `known`: whether the journal is known to be the one that was delivered from before, for as long as it runs.
async fn round(shared: &Shared, id: &str, known: &mut bool) -> Result<Went, Problem> {
    let hook = kept(shared, id, |webhooks, id| webhooks.store.get(id)).await?;
    let Some(hook) = hook.filter(|hook| hook.disabled.is_none()) else { return Ok(Went::Ended) };
    let wait = hook.next_attempt_at.map_or(0, |at| at.0 - now().0);
    if let Ok(wait @ 1..) = u64::try_from(wait) {
        return Ok(Went::Later(Duration::from_micros(wait).min(LOOK)));
    }
    if !*known {
        let there = event_id(shared, hook.position).await?;
        if there.is_none() && hook.position > 0 || hook.event.is_some_and(|event| there != Some(event)) {
            let why = format!(
                "the journal is not the one that was delivered up to position {}, as when it was put back to an earlier \
                 state: enable it with `after`, the position to go on from",
                hook.position
            );
            disable(shared, id, why).await?;
            return Ok(Went::Ended);
        }
        *known = true;
    }
    let bounds = Bounds { events: AT_ONCE, ..Bounds::default() };
    let wanted = match wanted(&hook) {
        Err(problem) if problem.is(BAD_REQUEST) => {
            disable(shared, id, "it wants events of a type that this version does not know").await?;
            return Ok(Went::Ended);
        }
        wanted => Arc::new(wanted?),
    };
    let page = shared.streams.page(shared, Reading::Webhook, wanted, hook.position, bounds).await?;
    let mut attempts = hook.attempts;
    for event in &page.events {
        if shared.webhooks.stops() {
            return Ok(Went::Ended);
        }
        let went = one(shared, &hook, event, attempts).await?;
        if !matches!(went, Went::On) {
            return Ok(went);
        }
        attempts = 0;
    }
    let (next, head) = (page.next, page.head);
    if page.events.last().map_or(hook.position, |event| event.position) < next {
        let event = event_id(shared, next).await?;
        kept(shared, id, move |webhooks, id| webhooks.store.passed(id, next, event)).await?;
    }
    Ok(if next < head { Went::On } else { Went::Done })
}

/// Delivers an event, or notes why not.
async fn one(shared: &Shared, hook: &Webhook, event: &Sent, before: u32) -> Result<Went, Problem> {
    let heard = send(shared, hook, &event.id.to_string(), &event.json).await?;
    let (position, event) = (event.position, event.id);
    let why = match refused(heard) {
        None => {
            kept(shared, &hook.id, move |webhooks, id| webhooks.store.delivered(id, position, event)).await?;
            return Ok(Went::On);
        }
        Some(why) => why,
    };
    tracing::info!(webhook = hook.id, position, why.error, "a webhook's receiver did not take an event");
    if why.status == Some(GONE) {
        disable(shared, &hook.id, "the receiver wants no more (410)").await?;
        return Ok(Went::Ended);
    }
    let attempts = before + 1;
    let options = shared.webhooks.options;
    if attempts < options.attempts {
        // a receiver that asks for more time gets it, as far as pauses go
        let asked = why.retry_after.unwrap_or_default().min(options.longest_pause);
        let pause = pause(&options, attempts).max(asked);
        let next = Timestamp(now().0.saturating_add(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX)));
        kept(shared, &hook.id, move |webhooks, id| webhooks.store.failed(id, attempts, next, &why.error))
            .await?;
        return Ok(Went::Later(pause.min(LOOK)));
    }
    let letter = DeadLetter { id: 0, position, event: Some(event), at: now(), attempts, error: why.error };
    let hook = kept(shared, &hook.id, move |webhooks, id| {
        webhooks.store.give_up(id, &letter)?;
        webhooks.store.get(id)
    })
    .await?;
    let Some(hook) = hook else { return Ok(Went::Ended) };
    if hook.dead_in_row >= DEAD_IN_ROW {
        disable(shared, &hook.id, "one event after the other was given up").await?;
        return Ok(Went::Ended);
    }
    if hook.dead_letters >= MOST_DEAD_LETTERS {
        disable(shared, &hook.id, "too many dead letters: replay them").await?;
        return Ok(Went::Ended);
    }
    Ok(Went::On)
}

/// Sends a message with the secrets in force.
pub(super) async fn send(shared: &Shared, hook: &Webhook, id: &str, json: &str) -> Result<Heard, Problem> {
    let at = now();
    let secrets = kept(shared, &hook.id, move |webhooks, id| webhooks.store.secrets(id, at)).await?;
    let body = Bytes::from(json.to_owned());
    let timestamp = at.0 / SECOND;
    let signatures = sign::signatures(&secrets, id, timestamp, &body);
    let message = Message { id, timestamp, signatures, kind: CLOUD_EVENT, body };
    Ok(shared.webhooks.client.post(&hook.url, message, &shared.webhooks.options).await)
}

/// Why a message was not taken.
pub(super) struct Refused {
    pub status: Option<u16>,
    pub retry_after: Option<Duration>,
    pub error: String,
}

/// What was heard, if it is not that the message was taken.
pub(super) fn refused(heard: Heard) -> Option<Refused> {
    let (status, retry_after, error) = match heard {
        Err(error) => (None, None, error),
        Ok(Said { status: 200..=299, .. }) => return None,
        Ok(Said { status: status @ 300..=399, retry_after }) => {
            (Some(status), retry_after, format!("{status}: redirects are not followed"))
        }
        Ok(Said { status, retry_after }) => {
            (Some(status), retry_after, format!("the receiver answered {status}"))
        }
    };
    Some(Refused { status, retry_after, error })
}

/// The event at a position, as a webhook is sent it.
pub(super) async fn event_at(
    shared: &Shared,
    hook: &Webhook,
    position: Position,
) -> Result<Option<Sent>, Problem> {
    let mut wanted = wanted(hook).map_err(|problem| problem.as_kind(INTERNAL))?;
    wanted.filter = Filter::default();
    let bounds = Bounds { events: 1, scanned: 1 };
    let page = shared
        .streams
        .page(shared, Reading::Webhook, Arc::new(wanted), position.saturating_sub(1), bounds)
        .await?;
    Ok(page.events.into_iter().next())
}

/// Which event stands at a position; none where the journal has none.
pub(super) async fn event_id(shared: &Shared, position: Position) -> Result<Option<Uuid>, Problem> {
    let journal = Arc::clone(shared.market.journal());
    blocking(move || {
        let mut found = None;
        if position > 0 && position <= journal.head().map_err(unreadable)? {
            let mut visit = |event: Recorded<'_>| {
                found = Some(event.id);
                ControlFlow::Break(())
            };
            journal.scan(position - 1, Some(position), &Filter::default(), &mut visit).map_err(unreadable)?;
        }
        Ok::<_, Problem>(found)
    })
    .await
}

async fn disable(shared: &Shared, id: &str, why: impl Into<String>) -> Result<(), Problem> {
    let why = why.into();
    tracing::warn!(webhook = id, why, "a webhook is disabled");
    kept(shared, id, move |webhooks, id| webhooks.store.disable(id, Some(&why))).await
}

/// Does something with the file, away from the threads that serve.
pub(super) async fn kept<T: Send + 'static>(
    shared: &Shared,
    id: &str,
    what: impl FnOnce(&Webhooks, &str) -> Result<T, super::WebhookError> + Send + 'static,
) -> Result<T, Problem> {
    let (shared, id) = (Arc::clone(shared), id.to_owned());
    blocking(move || what(&shared.webhooks, &id)).await
}

fn wanted(hook: &Webhook) -> Result<Wanted, Problem> {
    let kinds = match &hook.types[..] {
        [] => but_traffic(),
        named => types(named.iter().map(String::as_str))?,
    };
    Ok(Wanted {
        filter: Filter { kinds: Some(kinds), categories: None },
        parties: hook.filter,
        view: View::Whole,
    })
}

/// The pause after so many attempts in vain.
fn pause(options: &Options, attempts: u32) -> Duration {
    let factor = 4u32.saturating_pow(attempts.saturating_sub(1));
    let pause = options.pause.saturating_mul(factor).min(options.longest_pause);
    let mut chance = [0];
    let _ = SystemRandom::new().fill(&mut chance); // without chance there is no jitter, and no harm
    pause + pause.mul_f32(f32::from(chance[0]) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_fourfold_to_the_longest_with_some_chance() {
        let options = Options::default();
        for (attempts, seconds) in [(1, 1), (2, 4), (3, 16), (7, 4096), (8, 7200), (40, 7200)] {
            let pause = pause(&options, attempts);
            let least = Duration::from_secs(seconds);
            assert!(pause >= least && pause <= least.mul_f32(1.25), "{attempts}: {pause:?}");
        }
    }

    #[test]
    fn only_success_counts_as_taken() {
        let said = |status| refused(Ok(Said { status, retry_after: None }));
        assert!(said(200).is_none() && said(204).is_none());
        assert!(said(302).unwrap().error.contains("redirects"));
        assert!(said(500).is_some() && refused(Err("no".to_owned())).is_some());
    }
}
