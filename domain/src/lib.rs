//! Money, events, deciders and posting rules of a marketplace: the pure core of Daybook.
//!
//! `command -> decide (pure) -> events -> journal -> fold (pure) -> read models`. This crate holds what is
//! pure: values, the events and their codec, each aggregate's `decide` and `evolve`, and the posting table.
//! It does no I/O, knows no clock and draws no random number; time, ids and what other streams say come in
//! with the [`Context`].

pub mod account;
pub mod books;
pub mod buyer;
pub mod campaign;
mod canonical;
pub mod cart;
pub mod channel;
pub mod checkout;
pub mod codec;
pub mod decider;
pub mod deposit;
pub mod ids;
pub mod inquiry;
mod json_path;
pub mod lead;
pub mod merchant;
pub mod money;
pub mod order;
pub mod posting;
pub mod provider;
pub mod refs;
pub mod schema;
pub mod time;
pub mod traffic;

pub use codec::{DecodeError, Event, EventKind};
pub use decider::{Aggregate, CanBear, Context, Facts, MerchantFacts, Read, Rejection};
pub use ids::*;
pub use money::{Currency, Money, MoneyError, Rate, allocate};
pub use refs::Refs;
pub use time::Timestamp;
