//! A merchant's account: what it is owed, settled, held for claims and paid.
//!
//! What orders release, refund and charge is posted to the merchant's pending balance from their own streams; a
//! settlement moves a numbered range of those lines into what is available. All balances are kept per currency.
//!
//! | what | from | to | by |
//! |---|---|---|---|
//! | pending | lines of orders and charges | available, reserve | a settlement of total >= 0 |
//! | pending < 0 | available, as far as it goes | pending; the rest is carried out | a settlement of total < 0 |
//! | reserve | a settlement's share | available | its release, once due |
//! | held | available, up to a claim | available, or another stream | lifting, spending |
//! | in transit | available | paid out, or available | confirming, failing |
//! | paid out | in transit | available | a return, which blocks the destination |
//!
//! | a payout that is | may become |
//! |---|---|
//! | requested | converted (once), sent, failed |
//! | sent | confirmed, failed |
//! | confirmed | returned |
//! | failed, returned | nothing more |
mod adjust;
mod charges;
pub mod commands;
mod decide;
pub mod draws;
pub mod events;
mod holds;
pub mod lines;
mod payouts;
mod settle;
mod state;
pub use state::{
    Adjustment, AdjustmentStage, Charged, Cut, Hold, MerchantAccount, Payout, PayoutStage, Settled,
};
