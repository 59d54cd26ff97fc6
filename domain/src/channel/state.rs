//! What a sales channel reported of each day.

use std::collections::BTreeMap;

use super::commands::ChannelCommand;
use super::events::ChannelTrafficReported;
use crate::decider::{calendar_day, not_negative};
use crate::{Aggregate, Code, Context, Event, Refs, Rejection, Timestamp};

/// More visitors, pages or orders than any day has. Sums of reports over all days and channels stay within 64 bits.
pub const MOST_REPORTED: u64 = 1 << 40;

/// The state of `channel-{sales channel}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    name: Option<Code>,
    /// The last report of a day, by day and source.
    reports: BTreeMap<(Code, Code), ChannelTrafficReported>,
}

impl Channel {
    /// What a source said last of a day.
    #[must_use]
    pub fn reported(&self, day: Code, source: Code) -> Option<&ChannelTrafficReported> {
        self.reports.get(&(day, source))
    }
}

impl Aggregate for Channel {
    const CATEGORY: &'static str = "channel";
    type Command = ChannelCommand;

    fn named(id: &str) -> Self {
        Self { name: Code::new(id).ok(), ..Self::default() }
    }

    fn decide(&self, command: &ChannelCommand, _: &Context<'_>) -> Result<Vec<Event>, Rejection> {
        let ChannelCommand::Report { day, uv, pv, source, free_uv, paid_uv, buyers, orders, gmv } = command;
        calendar_day("day", *day)?;
        gmv.map_or(Ok(()), |gmv| not_negative("gmv", gmv))?;
        // what is a part of uv is within it
        for (field, count) in [("uv", *uv), ("pv", *pv), ("orders", orders.unwrap_or_default())] {
            if count > MOST_REPORTED {
                let message = format!("{field} is {count}: no day has more than {MOST_REPORTED}");
                return Err(Rejection::new("count_too_large", message));
            }
        }
        for (field, part) in [("free_uv", free_uv), ("paid_uv", paid_uv), ("buyers", buyers)] {
            if part.is_some_and(|part| part > *uv) {
                let message =
                    format!("{field} is {}, more than the {uv} visitors of uv", part.unwrap_or_default());
                return Err(Rejection::new("part_exceeds_whole", message));
            }
        }
        let Some(channel) = self.name else {
            return Err(Rejection::new(
                "channel_unknown",
                "the channel's name is 1 to 64 visible ASCII characters",
            ));
        };
        let report = ChannelTrafficReported {
            channel,
            day: *day,
            uv: *uv,
            pv: *pv,
            source: *source,
            free_uv: *free_uv,
            paid_uv: *paid_uv,
            buyers: *buyers,
            orders: *orders,
            gmv: *gmv,
        };
        if self.reported(*day, *source) == Some(&report) {
            return Ok(Vec::new());
        }
        Ok(vec![report.into()])
    }

    fn evolve(&mut self, event: &Event, _: Timestamp) {
        if let Event::ChannelTrafficReported(e) = event {
            self.reports.insert((e.day, e.source), e.clone());
        }
    }

    fn refs(&self) -> Refs {
        Refs::default()
    }

    fn status(&self) -> &'static str {
        if self.reports.is_empty() { "silent" } else { "reported" }
    }
}
