//! The packs that lenders are handed: lines drawn from the journal, the figures that one function makes of them, and the check
//! that both belong together.
//!
//! Shape: [`Facts`] are tables of what happened (orders, items, refunds, disputes, the merchant's account), each a CSV file of
//! the pack. [`Figures::of`] is a function of these and of nothing else; whoever issues a pack and whoever checks it call the same one, so
//! that a figure that does not follow from its lines cannot stand. Every figure has an id, whose definition is in
//! [`DEFINITIONS`] and in the pack. [`Pack`] is the files: a list with the digest of each, and that list's own digest is what
//! the market records when it issues the pack.
//!
//! Money is integers of minor units throughout, ratios are fractions of integers rounded once, where they are printed. The only
//! floats are estimates (a trend with its interval, deviations), in `estimates.rs`; they use no operation that two machines
//! round differently.
//!
//! This crate knows neither journal nor network: who has to check a pack can build it alone.

mod both;
mod cell;
mod definitions;
mod error;
mod estimates;
mod facts;
mod figures;
mod files;
mod joined;
mod market;
mod moves;
mod numbers;
mod place;
mod sealed;

pub use both::both;
pub use definitions::{DEFINITIONS, DEFINITIONS_VERSION, Definition, Unit};
pub use error::PackError;
pub use facts::{
    Dispute, Elsewhere, FIRST_SALE, FORMAT, Facts, Issued, Item, Minor, Movement, Order, Refund,
    STORE_OPENED, Standing, Subject, ToldBy,
};
pub use figures::{Figure, Figures, OPENING, Series};
pub use files::{Checked, Pack, proof};
pub use market::{
    Booked, Case, Cohort, Day, Handed, MARKET_DEFINITIONS_VERSION, MARKET_FORMAT, MarketFacts, MarketSubject,
    Member, Month, Owed, Sales, Size, Traffic, market_definitions,
};
pub use numbers::Zone;
pub use place::{MOST_BYTES, MOST_PROVING, put};
pub use sealed::{Sealed, SealedLine, SealedMonths};
