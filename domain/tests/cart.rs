//! Carts.

mod support;

use daybook_domain::Aggregate;
use daybook_domain::cart::Cart;
use daybook_domain::cart::commands::CartCommand as Ask;
use support::{Scenario, cny, given, id, product};

fn add(name: &str, quantity: u32) -> Ask {
    Ask::Add {
        product: id(name),
        quantity,
        unit_price: Some(cny(100)),
        merchant: Some(id("m1")),
        visitor: Some(id("v1")),
        buyer: None,
    }
}

fn change(name: &str, quantity: u32) -> Ask {
    Ask::Change { product: id(name), quantity }
}

fn remove(name: &str) -> Ask {
    Ask::Remove { product: id(name) }
}

fn check_out(checkout: &str) -> Ask {
    Ask::CheckOut { checkout: id(checkout) }
}

fn new() -> Scenario<Cart> {
    given("k1", [])
}

#[test]
fn a_cart_holds_what_went_in_and_did_not_come_out() {
    let cart = new().and(add("a", 2)).and(add("b", 1)).and(add("a", 3)).and(change("b", 4)).and(remove("b"));
    assert_eq!(cart.state.items().iter().map(|(p, n)| (p.as_str(), *n)).collect::<Vec<_>>(), [("a", 5)]);
    cart.clone().when(remove("b")).nothing();
    cart.clone().when(change("b", 1)).refused("not_in_cart");
    cart.clone().when(change("a", 0)).refused("quantity_zero");
    let out = cart.and(check_out("c1"));
    assert_eq!((out.state.refs().checkout, out.state.refs().visitor), (Some(id("c1")), Some(id("v1"))));
    out.clone().when(check_out("c1")).nothing();
    out.when(add("a", 1)).refused("cart_checked_out");
}

#[test]
fn every_state_answers_every_command() {
    let filled = || new().and(add("a", 2));
    let states = [
        ("empty", new()),
        ("filled", filled()),
        ("emptied", filled().and(remove("a"))),
        ("checked out", filled().and(check_out("c1"))),
    ];
    let commands = [
        ("add", add("a", 1)),
        ("change", change("a", 7)),
        ("remove", remove("a")),
        ("check_out", check_out("c2")),
    ];
    insta::assert_snapshot!("cart_states_and_commands", product(&states, &commands));
}
