//! The market's own pack: what it sold, by whom and to how many, what it took, owed and held.
//!
//! No merchant and no buyer is named. Merchants are numbers; of buyers and visitors there are counts, by the months in which they
//! came. What merchants are owed is told over all
//! of them alone. Sums by merchant and month, and counts by month, are what every figure follows from, and they stay small
//! however long the history is.

mod definitions;
mod facts;
mod figures;
mod joined;
mod pack;
mod sensible;
mod size;

pub use definitions::{MARKET_DEFINITIONS_VERSION, OF_MARKET, market_definitions};
pub use facts::{
    Booked, Case, Cohort, Day, Handed, MARKET_FORMAT, MarketFacts, MarketSubject, Member, Month, Owed, Sales,
    Size, Traffic,
};
