//! One row per cart: how much went in and out, and what became of it.

use daybook_domain::Event;

use super::{text, text_of};
use crate::model::{Envelope, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A cart.
    CartRow in "carts", key(cart_id) {
        /// The cart.
        cart_id: String,
        /// Whose it is: the terminal.
        visitor_id: Option<String>,
        /// Whose it is, where the visitor is known.
        buyer_id: Option<String>,
        /// When the first product went in.
        begun_at: i64 = time,
        /// When it changed last.
        changed_at: i64 = time,
        /// Products in it.
        products: i64,
        /// Products ever put in.
        added: i64,
        /// Products taken out again.
        removed: i64,
        /// The checkout that it became.
        checkout_id: Option<String>,
    }
}

/// The model of [`CartRow`].
#[derive(Debug)]
pub struct Carts;

impl Model for Carts {
    type Row = CartRow;
    type Child = NoChild;
    const VERSION: u32 = 1;
    const KINDS: KindSet = KindSet::of_category("cart");

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        if let Some((_, cart)) = e.stream.split_once('-') {
            keys.push(Key::new(&[cart]));
        }
    }

    fn empty(key: &Key<'_>) -> CartRow {
        CartRow { cart_id: text(key.part(0)), ..CartRow::default() }
    }

    fn fold(row: &mut CartRow, _: usize, e: &Envelope<'_>, _: &World, _: &mut Out<NoChild>) {
        if row.added == 0 {
            row.begun_at = e.occurred_at;
        }
        row.changed_at = row.changed_at.max(e.occurred_at);
        match e.event {
            Event::CartItemAdded(x) => {
                row.added += 1;
                row.products += 1;
                row.visitor_id = text_of(x.visitor).or_else(|| row.visitor_id.take());
                row.buyer_id = text_of(x.buyer).or_else(|| row.buyer_id.take());
            }
            Event::CartItemRemoved(_) => {
                row.removed += 1;
                row.products -= 1;
            }
            Event::CartCheckedOut(x) => row.checkout_id = Some(text(x.checkout)),
            _ => {}
        }
    }
}
