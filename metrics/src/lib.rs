//! What traffic and sales come to: traffic channels, visits, distinct visitors, explained changes, attribution, lift
//! and plans. The pure heart of every metric of the market.
//!
//! Shape: plain values in, plain values out. Nothing here knows an event, a store or a clock, so that live read
//! models, a question over any range, a what-if over the whole history and a test all ask the same functions, and no
//! metric is computed twice in two ways. Rules that people may disagree about (how a channel is told, what a visit is,
//! who earned an order) are parameters with a version or a name.
//!
//! - [`attribution`]: who earned an order, by six models, to the cent and restated when refunds land.
//! - [`channel`]: how a visitor came, from referrer and tags, by a versioned rule.
//! - [`explain`]: why GMV changed, split into traffic, mix, conversion and unit price, to the cent.
//! - [`lift`]: what a campaign brought beside a holdout, with an interval.
//! - [`plan`]: targets, attainment, run rate, and what it takes to reach them.
//! - [`sessions`]: what a visit is, under the plan's definition or a tool's, and what visits come to.
//! - [`visitors`]: exact distinct counts of any range and mix.

pub mod attribution;
pub mod channel;
pub mod counting;
pub mod explain;
pub mod lift;
pub mod plan;
pub mod sessions;
pub mod visitors;

pub use channel::{Channel, ChannelRule, Landing, MarketSites, Origin, Tags};
pub use sessions::{Definition, SessionRule};
pub use visitors::{VisitorNumber, VisitorSet};
