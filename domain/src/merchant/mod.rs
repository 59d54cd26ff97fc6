//! Merchants: entry, contract, fees, standing.
//!
//! | status | may | then |
//! |---|---|---|
//! | (none) | apply, be imported | applied; open |
//! | applied | show qualifications, agree fees, sign, be approved or rejected | approved, rejected |
//! | rejected | apply again | applied |
//! | approved | open its store, once contract, fees and deposit stand | open |
//! | open | be suspended (by hand, for its deposit, for a qualification) | suspended |
//! | suspended | be reinstated (by hand, or by the deposit that was missing) | open |
//! | terminated | nothing more, save that consents end and its deposit is counted | |
//!
//! Everyone but the terminated and the rejected may be terminated.
pub mod commands;
mod decide;
pub mod entry_rules;
pub mod events;
mod fees;
mod qualify;
mod state;
pub use decide::DEPOSIT_SHORT;
pub use state::{DepositStanding, Document, Merchant, Stage};
