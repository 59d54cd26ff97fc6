//! Campaigns: what is planned to bring visitors and sales, what it costs, and to whom.
//!
//! | status | may become |
//! |---|---|
//! | planned | started, ended |
//! | started | ended |
//! | ended | nothing more |
//!
//! Costs come at any time once it is planned: a stage is built before the first day, a platform bills after the last.
pub mod commands;
mod decide;
pub mod events;
mod state;
pub use state::{Campaign, CampaignStage};
