//! The market's settings and its books: what is not of one merchant or one order.
pub mod commands;
pub mod events;
mod ledger;
mod market;
mod period;
mod policy;
pub use ledger::Books;
pub use market::Market;
pub use period::Month;
pub use policy::Policy;
