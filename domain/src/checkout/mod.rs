//! One payment session for one basket: what came in, what it is reserved for, what stands without an order.
//!
//! Money that came in is, payment by payment, in one of these places, and only decisions move it:
//!
//! | place | it is there |
//! |---|---|
//! | waiting | until the basket is covered |
//! | allocated | reserved for an order, whether or not the order has taken it into escrow yet |
//! | unallocated, by reason | without an order to take it; may be refunded or recognised |
//! | refunded, recognised, reversed, lost | gone from the checkout |
//!
//! So captured + stored value = allocated + waiting + unallocated + refunded + recognised + reversed + lost,
//! in each currency, after every append. `Liabilities:Checkout:c` is what is not gone, less what orders have
//! taken into escrow.
mod allocation;
mod chargeback;
pub mod commands;
mod decide;
pub mod events;
mod money_in;
mod state;
mod totals;
mod unallocated;

pub use state::{Allocation, Basket, Checkout, Payment, Phase};
pub use totals::CheckoutTotals;
