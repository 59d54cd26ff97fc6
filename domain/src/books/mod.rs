//! The market's settings and its books: what is not of one merchant or one order.
//!
//! | a period that is | may be |
//! |---|---|
//! | open, the first ever or the one after the last closed | closed, once it is over |
//! | closed, the last | reopened, by two persons |
//! | closed, before the last | nothing until those after it are reopened |
//!
//! A bank movement is recorded once by its reference; a voucher by two persons; a policy is the next version.
pub mod commands;
pub mod events;
mod ledger;
mod market;
mod period;
mod policy;
pub use ledger::Books;
pub(crate) use ledger::balanced;
pub use market::Market;
pub use period::Month;
pub use policy::{Policy, TierReward};
