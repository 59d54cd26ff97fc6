//! One row per dispute.

use daybook_domain::Event;

/// The state of a dispute after an event of it.
pub(super) fn state_after(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::DisputeOpened(_) => "opened",
        Event::DisputeAnswered(_) => "answered",
        Event::DisputeEscalated(_) => "escalated",
        Event::DisputeRuled(_) => "ruled",
        Event::DisputeAppealed(_) => "appealed",
        Event::RulingUpheld(_) => "upheld",
        Event::RulingReversed(_) => "reversed",
        Event::DisputeWithdrawn(_) => "withdrawn",
        Event::DisputeClosed(_) => "closed",
        _ => return None,
    })
}
