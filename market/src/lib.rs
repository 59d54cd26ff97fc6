//! The running market: reactors, deadlines, imports, the simulated market.
//!
//! [`Market::open`] opens the stores that URLs name; [`Market::execute`] takes any command of any stream. What
//! follows from an event elsewhere is a reactor's ([`reactors`]), what follows from time passing is a deadline's
//! ([`deadlines`]); [`Market::spawn`] drives both in the background, [`Market::run_until_quiet`] inline.

mod account;
pub mod ad_spend;
pub mod backup;
mod calendar;
mod campaign_names;
pub mod channel_report;
mod command;
pub mod deadlines;
pub mod demo;
mod error;
mod lines;
pub mod loan_pack;
mod market;
pub mod market_pack;
pub mod olist;
mod open;
pub mod page_views;
mod partners;
pub mod payouts;
mod pending;
pub mod periods;
pub mod proven;
mod pump;
pub mod reactors;
pub mod reconcile;
mod references;
pub mod secret;
pub mod settlement;
mod side;
mod stream;
pub mod transparency;
pub mod verify;
pub mod what_if;

pub use account::account_of;
pub use command::{AnyCommand, AnyRequest};
pub use daybook_projections::{Calendar, When};
pub use error::MarketError;
pub use market::{Market, Opening, Options, Running};
pub use open::StoreUrl;
pub use pump::{Driven, IMPORT_ACTOR};
pub use side::{REFUSED_REACTIONS_KEPT, RefusedReaction};
