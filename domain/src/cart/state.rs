//! What is in a cart.

use std::collections::BTreeMap;

use super::commands::CartCommand;
use super::events::*;
use crate::decider::not_negative;
use crate::{
    Aggregate, BuyerId, CheckoutId, Context, Event, ProductId, Refs, Rejection, Timestamp, VisitorId,
};

/// Most products of one cart.
const MOST: usize = 1_000;

/// The state of `cart-{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cart {
    items: BTreeMap<ProductId, u32>,
    visitor: Option<VisitorId>,
    buyer: Option<BuyerId>,
    checkout: Option<CheckoutId>,
}

impl Cart {
    /// What is in it, by product.
    #[must_use]
    pub const fn items(&self) -> &BTreeMap<ProductId, u32> {
        &self.items
    }

    fn open(&self) -> Result<(), Rejection> {
        self.checkout.map_or(Ok(()), |checkout| {
            let message = format!("the cart became checkout {checkout}: begin another");
            Err(Rejection::new("cart_checked_out", message))
        })
    }

    fn has(&self, product: ProductId) -> Result<u32, Rejection> {
        let absent =
            || Rejection::new("not_in_cart", format!("product {product} is not in the cart: add it"));
        self.items.get(&product).copied().ok_or_else(absent)
    }
}

impl Aggregate for Cart {
    const CATEGORY: &'static str = "cart";
    type Command = CartCommand;

    fn named(_: &str) -> Self {
        Self::default()
    }

    fn decide(&self, command: &CartCommand, _: &Context<'_>) -> Result<Vec<Event>, Rejection> {
        match command {
            CartCommand::Add { product, quantity, unit_price, merchant, visitor, buyer } => {
                self.open()?;
                some(*quantity)?;
                unit_price.map_or(Ok(()), |price| not_negative("unit_price", price))?;
                match self.items.get(product) {
                    Some(there) => {
                        let sum = there.checked_add(*quantity);
                        let quantity = sum.ok_or_else(|| {
                            Rejection::new("quantity_out_of_range", "quantity: that many are no cart")
                        })?;
                        Ok(vec![CartItemChanged { product: *product, quantity }.into()])
                    }
                    None if self.items.len() >= MOST => {
                        let message = format!("the cart has {MOST} products: take one out first");
                        Err(Rejection::new("cart_full", message))
                    }
                    None => Ok(vec![
                        CartItemAdded {
                            product: *product,
                            quantity: *quantity,
                            unit_price: *unit_price,
                            merchant: *merchant,
                            visitor: *visitor,
                            buyer: *buyer,
                        }
                        .into(),
                    ]),
                }
            }
            CartCommand::Change { product, quantity } => {
                self.open()?;
                some(*quantity)?;
                match self.has(*product)? {
                    there if there == *quantity => Ok(Vec::new()),
                    _ => Ok(vec![CartItemChanged { product: *product, quantity: *quantity }.into()]),
                }
            }
            CartCommand::Remove { product } => {
                self.open()?;
                match self.items.contains_key(product) {
                    true => Ok(vec![CartItemRemoved { product: *product }.into()]),
                    false => Ok(Vec::new()),
                }
            }
            CartCommand::CheckOut { checkout } => {
                if self.checkout == Some(*checkout) {
                    return Ok(Vec::new());
                }
                self.open()?;
                if self.items.is_empty() {
                    return Err(Rejection::new("cart_empty", "nothing is in the cart: add a product first"));
                }
                Ok(vec![CartCheckedOut { checkout: *checkout }.into()])
            }
        }
    }

    fn evolve(&mut self, event: &Event, _: Timestamp) {
        match event {
            Event::CartItemAdded(e) => {
                self.items.insert(e.product, e.quantity);
                self.visitor = e.visitor.or(self.visitor);
                self.buyer = e.buyer.or(self.buyer);
            }
            Event::CartItemChanged(e) => drop(self.items.insert(e.product, e.quantity)),
            Event::CartItemRemoved(e) => drop(self.items.remove(&e.product)),
            Event::CartCheckedOut(e) => self.checkout = Some(e.checkout),
            _ => {}
        }
    }

    fn refs(&self) -> Refs {
        Refs { visitor: self.visitor, buyer: self.buyer, checkout: self.checkout, ..Refs::default() }
    }

    fn status(&self) -> &'static str {
        match (self.checkout, self.items.is_empty()) {
            (Some(_), _) => "checked_out",
            (None, true) => "empty",
            (None, false) => "filled",
        }
    }
}

/// Refuses none.
fn some(quantity: u32) -> Result<(), Rejection> {
    if quantity > 0 {
        return Ok(());
    }
    Err(Rejection::new("quantity_zero", "quantity is 0: take the product out instead"))
}
